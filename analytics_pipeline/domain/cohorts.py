"""Cohorts: what became of the people who ordered first in one month (rule 10.5).

The engine counts; a row a cohort and month is fetched, and what is derived from it is
worked out here.  There, a month is the first day of it, without a time.
"""

from datetime import date, timedelta
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from analytics_pipeline.domain.order_days import DAY, Numbers, to_days
from analytics_pipeline.model.checks import CheckResult
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.text import say

REPURCHASE_DAYS = (30, 60, 90, 180, 365)
"""Within how many days of the first order day a second one is counted."""

_YEAR_0 = 1970 * 12


# ----------------------------------------------------------------------------------
# What the engine counts: Ibis expressions over what
# :func:`analytics_pipeline.domain.report.join_first_orders` adds to the days of people.


def add_up_cohorts(joined: ir.Table) -> ir.Table:
    """Count who of each cohort ordered in which month, and what it was worth.

    One row a ``cohort`` (the month of the first order) and ``month``: ``people`` with
    an order in the month, and ``value_cents``.  Of people without any order there is
    no cohort.  A month is a number: see :func:`name_months`.

    Args:
        joined: ``person_id, orders, value_cents, cohort, month``, any number of rows a
            person and month.
    """
    own = joined.filter(joined["cohort"].notnull())
    people = own.group_by(["cohort", "month", "person_id"]).aggregate(
        orders=own["orders"].sum(), value_cents=own["value_cents"].sum()
    )
    return people.group_by(["cohort", "month"]).aggregate(
        people=(people["orders"] > 0).sum().cast("int64"),
        value_cents=people["value_cents"].sum().cast("int64"),
    )


def find_second_days(joined: ir.Table) -> ir.Table:
    """Return the second order day of each person who has one.

    One row a person: ``person_id, second_day``.

    Args:
        joined: ``person_id, day, orders, days_since_first``, any number of rows a day.
    """
    later = joined.filter(joined["orders"] > 0, joined["days_since_first"] > 0)
    return later.group_by("person_id").aggregate(second_day=later["day"].min())


def name_months(counts: pd.DataFrame) -> pd.DataFrame:
    """Return *counts* with each ``cohort`` and ``month`` as the first day of it."""
    return counts.assign(
        cohort=_first_day(counts["cohort"].to_numpy("int64")),
        month=_first_day(counts["month"].to_numpy("int64")),
    )


def list_buyers(firsts: pd.DataFrame, second_days: pd.DataFrame) -> pd.DataFrame:
    """Return each person's first and second order day, with the cohort.

    One row a person with an order: ``person_id, cohort, first_day, second_day``
    (missing with one order day).

    Args:
        firsts: ``customer_id, first_order_date``; missing without an order.
        second_days: what :func:`find_second_days` returns.
    """
    first = firsts.dropna(subset=["first_order_date"])
    buyers = first.merge(
        second_days, left_on="customer_id", right_on="person_id", how="left"
    )
    return pd.DataFrame(
        {
            "person_id": buyers["customer_id"],
            "cohort": _first_day(_month(to_days(buyers["first_order_date"]))),
            "first_day": buyers["first_order_date"],
            "second_day": buyers["second_day"].astype("datetime64[us]"),
        }
    )


# ----------------------------------------------------------------------------------
# What is derived from the counts.


def measure_cohorts(counts: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Return what became of each cohort in each month up to that of D.

    One row a ``cohort`` and ``months_since`` its own month, from 0 to the month of D,
    in this order:

    * ``members``: how many ordered first in the month of the cohort.
    * ``people``: how many of them ordered in this month.
    * ``retention_basis_points``: ``people`` ÷ ``members`` × 10,000, a half upwards.
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
            :func:`add_up_cohorts` counts, with :func:`name_months`.
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
            "retention_basis_points": to_basis_points(people[row, since], members),
            "value_cents": cents[row, since],
            "value_to_date_cents": to_date,
            "cohort_value_cents": pd.arrays.IntegerArray(
                divide_half_away(to_date, members), ~is_whole
            ),
            "is_whole_month": is_whole,
        }
    )


def divide_half_away(cents: Numbers, by: Numbers) -> Numbers:
    """Divide whole numbers, half away from zero, as ``model.money`` does one."""
    size: Numbers = (2 * np.abs(cents) + by) // (2 * by)
    return np.where(cents < 0, -size, size)


# ----------------------------------------------------------------------------------
# Who bought again, and how soon.


def measure_repurchase(
    buyers: pd.DataFrame, as_of: date, group: str = "cohort"
) -> pd.DataFrame:
    """Return which share of each group had a second order day, and how soon.

    One row a value of the column *group* and ``days`` of :data:`REPURCHASE_DAYS`, in
    this order: ``members``; ``repurchased``, how many had a second order day within so
    many days of the first; ``basis_points``, their share.  Both are missing unless all
    members had so many days up to D.

    Args:
        buyers: the column *group*, ``first_day`` and ``second_day`` (missing: none up
            to D), ``datetime64``; a row a member: what :func:`list_buyers` returns, or
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
    points = to_basis_points(
        table["repurchased"].fillna(0).to_numpy("int64"), table["members"].to_numpy()
    )
    shares = pd.arrays.IntegerArray(points, table["repurchased"].isna().to_numpy())
    return table.assign(basis_points=shares).reset_index(drop=True)


def to_basis_points(parts: Numbers, wholes: Numbers) -> Numbers:
    """Return shares in hundredths of a percent, a half upwards."""
    points: Numbers = (20_000 * parts + wholes) // (2 * wholes)
    return points


def to_shares(parts: "pd.Series[int]", wholes: "pd.Series[int]") -> Any:
    """Return shares as :func:`to_basis_points` does; missing where a whole is 0."""
    part, whole = (np.asarray(each, dtype="int64") for each in (parts, wholes))
    points = to_basis_points(part, np.maximum(whole, 1))
    return pd.arrays.IntegerArray(points, whole == 0)


def spread_repurchase(repurchase: pd.DataFrame) -> pd.DataFrame:
    """Return the shares of :func:`measure_repurchase` side by side, a row a cohort.

    Columns ``cohort`` and, for each of the days, ``repurchase_30_basis_points``.
    """
    shares = repurchase.set_index("cohort")
    wide = pd.DataFrame(
        {
            f"repurchase_{days}_basis_points": shares["basis_points"][
                shares["days"] == days
            ]
            for days in REPURCHASE_DAYS
        }
    )
    return wide.reset_index()


# ----------------------------------------------------------------------------------
# The cohorts against the figures of the day.


def check_cohorts(
    customer_cohorts: pd.DataFrame, customer_analytics: pd.DataFrame
) -> CheckResult:
    """Check that the cohorts add up to the people with an order, to the cent.

    Args:
        customer_cohorts: ``CustomerCohorts``.
        customer_analytics: ``CustomerAnalytics`` of the same day.
    """
    buyers = customer_analytics[customer_analytics["order_count"] > 0]
    last = customer_cohorts.drop_duplicates("cohort", keep="last")
    people, members = len(buyers), int(last["members"].sum())
    value = int(buyers["lifetime_value_cents"].sum())
    found = int(customer_cohorts["value_cents"].sum())
    to_date = int(last["value_to_date_cents"].sum())
    passed = people == members and value == found == to_date
    return CheckResult(
        "cohorts_add_up",
        passed,
        f"{say(members, 'member', 'members')} and a value of {format_cents(found)} are "
        f"in the cohorts; {say(people, 'person has', 'people have')} an order, and a "
        f"value of {format_cents(value)}.",
        evidence={
            "people": people,
            "members": members,
            "lifetime_value_cents": value,
            "value_cents": found,
            "value_to_date_cents": to_date,
        },
    )


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
