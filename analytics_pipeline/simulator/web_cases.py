"""The odd web orders: late, lost, refused, hinted wrongly, and without a customer."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from analytics_pipeline.simulator.sales import draw_basket, record_sale
from analytics_pipeline.simulator.sales_later import give_back, void
from analytics_pipeline.simulator.shop import Shop
from analytics_pipeline.simulator.web_buyers import (
    Buyer,
    draw_buyer,
    enrol_stranger,
    known_buyer,
    nameless_buyer,
    stranger,
)
from analytics_pipeline.simulator.web_orders import Course, place_order

UNSYNCED = Course(synced_after=None, exported="blank")
A_MOMENT = 20 / 86_400


def order(course: Course, shop: Shop, moment: datetime) -> None:
    """Let anybody order."""
    place_order(shop, moment, draw_buyer(shop), course)


def order_by_stranger(course: Course, shop: Shop, moment: datetime) -> None:
    """Let somebody order whom the tills do not know."""
    place_order(shop, moment, stranger(shop), course)


def order_by_stranger_again(course: Course, shop: Shop, moment: datetime) -> None:
    """Let somebody order again whom the tills still do not know."""
    place_order(shop, moment, stranger(shop, returning=True), course)


def unattributed_order(course: Course, shop: Shop, moment: datetime) -> None:
    """Let somebody order whose e-mail is no key."""
    place_order(shop, moment, nameless_buyer(shop), course)


def order_by_regular(course: Course, shop: Shop, moment: datetime) -> None:
    """Let a regular order."""
    place_order(shop, moment, known_buyer(shop) or draw_buyer(shop), course)


def stranger_registers(shop: Shop, moment: datetime) -> None:
    """Give somebody a customer record whom only the web shop knew."""
    if shop.crowd.web_only:
        enrol_stranger(shop, Buyer(*shop.crowd.web_only[0], None), moment)


def hint_claimed_twice(shop: Shop, moment: datetime) -> None:
    """Let two unsynced orders both point at one till sale (rule 4.3)."""
    till = shop.premises.tills[0]
    sale = record_sale(shop, moment, till, draw_basket(shop, till), customer_id=None)
    for _ in range(2):
        placed = place_order(shop, moment, draw_buyer(shop), UNSYNCED)
        placed.exported_sale_id = sale.id


def returned_at_the_till(shop: Shop, moment: datetime) -> None:
    """Take back a synced order at the till: the return copies the note (API §3.4)."""
    _later_to_the_latest(shop, moment, partial(give_back, shop), 5)


def voided_at_the_till(shop: Shop, moment: datetime) -> None:
    """Void a synced order at the till: the shop decided (rule 4.3)."""
    _later_to_the_latest(shop, moment, partial(void, shop), 1)


def _later_to_the_latest(
    shop: Shop, moment: datetime, action: Callable[..., object], days: float
) -> None:
    if shop.web.synced:
        shop.timeline.plan_in(moment, days, partial(action, shop.web.synced[-1]))


WEB_CASES: tuple[Callable[[Shop, datetime], object], ...] = (
    partial(order, Course(fulfilled_after=3.0, fulfillment="DELIVERED")),
    partial(order_by_regular, Course(exported="blank")),
    returned_at_the_till,
    partial(order_by_regular, UNSYNCED),
    partial(order, Course("QUEUED", "NEW", paid=False)),
    partial(order, Course("QUEUED", "NEW", paid=False, paid_later=True)),
    partial(order_by_stranger, UNSYNCED),
    partial(order_by_stranger_again, UNSYNCED),
    partial(order, Course("QUEUED", "NEW", synced_after=None)),
    partial(order, Course("CANCELLED", "WILL_NOT_DELIVER", synced_after=None)),
    partial(order, Course("REFUNDED", "RETURNED", synced_after=None)),
    partial(order, Course("ACCEPTED", "WILL_NOT_DELIVER", synced_after=None)),
    partial(order, Course("ACCEPTED", "RETURNED", synced_after=None)),
    partial(order, Course("PARTIALLY_REFUNDED", "SHIPPED", synced_after=None)),
    partial(order, Course(synced_after=4.0)),
    partial(order, Course(synced_after=12.5, dated_late=True, exported="blank")),
    partial(order_by_regular, Course(by_note_only=True, exported="blank")),
    partial(order, Course(synced_after=None, exported="till")),
    partial(order, Course(synced_after=None, exported="wrong")),
    partial(order, Course(exported="wrong")),
    hint_claimed_twice,
    partial(order_by_stranger, Course(customer="none")),
    partial(order_by_stranger, Course(customer="walk-in")),
    returned_at_the_till,
    partial(unattributed_order, UNSYNCED),
    partial(unattributed_order, Course(customer="none")),
    partial(order, Course("REFUNDED", "RETURNED")),
    voided_at_the_till,
    partial(order, Course(free=True, customer="own")),
    partial(order, Course(free=True, synced_after=None, exported="blank")),
    partial(order_by_stranger, Course(customer="enrolled")),
    stranger_registers,
)
