"""Sales that are not done when they are made: laybys, accounts, quotes, drafts."""

from datetime import datetime
from decimal import Decimal
from functools import partial

from analytics_pipeline.simulator.premises import Till, to_cents
from analytics_pipeline.simulator.sales import (
    draw_basket,
    due_of,
    pay,
    record_sale,
    set_status,
)
from analytics_pipeline.simulator.shop import Shop

INSTALMENT = Decimal("0.25")
CLOSING = {
    "LAYBY": "LAYBY_CLOSED",
    "ONACCOUNT": "ONACCOUNT_CLOSED",
    "SERVICE": "SERVICE_CLOSED",
    "AWAITING_PICKUP": "PICKED_UP_CLOSED",
    "AWAITING_DISPATCH": "DISPATCHED_CLOSED",
    "SAVED": "CLOSED",
    "OPEN": "CLOSED",
    "QUOTE": "CLOSED",
}


def start_pending(
    shop: Shop,
    moment: datetime,
    *,
    till: Till,
    customer_id: str | None,
    status: str,
    closes_in: float | None,
) -> None:
    """Make an unpaid sale that is paid and closed *closes_in* days later, or never."""
    basket = draw_basket(shop, till)
    sale = record_sale(
        shop,
        moment,
        till,
        basket,
        customer_id=customer_id,
        status=status,
        payments=[],
    )
    if status == "QUOTE":
        sale.source = "quote"
    if closes_in is not None:
        shop.timeline.plan_in(moment, closes_in, partial(close, shop, sale.id))


def start_layby(
    shop: Shop, moment: datetime, *, till: Till, customer_id: str | None, finishes: bool
) -> None:
    """Put goods aside for a deposit; the rest comes in weekly instalments."""
    basket = draw_basket(shop, till)
    sale = record_sale(
        shop,
        moment,
        till,
        basket,
        customer_id=customer_id,
        status="LAYBY",
        payments=[],
    )
    pay_instalment(shop, sale.id, moment)
    weeks = 4 if finishes else 2
    for week in range(1, weeks):
        action = partial(pay_instalment, shop, sale.id)
        shop.timeline.plan_in(moment, 7 * week, action)
    if finishes:
        shop.timeline.plan_in(moment, 7 * weeks, partial(close, shop, sale.id))


def pay_instalment(shop: Shop, sale_id: str, moment: datetime) -> None:
    """Pay a quarter of the total, as long as so much is due."""
    sale = shop.timeline.state.sales[sale_id]
    part = to_cents(sale.total_price_incl * INSTALMENT)
    if 0 < part < due_of(sale):
        sale.payments.append(pay(shop, "Square", part, moment))
        shop.timeline.edit(sale, moment)


def close(shop: Shop, sale_id: str, moment: datetime) -> None:
    """Pay what is due and close the sale; one that was voided meanwhile stays so."""
    sale = shop.timeline.state.sales[sale_id]
    if sale.deleted_at is not None or sale.status not in CLOSING:
        return
    pay_rest(shop, sale_id, moment)
    set_status(shop, sale, CLOSING[sale.status], moment)


def pay_rest(shop: Shop, sale_id: str, moment: datetime) -> None:
    """Pay whatever is still due."""
    sale = shop.timeline.state.sales[sale_id]
    rest = due_of(sale)
    if rest != 0:
        sale.payments.append(pay(shop, "Square", rest, moment))
        shop.timeline.edit(sale, moment)
