"""A simulated store that holds its first answer back until it may go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline_tests.simulated_shop import TOKEN, SimulatedShop

LONGEST_WAIT = 120.0


@dataclass
class Gate:
    """Whether somebody has asked, and whether they are answered."""

    asked: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)
    requests: int = 0


@contextmanager
def hold_back(shop: SimulatedShop) -> Iterator[tuple[SimulatedShop, Gate]]:
    """Serve the store of *shop* once more, behind a gate that is shut at first."""
    gate = Gate()
    behind = build_app(shop.store, token=TOKEN, rate_limit=1_000_000)
    with serve(_gated(behind, gate)) as origin:
        settings = shop.settings.model_copy(update={"api_url": origin})
        try:
            yield SimulatedShop(shop.store, shop.simulator, settings), gate
        finally:
            gate.go_on.set()


def _gated(app: ASGIApp, gate: Gate) -> Starlette:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        gate.requests += 1
        gate.asked.set()
        await run_in_threadpool(gate.go_on.wait, LONGEST_WAIT)
        await app(scope, receive, send)

    return answer  # type: ignore[return-value]
