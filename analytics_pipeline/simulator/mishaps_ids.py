"""Mishaps with ids: some replies show one in capitals, and others do not."""

from datetime import datetime
from functools import partial

from analytics_pipeline.simulator.people_changes import choose_buyer
from analytics_pipeline.simulator.rare_cases import Case
from analytics_pipeline.simulator.records import WebOrder
from analytics_pipeline.simulator.sales import draw_basket, record_sale
from analytics_pipeline.simulator.sales_later import give_back, reassign
from analytics_pipeline.simulator.shop import Shop
from analytics_pipeline.simulator.web_buyers import draw_buyer
from analytics_pipeline.simulator.web_orders import Course, place_order

GIVEN_BACK_SHARE = 0.5


def shout_a_sale(shop: Shop, moment: datetime) -> None:
    """Show a sale in capitals, which is given back or handed over later."""
    till = shop.premises.tills[0]
    buyer = choose_buyer(shop)
    sale = record_sale(shop, moment, till, draw_basket(shop, till), customer_id=buyer)
    shop.timeline.state.loud_ids.add(sale.id)
    later = give_back if shop.timeline.chance(GIVEN_BACK_SHARE) else reassign
    shop.timeline.plan_in(moment, 2, partial(later, shop, sale.id))


def shout_a_customer(shop: Shop, moment: datetime) -> None:
    """Show a customer in capitals, in the records of its sales too."""
    till = shop.premises.tills[0]
    buyer = choose_buyer(shop)
    if buyer is None:
        return
    shop.timeline.state.loud_ids.add(buyer)
    record_sale(shop, moment, till, draw_basket(shop, till), customer_id=buyer)


def shout_an_outlet(shop: Shop, _moment: datetime) -> None:
    """Show an outlet in capitals, in the records of its sales and registers too."""
    outlets = sorted(shop.timeline.state.outlets)
    shop.timeline.state.loud_ids.add(shop.timeline.rng.choice(outlets))


def write_ids_in_capitals(shop: Shop, _moment: datetime) -> None:
    """Show the walk-in customer in capitals."""
    shop.timeline.state.loud_ids.add(shop.timeline.state.default_customer_id)


def shout_a_web_order(shop: Shop, moment: datetime) -> None:
    """Show the sale of a web order in capitals, in the export too."""
    placed = place_order(shop, moment, draw_buyer(shop), Course())
    shop.timeline.plan_in(moment, 1, partial(_shout_its_sale, shop, placed))


def _shout_its_sale(shop: Shop, order: WebOrder, _moment: datetime) -> None:
    if order.exported_sale_id:
        shop.timeline.state.loud_ids.add(order.exported_sale_id)


ID_MISHAPS: tuple[Case, ...] = (
    shout_a_sale,
    shout_a_customer,
    shout_an_outlet,
    write_ids_in_capitals,
    shout_a_web_order,
)
