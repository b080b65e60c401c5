"""Mishaps by which money is in no figure of a person, or in the wrong one."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial

from analytics_pipeline.simulator.people_changes import choose_buyer
from analytics_pipeline.simulator.premises import to_cents
from analytics_pipeline.simulator.rare_cases import Case
from analytics_pipeline.simulator.records import Customer
from analytics_pipeline.simulator.sales import draw_basket, pay, record_sale
from analytics_pipeline.simulator.sales_odd import buy
from analytics_pipeline.simulator.sales_pending import close
from analytics_pipeline.simulator.shop import Shop

MOST_YEARS_AHEAD = 12
CORRECTED_SHARE = 0.4
COUNTER_CODE = "COUNTER"
COUNTER_SALES = 25
CASH_STEPS = (Decimal("0.05"), Decimal("0.10"))
FETCHED_SHARE = 0.3


def run_years_ahead(shop: Shop, moment: datetime) -> None:
    """Sell at a till whose clock is years ahead; some dates are corrected later."""
    years = shop.timeline.rng.randint(1, MOST_YEARS_AHEAD)
    sale = buy(shop, moment)
    sale.sale_date += timedelta(days=366 * years)
    if shop.timeline.chance(CORRECTED_SHARE):
        shop.timeline.plan_in(moment, 4, partial(_correct_date, shop, sale.id, moment))


def _correct_date(shop: Shop, sale_id: str, sold_at: datetime, now: datetime) -> None:
    sale = shop.timeline.state.sales[sale_id]
    sale.sale_date = sold_at
    shop.timeline.edit(sale, now)


def sell_to_an_erased_customer(shop: Shop, moment: datetime) -> None:
    """Sell under a record that was erased, and is delivered no more."""
    till = shop.premises.tills[0]
    erased = shop.timeline.new_id()
    for _ in range(shop.timeline.rng.randint(1, 3)):
        record_sale(shop, moment, till, draw_basket(shop, till), customer_id=erased)


def sell_over_the_counter(shop: Shop, moment: datetime) -> None:
    """Sell all day to walk-ins, under a customer record."""
    till = shop.premises.tills[0]
    counter = _counter(shop, moment)
    for _ in range(COUNTER_SALES):
        record_sale(shop, moment, till, draw_basket(shop, till), customer_id=counter)


def _counter(shop: Shop, moment: datetime) -> str:
    """Return the record that represents walk-ins beside the store's own one."""
    customers = shop.timeline.state.customers
    for customer in customers.values():
        if customer.customer_code == COUNTER_CODE:
            return customer.id
    counter = Customer(
        id=shop.timeline.new_id(),
        customer_code=COUNTER_CODE,
        first_name="Counter",
        last_name=None,
        company_name=None,
        email=None,
        phone=None,
        mobile=None,
        created_at=moment,
        updated_at=moment,
        version=shop.timeline.next_version(),
    )
    customers[counter.id] = counter
    return counter.id


def pay_rounded_cash(shop: Shop, moment: datetime) -> None:
    """Pay what is to be fetched in cash, rounded as the till rounds; few are closed."""
    till = shop.premises.tills[0]
    sale = record_sale(
        shop,
        moment,
        till,
        draw_basket(shop, till),
        customer_id=choose_buyer(shop),
        status="AWAITING_PICKUP",
        payments=[],
    )
    step = shop.timeline.rng.choice(CASH_STEPS)
    due = to_cents(sale.total_price_incl)
    paid = (due / step).quantize(Decimal(1), ROUND_HALF_UP) * step
    sale.payments.append(pay(shop, "Cash", paid, moment))
    if shop.timeline.chance(FETCHED_SHARE):
        shop.timeline.plan_in(moment, 3, partial(close, shop, sale.id))


MONEY_MISHAPS: tuple[Case, ...] = (
    run_years_ahead,
    sell_to_an_erased_customer,
    sell_over_the_counter,
    pay_rounded_cash,
)
