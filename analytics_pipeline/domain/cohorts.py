"""Cohorts: what became of the people who ordered first in one month (rule 10.5).

A month is the first day of it, without a time.  The counts of a cohort by month can
come from here or from an engine; what is derived from them is the same.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from analytics_pipeline.domain.order_days import (
    DAY,
    Numbers,
    OrderDays,
    describe_buyers,
    to_days,
)

REPURCHASE_DAYS = (30, 60, 90, 180, 365)
"""Within how many days of the first order day a second one is counted."""

_YEAR_0 = 1970 * 12


# ----------------------------------------------------------------------------------
# The counts of each cohort by month.


def count_cohorts(days: OrderDays, values: pd.DataFrame) -> pd.DataFrame:
    """Count who of each cohort ordered in which month, and what it was worth.

    One row a ``cohort`` (the month of the first order) and ``month`` with people or a
    value: ``people`` with an order in the month, and ``value_cents``.  Of people
    without any order there is no cohort: see :func:`add_up_without_cohort`.

    Args:
        days: the order days up to D.
        values: ``person_id, month, value_cents``: the net value of a person's
            purchases of a month up to D, any number of rows each.
    """
    cohort, month = _month(days.day[days.first]), _month(days.day)
    is_new = np.diff(days.person, prepend=-1) != 0
    is_new |= np.diff(month, prepend=-1) != 0
    place = days.find_people(values["person_id"])
    is_owned = place >= 0
    worth_in = _month(to_days(values["month"]))[is_owned]
    cents = values["value_cents"].to_numpy("int64")[is_owned]
    cells = _Cells.spanning(month, worth_in)
    people = cells.add_up(cohort[days.person[is_new]], month[is_new], 1)
    worth = cells.add_up(cohort[place[is_owned]], worth_in, cents)
    used = np.flatnonzero((people != 0) | (worth != 0))
    return pd.DataFrame(
        {
            "cohort": _first_day(used // cells.width + cells.start),
            "month": _first_day(used % cells.width + cells.start),
            "people": people[used],
            "value_cents": worth[used],
        }
    )


@dataclass(frozen=True, slots=True)
class _Cells:
    """A cell for each pair of months, cohort by cohort, so that nothing is sorted."""

    start: int
    width: int

    @staticmethod
    def spanning(*months: Numbers) -> "_Cells":
        """Return the cells of all pairs of the *months*."""
        every = [each for each in months if len(each)]
        if not every:
            return _Cells(0, 1)
        start = min(int(each.min()) for each in every)
        return _Cells(start, max(int(each.max()) for each in every) - start + 1)

    def add_up(self, cohort: Numbers, month: Numbers, amounts: Any) -> Numbers:
        """Return the exact sum of the *amounts* in each cell."""
        sums = np.zeros(self.width * self.width, dtype="int64")
        cell = (cohort - self.start) * self.width + month - self.start
        np.add.at(sums, cell, amounts)
        return sums


def add_up_without_cohort(days: OrderDays, values: pd.DataFrame) -> int:
    """Return the cents of people without any order, such as of a return alone.

    With the ``value_cents`` of all cohorts they are the sum of *values*.  The arguments
    are those of :func:`count_cohorts`.
    """
    place = days.find_people(values["person_id"])
    return int(values["value_cents"].to_numpy("int64")[place < 0].sum())


# ----------------------------------------------------------------------------------
# What is derived from the counts.


def measure_cohorts(counts: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Return what became of each cohort in each month up to that of D.

    One row a ``cohort`` and ``months_since`` its own month, from 0 to the month of D,
    in this order:

    * ``members``: how many ordered first in the month of the cohort.
    * ``people``: how many of them ordered in this month.
    * ``retention``: ``people`` ÷ ``members``, from 0 to 1.
    * ``value_cents``: the net value of this month; what came before the first order
      (a return without a sale) is in the month of the cohort.
    * ``value_to_date_cents``: of all months up to the end of this one.
    * ``cohort_value_cents``: the same ÷ ``members``, half a cent away from zero;
      missing where the month is not over on D.
    * ``is_whole_month``: the month is over on D; else what is counted is of a part.

    The ``members`` of month 0 are all people with an order; the sums of
    ``value_cents`` are their lifetime value, to the cent.

    Args:
        counts: ``cohort, month, people, value_cents``, each pair once: what
            :func:`count_cohorts` returns, or an engine's sums.
        as_of: the day D, up to which is counted.

    Raises:
        ValueError: a month is after that of D, or a cohort has no one in its month.
    """
    last = _month_number(as_of)
    cohort = _month(to_days(counts["cohort"]))
    month = np.maximum(_month(to_days(counts["month"])), cohort)
    if (month > last).any():
        raise ValueError(f"a month is after that of {as_of}")
    cohorts = np.unique(cohort)
    people, cents = (
        _spread(cohorts, cohort, month - cohort, counts[name], last)
        for name in ("people", "value_cents")
    )
    if len(cohorts) and not people[:, 0].all():
        raise ValueError("a cohort has no one who ordered in its month")
    return _tabulate(cohorts, people, cents, last, as_of)


def _spread(
    cohorts: Numbers, cohort: Numbers, since: Numbers, amounts: Any, last: int
) -> Numbers:
    """Return sums by cohort (rows) and months since (columns), zero where none is."""
    width = last - int(cohorts[0]) + 1 if len(cohorts) else 0
    sums = np.zeros((len(cohorts), width), dtype="int64")
    place = np.searchsorted(cohorts, cohort), since
    np.add.at(sums, place, amounts.to_numpy("int64"))
    return sums


def _tabulate(
    cohorts: Numbers, people: Numbers, cents: Numbers, last: int, as_of: date
) -> pd.DataFrame:
    """Return the table of :func:`measure_cohorts`."""
    row, since = np.nonzero(cohorts[:, None] + np.arange(people.shape[1]) <= last)
    members = people[row, 0] if len(row) else np.zeros(0, dtype="int64")
    to_date = np.cumsum(cents, axis=1)[row, since]
    ends = (as_of + timedelta(days=1)).day == 1
    is_whole = (cohorts[row] + since < last) | ends
    return pd.DataFrame(
        {
            "cohort": _first_day(cohorts[row]),
            "months_since": since,
            "members": members,
            "people": people[row, since],
            "retention": people[row, since] / members,
            "value_cents": cents[row, since],
            "value_to_date_cents": to_date,
            "cohort_value_cents": pd.arrays.IntegerArray(
                _divide_half_away(to_date, members), ~is_whole
            ),
            "is_whole_month": is_whole,
        }
    )


def _divide_half_away(cents: Numbers, by: Numbers) -> Numbers:
    """Divide whole numbers, half away from zero, as ``model.money`` does one."""
    size: Numbers = (2 * np.abs(cents) + by) // (2 * by)
    return np.where(cents < 0, -size, size)


# ----------------------------------------------------------------------------------
# Who bought again, and how soon.


def list_buyers(days: OrderDays) -> pd.DataFrame:
    """Return each person's first and second order day, with the cohort.

    One row a person with an order: ``person_id, cohort, first_day, second_day``
    (missing with one order day).
    """
    buyers = describe_buyers(days)[["person_id", "first_day", "second_day"]]
    cohort = _first_day(_month(to_days(buyers["first_day"])))
    buyers.insert(1, "cohort", cohort)
    return buyers


def measure_repurchase(
    buyers: pd.DataFrame, as_of: date, group: str = "cohort"
) -> pd.DataFrame:
    """Return which share of each group had a second order day, and how soon.

    One row a value of the column *group* and ``days`` of :data:`REPURCHASE_DAYS`, in
    this order: ``members``; ``repurchased``, how many had a second order day within so
    many days of the first; ``repurchase``, their share, from 0 to 1.  Both are missing
    unless all members had so many days up to D.

    Args:
        buyers: the column *group*, ``first_day`` and ``second_day`` (missing: none up
            to D), ``datetime64``; a row a member.  What :func:`list_buyers` returns, or
            first buyers by what they bought.
        as_of: the day D.
        group: the column by which members are grouped.
    """
    waited = (buyers["second_day"] - buyers["first_day"]).dt.days
    first = buyers.groupby(group)["first_day"]
    followed = (pd.Timestamp(as_of) - first.max()).dt.days
    parts = []
    for days in REPURCHASE_DAYS:
        again = (waited <= days).groupby(buyers[group]).sum().astype("Int64")
        columns = {
            "days": days,
            "members": first.size(),
            "repurchased": again.where(followed >= days),
        }
        parts.append(pd.DataFrame(columns))
    table = pd.concat(parts).reset_index().sort_values([group, "days"])
    repurchased = table["repurchased"].to_numpy("float64", na_value=np.nan)
    share = repurchased / table["members"].to_numpy()
    return table.assign(repurchase=share).reset_index(drop=True)


# ----------------------------------------------------------------------------------
# Months as numbers: year × 12 + month - 1.


def _month(days: Numbers) -> Numbers:
    """Return the months of days since 1970-01-01."""
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    return months.astype("int64") + _YEAR_0


def _month_number(day: date) -> int:
    return day.year * 12 + day.month - 1


def _first_day(months: Numbers) -> Any:
    """Return the first day of each month."""
    first = (months - _YEAR_0).astype("datetime64[M]")
    return first.astype("datetime64[D]").astype(DAY)
