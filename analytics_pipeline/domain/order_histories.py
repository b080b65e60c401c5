"""What the engine adds up of all order days, for models of purchases (rule 11).

Of a large shop there are tens of millions of order days.  What a person is predicted
from is one row; what models are fitted to is fetched as whole numbers, without ids, and
only if its sums are others than those that an earlier model was fitted to.
"""

import ibis
import ibis.expr.types as ir

PRIME = 2_147_483_647
"""Sums are taken of numbers below it, so that their products fit into 64 bits."""

_FACTORS = {"person": 1_000_003, "day": 8_191, "value_cents": 31}
"""What makes of an order day one number; all far below the prime."""


def number_order_days(order_days: ir.Table, until: str) -> ir.Table:
    """Return the order days up to a day in numbers, by person and day.

    ``person`` is the place of the person in the order of ids, of those who ordered by
    then, ``day`` is in days since 1970.

    Args:
        order_days: ``person_id, day, value_cents``: a row a person and day.
        until: the day, as ``YYYY-MM-DD``.
    """
    counted = order_days.filter(order_days["day"] <= ibis.timestamp(until))
    people = counted.select("person_id").distinct()
    numbers = people.select(
        "person_id",
        person=ibis.row_number().over(order_by=people["person_id"]).cast("int32"),
    )
    numbered = counted.join(numbers, "person_id").select(
        "person",
        day=_number(counted["day"]).cast("int32"),
        value_cents=counted["value_cents"].cast("int64"),
    )
    return numbered.order_by(["person", "day"])


def sum_up_order_days(numbered: ir.Table) -> ir.Table:
    """Return one row of sums that differ if anything of *numbered* does.

    They are ``order_days, people, value_cents`` and two more, of a square and a cube of
    each order day as one number, which also notice that two people have changed places.
    No sum is a float, so that every engine comes to the same.
    """
    parts = [
        numbered[name].cast("int64") % PRIME * factor
        for name, factor in _FACTORS.items()
    ]
    one = numbered.mutate(one=(parts[0] + parts[1] + parts[2]) % PRIME)
    two = one.mutate(two=one["one"] * one["one"] % PRIME)
    return two.aggregate(
        order_days=two.count(),
        people=two["person"].max() + 1,
        value_cents=two["value_cents"].sum().cast("int64"),
        squares=two["two"].sum().cast("int64"),
        cubes=(two["one"] * two["two"] % PRIME).sum().cast("int64"),
    )


def summarize_people(order_days: ir.Table, as_of: str) -> ir.Table:
    """Return what models know of each person with an order up to a day.

    One row a person: ``person_id, repeat_count, recency_days, age_days,
    valued_repeat_count`` as ``buyers.summarize_histories`` has them, and
    ``repeat_value_cents``, the value of the valued repeats.

    Args:
        order_days: ``person_id, day, value_cents``: a row a person and day.
        as_of: the day, as ``YYYY-MM-DD``.
    """
    counted = order_days.filter(order_days["day"] <= ibis.timestamp(as_of))
    firsts = counted.group_by("person_id").aggregate(first=counted["day"].min())
    days = counted.join(firsts, "person_id").select(
        "person_id", "day", "first", "value_cents"
    )
    cents = days["value_cents"]
    is_valued = (days["day"] > days["first"]) & (cents > 0)
    return days.group_by("person_id").aggregate(
        repeat_count=days.count() - 1,
        recency_days=_number(days["day"].max()) - _number(days["first"].min()),
        age_days=_number(ibis.timestamp(as_of)) - _number(days["first"].min()),
        valued_repeat_count=is_valued.ifelse(1, 0).sum().cast("int64"),
        repeat_value_cents=is_valued.ifelse(cents, 0).sum().cast("int64"),
    )


def _number(day: ir.Value) -> ir.Value:
    """Return a day in days since 1970."""
    return day.date().delta(ibis.date("1970-01-01"), unit="day")
