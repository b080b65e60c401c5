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

    One row a completed sale, an added order, or a refund of one: ``sale_id`` or
    ``order_number`` (the other one is missing), ``person_id`` (missing: unattributed),
    ``outlet_id`` (missing for added orders), ``day``, ``value_cents``, ``orders`` (1,
    or 0 for a sale that is no order, and for a refund), ``is_ecom``,
    ``refunded_cents``.

    Args:
        raw_sales: the sales.
        records: ``record_id, person_id`` of every customer record.
        sale_people: ``sale_id, person_id`` of sales without a named customer.
        sale_orders: ``sale_id`` of the sales tied to a web order.
        added_orders: the unsynced orders, as :class:`domain.purchases.WebOrders` has
            them.
        walk_in_ids: ids of the walk-in customer.
        policy: the shop's choices.
        as_of: the day D.
    """
    until = raw_sales["business_date"] <= ibis.timestamp(as_of.isoformat())
    sales = join_ties(
        raw_sales.filter(raw_sales["is_completed"] & until),
        records,
        sale_people,
        sale_orders,
    )
    sold = name_purchases(sales, walk_in_ids, policy)
    return add_orders(sold, added_orders)


def add_orders(sold: ir.Table, added_orders: ir.Table) -> ir.Table:
    """Return the purchases *sold*, unsynced web orders, and refunds of these."""
    given_back = added_orders.filter(added_orders["refund_date"].notnull())
    value, refunded = added_orders["value_cents"], given_back["refunded_cents"]
    none, one = ibis.literal(0, type="int64"), ibis.literal(1, type="int64")

    def purchases(rows: ir.Table, day: str, **figures: Any) -> ir.Table:
        return rows.select(
            sale_id=ibis.null("string"),
            order_number=rows["order_number"].cast("string"),
            person_id=rows["person_id"].cast("string"),
            outlet_id=ibis.null("string"),
            # Engines do not agree on the type of a moment.
            day=rows[day].cast(sold["day"].type()),
            **figures,
        ).select(*sold.columns)

    ordered = purchases(
        added_orders,
        "order_date",
        value_cents=value.cast("int64"),
        orders=one,
        is_ecom=ibis.literal(True),
        refunded_cents=none,
    )
    refunds = purchases(
        given_back,
        "refund_date",
        value_cents=-refunded.cast("int64"),
        orders=none,
        is_ecom=ibis.literal(True),
        refunded_cents=refunded.cast("int64"),
    )
    return ibis.union(sold, ordered, refunds, distinct=False)


def join_ties(
    sales: ir.Table, records: ir.Table, sale_people: ir.Table, sale_orders: ir.Table
) -> ir.Table:
    """Add to each sale the person of its record, the one it is tied to, its order.

    These are ``record_person``, ``linked_person`` and ``is_web``; the arguments are
    those of :func:`list_purchases`.
    """
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


def name_purchases(sales: ir.Table, walk_in_ids: list[str], policy: Policy) -> ir.Table:
    """Name what counts of each sale, and whose it is: as :func:`list_purchases`.

    Args:
        sales: completed ones with the columns of :func:`join_ties`.
        walk_in_ids: ids of the walk-in customer.
        policy: the shop's choices.
    """
    basis = money_basis(policy)
    return sales.select(
        sale_id=sales["sale_id"],
        order_number=ibis.null("string"),
        person_id=has_no_customer(sales, walk_in_ids).ifelse(
            sales["linked_person"], sales["record_person"]
        ),
        outlet_id=sales["outlet_id"],
        day=sales["business_date"],
        value_cents=sales[f"value_{basis}_cents"],
        orders=sales["is_order"].cast("int64"),
        is_ecom=is_from_web(sales) | sales["is_web"].fill_null(False),
        refunded_cents=sales[f"refunded_{basis}_cents"],
    )


def money_basis(policy: Policy) -> str:
    """Return how the columns of money are named that count for the shop."""
    return "incl" if policy.money_basis is MoneyBasis.INCL_TAX else "excl"


def has_no_customer(sales: ir.Table, walk_in_ids: list[str]) -> Any:
    """Say whether a sale's customer is missing or the walk-in."""
    missing = sales["customer_id"].isnull()
    if not walk_in_ids:
        return missing
    return missing | sales["customer_id"].isin(walk_in_ids)


def is_from_web(sales: ir.Table) -> Any:
    """Say whether a sale names the web shop as its source."""
    return sales["source"].startswith(WEB_SOURCE).fill_null(False)


# ----------------------------------------------------------------------------------
# Sums by customer record, so that the months that are over need no other look.
#
# Who a record belongs to is asked after the sums: a merge changes none of them. What a
# record's sums do not say comes from *special* sales, one by one: sales that a web
# order or a return may tie to a person other than their own customer's.


STATE = ibis.schema(
    {
        "customer_id": "string",
        "sales": "int64",
        "orders": "int64",
        "ecom_orders": "int64",
        "value_incl_cents": "int64",
        "value_excl_cents": "int64",
        "refunded_incl_cents": "int64",
        "refunded_excl_cents": "int64",
        "first_day": "timestamp(6)",
        "last_day": "timestamp(6)",
    }
)
"""The sums of a record's completed sales, all of them outside the rolling window.

A row is one ``customer_id``; one is missing, for the sales without a customer.  Money
is integer cents; ``ecom_orders`` are orders whose source is the web shop.
"""

_DAYS = ("first_day", "last_day")

_SUMS = (
    *("value_sum", "recent_sum", "orders", "recent_orders", "ecom_orders"),
    *("refunded_sum", "first_day", "last_day"),
)
"""What a person's figures are made from."""


def is_special(sales: ir.Table) -> Any:
    """Say whether a web order or a return may tie a sale to another person."""
    return (
        is_from_web(sales)
        | sales["web_order_number"].notnull()
        | sales["return_for"].notnull()
    )


def sum_state(sales: ir.Table) -> ir.Table:
    """Add up ``RawSales`` by customer record: the rows of ``STATE``."""
    completed = sales.filter(sales["is_completed"])
    order = completed["is_order"]
    money = {
        name: completed[name].sum().cast("int64")
        for name in STATE.names
        if name.endswith("_cents")
    }
    return (
        completed.group_by("customer_id")
        .aggregate(
            sales=completed.count(),
            orders=order.sum().cast("int64"),
            ecom_orders=(order & is_from_web(completed)).sum().cast("int64"),
            first_day=completed["business_date"].min(where=order),
            last_day=completed["business_date"].max(where=order),
            **money,
        )
        .select(*STATE.names)
    )


def fold_states(*states: ir.Table) -> ir.Table:
    """Add up the rows of several ``STATE`` by record."""
    return _fold(ibis.union(*states, distinct=False), "customer_id").select(
        *STATE.names
    )


def _fold(sums: ir.Table, key: str) -> ir.Table:
    """Add up sums by *key*; of their days, the first and the last remain."""
    added = [name for name in sums.columns if name not in (key, *_DAYS)]
    return sums.group_by(key).aggregate(
        first_day=sums["first_day"].min(),
        last_day=sums["last_day"].max(),
        **{name: sums[name].sum().cast("int64") for name in added},
    )


def sum_by_record(
    recent: ir.Table, state: ir.Table | None, policy: Policy, as_of: date
) -> ir.Table:
    """Add up all sales by customer record.

    One row a record and part: ``customer_id, sales`` and the sums of
    :func:`sum_purchases`.

    Args:
        recent: the ``RawSales`` after the *state*, or all of them.
        state: the sums of ``STATE`` of sales before the rolling window, if there is
            one.
        policy: the shop's choices.
        as_of: the day D.
    """
    basis = money_basis(policy)
    completed = recent.filter(recent["is_completed"])
    rows = completed.select(
        customer_id=completed["customer_id"],
        day=completed["business_date"],
        value_cents=completed[f"value_{basis}_cents"],
        orders=completed["is_order"].cast("int64"),
        is_ecom=is_from_web(completed),
        refunded_cents=completed[f"refunded_{basis}_cents"],
    )
    names = ["customer_id", "sales", *_SUMS]
    sums = sum_purchases(rows, "customer_id", as_of).select(*names)
    if state is None:
        return sums
    none = ibis.literal(0, type="int64")
    earlier = state.mutate(
        value_sum=state[f"value_{basis}_cents"],
        recent_sum=none,
        recent_orders=none,
        refunded_sum=state[f"refunded_{basis}_cents"],
    )
    return ibis.union(sums, earlier.select(*names), distinct=False)


def sum_by_person(
    by_record: ir.Table, records: ir.Table, tied: ir.Table, noted: ir.Table
) -> ir.Table:
    """Add up each person's sums: those of the records, and of *tied* purchases.

    Args:
        by_record: what :func:`sum_by_record` returns.
        records: ``record_id, person_id`` of every customer record, without the
            walk-in.
        tied: sums by ``person_id`` of purchases that no record of the person has.
        noted: ``person_id, ecom_orders``: the orders of the person's records that
            are a web order without naming the web shop as their source.
    """
    owned = by_record.inner_join(
        records, by_record["customer_id"] == records["record_id"]
    )
    none = ibis.literal(0, type="int64")
    no_day = ibis.null(by_record["last_day"].type())
    known = ("person_id", "ecom_orders")
    marked = noted.mutate(
        **{
            name: no_day if name in _DAYS else none
            for name in _SUMS
            if name not in known
        }
    )
    names = ["person_id", *_SUMS]
    parts = ibis.union(
        owned.select(*names), tied.select(*names), marked.select(*names), distinct=False
    )
    return _fold(parts.filter(parts["person_id"].notnull()), "person_id")


def list_tied(special: ir.Table, walk_in_ids: list[str], policy: Policy) -> ir.Table:
    """Return the purchases that are somebody's without being a record's of theirs.

    Args:
        special: special sales with the columns of :func:`join_ties`.
        walk_in_ids: ids of the walk-in customer.
        policy: the shop's choices.
    """
    tied = has_no_customer(special, walk_in_ids) & special["linked_person"].notnull()
    return name_purchases(special.filter(tied), walk_in_ids, policy)


def count_noted(special: ir.Table, walk_in_ids: list[str]) -> ir.Table:
    """Count the orders of records that are a web order without the web's source.

    One row a person: ``person_id, ecom_orders``.  The arguments are those of
    :func:`list_tied`.
    """
    noted = special.filter(
        special["is_web"].fill_null(False),
        special["is_order"],
        ~is_from_web(special),
        ~has_no_customer(special, walk_in_ids),
    )
    return noted.group_by(person_id=noted["record_person"]).aggregate(
        ecom_orders=noted.count()
    )


def sum_unattributed(
    by_record: ir.Table, records: ir.Table, tied: ir.Table
) -> ir.Table:
    """Add up what belongs to no person: one row of ``cents, orders``.

    That is what the records without a person have, less what is *tied* to one.
    """
    owned = by_record.left_join(
        records, by_record["customer_id"] == records["record_id"]
    )
    unowned = owned.filter(owned["person_id"].isnull())
    parts = ibis.union(
        unowned.select(cents="value_sum", orders="orders"),
        tied.select(cents=-tied["value_cents"], orders=-tied["orders"]),
        distinct=False,
    )
    return parts.aggregate(cents=parts["cents"].sum(), orders=parts["orders"].sum())


# ----------------------------------------------------------------------------------
# The figures of each person.


def measure_people(
    purchases: ir.Table, people: ir.Table, policy: Policy, as_of: date
) -> ir.Table:
    """Return ``CustomerAnalytics``: the figures of each person as of *as_of*.

    Args:
        purchases: what :func:`list_purchases` returns, or the sums of days.
        people: ``person_id, is_customer``; one who is no customer (rule 3.7) has a
            row only with a purchase.
        policy: the thresholds.
        as_of: the day D.
    """
    owned = purchases.filter(purchases["person_id"].notnull())
    return measure_sums(sum_purchases(owned, "person_id", as_of), people, policy, as_of)


def measure_sums(
    sums: ir.Table, people: ir.Table, policy: Policy, as_of: date
) -> ir.Table:
    """Return ``CustomerAnalytics`` from the *sums* of each person.

    The other arguments are those of :func:`measure_people`.
    """
    joined = people.left_join(sums, "person_id")
    kept = joined.filter(joined["is_customer"] | joined["value_sum"].notnull())
    return _grade(_shape_figures(kept, as_of), policy)


def sum_purchases(purchases: ir.Table, key: str, as_of: date) -> ir.Table:
    """Add up purchases by *key*: how many rows there are as ``sales``, and their sums.

    Args:
        purchases: ``day, value_cents, orders, is_ecom, refunded_cents`` and the *key*:
            single ones, or what those of a day come to.
        key: a column.
        as_of: the day D.
    """
    start = ibis.timestamp((as_of - timedelta(days=ROLLING_DAYS)).isoformat())
    recent = purchases["day"] > start
    orders, none = purchases["orders"], ibis.literal(0, type="int64")

    def count(where: Any) -> Any:
        return orders.sum(where=where).cast("int64").fill_null(none)

    return purchases.group_by(key).aggregate(
        sales=purchases.count(),
        value_sum=purchases["value_cents"].sum().cast("int64"),
        recent_sum=purchases["value_cents"]
        .sum(where=recent)
        .cast("int64")
        .fill_null(0),
        orders=orders.sum().cast("int64"),
        recent_orders=count(recent),
        ecom_orders=count(purchases["is_ecom"]),
        first_day=purchases["day"].min(where=orders > 0),
        last_day=purchases["day"].max(where=orders > 0),
        refunded_sum=purchases["refunded_cents"].sum().cast("int64"),
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
