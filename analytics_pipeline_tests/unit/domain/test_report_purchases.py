"""Tests for analytics_pipeline.domain.report."""

from collections import Counter, defaultdict
from datetime import date, timedelta

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.report import month_before, month_of, name_month
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.report_measured import (
    AS_OF,
    first_orders,
    measure,
    purchase,
    purchases,
)


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect(threads=1)


def standing_of(each, firsts):
    if each["person_id"] is None:
        return "unattributed"
    first = firsts.get(each["person_id"])
    is_new = first is not None and month_of(first) == month_of(each["day"])
    return "new" if is_new else "returning"


def test_a_month_goes_to_a_number_and_back():
    assert [name_month(month_of(date(2026, m, 28))) for m in (1, 9, 12)] == [
        "2026-01",
        "2026-09",
        "2026-12",
    ]
    assert month_of(date(2027, 1, 1)) - month_of(date(2026, 12, 31)) == 1


@pytest.mark.parametrize(
    ("day", "before"),
    [
        (date(2026, 3, 31), date(2026, 2, 28)),
        (date(2028, 3, 30), date(2028, 2, 29)),
        (date(2026, 1, 15), date(2025, 12, 15)),
    ],
)
def test_a_month_before_a_long_month_ends_with_the_shorter_one(day, before):
    assert month_before(day) == before


@settings(max_examples=up_to(10))
@given(purchases())
def test_months_cohorts_second_orders_and_last_days_are_as_counted_one_by_one(
    engine, rows
):
    firsts = first_orders(rows)
    months, cohorts, times = Counter(), defaultdict(set), defaultdict(list)
    for each in rows:
        month = month_of(each["day"])
        key = month, standing_of(each, firsts), each["is_ecom"]
        months[key, "value_cents"] += each["value_cents"]
        months[key, "orders"] += each["orders"]
        person = each["person_id"]
        if each["orders"] and person is not None:
            cohorts[month_of(firsts[person]), month].add(person)
            times[person].append(each["day"])
    second = defaultdict(Counter)
    for person, days in times.items():
        soon = sorted(days)[1:2]
        within = soon and soon[0] - firsts[person] <= timedelta(days=90)
        word = "again" if within else "later" if soon else "once"
        second[month_of(firsts[person])][word] += 1

    found = measure(engine, rows)

    assert {
        ((m, s, e), column): n
        for m, s, e, *both in found.months.itertuples(index=False, name=None)
        for column, n in zip(("value_cents", "orders"), both, strict=True)
    } == dict(months)
    assert {
        (c, m): n for c, m, n in found.cohorts.itertuples(index=False, name=None)
    } == {key: len(people) for key, people in cohorts.items()}
    assert {
        each["cohort"]: {k: each[k] for k in ("again", "later", "once") if each[k]}
        for each in found.second.to_dict("records")
    } == second
    assert {key: n for key, n in found.recent.items() if n} == recent_days(rows)


def recent_days(rows):
    """Value and orders of the day, the last 30 days and the 30 before, if any."""
    sums = Counter()
    for each in rows:
        ago = (AS_OF - each["day"]).days
        spans = {"day": ago == 0, "last": ago < 30, "before": 30 <= ago < 60}
        for name in (name for name, within in spans.items() if within):
            sums[f"{name}_cents"] += each["value_cents"]
            sums[f"{name}_orders"] += each["orders"]
    return {key: n for key, n in sums.items() if n}


@pytest.mark.parametrize(("days", "word"), [(90, "again"), (91, "later"), (0, "again")])
def test_a_second_order_is_soon_up_to_the_ninetieth_day(engine, days, word):
    rows = [purchase(200, 1000), purchase(200 - days, 1000)]

    row = measure(engine, rows).second.iloc[0]

    assert {k: row[k] for k in ("again", "later", "once")} == {
        "again": 0,
        "later": 0,
        "once": 0,
        word: 1,
    }


@given(st.integers(1970 * 12, 2200 * 12))
def test_every_month_has_a_name_of_its_own(month):
    name = name_month(month)

    assert month_of(date.fromisoformat(f"{name}-01")) == month
