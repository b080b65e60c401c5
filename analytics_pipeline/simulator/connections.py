"""Replies that come late, or not whole: what happens to the connection itself."""

import asyncio
import socket
import struct
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from analytics_pipeline.simulator.faults import FaultKind, FaultPlan

CUT = "simulator.cut_connection"
"""Key in the ASGI scope's extensions: ``cut(reset)`` ends the connection."""

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
LOOK_EVERY_SECONDS = 0.05

Cut = Callable[[bool], None]


def cutter_of(transport: asyncio.Transport) -> Cut:
    """Return the function that ends this connection, by a reset or a plain end."""

    def cut(reset: bool) -> None:
        wire = transport.get_extra_info("socket")
        if reset and wire is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.abort()

    return cut


class CutResponse(Response):
    """A response of which nothing or half is sent before the connection ends."""

    def __init__(self, whole: Response, *, reset: bool) -> None:
        """Take the whole response; a reset sends nothing, an abort half the body."""
        super().__init__(b"", status_code=whole.status_code)
        self.raw_headers = whole.raw_headers
        self._half = bytes(whole.body)[: len(whole.body) // 2]
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is to be sent, then end the connection."""
        cut: Cut | None = scope.get("extensions", {}).get(CUT)
        if cut is None:
            raise ConnectionResetError("The simulated store ended the connection.")
        if not self._reset:
            start = {"type": "http.response.start", "status": self.status_code}
            await send({**start, "headers": self.raw_headers})
            body = {"type": "http.response.body", "body": self._half}
            await send({**body, "more_body": True})
        cut(self._reset)
        while (await receive())["type"] != "http.disconnect":
            pass  # the server notices the end in its own time


async def afflicted(
    response: Response, fault: FaultKind | None, plan: FaultPlan, request: Request
) -> Response:
    """Return the response late or cut, where the fault is of that kind."""
    if fault is FaultKind.READ_TIMEOUT:
        await _hold(request, plan.hang_seconds)
    elif fault is FaultKind.SLOW_PAGE:
        await _hold(request, plan.slow_seconds)
    elif fault is FaultKind.CONNECTION_RESET:
        return CutResponse(response, reset=True)
    elif fault is FaultKind.ABORTED_BODY:
        return CutResponse(response, reset=False)
    return response


async def _hold(request: Request, seconds: float) -> None:
    """Wait, but no longer than the client does."""
    end = asyncio.get_running_loop().time() + seconds
    while not await request.is_disconnected():
        left = end - asyncio.get_running_loop().time()
        if left <= 0:
            return
        await asyncio.sleep(min(left, LOOK_EVERY_SECONDS))
