"""The days on which people ordered: each once, in order, by numbers.

Rhythm and cohorts ask for the same: who ordered on which days.  Millions of rows are
sorted once, as whole numbers, and what is asked is read off the sorted rows.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from analytics_pipeline.model.ids import find_places

Numbers = np.ndarray[Any, np.dtype[np.int64]]

DAY = "datetime64[us]"
"""The type of a day in a frame."""


@dataclass(frozen=True, slots=True)
class OrderDays:
    """Each person's order days, ascending, one person after the other.

    Attributes:
        ids: the people who ordered.
        person: of each order day, the person's place in ``ids``, ascending.
        day: the days since 1970-01-01.
    """

    ids: "pd.Index[Any]"
    person: Numbers
    day: Numbers

    @property
    def first(self) -> Numbers:
        """Where each person's first order day is, in the order of ``ids``."""
        return np.flatnonzero(np.diff(self.person, prepend=-1))

    @property
    def last(self) -> Numbers:
        """Where each person's latest order day is."""
        return np.flatnonzero(np.diff(self.person, append=len(self.ids)))

    def find_people(self, people: "pd.Series[Any]") -> Numbers:
        """Return the place of each of *people* in ``ids``; -1 who never ordered."""
        if people.dtype == "str":
            places: Numbers = find_places(people, self.ids.to_series())
            return places
        return self.ids.get_indexer(pd.Index(people)).astype("int64")


def sort_order_days(order_days: pd.DataFrame, as_of: date) -> OrderDays:
    """Return each person's order days up to D, each day once.

    Args:
        order_days: ``person_id`` (of any type; of many millions of rows, numbers or
            categories take less memory than texts) and ``day`` (a business date,
            ``datetime64``): a row an order, or a row a day with orders.
        as_of: the day D.  Later orders are left out, and those without a person.

    Raises:
        ValueError: a day is missing, or has a time of day.
    """
    day, people = to_days(order_days["day"]), order_days["person_id"]
    last = day_number(as_of)
    counts = (day <= last) & people.notna().to_numpy()
    if not counts.all():
        day, people = day[counts], people[counts]
    place, ids = pd.factorize(people)
    if not len(day):
        return OrderDays(pd.Index(ids), day, day)
    start = int(day.min())
    span = last - start + 1
    key = place.astype("int64") * span + (day - start)
    key.sort()
    key = key[np.diff(key, prepend=-1) != 0]
    person, days = np.divmod(key, span)
    return OrderDays(pd.Index(ids), person, days + start)


def describe_buyers(days: OrderDays) -> pd.DataFrame:
    """Return the order days of each person in short.

    One row a person with an order: ``person_id, first_day, second_day`` (missing with
    one order day), ``last_day, order_days`` (how many).
    """
    first, last = days.first, days.last
    count = last - first + 1
    second = from_days(days.day[np.minimum(first + 1, last)])
    second[count == 1] = np.datetime64("NaT")
    return pd.DataFrame(
        {
            "person_id": days.ids,
            "first_day": from_days(days.day[first]),
            "second_day": second,
            "last_day": from_days(days.day[last]),
            "order_days": count,
        }
    )


def day_number(day: date) -> int:
    """Return how many days *day* is after 1970-01-01."""
    return int(np.datetime64(day, "D").astype("int64"))


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


def from_days(numbers: Numbers) -> Any:
    """Return numbers as days, as an array of the type of a frame."""
    return numbers.astype("datetime64[D]").astype(DAY)
