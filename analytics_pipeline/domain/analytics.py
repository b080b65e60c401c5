"""What each person bought, how often and how recently, as of a day (rule 5).

One Ibis expression: the engine reads the sales and hands back one row a person.
Money is integer cents throughout; a division is exact before it is made.
"""

import math
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir

from analytics_pipeline.model.policy import MoneyBasis, Policy, TierBasis
from analytics_pipeline.model.vocabulary import WEB_SOURCE, InactiveSegment, Tier

ROLLING_DAYS = 90
"""The length of the rolling window (rule 5.2)."""

SEGMENT_DAYS = (
    (90, InactiveSegment.DAYS_90),
    (60, InactiveSegment.DAYS_60),
    (30, InactiveSegment.DAYS_30),
)
"""From how many days since the last order each segment is reached (rule 5.5)."""


def list_purchases(
    raw_sales: ir.Table,
    records: ir.Table,
    sale_people: ir.Table,
    sale_orders: ir.Table,
    added_orders: ir.Table,
    walk_in_ids: list[str],
    policy: Policy,
    as_of: date,
) -> ir.Table:
    """Return everything that counts up to *as_of*: sales and added web orders.

    One row a completed sale or added order: ``sale_id`` or ``order_number`` (the other
    one is missing), ``person_id`` (missing: unattributed), ``day``, ``value_cents``,
    ``is_order``, ``is_ecom``, ``refunded_cents``.

    Args:
        raw_sales: the sales.
        records: ``record_id, person_id`` of every customer record.
        sale_people: ``sale_id, person_id`` of sales without a named customer.
        sale_orders: ``sale_id`` of the sales tied to a web order.
        added_orders: ``order_number, person_id, order_date, value_cents`` of unsynced
            orders.
        walk_in_ids: ids of the walk-in customer.
        policy: the shop's choices.
        as_of: the day D.
    """
    until = raw_sales["business_date"] <= ibis.timestamp(as_of.isoformat())
    sales = _join_people(
        raw_sales.filter(raw_sales["is_completed"] & until),
        records,
        sale_people,
        sale_orders,
    )
    sold = _as_purchases(sales, walk_in_ids, policy)
    ordered = added_orders.select(
        sale_id=ibis.null("string"),
        order_number=added_orders["order_number"].cast("string"),
        person_id=added_orders["person_id"].cast("string"),
        day=added_orders["order_date"].cast(sold["day"].type()),
        value_cents=added_orders["value_cents"].cast("int64"),
        is_order=ibis.literal(True),
        is_ecom=ibis.literal(True),
        refunded_cents=ibis.literal(0, type="int64"),
    )
    return ibis.union(sold, ordered, distinct=False)


def _join_people(
    sales: ir.Table, records: ir.Table, sale_people: ir.Table, sale_orders: ir.Table
) -> ir.Table:
    """Add to each sale the person of its record, the one it is tied to, its order."""
    own = records.select(customer_id="record_id", record_person="person_id")
    linked = sale_people.select("sale_id", linked_person="person_id")
    from_web = sale_orders.select(web_sale="sale_id").distinct()
    both = linked.outer_join(from_web, linked["sale_id"] == from_web["web_sale"])
    # One table of the few sales that are tied, so that the many are looked up once.
    ties = both.select(
        "linked_person",
        tied_sale=ibis.coalesce(both["sale_id"], both["web_sale"]),
        is_web=both["web_sale"].notnull(),
    )
    return (
        sales.left_join(own, "customer_id")
        .drop("customer_id_right")
        .left_join(ties, sales["sale_id"] == ties["tied_sale"])
    )


def _as_purchases(sales: ir.Table, walk_in_ids: list[str], policy: Policy) -> ir.Table:
    """Name what counts of each sale, and whose it is."""
    without_customer = sales["customer_id"].isnull()
    if walk_in_ids:
        without_customer = without_customer | sales["customer_id"].isin(walk_in_ids)
    named_web = sales["source"].startswith(WEB_SOURCE).fill_null(False)
    basis = "incl" if policy.money_basis is MoneyBasis.INCL_TAX else "excl"
    return sales.select(
        sale_id=sales["sale_id"],
        order_number=ibis.null("string"),
        person_id=without_customer.ifelse(
            sales["linked_person"], sales["record_person"]
        ),
        day=sales["business_date"],
        value_cents=sales[f"total_{basis}_cents"],
        is_order=sales["is_order"],
        is_ecom=named_web | sales["is_web"].fill_null(False),
        refunded_cents=sales[f"refunded_{basis}_cents"],
    )


def measure_people(
    purchases: ir.Table, people: ir.Table, policy: Policy, as_of: date
) -> ir.Table:
    """Return ``CustomerAnalytics``: the figures of each person as of *as_of*.

    Args:
        purchases: what :func:`list_purchases` returns.
        people: ``person_id, is_customer``; one who is no customer (rule 3.7) has a
            row only with a purchase.
        policy: the thresholds.
        as_of: the day D.
    """
    sums = _sum_by_person(purchases, as_of)
    joined = people.left_join(sums, "person_id")
    kept = joined.filter(joined["is_customer"] | joined["value_sum"].notnull())
    return _grade(_shape_figures(kept, as_of), policy)


def _sum_by_person(purchases: ir.Table, as_of: date) -> ir.Table:
    """Add up each person's purchases."""
    start = ibis.timestamp((as_of - timedelta(days=ROLLING_DAYS)).isoformat())
    recent = purchases["day"] > start
    order = purchases["is_order"]
    return (
        purchases.filter(purchases["person_id"].notnull())
        .group_by("person_id")
        .aggregate(
            value_sum=purchases["value_cents"].sum().cast("int64"),
            recent_sum=purchases["value_cents"].sum(where=recent).cast("int64"),
            orders=order.sum().cast("int64"),
            recent_orders=(order & recent).sum().cast("int64"),
            ecom_orders=(order & purchases["is_ecom"]).sum().cast("int64"),
            first_day=purchases["day"].min(where=order),
            last_day=purchases["day"].max(where=order),
            refunded_sum=purchases["refunded_cents"].sum().cast("int64"),
        )
    )


def _shape_figures(kept: ir.Table, as_of: date) -> ir.Table:
    """Name the figures, with zero where a person bought nothing."""

    def number(name: str) -> Any:
        return kept[name].fill_null(0)

    orders = number("orders")
    day = ibis.timestamp(as_of.isoformat())
    since = (day.epoch_seconds() - kept["last_day"].epoch_seconds()) / 86_400
    return kept.select(
        as_of=day,
        customer_id=kept["person_id"],
        lifetime_value_cents=number("value_sum"),
        rolling_90_day_value_cents=number("recent_sum"),
        order_count=orders,
        rolling_90_day_order_count=number("recent_orders"),
        average_order_value_cents=_divide_half_away(number("value_sum"), orders),
        first_order_date=kept["first_day"],
        last_order_date=kept["last_day"],
        days_since_last_order=since.cast("int64"),
        ecom_order_count=number("ecom_orders"),
        retail_order_count=orders - number("ecom_orders"),
        refunded_value_cents=number("refunded_sum"),
    )


def _divide_half_away(cents: Any, by: Any) -> Any:
    """Divide integers, half away from zero; missing where *by* is 0 (rule 5.1).

    The remainder is taken off first, so that the division itself is exact.
    """
    doubled, twice = cents.abs() * 2 + by, by.nullif(0) * 2
    quotient = ((doubled - doubled % twice) / twice).cast("int64")
    return quotient * cents.sign().cast("int64")


def cents_from(bound: Decimal) -> int:
    """Return the least number of whole cents that reaches *bound*."""
    return math.ceil(bound * 100)


def list_rungs(policy: Policy) -> list[tuple[Tier, int]]:
    """Return the rungs of the ladder and the cents that reach each, highest first."""
    rungs = sorted(policy.tier_thresholds.items(), key=lambda rung: -rung[1])
    return [(tier, cents_from(bound)) for tier, bound in rungs]


def _grade(figures: ir.Table, policy: Policy) -> ir.Table:
    """Add VIP, segment and tier (rules 5.4 to 5.6), in the order of the table."""
    value = figures["lifetime_value_cents"]
    vip, high = cents_from(policy.vip_from), cents_from(policy.high_value_from)
    days = figures["days_since_last_order"]
    segment = ibis.cases(
        (days.isnull(), InactiveSegment.NEVER.value),
        *((days >= bound, word.value) for bound, word in SEGMENT_DAYS),
        else_=InactiveSegment.ACTIVE.value,
    )
    ranked = (
        value
        if policy.tier_basis is TierBasis.LIFETIME
        else figures["rolling_90_day_value_cents"]
    )
    tier = ibis.cases(
        *((ranked >= bound, name.value) for name, bound in list_rungs(policy)),
        (figures["order_count"] > 0, Tier.SEED.value),
        else_=Tier.NONE.value,
    )
    return figures.mutate(
        is_vip=value >= vip,
        is_high_value=(value >= high) & (value < vip),
        inactive_segment=segment,
        tier=tier,
    )
