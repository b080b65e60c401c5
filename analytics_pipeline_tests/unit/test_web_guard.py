"""What the guard before the UI refuses and what it passes, request by request."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.settings import ui_hosts
from analytics_pipeline.web_guard import (
    LOOPBACK,
    Asked,
    Place,
    WebGuard,
    read_own_hosts,
    read_place,
    refusal,
)

HERE = "127.0.0.1:3000"
JSON = ("content-type", "application/json")
PROXIED = "analytics.example.com"
OWN = read_own_hosts(f"{PROXIED}, other.example.com:8443")
LINK = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]
IMAGE = [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")]
FRAME = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")]
GUARDED = [
    "/",
    "/graphql",
    "/report_asset_materialization/x",
    "/report_asset_check/x",
    "/report_asset_observation/x",
    "/logs/x/y",
    "/server_info",
]


def asked(
    method: str = "GET",
    path: str = "/",
    *headers: tuple[str, str],
    host: str | None = HERE,
    query: str = "",
    kind: str = "http",
) -> Asked:
    named = [("host", host)] if host is not None else []
    return Asked(kind, method, path, query, (*named, *headers))


def is_refused(*words: Any, own: frozenset[Place] = OWN, **more: Any) -> bool:
    return refusal(asked(*words, **more), own) is not None


def requests_of(path: str) -> list[Asked]:
    """Every kind of request to one path, each as the UI's own page would send it."""
    return [
        asked("GET", path),
        asked("HEAD", path),
        asked("POST", path, JSON),
        asked("GET", path, kind="websocket"),
    ]


def with_header(request: Asked, *headers: tuple[str, str]) -> Asked:
    return replace(request, headers=(*request.headers, *headers))


EVERY_REQUEST = [each for path in GUARDED for each in requests_of(path)]
"""Tried one after the other: as tests of their own they took longer to begin."""


# The UI itself ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("origin", f"http://{HERE}")],
        [("sec-fetch-site", "same-origin")],
        [("sec-fetch-site", "none"), *LINK],
        [("origin", f"http://{HERE}"), ("sec-fetch-site", "same-origin")],
    ],
)
def test_what_the_uis_own_pages_and_programs_ask_is_passed(
    headers: list[tuple[str, str]],
) -> None:
    for request in EVERY_REQUEST:
        assert refusal(with_header(request, *headers)) is None, request


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:3000", "http://localhost:3000"),
        ("LOCALHOST:3000", "http://localhost:3000"),
        ("[::1]:3000", "http://[::1]:3000"),
        ("127.0.0.1", "http://127.0.0.1"),
        ("127.0.0.1:80", "http://127.0.0.1"),
        (PROXIED, f"https://{PROXIED}"),
        (f"{PROXIED}:443", f"https://{PROXIED}"),
        ("other.example.com:8443", "https://other.example.com:8443"),
        (HERE, f"https://{PROXIED}"),  # a proxy that names its upstream
    ],
)
def test_a_page_under_a_known_name_may_ask_for_changes(host: str, origin: str) -> None:
    headers = (JSON, ("origin", origin), ("sec-fetch-site", "same-origin"))

    assert not is_refused("POST", "/graphql", *headers, host=host)


# Host ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "127.0.0.2:3000"],
)
def test_a_foreign_host_is_refused_whatever_is_asked(host: str) -> None:
    for request in EVERY_REQUEST:
        headers = (("host", host), *request.headers[1:])

        assert refusal(replace(request, headers=headers), OWN) is not None, request


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        ":3000",
        "localhost.:3000",
        "localhost:0",
        "localhost:65536",
        "localhost:",
        "localhost:3000:3000",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost/evil.example",
        "localhost evil.example",
        "localhost,evil.example",
        "::1",
        "[::1",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "0.0.0.0:3000",
        f"sub.{PROXIED}",
        f"{PROXIED}:3000",
        f"{PROXIED}.",
        "other.example.com",
        "other.example.com:443",
    ],
)
def test_what_is_nearly_a_known_host_is_refused(host: str | None) -> None:
    assert is_refused("GET", "/", host=host)


def test_two_hosts_are_refused() -> None:
    assert is_refused("GET", "/", ("host", HERE))


def test_a_proxys_name_is_refused_unless_allowed() -> None:
    assert is_refused("GET", "/", host=PROXIED, own=frozenset())


NAMES = st.from_regex(
    r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z0-9]{1,8}){0,3}", fullmatch=True
)


@given(NAMES, st.none() | st.integers(1, 65535))
def test_only_known_names_are_served(name: str, port: int | None) -> None:
    host = name if port is None else f"{name}:{port}"

    assert is_refused("GET", "/", host=host, own=frozenset()) == (name not in LOOPBACK)
    assert not is_refused("GET", "/", host=host, own=read_own_hosts(host))


@given(st.text(max_size=20))
def test_any_text_as_host_is_refused_unless_it_names_this_machine(host: str) -> None:
    place = read_place(host)

    if place is None or place.name not in LOOPBACK:
        assert is_refused("GET", "/", host=host, own=frozenset())


# Origin -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://evil.example:3000",
        "null",
        "",
        "http://127.0.0.1:8000",  # another program of this machine
        "http://localhost:3000",  # another origin, though the same program
        "https://127.0.0.1",
        "file://",
        f"chrome-extension://{HERE}",
        f"http://{HERE}.evil.example",
        f"http://evil.example@{HERE}",
        f"http://{HERE}/",
        f"https://{PROXIED}:8443",
    ],
)
def test_a_foreign_origin_is_refused_whatever_is_asked(origin: str) -> None:
    for request in EVERY_REQUEST:
        sent = with_header(request, ("origin", origin))

        assert refusal(sent, OWN) is not None, request


def test_two_origins_are_refused() -> None:
    same = ("origin", f"http://{HERE}")

    assert is_refused("POST", "/graphql", JSON, same, same)


# Sec-Fetch-Site -----------------------------------------------------------------------


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site", "new", ""])
@pytest.mark.parametrize("how", [[], IMAGE, FRAME], ids=["bare", "image", "frame"])
def test_what_another_site_causes_is_refused(
    site: str, how: list[tuple[str, str]]
) -> None:
    for request in EVERY_REQUEST:
        sent = with_header(request, ("sec-fetch-site", site), *how)

        assert refusal(sent, OWN) is not None, request


@pytest.mark.parametrize("path", ["/", "/runs/1", "/assets/customers", "/jobs/x"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_from_elsewhere_opens_a_page(path: str, site: str) -> None:
    assert not is_refused("GET", path, ("sec-fetch-site", site), *LINK)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("POST", "/graphql"),
        ("GET", "/graphql"),
        ("GET", "/prefix/graphql"),
        ("GET", "/logs/a/b"),
        ("GET", "/download_debug/1"),
        ("GET", "/notebook"),
        ("POST", "/report_asset_check/x"),
    ],
)
def test_a_link_or_a_form_from_elsewhere_opens_nothing_else(
    method: str, path: str
) -> None:
    assert is_refused(method, path, JSON, ("sec-fetch-site", "cross-site"), *LINK)


# Operations ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "query",
    [
        "query=mutation{x}",
        "query=%6dutation{x}",
        "a=1&query=mutation{x}",
        "qu%65ry=mutation{x}",
        "query=query{x}&query=mutation{x}",
        "query=query a{x} mutation b{x}&operationName=b",
        "query=",
    ],
)
@pytest.mark.parametrize("path", ["/graphql", "/prefix/graphql"])
@pytest.mark.parametrize(
    "headers", [[], [("sec-fetch-site", "same-origin"), ("accept", "text/html")]]
)
def test_no_operation_is_executed_by_get(
    method: str, query: str, path: str, headers: list[tuple[str, str]]
) -> None:
    assert is_refused(method, path, *headers, query=query)
    assert not is_refused(method, "/runs", *headers, query=query)


@pytest.mark.parametrize(
    "types",
    [
        [],
        ["text/plain"],
        ["application/x-www-form-urlencoded"],
        ["multipart/form-data; boundary=x"],
        ["text/plain; application/json"],  # Dagster looks for the word anywhere
        ["text/plain;a=application/json"],
        ["application/jsonp"],
        [""],
        ["application/json", "text/plain"],
    ],
)
def test_a_body_that_a_form_could_send_is_refused(types: list[str]) -> None:
    headers = [("content-type", each) for each in types]
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        for path in GUARDED:
            assert is_refused(method, path, *headers), (method, path)


@pytest.mark.parametrize(
    "sent", ["application/json", "Application/JSON; charset=utf-8", "application/json;"]
)
def test_a_body_of_json_is_passed(sent: str) -> None:
    for path in ("/graphql", "/report_asset_check/x"):
        assert not is_refused("POST", path, ("content-type", sent))


def test_a_body_of_graphql_is_for_graphql_only() -> None:
    sent = ("content-type", "application/graphql")

    assert not is_refused("POST", "/graphql", sent)
    assert is_refused("POST", "/report_asset_check/x", sent)


# The own hosts ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("", set()),
        (" , ", set()),
        ("a.example", {"a.example"}),
        ("A.Example:8443,b", {"a.example", "b"}),
        ("a b\tc", {"a", "b", "c"}),
        ("[fd00::1]:3000", {"[fd00::1]"}),
    ],
)
def test_own_hosts_are_read(
    monkeypatch: pytest.MonkeyPatch, given: str, names: set[str]
) -> None:
    monkeypatch.setenv("ANALYTICS_UI_HOSTS", given)

    assert {place.name for place in ui_hosts()} == names


@pytest.mark.parametrize(
    "given",
    ["*", "*.example.com", "https://a.example", "a.example/x", "a:99999", "a,é"],
)
def test_what_is_no_host_name_is_wrong_use(given: str) -> None:
    with pytest.raises(WrongUse, match="ANALYTICS_UI_HOSTS"):
        read_own_hosts(given)


# As an application --------------------------------------------------------------------


def ask(scope: dict[str, Any]) -> tuple[bool, list[Any]]:
    """Send one request through the guard: whether it was passed, and what came back."""
    passed, sent = [], []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Any:
        raise AssertionError("a refused request is not read")

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(WebGuard(app, OWN)(scope, receive, send))
    return bool(passed), sent


def scope_of(kind: str, host: bytes) -> dict[str, Any]:
    return {
        "type": kind, "method": "GET", "path": "/graphql", "query_string": b"",
        "headers": [(b"Host", host)],
    }  # fmt: skip


def test_a_refusal_is_a_sentence_with_403_and_names_no_stranger() -> None:
    passed, (start, body) = ask(scope_of("http", b"evil.example"))

    assert not passed
    assert start["status"] == 403
    assert b"ANALYTICS_UI_HOSTS" in body["body"]
    assert b"evil" not in body["body"]


def test_a_websocket_is_refused_before_its_handshake() -> None:
    passed, sent = ask(scope_of("websocket", b"evil.example"))

    assert not passed
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_what_is_passed_cannot_be_framed() -> None:
    passed, (start,) = ask(scope_of("http", HERE.encode()))

    assert passed
    assert (b"x-frame-options", b"SAMEORIGIN") in start["headers"]


def test_what_is_no_request_is_passed() -> None:
    assert ask({"type": "lifespan"}) == (True, [])
