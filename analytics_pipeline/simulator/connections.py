"""Replies that come late, or not whole: what happens to the connection itself."""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from analytics_pipeline.simulator.faults import NEVER_WHOLE, FaultKind, FaultPlan

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


class UnendingResponse(Response):
    """A response that begins at once and is never there as a whole."""

    def __init__(self, whole: Response, kind: FaultKind, plan: FaultPlan) -> None:
        """Take the whole response, and in which way it does not end."""
        super().__init__(b"", status_code=whole.status_code)
        self._body, self._kind, self._plan = bytes(whole.body), kind, plan
        is_endless = kind is FaultKind.ENDLESS_BODY
        self.raw_headers = [
            (name, value)
            for name, value in whole.raw_headers
            if not (is_endless and name == b"content-length")
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client has gone, or for as long as the plan says."""
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        for part, pause in self._parts():
            body = {"type": "http.response.body", "body": part, "more_body": True}
            await send(body)
            if await _has_gone(receive, pause):
                return
        cut: Cut | None = scope.get("extensions", {}).get(CUT)
        if cut is not None:
            cut(False)

    def _parts(self) -> Iterator[tuple[bytes, float]]:
        """Yield what is sent, and how long to wait after it."""
        whole, plan = self._body, self._plan
        if self._kind is FaultKind.STALLED_BODY:
            yield whole[: len(whole) // 2], plan.hang_seconds
            return
        many = max(int(plan.hang_seconds / plan.drip_seconds), 1)
        if self._kind is FaultKind.ENDLESS_BODY:
            yield whole, plan.drip_seconds
            yield from ((b" ", plan.drip_seconds) for _ in range(many))
            return
        # The last byte is kept back, so that even a short body is never whole.
        for n in range(min(len(whole) - 1, many)):
            yield whole[n : n + 1], plan.drip_seconds


async def _has_gone(receive: Receive, seconds: float) -> bool:
    """Wait; return at once, and say so, if the client ends the connection."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


async def afflicted(
    response: Response, fault: FaultKind | None, plan: FaultPlan, request: Request
) -> Response:
    """Return the response late or cut, where the fault is of that kind."""
    if fault is FaultKind.READ_TIMEOUT:
        await _hold(request, plan.hang_seconds)
    elif fault is FaultKind.SLOW_PAGE:
        await _hold(request, plan.slow_seconds)
    elif fault in NEVER_WHOLE:
        return UnendingResponse(response, fault, plan)
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
