"""A small proxy before the simulated bucket: it counts, fails, cuts and stalls.

It reads the head of every request, so that it knows where one begins and its body
ends; the answers go back as they are.
"""

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Literal

Kind = Literal["500", "503", "403", "cut", "slow", "stall", "silent"]
REFUSALS = {
    "500": ("500 Internal Server Error", "InternalError"),
    "503": ("503 Slow Down", "SlowDown"),
    "403": ("403 Forbidden", "AccessDenied"),
}
SLOW = 3.0
"""Seconds that a slow bucket takes to answer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with the requests that are made with *method*.

    Attributes:
        kind: an answer of failure, a late one, none at all, a connection cut after
            half of the body, or one on which nothing more is taken after that.
        number: the first of them that it happens to; the first of all is 0.
        once: whether it happens to that one only.
        part: how much of the body is let through before a cut or a stall.
    """

    kind: Kind
    number: int = 0
    method: str = "PUT"
    once: bool = False
    part: float = 0.5


@dataclass
class Proxy:
    """The proxy of one bucket, and what it saw."""

    upstream: tuple[str, int]
    url: str = ""
    fault: Fault | None = None
    heads: list[str] = field(default_factory=list)
    stalled: Event = field(default_factory=Event)

    def begin(self, fault: Fault | None = None) -> None:
        """Forget what was seen; from now on, *fault* happens."""
        self.heads.clear()
        self.stalled.clear()
        self.fault = fault

    def count(self, method: str) -> int:
        """How many requests were made with a method."""
        return sum(head.startswith(f"{method} ") for head in self.heads)

    def counted(self) -> dict[str, int]:
        """How many requests of each kind were made, as a bucket bills them."""
        kinds = [
            "LIST" if "list-type=" in head.splitlines()[0] else head.split()[0]
            for head in self.heads
        ]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}

    def serve(self, client: socket.socket) -> None:
        """Carry one connection, request by request, until either side ends it."""
        with client, socket.create_connection(self.upstream) as bucket:
            Thread(target=_pump, args=(bucket, client), daemon=True).start()
            with contextlib.suppress(OSError):
                rest = b""
                while (request := _read_head(client, rest)) is not None:
                    head, rest = request
                    fault = self._meets(head)
                    rest = self._carry(client, bucket, head, rest, fault)

    def _meets(self, head: str) -> Fault | None:
        method = head.split(" ", 1)[0]
        number = self.count(method)
        self.heads.append(head)
        fault = self.fault
        if fault is None or method != fault.method or number < fault.number:
            return None
        return None if fault.once and number > fault.number else fault

    def _carry(
        self,
        client: socket.socket,
        bucket: socket.socket,
        head: str,
        body: bytes,
        fault: Fault | None,
    ) -> bytes:
        """Carry one request; return what was read past its end."""
        found = re.search(r"(?im)^content-length: (\d+)", head)
        length = int(found[1]) if found else 0
        if fault is not None and fault.kind in REFUSALS:
            if "100-continue" not in head.lower():  # or it waits before it sends more
                _read_on(client, body, length)
            _refuse(client, fault.kind, has_body=not head.startswith("HEAD "))
            raise OSError("refused")
        if fault is not None and fault.kind == "silent":
            while client.recv(65_536):
                pass
        if fault is not None and fault.kind == "slow":
            time.sleep(SLOW)
        bucket.sendall(head.encode("latin-1"))
        if "100-continue" in head.lower():
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fault is not None and fault.kind in ("cut", "stall"):
            bucket.sendall(_read_on(client, body, int(length * fault.part)))
            if fault.kind == "stall":
                self.stalled.set()
                while client.recv(1):  # anyone who sends more waits; a dead one ends it
                    time.sleep(0.01)
            bucket.shutdown(socket.SHUT_RDWR)
            raise OSError("cut")
        whole = _read_on(client, body, length)
        bucket.sendall(whole[:length])
        return whole[length:]


def _read_head(client: socket.socket, rest: bytes) -> tuple[str, bytes] | None:
    """Return the head of the next request and what came after it."""
    while b"\r\n\r\n" not in rest:
        more = client.recv(65_536)
        if not more:
            return None
        rest += more
    head, body = rest.split(b"\r\n\r\n", 1)
    return head.decode("latin-1") + "\r\n\r\n", body


def _read_on(client: socket.socket, body: bytes, length: int) -> bytes:
    while len(body) < length:
        more = client.recv(length - len(body))
        if not more:
            raise OSError("the client is gone")
        body += more
    return body


def _refuse(client: socket.socket, kind: str, *, has_body: bool) -> None:
    """Refuse a request; the answer to a HEAD has no body, so it names no code."""
    status, code = REFUSALS[kind]
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
    client.sendall(
        f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body if has_body else ''}".encode()
    )


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Carry answers back until there are no more."""
    with contextlib.suppress(OSError):
        while content := source.recv(65_536):
            target.sendall(content)
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def open_proxy(upstream: tuple[str, int]) -> Iterator[Proxy]:
    """Put a proxy before *upstream*, on a free loopback port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(upstream, f"http://127.0.0.1:{listener.getsockname()[1]}")

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    Thread(target=proxy.serve, args=(client,), daemon=True).start()

        Thread(target=accept, daemon=True).start()
        yield proxy
        listener.shutdown(socket.SHUT_RDWR)
