"""Buyers: what models of purchases know of each person who has ordered (rule 11).

It comes from the days on which people ordered, and what they bought on them: several
orders of a person on one day are one order day.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from analytics_pipeline.domain.purchase_models import (
    Flags,
    Histories,
    Ints,
    RepeatValues,
)

CENTS = 100
"""In a unit of the currency."""

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class ValuedOrderDays:
    """Every day on which a person ordered, by person and day.

    Attributes:
        people: the ids of all people, in order; or their places, where ids are not
            asked for.
        person: of each order day, the place of its person in ``people``.
        day: its date, in days since 1970.
        cents: what the person bought on it.
        is_first: whether it is the person's first one.
    """

    people: "pd.Index[Any]"
    person: Ints
    day: Ints
    cents: Ints
    is_first: Flags


def value_order_days(orders: pd.DataFrame) -> ValuedOrderDays:
    """Return the order days of all people, each once.

    Args:
        orders: a row an order, or a row a day with orders: ``person_id`` (those without
            one take no part), ``day`` (a business date, ``datetime64``) and
            ``value_cents`` (what the person bought with it, or on it).

    Raises:
        ValueError: a day is missing, or has a time of day.
    """
    owned = orders[orders["person_id"].notna()]
    person, people = pd.factorize(owned["person_id"], sort=True)
    moments = owned["day"].to_numpy("datetime64[us]")
    dates = moments.astype("datetime64[D]")
    if not (dates == moments).all():  # a missing one equals nothing
        raise ValueError("a business date is missing, or has a time of day")
    day = dates.astype(np.int64)
    order = np.lexsort((day, person))
    person, day = person[order].astype(np.int64), day[order]
    is_other = np.ones(len(day), dtype=np.bool_)
    is_other[1:] = (person[1:] != person[:-1]) | (day[1:] != day[:-1])
    starts = np.flatnonzero(is_other)
    cents = owned["value_cents"].to_numpy(np.int64)[order]
    cents = np.add.reduceat(cents, starts) if len(starts) else cents
    person, day = person[starts], day[starts]
    is_first = np.ones(len(day), dtype=np.bool_)
    is_first[1:] = person[1:] != person[:-1]
    return ValuedOrderDays(pd.Index(people, dtype="str"), person, day, cents, is_first)


def read_order_days(numbered: pd.DataFrame) -> ValuedOrderDays:
    """Return the order days that the engine has numbered and sorted.

    Args:
        numbered: rows of ``order_histories.number_order_days``.
    """
    person, day, cents = (
        numbered[name].to_numpy() for name in ("person", "day", "value_cents")
    )
    is_first = np.ones(len(person), dtype=np.bool_)
    is_first[1:] = person[1:] != person[:-1]
    people = pd.RangeIndex(int(person.max(initial=-1)) + 1)
    return ValuedOrderDays(people, person, day, cents, is_first)


@dataclass(frozen=True, slots=True)
class Buyers:
    """The people who had ordered by a day, and what is known of them on it.

    Attributes:
        person: the place of each in ``ValuedOrderDays.people``, ascending.
        histories: when they ordered.
        repeat_values: what their repeat orders were worth.
    """

    person: Ints
    histories: Histories
    repeat_values: RepeatValues


def find_buyers(order_days: ValuedOrderDays, as_of: date) -> Buyers:
    """Return everyone with an order up to *as_of*, and what is known then."""
    until = number_of(as_of)
    counted = order_days.day <= until
    person, day = order_days.person[counted], order_days.day[counted]
    cents, is_first = order_days.cents[counted], order_days.is_first[counted]
    starts = np.flatnonzero(is_first)
    ends = np.append(starts, len(day))[1:]
    first, last = day[starts], day[ends - 1]
    histories = Histories(ends - starts - 1, last - first, until - first)
    has_value = (cents > 0) & ~is_first
    of_value, size = person[has_value], len(order_days.people)
    buyers = person[starts]
    orders = np.bincount(of_value, minlength=size)[buyers]
    totals = np.bincount(of_value, cents[has_value], size)[buyers]
    means = totals / CENTS / np.maximum(orders, 1)
    return Buyers(buyers, histories, RepeatValues(orders, means))


def number_of(day: date) -> int:
    """Return *day* in days since 1970."""
    return (day - _EPOCH).days


HISTORY = (
    *("person_id", "repeat_count", "recency_days", "age_days"),
    *("valued_repeat_count", "mean_repeat_value"),
)
"""The columns of :func:`summarize_histories`."""


def summarize_histories(order_days: ValuedOrderDays, as_of: date) -> pd.DataFrame:
    """Return what models know of each person with an order up to *as_of*.

    One row a person, by id: ``person_id``, ``repeat_count`` (order days after the
    first: x), ``recency_days`` (from the first order day to the last: t_x),
    ``age_days`` (from the first to *as_of*: T), ``valued_repeat_count`` (order days
    after the first with a value above 0) and ``mean_repeat_value`` (the mean value of
    these in units of the currency, 0 if there are none).
    """
    buyers = find_buyers(order_days, as_of)
    histories, values = buyers.histories, buyers.repeat_values
    people = pd.Series(order_days.people[buyers.person], dtype="str")
    figures = (histories.repeats, histories.recency, histories.age)
    columns = (people, *figures, values.orders, values.means)
    return pd.DataFrame(dict(zip(HISTORY, columns, strict=True)))


def add_mean_values(people: pd.DataFrame) -> pd.DataFrame:
    """Return what :func:`summarize_histories` does, of what the engine has added up.

    Args:
        people: rows of ``order_histories.summarize_people``.
    """
    orders = np.maximum(people["valued_repeat_count"].to_numpy(), 1)
    means = people["repeat_value_cents"].to_numpy() / CENTS / orders
    return people.assign(mean_repeat_value=means)
