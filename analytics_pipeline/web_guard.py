"""What a web page of another site may ask of the Dagster UI: nothing.

A browser sends requests to this machine for any page that it shows, and a login of a
proxy along with them.  What the browser says of a request (``Host``, ``Origin``,
``Sec-Fetch-Site``) distinguishes such a request from one of the UI's own pages.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from analytics_pipeline.model.errors import WrongUse

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

VARIABLE: Final = "ANALYTICS_UI_HOSTS"
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""The names of this machine that a browser on it uses; any port is good."""

_NAME = r"(?P<name>[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])"
_HOST = re.compile(rf"{_NAME}(:(?P<port>[0-9]{{1,5}}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SAFE = frozenset({"GET", "HEAD"})
_TRUSTED_SITES = frozenset({"same-origin", "none"})
_DATA = frozenset({"graphql", "logs", "notebook", "download_debug"})
"""First parts of the paths that are no page: a link from elsewhere opens none."""
_REPORT = "report_asset_"

FRAMING: Final = [
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
"""The headers by which no page of another site can show the UI inside itself."""


@dataclass(frozen=True, slots=True)
class Place:
    """The host and the port that a browser speaks to; no port: that of the scheme."""

    name: str
    port: int | None

    def at(self, scheme: str) -> tuple[str, int]:
        """Return the place with its port under *scheme*."""
        return self.name, self.port or _DEFAULT_PORTS[scheme]


def read_place(text: str) -> Place | None:
    """Read ``name`` or ``name:port``; nothing if it is neither."""
    found = _HOST.fullmatch(text.lower())
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else None
    return (
        None
        if port is not None and not 0 < port < 65536
        else Place(found["name"], port)
    )


def read_own_hosts(text: str) -> frozenset[Place]:
    """Read the names under which a proxy serves the UI, separated by commas.

    Raises:
        WrongUse: one is no ``name`` or ``name:port``.
    """
    places = {each: read_place(each) for each in text.replace(",", " ").split()}
    for each, place in places.items():
        if place is None:
            raise WrongUse(
                f"{VARIABLE} cannot be used: {each!r} is no host name.",
                "Write names as they are in the address bar, such as "
                "analytics.example.com or analytics.example.com:8443.",
            )
    return frozenset(place for place in places.values() if place is not None)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is checked of one request."""

    kind: str
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]

    def all_of(self, name: str) -> list[str]:
        """Return the values of a header, each time that it was sent."""
        return [text for each, text in self.headers if each == name]

    @property
    def parts(self) -> list[str]:
        """The parts of the path."""
        return [part for part in self.path.split("/") if part]

    @property
    def is_graphql(self) -> bool:
        """Whether it goes to where operations are executed."""
        return self.parts[-1:] == ["graphql"]

    @property
    def is_page(self) -> bool:
        """Whether it is what a click on a link sends: a page as a whole."""
        return (
            (self.kind, self.method) == ("http", "GET")
            and self.all_of("sec-fetch-mode") == ["navigate"]
            and self.all_of("sec-fetch-dest") == ["document"]
            and not any(p in _DATA or p.startswith(_REPORT) for p in self.parts)
        )


def asked_by(scope: Scope) -> Asked:
    """Return what is checked of an ASGI scope, of HTTP or of a WebSocket."""
    return Asked(
        kind=scope["type"],
        method=scope.get("method", "GET").upper(),
        path=scope["path"],
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=tuple(
            (name.decode("latin-1").lower(), text.decode("latin-1").strip())
            for name, text in scope["headers"]
        ),
    )


def refusal(asked: Asked, own: Iterable[Place] = ()) -> str | None:
    """Say why a request is refused, in a sentence for people; nothing if it is not.

    *own* are the places under which a proxy serves the UI, in addition to this
    machine's names.
    """
    own = frozenset(own)
    return (
        _refuse_host(asked, own)
        or _refuse_origin(asked, own)
        or _refuse_site(asked)
        or _refuse_operation(asked)
    )


def _refuse_host(asked: Asked, own: frozenset[Place]) -> str | None:
    """Refuse a name that is not known: it may be a stranger's, for this address."""
    place = _host_of(asked)
    if place is None:
        return "The request does not name one host."
    if place.name in LOOPBACK or _is_own(place, own):
        return None
    return (
        "The UI is not known by this host name. If a proxy serves it under that name, "
        f"add the name to {VARIABLE} and start the UI again."
    )


def _host_of(asked: Asked) -> Place | None:
    hosts = asked.all_of("host")
    return read_place(hosts[0]) if len(hosts) == 1 else None


def _is_own(place: Place, own: frozenset[Place]) -> bool:
    """Say whether *place* is one of *own*; one without port means 80 and 443."""
    return any(
        place.at(scheme) == each.at(scheme) for each in own for scheme in _DEFAULT_PORTS
    )


def _refuse_origin(asked: Asked, own: frozenset[Place]) -> str | None:
    """Refuse what a page of another origin sent; another port is another origin."""
    origins = asked.all_of("origin")
    if not origins:
        return None
    scheme, _, rest = origins[0].lower().partition("://")
    place = read_place(rest)
    if len(origins) == 1 and scheme in _DEFAULT_PORTS and place is not None:
        here = _host_of(asked)
        known = [*own] if here is None else [here, *own]
        if place.at(scheme) in {each.at(scheme) for each in known}:
            return None
    return "The request comes from a page of another site (Origin)."


def _refuse_site(asked: Asked) -> str | None:
    """Refuse what the browser says another site caused, but a click on a link."""
    sites = {site.lower() for site in asked.all_of("sec-fetch-site")}
    if sites <= _TRUSTED_SITES or asked.is_page:
        return None
    return "The request comes from a page of another site (Sec-Fetch-Site)."


def _refuse_operation(asked: Asked) -> str | None:
    """Refuse what changes something in a form that any page could send unasked."""
    if asked.kind != "http":
        return None
    if asked.method in _SAFE:
        names = {name for name, _ in parse_qsl(asked.query, keep_blank_values=True)}
        if asked.is_graphql and "query" in names:
            return "GraphQL operations are executed by POST only."
        return None
    good = {"application/json", *(["application/graphql"] if asked.is_graphql else [])}
    types = [t.split(";")[0].strip().lower() for t in asked.all_of("content-type")]
    if len(types) == 1 and types[0] in good:
        return None
    return "The request must have a JSON body (Content-Type: application/json)."


@dataclass(frozen=True, slots=True)
class WebGuard:
    """An ASGI application before another one, which sees only what is not refused."""

    app: App
    own: frozenset[Place] = frozenset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 with the reason, or pass the request on."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        why = refusal(asked_by(scope), self.own)
        if why is None:
            await self.app(scope, receive, _unframed(send))
        elif scope["type"] == "http":
            await _answer(send, why)
        else:
            # Before the handshake this is an answer 403.
            await send({"type": "websocket.close", "code": 1008, "reason": ""})


def _unframed(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *FRAMING]
        await send(message)

    return send_with_headers


async def _answer(send: Send, why: str) -> None:
    body = f"Refused. {why} See docs/security.md.\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
        *FRAMING,
    ]
    start = {"type": "http.response.start", "status": 403, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
