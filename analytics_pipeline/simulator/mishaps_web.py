"""Mishaps of the web shop: refunds that no till knows of, and unknown words."""

from datetime import datetime
from functools import partial

from analytics_pipeline.simulator.rare_cases import Case
from analytics_pipeline.simulator.sales_later import give_back
from analytics_pipeline.simulator.shop import Shop
from analytics_pipeline.simulator.web_buyers import draw_buyer
from analytics_pipeline.simulator.web_orders import Course, place_order

GIVEN_BACK = (
    Course("REFUNDED", "SHIPPED", fulfilled_after=0.5),
    Course("CANCELLED", "WILL_NOT_DELIVER"),
    Course("ACCEPTED", "RETURNED", fulfilled_after=0.2),
    Course("REFUNDED", "RETURNED", by_note_only=True, exported="blank"),
)
"""Orders that the web shop gave back, while their sales still count."""

UNKNOWN_WORDS = (
    Course("CUSTOM_PAYMENT_STATUS_1", "SHIPPED", synced_after=None, exported="blank"),
    Course("AUTHORIZED", "NEW", synced_after=None, exported="blank"),
    Course("", "SHIPPED", synced_after=None, exported="blank"),
    Course("ACCEPTED", "CUSTOM_FULFILLMENT_STATUS_2", synced_after=None),
    Course("ACCEPTED", ""),
    Course("SETTLED", "DELIVERED"),
)
"""Orders with a status of the shop's own, with one of another system, or with none."""


def go_wrong(courses: tuple[Course, ...], shop: Shop, moment: datetime) -> None:
    """Let somebody order, and the order go one of the *courses*."""
    course = shop.timeline.rng.choice(courses)
    place_order(shop, moment, draw_buyer(shop), course)


def returned_as_well(one_line: bool, shop: Shop, moment: datetime) -> None:
    """Refund an order in the web shop, and take it or *one_line* back at the till."""
    course = Course("REFUNDED", "RETURNED", fulfilled_after=0.3)
    order = place_order(shop, moment, draw_buyer(shop), course)
    action = partial(_take_back, shop, order.order_number, one_line)
    shop.timeline.plan_in(moment, 1, action)


def _take_back(shop: Shop, number: str, one_line: bool, moment: datetime) -> None:
    for sale in list(shop.timeline.state.sales.values()):
        if sale.source_id == number and sale.return_for is None:
            give_back(shop, sale.id, moment, one_line=one_line)


WEB_MISHAPS: tuple[Case, ...] = (
    partial(go_wrong, GIVEN_BACK),
    partial(go_wrong, UNKNOWN_WORDS),
    partial(returned_as_well, False),
    partial(returned_as_well, True),
)
