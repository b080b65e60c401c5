"""The simulated store on a real socket of this machine, loopback only."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from analytics_pipeline.simulator.connections import CUT, cutter_of

HOST = "127.0.0.1"
START_SECONDS = 10.0
STOP_SECONDS = 10.0


class CuttableProtocol(H11Protocol):
    """HTTP/1.1 whose application may end the connection, as a fault does."""

    def connection_made(self, transport: Any) -> None:
        """Hand the application the means to cut this connection."""
        super().connection_made(transport)
        app, cut = self.app, cutter_of(transport)

        async def with_cut(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = {**(scope.get("extensions") or {}), CUT: cut}
            await app({**scope, "extensions": extensions}, receive, send)

        self.app = with_cut


@contextmanager
def serve(app: Starlette, port: int = 0) -> Iterator[str]:
    """Serve the application in a thread and yield its origin URL.

    Port 0 takes a free one.  Leaving the block stops the server.
    """
    with _listening(port) as wire:
        server = uvicorn.Server(_config(app))
        thread = Thread(
            target=server.run, kwargs={"sockets": [wire]}, name="simulator", daemon=True
        )
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield origin_of(wire)
        finally:
            server.should_exit = True
            thread.join(STOP_SECONDS)


def run_forever(
    app: Starlette, port: int = 0, *, on_start: Callable[[str], None] | None = None
) -> None:
    """Serve the application until interrupted; report its origin before the start."""
    with _listening(port) as wire:
        if on_start is not None:
            on_start(origin_of(wire))
        uvicorn.Server(_config(app)).run(sockets=[wire])


def origin_of(wire: socket.socket) -> str:
    """Return the URL at which a listening socket is reached."""
    return f"http://{HOST}:{wire.getsockname()[1]}"


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """Open the socket first, so that a taken port is an error at once."""
    # Only a socket that says it is TCP is spared Nagle's algorithm by asyncio; the
    # others pay 40 ms for every reply.
    wire = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wire.bind((HOST, port))
        wire.listen(64)
        yield wire
    finally:
        wire.close()


def _config(app: Starlette) -> uvicorn.Config:
    """Return a silent server that leaves ``Date`` to the store's own clock."""
    return uvicorn.Config(
        app,
        http=CuttableProtocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


def _wait_until_started(server: uvicorn.Server, thread: Thread) -> None:
    end = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise RuntimeError("The simulated store did not start.")
        time.sleep(0.005)
