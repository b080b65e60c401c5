"""The cohorts once more, person by person and month by month (rule 10.5)."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pandas as pd

from analytics_pipeline.simulator.records import StoreState
from analytics_pipeline_tests.oracle.bookings import Booking, book_everything
from analytics_pipeline_tests.oracle.people import find_people
from analytics_pipeline_tests.oracle.rhythm import order_days
from analytics_pipeline_tests.oracle.terms import NORMAL, Terms

WITHIN = (30, 60, 90, 180, 365)
Members = list[list[Booking]]
"""The bookings of each member of a cohort."""


def expected_cohorts(
    state: StoreState, as_of: date, terms: Terms = NORMAL
) -> list[tuple[int | date | None, ...]]:
    """Return the table of cohorts, row by row: the columns after ``as_of``."""
    return [
        (cohort, since, *_row(members, cohort, _month_after(cohort, since), as_of))
        for cohort, members in sorted(_cohorts(state, as_of, terms).items())
        for since in range(_months_between(cohort, as_of) + 1)
    ]


def cohort_differences(
    state: StoreState, data: Path, day: date, terms: Terms
) -> Iterator[str]:
    """Name every row of the stored table that the store's own ledger has not."""
    stored = pd.read_parquet(data / f"warehouse/customer_cohorts/{day}.parquet")
    stored["cohort"] = stored["cohort"].dt.date
    cells = stored.drop(columns="as_of").astype("object")
    cells = cells.where(cells.notna(), None)
    found = list(cells.itertuples(index=False, name=None))
    expected = expected_cohorts(state, day, terms)
    if len(found) != len(expected):
        yield f"customer_cohorts: {len(expected)} rows expected, {len(found)} found"
    for ours, theirs in zip(expected, found, strict=False):
        if ours != theirs:
            yield f"customer_cohorts: {ours} expected, {theirs} found"


def _cohorts(state: StoreState, as_of: date, terms: Terms) -> dict[date, Members]:
    by_person: dict[str, list[Booking]] = {}
    for booking in book_everything(state, as_of, find_people(state), terms):
        if booking.person is not None:
            by_person.setdefault(booking.person, []).append(booking)
    cohorts: dict[date, Members] = {}
    for own in by_person.values():
        if days := order_days(own):
            cohorts.setdefault(days[0].replace(day=1), []).append(own)
    return cohorts


def _row(
    members: Members, cohort: date, month: date, as_of: date
) -> Iterator[int | None]:
    following = _month_after(month, 1)
    histories = [order_days(own) for own in members]
    here = [own for own in histories if any(_is_in(day, month) for day in own)]
    to_date = _value_before(following, members)
    yield len(members)
    yield len(here)
    yield _basis_points(len(here), len(members))
    yield to_date - (0 if month == cohort else _value_before(month, members))
    yield to_date
    is_whole = following <= as_of + timedelta(days=1)
    yield _rounded(Decimal(to_date) / len(members)) if is_whole else None
    yield is_whole
    for days in WITHIN:
        again = sum((own[1] - own[0]).days <= days for own in histories if own[1:])
        had_them = all((as_of - own[0]).days >= days for own in histories)
        yield _basis_points(again, len(members)) if had_them else None


def _value_before(day: date, members: Members) -> int:
    return sum(booking.cents for own in members for booking in own if booking.day < day)


def _is_in(day: date, month: date) -> bool:
    return (day.year, day.month) == (month.year, month.month)


def _month_after(month: date, count: int) -> date:
    for _ in range(count):
        month = (month + timedelta(days=31)).replace(day=1)
    return month


def _months_between(month: date, day: date) -> int:
    return 12 * (day.year - month.year) + day.month - month.month


def _basis_points(part: int, whole: int) -> int:
    return _rounded(Decimal(10_000 * part) / whole)


def _rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
