"""The days on which people ordered, each once.

Rhythm and cohorts ask for the same: who ordered on which days.  The engine adds them
up, so that no more than a row a person is ever fetched.
"""

from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

Numbers = np.ndarray[Any, np.dtype[np.int64]]

DAY = "datetime64[us]"
"""The type of a day in a frame."""

# ----------------------------------------------------------------------------------
# What the engine adds up: Ibis expressions.


def add_up_days(purchases: ir.Table) -> ir.Table:
    """Return what each person's purchases of a day come to, at each outlet.

    One row a ``person_id``, ``day`` and ``outlet_id`` (missing where no outlet has
    them): ``orders, value_cents``.

    Args:
        purchases: what :func:`analytics_pipeline.domain.analytics.list_purchases`
            returns.
    """
    owned = purchases.filter(purchases["person_id"].notnull())
    return owned.group_by(["person_id", "day", "outlet_id"]).aggregate(
        orders=owned["is_order"].sum().cast("int64"),
        value_cents=owned["value_cents"].sum().cast("int64"),
    )


def summarize_people(person_days: ir.Table, then: date, long_ago: date) -> ir.Table:
    """Return each person's order days in short, and the figures of two earlier days.

    One row a ``person_id``: ``order_days``, how many there are; ``orders_then``,
    ``value_then`` and ``last_day_then``, the last one with an order, as of *then*; and
    ``last_day_long_ago``.  A last day is missing where there was no order.

    Args:
        person_days: what :func:`add_up_days` returns.
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
        person_days: what :func:`add_up_days` returns.
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
