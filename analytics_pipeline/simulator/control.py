"""The simulator's own paths: move its clock, ask what was requested of it.

``POST /_simulator/clock`` with ``{"now": "2025-03-01T05:00:00+00:00"}`` moves the
store's time forward; ``GET`` shows it.  ``GET /_simulator/stats`` shows how many
requests there were; ``DELETE`` resets the count.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytics_pipeline.simulator.replies import Reply, refusal, response_of


class ClockRefused(Exception):
    """The store's clock cannot be moved there."""


class Controlled(Protocol):
    """What these paths need of the simulator."""

    def advance_to(self, moment: datetime) -> datetime:
        """Move the store's clock forward and return where it is.

        Raises:
            ClockRefused: the store follows a live clock, or time would go back.
        """

    def now(self) -> datetime:
        """Return where the store's clock is."""

    def stats(self) -> Mapping[str, object]:
        """Return how many requests there were."""

    def clear_stats(self) -> None:
        """Count from zero again."""


def control_routes(simulator: Controlled) -> list[Route]:
    """Return the paths by which tests and people steer the simulator."""

    async def clock(request: Request) -> Response:
        if request.method != "POST":
            return _json({"now": simulator.now().isoformat()})
        moment = _asked_moment(await request.body())
        if moment is None:
            message = "now must be a time with its zone"
            return response_of(refusal(400, "Bad Request", message))
        try:
            return _json({"now": simulator.advance_to(moment).isoformat()})
        except ClockRefused as error:
            return response_of(refusal(409, "Conflict", str(error)))

    async def stats(request: Request) -> Response:
        if request.method == "DELETE":
            simulator.clear_stats()
        return _json(simulator.stats())

    return [
        Route("/_simulator/clock", clock, methods=["GET", "POST"]),
        Route("/_simulator/stats", stats, methods=["GET", "DELETE"]),
    ]


def _json(value: Mapping[str, object]) -> Response:
    return response_of(Reply(200, json.dumps(value).encode()))


def _asked_moment(body: bytes) -> datetime | None:
    """Return the time that the body asks for, or None if it names none."""
    try:
        moment = datetime.fromisoformat(json.loads(body)["now"])
    except (ValueError, TypeError, KeyError):
        return None
    return moment if moment.tzinfo else None
