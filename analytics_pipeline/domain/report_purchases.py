"""What the report asks of the purchases: months, channels, cohorts, second orders.

Each is one Ibis expression over what :func:`domain.analytics.list_purchases` returns
and the day of each person's first order.  A month is a number, year × 12 + month - 1,
so that months can be subtracted in any engine.
"""

from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

NEW = "new"
RETURNING = "returning"
NOBODY = "unattributed"

SECOND_WITHIN_DAYS = 90
"""Within how many days of the first order a second one counts as a return."""

FIRST_ORDER = {"customer_id": "string", "first_order_date": "timestamp"}
"""What is asked of ``customer_analytics``."""


def month_of(day: date) -> int:
    """Return the month of *day* as a number."""
    return day.year * 12 + day.month - 1


def name_month(month: int) -> str:
    """Return a month's number as people write it: ``2026-10``."""
    return f"{month // 12}-{month % 12 + 1:02d}"


def join_first_orders(purchases: ir.Table, firsts: ir.Table) -> ir.Table:
    """Add to each purchase its month, and how long after its person's first order.

    Columns ``month``, ``cohort`` (the month of the first order), ``days_since_first``.

    Args:
        purchases: what counts, with its person.
        firsts: the columns ``FIRST_ORDER`` of ``customer_analytics``.
    """
    known = firsts.filter(firsts["first_order_date"].notnull())
    joined = purchases.left_join(known, purchases["person_id"] == known["customer_id"])
    days = joined["day"].epoch_seconds() - joined["first_order_date"].epoch_seconds()
    return joined.select(
        *purchases.columns,
        month=_month(joined["day"]),
        cohort=_month(joined["first_order_date"]),
        days_since_first=(days / 86_400).cast("int64"),
    )


def _month(day: Any) -> Any:
    return (day.year() * 12 + day.month() - 1).cast("int64")


def add_up_months(joined: ir.Table) -> ir.Table:
    """Return value and orders of each month, by whose they are and where they were.

    One row a ``month``, ``standing`` and ``is_ecom``: ``value_cents``, ``orders``.  A
    purchase is of a new customer in the month of the first order, else of a returning
    one; what nobody is known for is unattributed.
    """
    standing = ibis.cases(
        (joined["person_id"].isnull(), NOBODY),
        (joined["month"] == joined["cohort"], NEW),
        else_=RETURNING,
    )
    return (
        joined.mutate(standing=standing)
        .group_by("month", "standing", "is_ecom")
        .aggregate(
            value_cents=joined["value_cents"].sum().cast("int64"),
            orders=joined["is_order"].sum().cast("int64"),
        )
    )


def count_cohorts(joined: ir.Table) -> ir.Table:
    """Return how many people of each cohort ordered in each month after it.

    One row a ``cohort`` (the month of the first order) and ``month``: ``people``.
    """
    orders = joined.filter(joined["is_order"] & joined["cohort"].notnull())
    return orders.group_by("cohort", "month").aggregate(
        people=orders["person_id"].nunique()
    )


def count_second_orders(joined: ir.Table) -> ir.Table:
    """Return of each cohort how many ordered again: soon, later, or not so far.

    One row a ``cohort``: ``again`` (a second order within ``SECOND_WITHIN_DAYS`` of
    the first), ``later``, ``once``.  Two orders on the first day are a second order.
    """
    orders = joined.filter(joined["is_order"] & joined["cohort"].notnull())
    soon = orders["days_since_first"] <= SECOND_WITHIN_DAYS
    people = orders.group_by("person_id", "cohort").aggregate(
        orders=orders.count(), soon=soon.sum()
    )
    again = people["soon"] > 1
    return people.group_by("cohort").aggregate(
        again=again.sum().cast("int64"),
        later=(~again & (people["orders"] > 1)).sum().cast("int64"),
        once=(people["orders"] == 1).sum().cast("int64"),
    )


def add_up_recent_days(purchases: ir.Table, as_of: date) -> ir.Table:
    """Return one row: value and orders of the day, of 30 days, of the 30 before.

    Columns ``day_cents``, ``day_orders``, ``last_cents``, ``last_orders``,
    ``before_cents``, ``before_orders``, and the latest day of all as ``latest``.
    """
    day = purchases["day"]
    start, middle = (_midnight(as_of - timedelta(days=days)) for days in (60, 30))
    spans = {
        "day": day == _midnight(as_of),
        "last": day > middle,
        "before": (day > start) & (day <= middle),
    }
    return purchases.aggregate(
        **{
            f"{name}_cents": purchases["value_cents"].sum(where=within).cast("int64")
            for name, within in spans.items()
        },
        **{
            f"{name}_orders": (purchases["is_order"] & within).sum().cast("int64")
            for name, within in spans.items()
        },
        latest=day.max(),
    )


def _midnight(day: date) -> Any:
    return ibis.timestamp(day.isoformat())


def month_before(day: date) -> date:
    """Return the same day a month earlier, or the last one of a shorter month."""
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=min(day.day, last.day))
