"""A store that is a few lists of payloads, asked without a socket."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx

from analytics_pipeline.simulator.replies import http_date

Payload = Mapping[str, Any]


class PaperStore(httpx.BaseTransport):
    """Answers the feeds, and what the store says of itself, from given records.

    A record's place in its list is its version.
    """

    def __init__(
        self, retailer: Payload, collections: Mapping[str, Sequence[Payload]], now: Any
    ) -> None:
        """Serve *retailer* and *collections* as of the moment *now*."""
        self._retailer = retailer
        self._collections = collections
        self._now = now

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer ``/api/{version}/{collection}?after=…``."""
        name = request.url.path.rpartition("/")[2]
        after = int(request.url.params.get("after", 0))
        records = list(self._collections.get(name, []))[after:]
        last = after + len(records) if records else None
        body: dict[str, Any] = {"data": records, "version": {"min": None, "max": last}}
        if name == "retailer":
            body = {"data": self._retailer}
        return httpx.Response(
            200,
            headers={"Date": http_date(self._now), "Content-Type": "application/json"},
            content=json.dumps(body, default=_write).encode(),
        )


def _write(value: Any) -> Any:
    """Write an amount digit by digit, as a number in a string."""
    assert isinstance(value, Decimal)
    return str(value)
