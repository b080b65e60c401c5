"""Faults by which money is in no figure of a person, or all of it in one person's."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from analytics_pipeline_tests.system.incidents.incident import Incident, seeded, todays
from analytics_pipeline_tests.system.incidents.ordinary_shop import OrdinaryShop

WARN = "WARN"
KEEPS_ITS_BUYER = 40
"""One sale in so many stays under the customer who bought."""


def set_a_clock_ahead(shop: OrdinaryShop) -> None:
    sale = todays(shop)[0]
    shop.change(sale, sale_date=sale.sale_date + timedelta(days=5 * 366))


def round_cash(shop: OrdinaryShop) -> None:
    """Let two pickups be paid 3 cents short, and one be unpaid."""
    *short, unpaid = [sale for sale in todays(shop) if sale.total_price_incl > 2][:3]
    waiting = {"state": "pending", "status": "AWAITING_PICKUP"}
    for sale in short:
        due = sale.total_price_incl - Decimal("0.03")
        del sale.payments[1:]
        sale.payments[0].amount = due
        shop.change(sale, attributes=("pickup",), **waiting)
    shop.change(unpaid, attributes=("pickup",), payments=[], **waiting)


def raise_a_total(shop: OrdinaryShop) -> None:
    """Let a sale come to five more than its lines."""
    sale = todays(shop)[0]
    more = Decimal(5)
    shop.change(
        sale,
        total_price=sale.total_price + more,
        total_price_incl=sale.total_price_incl + more,
    )


def erase_a_customer(shop: OrdinaryShop) -> None:
    for sale in todays(shop)[:2]:
        shop.change(sale, customer_id="00000000-0000-4000-8000-000000000000")


def rename_the_walk_in(shop: OrdinaryShop) -> None:
    """Sell nearly all under a walk-in customer who has another code."""
    walk_in = shop.state.customers[shop.state.default_customer_id]
    shop.change(walk_in, customer_code="Passers-by")
    for number, sale in enumerate(list(shop.state.sales.values())):
        if number % KEEPS_ITS_BUYER:
            shop.change(sale, customer_id=walk_in.id)


OF_MONEY_LEFT_OUT: Sequence[Incident] = (
    Incident(
        "a till in five years' time", "sales_feed", "no_sale_is_dated_later", WARN,
        "the clock of a till is years ahead: its sale is in no figure",
        r"1 sale is dated after today \(2026-11-06\), the first one 2031-11-\d\d, so "
        r"[\d.]+ is in no figure\. .* \(register \S+, outlet \S+\)",
        seeded(set_a_clock_ahead),
    ),
    Incident(
        "pickups paid in rounded cash", "raw_sales", "no_sale_is_a_little_short", WARN,
        "the till rounds cash to 5 cents, and pickups are paid 3 cents short",
        r"2 sales that wait for pickup or dispatch lack less than 1\.00 of the total "
        r"\(0\.06 in all\), so [\d.]+ is not counted",
        seeded(round_cash),
    ),
    Incident(
        "a total without its lines", "sale_lines", "lines_are_explained", WARN,
        "a sale comes to more than its lines",
        r"The lines of 1 sale do not come to the total: [45]\.\d\d in all",
        seeded(raise_a_total),
    ),
    Incident(
        "sales of an erased customer", "customer_analytics", "customers_have_records",
        WARN,
        "sales name a customer whom Lightspeed does not deliver: they are unattributed",
        r"2 sales of 1 customer without a record are unattributed: [\d.]+\.",
        seeded(erase_a_customer),
    ),
    Incident(
        "a walk-in under another code", "customer_analytics", "walk_in_is_known", WARN,
        "the walk-in customer has another code, and counts as the best customer",
        r"Record \S+ has [\d,]+ orders of [\d,]+, the next person \d+: .* set "
        r"walk_in_customer_id = \"\S+\"",
        seeded(rename_the_walk_in),
    ),
)  # fmt: skip
