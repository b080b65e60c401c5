"""One request's time in all: replies that never become whole are given up."""

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from analytics_pipeline.model.errors import LightspeedUnavailable
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.faults import NEVER_WHOLE, FaultKind, FaultPlan
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline.sources import connection
from analytics_pipeline.sources.connection import Sockets
from analytics_pipeline.sources.lightspeed.client import LightspeedClient
from analytics_pipeline.sources.lightspeed.http import Connection
from analytics_pipeline_tests.contract.simulator.small_store import (
    TOKEN,
    make_sale,
    make_store,
)

LIMIT = 0.25
LONG = 20.0
"""Seconds that none of these may take, however busy the machine is."""

BODY = b'{"data": {"id": "store-1"}}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY

Answer = Callable[[Any], None]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WHOLE_REQUEST", LIMIT)


@contextmanager
def answering(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that gives each request the next answer, and the last one forever."""
    left = list(answers)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, left, tls), daemon=True).start()
        kind = "https" if tls else "http"
        yield f"{kind}://127.0.0.1:{server.getsockname()[1]}"


def _accept(server: socket.socket, left: list[Answer], tls: Any) -> None:
    while True:
        try:
            wire, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(wire, left, tls), daemon=True).start()


def _serve(wire: Any, left: list[Answer], tls: Any) -> None:
    with (
        suppress(OSError),
        tls.wrap_socket(wire, server_side=True) if tls else wire as w,
    ):
        while w.recv(65536):
            (left.pop(0) if len(left) > 1 else left[0])(w)


def drip(content: bytes, before: bytes = b"") -> Answer:
    """Send *before* at once, and of the rest a byte every few milliseconds."""

    def answer(wire: Any) -> None:
        wire.sendall(before)
        for n in range(len(content)):
            wire.sendall(content[n : n + 1])
            time.sleep(0.02)

    return answer


def again_and_again(part: bytes, before: bytes = b"", pause: float = 0.02) -> Answer:
    def answer(wire: Any) -> None:
        wire.sendall(before)
        while True:
            wire.sendall(part)
            time.sleep(pause)

    return answer


def whole(wire: Any) -> None:
    wire.sendall(WHOLE)


def stalled(wire: Any) -> None:
    wire.sendall(WHOLE[:-5])
    time.sleep(LONG)


NEVER: dict[str, Answer] = {
    "status line drips": drip(b"HTTP/1.1 200 OK" + b" " * 2000),
    "headers drip": drip(b"X-Padding: " + b"x" * 2000, HEAD),
    "headers forever": again_and_again(b"X-More: 1\r\n", HEAD),
    "informational replies forever": again_and_again(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    ),
    "body drips": drip(b" " * 2000, HEAD + b"Content-Length: 2000\r\n\r\n"),
    "body stalls": stalled,
    "chunks forever": again_and_again(
        b"1\r\n \r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    ),
    "body until the connection ends": again_and_again(
        b" ", HEAD + b"Connection: close\r\n\r\n" + BODY
    ),
    "nothing at all": lambda _wire: time.sleep(LONG),
    "an error that drips": drip(
        b"x" * 2000, b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2000\r\n\r\n"
    ),
}


@contextmanager
def connected(origin: str, attempts: int = 2, **options: Any) -> Iterator[Connection]:
    with closing(_connect(origin, attempts, options)) as client:
        yield client


def _connect(origin: str, attempts: int, options: dict[str, Any]) -> Connection:
    return Connection(
        origin, "token", "2026-07",
        attempts=attempts, sleep=lambda _seconds: None, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "attempts"),
    list(zip(NEVER.values(), 5 * [1, 2], strict=True)),
    ids=list(NEVER),
)
def test_a_reply_that_does_not_become_whole_is_given_up_and_tried_again(
    answer: Answer, attempts: int
) -> None:
    began = time.monotonic()
    with (
        answering(answer) as origin,
        connected(origin, attempts) as client,
        pytest.raises(LightspeedUnavailable, match=r"whole answer within 0\.25 s"),
    ):
        client.get("retailer", {})

    assert client.requests == attempts
    assert attempts * LIMIT <= time.monotonic() - began < LONG


@pytest.mark.parametrize("name", ["body drips", "headers forever"])
@pytest.mark.parametrize("before", [0, 1, 2])
def test_the_next_request_is_answered_also_on_a_connection_that_was_in_use(
    name: str, before: int
) -> None:
    with (
        answering(*[whole] * before, NEVER[name], whole) as origin,
        connected(origin) as client,
    ):
        for _ in range(before + 1):
            assert client.get("retailer", {}) == {"data": {"id": "store-1"}}

    assert client.requests == before + 2


def test_a_smaller_page_is_asked_for_after_one_that_took_too_long() -> None:
    asked = []
    with (
        answering(NEVER["body drips"], whole) as origin,
        connected(origin) as client,
    ):
        client.get("retailer", {"page_size": "8"}, lambda: asked.append(1) or {})

    assert asked == [1]


def test_a_slow_reply_that_is_whole_in_time_is_taken() -> None:
    """Each part comes late, but the time of the whole is what counts."""

    def slow(wire: Any) -> None:
        for n in range(0, len(WHOLE), 20):
            wire.sendall(WHOLE[n : n + 20])
            time.sleep(LIMIT / 30)

    with answering(slow) as origin, connected(origin) as client:
        assert client.get("retailer", {}) == {"data": {"id": "store-1"}}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
@pytest.mark.parametrize("name", ["body drips", "headers forever"])
def test_an_encrypted_connection_is_ended_too(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", "key.pem", "-out", "own.pem"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "own.pem", tmp_path / "key.pem")
    monkeypatch.setattr(
        connection,
        "_trusted_authorities",
        lambda: ssl.create_default_context(cafile=str(tmp_path / "own.pem")),
    )
    with (
        answering(NEVER[name], whole, tls=server) as origin,
        connected(origin) as client,
    ):
        assert client.get("retailer", {}) == {"data": {"id": "store-1"}}

    assert client.requests == 2


def test_a_reply_without_an_end_that_comes_fast_does_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "WHOLE_REQUEST", LONG)
    monkeypatch.setattr(connection, "LARGEST_REPLY", 3 << 20)
    part = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    fast = again_and_again(part, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", 0)

    with (
        answering(fast) as origin,
        connected(origin) as client,
        pytest.raises(LightspeedUnavailable, match="larger than 3 MB"),
    ):
        client.get("retailer", {})


def test_a_packed_reply_is_measured_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LARGEST_REPLY", 1 << 20)
    packed = gzip.compress(b" " * (2 << 20))
    reply = httpx.Response(
        200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(packed)
    )
    wire = httpx.MockTransport(lambda _asked: reply)

    with (
        connected("http://127.0.0.1:9", 1, transport=wire) as client,
        pytest.raises(LightspeedUnavailable, match="larger than 1 MB"),
    ):
        client.get("retailer", {})


def test_a_request_that_is_answered_leaves_no_timer_behind() -> None:
    before = set(threading.enumerate())
    with Sockets().limited(LONG) as limit:
        (timer,) = set(threading.enumerate()) - before
    timer.join(LONG)

    assert not timer.is_alive()

    assert not limit.is_over


@pytest.mark.parametrize("stream", [None, 7, "text", {"a": 1}])
def test_what_is_no_stream_of_a_network_is_ignored(stream: object) -> None:
    sockets = Sockets()
    sockets.note("http11.send_request_headers.complete", {"return_value": stream})
    with sockets.limited(0.001) as limit:
        time.sleep(0.05)

    assert limit.is_over


# The simulated store ---------------------------------------------------------------


ASKING: dict[str, Callable[[LightspeedClient], object]] = {
    "feed page": lambda client: list(client.pages("sales", page_size=10)),
    "customers": lambda client: list(client.pages("customers", deleted=True)),
    "outlets": lambda client: list(client.pages("outlets")),
    "search": lambda client: client.finds_any("sales"),
    "single sale": lambda client: client.sale("sale-001"),
    "the store itself": lambda client: client.retailer(),
}


def records_in(found: Any) -> Any:
    """What was found, without the moment at which it was asked for."""
    return [page.records for page in found] if isinstance(found, list) else found


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        pytest.param(asked, kind, marks=[] if kind in by_day else [pytest.mark.nightly])
        for asked, by_day in zip(
            ASKING, 2 * [{kind} for kind in sorted(NEVER_WHOLE)], strict=True
        )
        for kind in sorted(NEVER_WHOLE)
    ],
)
def test_each_kind_of_request_gets_over_a_reply_that_does_not_end(
    asked: str, kind: FaultKind
) -> None:
    plan = FaultPlan({1: kind}, hang_seconds=LONG, drip_seconds=0.02)
    store = make_store(*(make_sale(n) for n in range(1, 6)))
    app = build_app(store, token=TOKEN, faults=plan)

    with (
        serve(app) as origin,
        LightspeedClient(
            Connection(origin, TOKEN, "2026-07", sleep=lambda _s: None)
        ) as client,
    ):
        amid_faults = ASKING[asked](client)
        requests = client.requests
        app.state.simulator.use_faults(FaultPlan())
        without = ASKING[asked](client)

    assert records_in(amid_faults) == records_in(without)
    assert requests == client.requests - requests + 1
