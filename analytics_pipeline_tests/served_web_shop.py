"""A simulated web shop on a real socket, and the way to it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from analytics_pipeline.simulator.app import WEB_STORE_ID, build_app
from analytics_pipeline.simulator.records import WebOrder
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline.sources.web_shop.ecwid import EcwidConnection, EcwidShop
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.contract.simulator.small_store import (
    OPENED,
    TOKEN,
    SmallStore,
    make_store,
)


def make_web_order(n: int, **changes: Any) -> WebOrder:
    """The n-th order, an hour after the one before."""
    fields: dict[str, Any] = {
        "order_number": str(1000 + n),
        "email": f"ada.{n}@example.com",
        "name": "Ada Rivera",
        "phone": "(212) 555-0123",
        "placed_at": OPENED + timedelta(hours=n),
        "payment_status": "ACCEPTED",
        "fulfillment_status": "PROCESSING",
        "lines": [("sku-1", "Fern", Decimal("18.50"), 1)],
        "subtotal": Decimal("18.50"),
        "tax": Decimal("1.53"),
        "shipping": Decimal(0),
        "discount": Decimal(0),
        "total": Decimal("20.03"),
    }
    return WebOrder(**{**fields, **changes})


@dataclass
class ServedWebShop:
    """A web shop behind HTTP; ``waits`` are those that its clients asked for."""

    store: SmallStore
    simulator: Any
    origin: str
    waits: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.origin}/api/v3"

    def put(self, orders: Sequence[WebOrder]) -> None:
        """Let the web shop have these orders and no other."""
        self.store.state.web_orders = {each.order_number: each for each in orders}
        self.store.state.deleted_web_orders.clear()

    def open(self, **options: Any) -> EcwidShop:
        """Open the way to it; no one really waits between two tries."""
        now = clock.now()
        chosen = {"sleep": self.waits.append, "now": lambda: now, **options}
        return EcwidShop(EcwidConnection(WEB_STORE_ID, TOKEN, self.url, **chosen))


@contextmanager
def serve_web_shop(**options: Any) -> Iterator[ServedWebShop]:
    """Serve a web shop without orders."""
    store = make_store()
    app = build_app(store, token=TOKEN, rate_limit=1_000_000, **options)
    with serve(app) as origin:
        yield ServedWebShop(store, app.state.simulator, origin)
