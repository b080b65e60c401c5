"""Sales as a till sends them, in both shapes, written down in a few words."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

STATES: dict[str, tuple[str, list[str]]] = {
    "CLOSED": ("closed", []),
    "LAYBY_CLOSED": ("closed", ["layby"]),
    "ONACCOUNT_CLOSED": ("closed", ["onaccount"]),
    "PICKED_UP_CLOSED": ("closed", ["pickup"]),
    "DISPATCHED_CLOSED": ("closed", ["delivery"]),
    "SERVICE_CLOSED": ("closed", ["service"]),
    "AWAITING_PICKUP": ("pending", ["pickup"]),
    "AWAITING_DISPATCH": ("pending", ["delivery"]),
    "LAYBY": ("pending", ["layby"]),
    "ONACCOUNT": ("pending", ["onaccount"]),
    "SERVICE": ("pending", ["service"]),
    "OPEN": ("pending", []),
    "SAVED": ("parked", []),
    "QUOTE": ("parked", []),
    "VOIDED": ("voided", []),
}
"""The vendor's table of statuses, copied out by hand (API 3.3)."""


def state_of(status: str) -> tuple[str, list[str]]:
    """Return state and attributes; of a status that no one knows, an unknown state."""
    return STATES.get(status, (status.lower(), []))


@dataclass(frozen=True)
class Item:
    """One line: what is sold or comes back, without tax and the tax on it."""

    net: str
    tax: str = "0"
    quantity: str = "1"
    comes_back: bool = False
    status: str = "CONFIRMED"
    gift_card: str | None = None
    product_id: str | None = None


@dataclass(frozen=True)
class TillSale:
    """One sale; totals are those of its items unless they are given."""

    items: Sequence[Item] = ()
    status: str = "CLOSED"
    paid: Sequence[str] = ()
    return_for: str | None = None
    sale_id: str = "sale-1"
    version: int = 1
    date: str = "2026-01-05T15:07:00+00:00"
    outlet_id: str | None = None
    customer_id: str | None = "a"
    source: str = "USER"
    source_id: str | None = None
    note: str | None = None
    total: str | None = None
    net_total: str | None = None
    deleted_at: str | None = None
    paid_by_gift_card: Sequence[str] = ()

    @property
    def net(self) -> Decimal:
        return Decimal(self.net_total or sum(Decimal(item.net) for item in self.items))

    @property
    def with_tax(self) -> Decimal:
        taxes = sum(Decimal(item.tax) for item in self.items)
        return Decimal(self.total) if self.total else self.net + taxes


def as_flat(sale: TillSale) -> dict[str, Any]:
    """Return *sale* as API 2.0 sends it."""
    state, attributes = state_of(sale.status)
    return {
        **_shared(sale),
        "status": sale.status,
        "state": state,
        "attributes": attributes,
        "outlet_id": sale.outlet_id,
        "source": sale.source,
        "source_id": sale.source_id,
        "return_for": sale.return_for,
        "total_price": sale.net,
        "total_tax": sale.with_tax - sale.net,
        "total_price_incl": sale.with_tax,
        "sale_date": sale.date,
        "version": sale.version,
        "line_items": [
            {
                "product_id": item.product_id,
                "quantity": Decimal(item.quantity),
                "price_total": Decimal(item.net),
                "tax_total": Decimal(item.tax),
                "status": item.status,
                "is_return": item.comes_back,
                "gift_card_number": item.gift_card,
            }
            for item in sale.items
        ],
        "payments": [
            *_payments(sale.paid, payment_type_id="1", name="Cash"),
            *_payments(sale.paid_by_gift_card, payment_type_id="118", name="A card"),
        ],
    }


def as_nested(sale: TillSale) -> dict[str, Any]:
    """Return *sale* as the dated versions send it: without the older word."""
    state, attributes = state_of(sale.status)
    return {
        **_shared(sale),
        "state": state,
        "attributes": attributes,
        "date": sale.date,
        "source": {
            "id": sale.source_id, "type": sale.source, "outlet_id": sale.outlet_id
        },
        "return": {
            "original_sale_id": sale.return_for,
            "is_return": sale.return_for is not None,
        },
        "totals": {
            "price": sale.net,
            "tax": sale.with_tax - sale.net,
            "price_incl_tax": sale.with_tax,
        },
        "_metadata": {"version": sale.version},
        "line_items": [
            {
                "product": {"id": item.product_id},
                "quantity": Decimal(item.quantity),
                "pricing": {"total": Decimal(item.net)},
                "tax": {"total": Decimal(item.tax)},
                "status": item.status,
                "return": {"is_return": item.comes_back},
                "gift_card_number": item.gift_card,
            }
            for item in sale.items
        ],
        "payments": [
            *_payments(sale.paid, type={"id": "1", "name": "Cash"}),
            *_payments(sale.paid_by_gift_card, type={"id": "118", "name": "A card"}),
        ],
    }  # fmt: skip


def _payments(amounts: Sequence[str], **kind: Any) -> list[dict[str, Any]]:
    return [
        {"amount": Decimal(amount), "deleted_at": None, **kind} for amount in amounts
    ]


def _shared(sale: TillSale) -> dict[str, Any]:
    return {
        "id": sale.sale_id,
        "customer_id": sale.customer_id,
        "note": sale.note,
        "deleted_at": sale.deleted_at,
    }


SHAPES = {"flat": as_flat, "nested": as_nested}
