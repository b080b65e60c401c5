"""Invented payloads in both shapes, and a client on a small handler."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from analytics_pipeline.sources.lightspeed.client import LightspeedClient
from analytics_pipeline.sources.lightspeed.http import Connection

TOKEN = "lsxs_pt_" + "x" * 32
LOCAL_NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
D = Decimal


def flat_line(**changes: Any) -> dict[str, Any]:
    return {
        "quantity": 1,
        "price_total": D("10.25"),
        "tax_total": D("0.90969"),
        "status": "CONFIRMED",
        "is_return": False,
    } | changes


def flat_sale(**changes: Any) -> dict[str, Any]:
    """A web order with one line that sells and one that comes back."""
    return {
        "id": "sale-1",
        "outlet_id": "outlet-1",
        "register_id": "register-1",
        "customer_id": "customer-1",
        "source": "ecw:0123456789ABCDEF",
        "source_id": "1042",
        "status": "PICKED_UP_CLOSED",
        "state": "closed",
        "attributes": ["pickup"],
        "note": "Order ID:1042\nShipping address: 1 Elm Street",
        "return_for": None,
        "total_price": D("7.75"),
        "total_tax": D("0.69"),
        "total_price_incl": D("8.43781"),
        "sale_date": "2026-01-05T15:07:00+00:00",
        "deleted_at": None,
        "version": 30_000_000_001,
        "line_items": [
            flat_line(),
            flat_line(
                quantity=-1,
                price_total=D("-2.50"),
                tax_total=D("-0.22188"),
                is_return=True,
            ),
        ],
        "payments": [
            {"amount": D("10.00"), "deleted_at": None},
            {"amount": D("-1.56"), "deleted_at": None},
            {"amount": D("99.00"), "deleted_at": "2026-01-05T15:09:00+00:00"},
        ],
    } | changes


def nested_line(**changes: Any) -> dict[str, Any]:
    return {
        "quantity": 1,
        "pricing": {"price": D("10.25"), "total": D("10.25")},
        "tax": {"amount": D("0.90969"), "total": D("0.90969")},
        "status": "CONFIRMED",
        "return": {"is_return": False, "reason": None},
    } | changes


def nested_sale(**changes: Any) -> dict[str, Any]:
    """The sale of :func:`flat_sale`, written out as the newer versions send it."""
    return {
        "id": "sale-1",
        "date": "2026-01-05T15:07:00+00:00",
        "state": "closed",
        "attributes": ["pickup"],
        "note": "Order ID:1042\nShipping address: 1 Elm Street",
        "customer_id": "customer-1",
        "source": {
            "id": "1042",
            "type": "ecw:0123456789ABCDEF",
            "outlet_id": "outlet-1",
            "register_id": "register-1",
        },
        "line_items": [
            nested_line(),
            {
                "quantity": -1,
                "pricing": {"price": D("2.50"), "total": D("-2.50")},
                "tax": {"amount": D("0.22188"), "total": D("-0.22188")},
                "status": "CONFIRMED",
                "return": {"is_return": True, "reason": "faded"},
            },
        ],
        "payments": [
            {"amount": D("10.00"), "deleted_at": None},
            {"amount": D("-1.56"), "deleted_at": None},
            {"amount": D("99.00"), "deleted_at": "2026-01-05T15:09:00+00:00"},
        ],
        "return": {"original_sale_id": None, "is_return": False},
        "totals": {
            "price": D("7.75"),
            "tax": D("0.69"),
            "price_incl_tax": D("8.43781"),
        },
        "deleted_at": None,
        "_metadata": {"version": 30_000_000_001},
    } | changes


def customer(**changes: Any) -> dict[str, Any]:
    return {
        "id": "customer-1",
        "customer_code": "Ada-1234",
        "name": "Ada Example",
        "first_name": "Ada",
        "last_name": "Example",
        "company_name": "Example Flowers",
        "email": " Ada@Example.com ",
        "phone": "(212) 555-0123",
        "mobile": None,
        "created_at": "2025-01-05T15:07:00+00:00",
        "updated_at": "2025-02-05T15:07:00+00:00",
        "deleted_at": None,
        "version": 30_000_000_007,
    } | changes


def product(**changes: Any) -> dict[str, Any]:
    """A variant as API 2.0 and the dated versions send it, without most of it."""
    return {
        "id": "product-2",
        "variant_parent_id": "product-1",
        "name": "Clay mug",
        "variant_name": "Clay mug / Moss",
        "active": True,
        "is_active": True,
        "description": "<p>Ask Ada before you order more.</p>",
        "product_category": {"id": "category-1", "name": "Kitchen"},
        "type": {"id": "type-1", "name": "Crockery", "version": 3},
        "brand": {"id": "brand-1", "name": "Hollow Oak", "version": 4},
        "supplier": {"id": "supplier-1", "name": "Dale; Sons", "version": 5},
        "created_at": "2025-01-05T15:07:00+00:00",
        "deleted_at": None,
        "version": 30_000_000_009,
    } | changes


class Store:
    """A store of a few replies, given one after the other; the last one stays."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, httpx.Response):
            return reply
        return httpx.Response(200, json=reply)

    def client(
        self,
        *,
        api_version: str = "2026-07",
        on_wait: Callable[[float, str], None] | None = None,
        now: Callable[[], datetime] = lambda: LOCAL_NOW,
    ) -> LightspeedClient:
        return LightspeedClient(
            Connection(
                "https://shop.retail.lightspeed.app",
                TOKEN,
                api_version,
                transport=httpx.MockTransport(self),
                sleep=self.slept.append,
                now=now,
                on_wait=on_wait,
            )
        )

    def params(self, name: str) -> list[str | None]:
        return [request.url.params.get(name) for request in self.asked]


def page(*versions: int, **block: Any) -> dict[str, Any]:
    """A page of records with these versions, and the version block of it."""
    full = {"min": min(versions, default=None), "max": max(versions, default=None)}
    return {
        "data": [
            {"id": f"record-{version}", "version": version} for version in versions
        ],
        "version": full | block,
    }
