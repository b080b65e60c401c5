"""What the engine adds up of all order days, for models of purchases (rule 11).

Of a large shop there are tens of millions of order days.  What a person is predicted
from is one row; what models are fitted to is fetched as whole numbers, without ids, and
only if its sums are others than those that an earlier model was fitted to.
"""

import ibis
import ibis.expr.types as ir

PRIME = 2_147_483_647
"""Sums are taken of numbers below it, so that their products fit into 64 bits."""

_OF_DAY, _OF_CENTS = 8_191, 31
_OF_PERSON, _OF_SUM, _OF_SQUARES = 1_000_003, 524_287, 131_071
"""What makes one number of several; all far below the prime."""


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


def sum_up_order_days(order_days: ir.Table, until: str) -> ir.Table:
    """Return one row of sums that differ if any order day up to a day does.

    They are ``order_days, people, value_cents`` and two more, which also notice that
    days or values of two people are exchanged, or the places of the people: of each
    person one number is made, of the days and values and of the person's place in the
    order of ids, and its square and cube are added up.  No sum is a float, so that
    every engine comes to the same.
    """
    people = _mix_days(order_days.filter(order_days["day"] <= ibis.timestamp(until)))
    place = ibis.row_number().over(order_by=people["person_id"]).cast("int64")
    mixed = (
        place % PRIME * _OF_PERSON
        + people["mixed"] % PRIME * _OF_SUM
        + people["squares"] % PRIME * _OF_SQUARES
    )
    one = people.mutate(one=mixed % PRIME)
    two = one.mutate(two=one["one"] * one["one"] % PRIME)
    cubes = two["one"] * two["two"] % PRIME
    return two.aggregate(
        order_days=two["order_days"].sum().cast("int64"),
        people=two.count(),
        value_cents=two["value_cents"].sum().cast("int64"),
        squares=two["two"].sum().cast("int64"),
        cubes=cubes.sum().cast("int64"),
    )


def _mix_days(order_days: ir.Table) -> ir.Table:
    """Return of each person the sums of a number made of each order day."""
    cents = order_days["value_cents"].cast("int64")
    mixed = _number(order_days["day"]) * _OF_DAY + cents % PRIME * _OF_CENTS
    days = order_days.select(
        "person_id", value_cents=cents, mixed=mixed.cast("int64") % PRIME
    )
    square = days["mixed"] * days["mixed"] % PRIME
    return days.group_by("person_id").aggregate(
        order_days=days.count(),
        value_cents=days["value_cents"].sum().cast("int64"),
        mixed=days["mixed"].sum().cast("int64"),
        squares=square.sum().cast("int64"),
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
    days = order_days.filter(order_days["day"] <= ibis.timestamp(as_of))
    valued = days["value_cents"].cast("int64").clip(lower=0)
    sums = days.group_by("person_id").aggregate(
        order_days=days.count(),
        first=days["day"].min(),
        last=days["day"].max(),
        valued=(valued > 0).cast("int64").sum().cast("int64"),
        cents=valued.sum().cast("int64"),
        first_cents=valued.argmin(days["day"]),
    )
    first = _number(sums["first"])
    return sums.select(
        "person_id",
        repeat_count=sums["order_days"] - 1,
        recency_days=_number(sums["last"]) - first,
        age_days=_number(ibis.timestamp(as_of)) - first,
        valued_repeat_count=sums["valued"] - (sums["first_cents"] > 0).cast("int64"),
        repeat_value_cents=sums["cents"] - sums["first_cents"],
    )


def _number(day: ir.Value) -> ir.Value:
    """Return a day in days since 1970."""
    return day.date().delta(ibis.date("1970-01-01"), unit="day")
