"""What the ledger knows of the web shop beside money: refunds and unknown words.

Worked out once more from the store's records, by another route than ``domain/``.
"""

from collections.abc import Iterator
from datetime import date

from analytics_pipeline.simulator.records import Sale, StoreState, WebOrder
from analytics_pipeline_tests.oracle.bookings import (
    UNDONE,
    business_day,
    cents_of,
    is_completed,
    local_day,
    match_web_orders,
)

GIVEN_BACK = {"REFUNDED", "CANCELLED"}
PAYMENT_WORDS = {
    *("ACCEPTED", "PAID", "PARTIALLY_REFUNDED", "QUEUED", "AWAITING_PAYMENT"),
    *("CHARGEABLE", "REFUNDED", "CANCELLED", "INCOMPLETE", "DECLINED"),
}
FULFILLMENT_WORDS = UNDONE | {
    *("NEW", "AWAITING_PROCESSING", "PROCESSING", "READY_FOR_PICKUP"),
    *("OUT_FOR_DELIVERY", "SHIPPED", "DELIVERED"),
}


def expected_web_refunds(state: StoreState, as_of: date) -> dict[str, int]:
    """Return the cents that still count of each order that was given back (rule 4.4).

    Keyed by order number.  An order that the till took back as well, to the cent, is
    not among them.
    """
    sales = {
        sale.id: sale
        for sale in state.sales.values()
        if business_day(state, sale) <= as_of
    }
    zone = state.retailer.time_zone
    orders = [
        order
        for order in state.web_orders.values()
        if local_day(order.placed_at, zone) <= as_of
    ]
    order_of = match_web_orders(orders, list(sales.values()))
    booked: dict[str, list[Sale]] = {}
    for sale in sales.values():
        if is_completed(sale):
            for number in set(_orders_behind(sale, sales, order_of)):
                booked.setdefault(number, []).append(sale)
    left = {}
    for order in orders:
        mine = booked.get(order.order_number, [])
        is_undone = order.fulfillment_status in UNDONE
        if mine and (is_undone or order.payment_status in GIVEN_BACK):
            cents = sum(cents_of(sale.total_price_incl) for sale in mine)
            if cents > 1 or not any(sale.return_for for sale in mine):
                left[order.order_number] = cents
    return left


def _orders_behind(
    sale: Sale, sales: dict[str, Sale], order_of: dict[str, WebOrder]
) -> Iterator[str]:
    """Yield the orders of a sale, of what it returns, and so on."""
    seen = set()
    current: Sale | None = sale
    while current is not None and current.id not in seen:
        seen.add(current.id)
        if current.id in order_of:
            yield order_of[current.id].order_number
        current = sales.get(current.return_for or "")


def expected_unknown_words(state: StoreState) -> dict[str, int]:
    """Return how many orders have an unknown word, and their sum."""
    unpaid = [
        order
        for order in state.web_orders.values()
        if order.payment_status not in PAYMENT_WORDS
    ]
    affected = [
        order
        for order in state.web_orders.values()
        if order.payment_status not in PAYMENT_WORDS
        or order.fulfillment_status not in FULFILLMENT_WORDS
    ]
    return {
        "orders": len(affected),
        "total_cents": sum(cents_of(order.total) for order in affected),
        "payment_unknown": len(unpaid),
        "payment_unknown_cents": sum(cents_of(order.total) for order in unpaid),
    }
