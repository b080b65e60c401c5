"""What the purchases of each day come to, and the days on which people ordered.

Whatever asks of the whole history asks of days: rhythm, cohorts, outlets, the report.
The months that are over are added up once, by customer record, and kept; whose they are
is asked after that, so that a merge changes none of them.  No more than a row a person
is ever fetched.
"""

from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from analytics_pipeline.domain.analytics import (
    has_no_customer,
    is_from_web,
    money_basis,
)
from analytics_pipeline.model.policy import Policy

Numbers = np.ndarray[Any, np.dtype[np.int64]]

DAY = "datetime64[us]"
"""The type of a day in a frame."""

# ----------------------------------------------------------------------------------
# What the engine adds up: Ibis expressions.


RECORD_DAYS = ibis.schema(
    {
        "customer_id": "string",
        "outlet_id": "string",
        "business_date": "timestamp(6)",
        "is_from_web": "boolean",
        "sales": "int64",
        "orders": "int64",
        "value_incl_cents": "int64",
        "value_excl_cents": "int64",
        "refunded_incl_cents": "int64",
        "refunded_excl_cents": "int64",
    }
)
"""What the completed sales of a customer record come to on one day.

A row is one ``customer_id`` (missing for sales without a customer), outlet, day, and
whether the sales name the web shop as their source.  Money is integer cents.
"""

_SUMS = ("sales", "orders", "value_cents", "refunded_cents")


def sum_record_days(sales: ir.Table) -> ir.Table:
    """Add up ``RawSales`` by customer record and day: the rows of ``RECORD_DAYS``."""
    completed = sales.filter(sales["is_completed"])
    marked = completed.mutate(is_from_web=is_from_web(completed))
    money = {
        name: marked[name].sum().cast("int64")
        for name in RECORD_DAYS.names
        if name.endswith("_cents")
    }
    return (
        marked.group_by(["customer_id", "outlet_id", "business_date", "is_from_web"])
        .aggregate(
            sales=marked.count(),
            orders=marked["is_order"].sum().cast("int64"),
            **money,
        )
        .select(*RECORD_DAYS.names)
    )


def own_days(
    record_days: ir.Table, records: ir.Table, walk_in_ids: list[str], policy: Policy
) -> ir.Table:
    """Say whose ``RECORD_DAYS`` are, if each sale is of its own customer.

    One row a record and day: ``person_id`` (missing: unattributed), ``outlet_id, day,
    is_ecom, sales, orders, value_cents, refunded_cents``.

    Args:
        record_days: the days.
        records: ``record_id, person_id`` of every customer record.
        walk_in_ids: ids of the walk-in customer.
        policy: the shop's choices.
    """
    basis = money_basis(policy)
    own = records.select(customer_id="record_id", record_person="person_id")
    days = record_days.left_join(own, "customer_id").drop("customer_id_right")
    return days.select(
        person_id=has_no_customer(days, walk_in_ids).ifelse(
            ibis.null("string"), days["record_person"]
        ),
        outlet_id=days["outlet_id"],
        day=days["business_date"],
        is_ecom=days["is_from_web"],
        sales=days["sales"],
        orders=days["orders"],
        value_cents=days[f"value_{basis}_cents"],
        refunded_cents=days[f"refunded_{basis}_cents"],
    )


def add_up_days(all_days: ir.Table, special: ir.Table, purchases: ir.Table) -> ir.Table:
    """Return what the purchases of each day come to, by person, outlet and channel.

    One row or more a ``person_id`` (missing: unattributed), ``outlet_id`` (missing if
    no outlet has them), ``day`` and ``is_ecom``, such as one a record of the person:
    ``sales``, how many purchases there are, ``orders, value_cents, refunded_cents``.

    Args:
        all_days: the days of all sales, as :func:`own_days` returns them.
        special: those of the special sales alone, which may be another person's, or a
            web order's.
        purchases: the special sales, and all web orders that add, as
            :func:`analytics_pipeline.domain.analytics.list_purchases` has them.
    """
    rows = purchases.mutate(sales=ibis.literal(1, type="int64"))
    names = ["person_id", "outlet_id", "day", "is_ecom", *_SUMS]
    without = special.mutate(**{name: -special[name] for name in _SUMS})
    # Most days have no special sale, and to group them all takes the engine's memory.
    touched = _with_key(special).select(*_KEY).distinct()
    every = _with_key(all_days)
    parts = ibis.union(
        every.semi_join(touched, _KEY).select(*names),
        without.select(*names),
        rows.select(*names),
        distinct=False,
    )
    days = parts.group_by(["person_id", "outlet_id", "day", "is_ecom"]).aggregate(
        **{name: parts[name].sum().cast("int64") for name in _SUMS}
    )
    return ibis.union(
        every.anti_join(touched, _KEY).select(*names),
        days.filter(days["sales"] > 0).select(*names),
        distinct=False,
    )


_KEY = ["key_of_person", "key_of_outlet", "day", "is_ecom"]


def _with_key(days: ir.Table) -> ir.Table:
    """Add what days are joined by: a missing person or outlet equals another one."""
    return days.mutate(
        key_of_person=days["person_id"].fill_null(""),
        key_of_outlet=days["outlet_id"].fill_null(""),
    )


def summarize_people(person_days: ir.Table, then: date, long_ago: date) -> ir.Table:
    """Return each person's order days in short, and the figures of two earlier days.

    One row a ``person_id``: ``order_days``, how many there are; ``orders_then``,
    ``value_then`` and ``last_day_then``, the last one with an order, as of *then*; and
    ``last_day_long_ago``.  A last day is missing where there was no order.

    Args:
        person_days: ``person_id, day, orders, value_cents``, any number of rows each.
        then: a day up to D.
        long_ago: another one.
    """
    days = person_days.group_by(["person_id", "day"]).aggregate(
        orders=person_days["orders"].sum(),
        value_cents=person_days["value_cents"].sum(),
    )
    has_order = days["orders"] > 0
    by_then = days["day"] <= ibis.timestamp(then.isoformat())
    by_long_ago = days["day"] <= ibis.timestamp(long_ago.isoformat())
    return days.group_by("person_id").aggregate(
        order_days=has_order.sum().cast("int64"),
        orders_then=days["orders"].sum(where=by_then).cast("int64").fill_null(0),
        value_then=days["value_cents"].sum(where=by_then).cast("int64").fill_null(0),
        last_day_then=days["day"].max(where=has_order & by_then),
        last_day_long_ago=days["day"].max(where=has_order & by_long_ago),
    )


def count_gaps(person_days: ir.Table) -> ir.Table:
    """Count the times from one order day of a person to the next by their length.

    One row a length in ``days``: ``returned``, how many there are.

    Args:
        person_days: ``person_id, day, orders``, any number of rows each.
    """
    ordered = person_days.filter(person_days["orders"] > 0)
    days = ordered.select("person_id", "day").distinct()
    previous = days["day"].lag().over(group_by="person_id", order_by="day")
    pairs = days.mutate(previous=previous)
    pairs = pairs.filter(pairs["previous"].notnull())
    seconds = pairs["day"].epoch_seconds() - pairs["previous"].epoch_seconds()
    return pairs.group_by(days=(seconds / 86_400).cast("int64")).aggregate(
        returned=pairs.count()
    )


# ----------------------------------------------------------------------------------
# Days that are fetched, as numbers.


def to_days(days: "pd.Series[Any]") -> Numbers:
    """Return days as numbers: how many each is after 1970-01-01.

    Raises:
        ValueError: one is missing, or is no whole day.
    """
    moments = days.to_numpy(DAY)
    whole = moments.astype("datetime64[D]")
    if not (whole == moments).all():  # a missing one equals nothing
        raise ValueError("a business date is missing, or has a time of day")
    return whole.astype("int64")
