"""Tests for analytics_pipeline.domain.cohorts."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.cohorts import (
    REPURCHASE_DAYS,
    add_up_without_cohort,
    count_cohorts,
    list_buyers,
    measure_cohorts,
    measure_repurchase,
)
from analytics_pipeline.domain.order_days import OrderDays, sort_order_days
from analytics_pipeline.model.money import divide_half_away
from analytics_pipeline_tests.examples import up_to


class Bought(NamedTuple):
    """One purchase: whose, when, its cents, and whether it is an order."""

    person: str
    day: date
    cents: int
    is_order: bool = True


START = date(2025, 10, 20)
PURCHASES = st.lists(
    st.builds(
        Bought,
        st.sampled_from("abcde"),
        st.integers(0, 160).map(lambda days: START + timedelta(days=days)),
        st.integers(-500, 500),
        st.sampled_from((True, True, True, False)),
    ),
    max_size=25,
)
AS_OF = st.integers(0, 420).map(lambda days: START + timedelta(days=days)) | (
    st.sampled_from([date(2026, 2, 28), date(2026, 3, 31), date(2026, 3, 30)])
)


def frames(
    purchases: Sequence[Bought], as_of: date, kind: str = "str"
) -> tuple[OrderDays, pd.DataFrame]:
    """Return the order days and the values by person and month, as an engine would."""
    known = [each for each in purchases if each.day <= as_of]
    rows = [(each.person, each.day) for each in known if each.is_order]
    orders = pd.DataFrame(rows, columns=["person_id", "day"])
    types = {"person_id": kind, "day": "datetime64[us]"}
    sums: dict[tuple[str, date], int] = {}
    for each in known:
        key = each.person, each.day.replace(day=1)
        sums[key] = sums.get(key, 0) + each.cents
    worth = [(*key, cents) for key, cents in sums.items()]
    values = pd.DataFrame(worth, columns=["person_id", "month", "value_cents"])
    typed = {"person_id": kind, "month": "datetime64[us]", "value_cents": "int64"}
    return sort_order_days(orders.astype(types), as_of), values.astype(typed)


def month_of(day: date) -> int:
    return day.year * 12 + day.month


def cohorts_of(purchases: Sequence[Bought], as_of: date) -> dict[date, list[str]]:
    """Return who ordered first in which month."""
    firsts: dict[str, date] = {}
    for each in sorted(purchases, key=lambda each: each.day):
        if each.is_order and each.day <= as_of:
            firsts.setdefault(each.person, each.day)
    cohorts: dict[date, list[str]] = {}
    for person, day in firsts.items():
        cohorts.setdefault(day.replace(day=1), []).append(person)
    return dict(sorted(cohorts.items()))


def plain_rows(purchases: Sequence[Bought], as_of: date) -> list[dict[str, Any]]:
    """Return the table as its definitions have it, person by person."""
    known = [each for each in purchases if each.day <= as_of]
    rows = []
    for cohort, members in cohorts_of(purchases, as_of).items():
        for since in range(month_of(as_of) - month_of(cohort) + 1):
            month = month_of(cohort) + since
            mine = [each for each in known if each.person in members]
            here = {e.person for e in mine if e.is_order and month_of(e.day) == month}
            to_date = sum(e.cents for e in mine if month_of(e.day) <= month)
            before = sum(e.cents for e in mine if month_of(e.day) < month)
            is_whole = month < month_of(as_of + timedelta(days=1))
            rows.append(
                {
                    "cohort": pd.Timestamp(cohort),
                    "months_since": since,
                    "members": len(members),
                    "people": len(here),
                    "retention": len(here) / len(members),
                    "value_cents": to_date - (before if since else 0),
                    "value_to_date_cents": to_date,
                    "cohort_value_cents": divide_half_away(to_date, len(members))
                    if is_whole
                    else None,
                    "is_whole_month": is_whole,
                }
            )
    return rows


def as_rows(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    plain = frame.astype("object")
    return plain.where(plain.notna(), None).to_dict("records")


@settings(max_examples=up_to(80))
@given(PURCHASES, AS_OF, st.sampled_from(["str", "object"]))
def test_cohorts_are_as_counted_person_by_person_rule_10_5(
    purchases: list[Bought], as_of: date, kind: str
) -> None:
    days, values = frames(purchases, as_of, kind)

    found = measure_cohorts(count_cohorts(days, values), as_of)

    assert as_rows(found) == plain_rows(purchases, as_of)


@settings(max_examples=up_to(80))
@given(PURCHASES, AS_OF)
def test_members_and_values_add_up_rule_10_5(
    purchases: list[Bought], as_of: date
) -> None:
    days, values = frames(purchases, as_of)

    found = measure_cohorts(count_cohorts(days, values), as_of)
    without = add_up_without_cohort(days, values)

    known = [each for each in purchases if each.day <= as_of]
    buyers = {each.person for each in known if each.is_order}
    assert found.loc[found["months_since"] == 0, "members"].sum() == len(buyers)
    everything = sum(each.cents for each in known)
    assert found["value_cents"].sum() + without == everything
    last = found.drop_duplicates("cohort", keep="last")
    assert last["value_to_date_cents"].sum() + without == everything


def test_the_counts_can_come_from_an_engine_rule_10_5() -> None:
    """What an engine counts before the cohort's own month is in that month."""
    counts = pd.DataFrame(
        {
            "cohort": ["2026-01-01"] * 3,
            "month": ["2025-12-01", "2026-01-01", "2026-02-01"],
            "people": [0, 3, 1],
            "value_cents": [-100, 901, 50],
        }
    ).astype({"cohort": "datetime64[us]", "month": "datetime64[us]"})

    found = measure_cohorts(counts, date(2026, 2, 15))

    assert found["value_to_date_cents"].tolist() == [801, 851]
    assert found["retention"].tolist() == [1, 1 / 3]
    assert as_rows(found[["cohort_value_cents"]]) == [
        {"cohort_value_cents": 267},
        {"cohort_value_cents": None},
    ]
    with pytest.raises(ValueError, match="after that of 2026-01-31"):
        measure_cohorts(counts, date(2026, 1, 31))
    with pytest.raises(ValueError, match="no one who ordered"):
        measure_cohorts(counts.assign(people=0), date(2026, 2, 15))


# Who bought again ------------------------------------------------------------------


@settings(max_examples=up_to(80))
@given(PURCHASES, AS_OF)
def test_repurchase_is_of_cohorts_that_had_the_days_rule_10_5(
    purchases: list[Bought], as_of: date
) -> None:
    days, _ = frames(purchases, as_of)

    found = as_rows(measure_repurchase(list_buyers(days), as_of))

    expected = []
    for cohort, members in cohorts_of(purchases, as_of).items():
        own = [
            sorted(
                {e.day for e in purchases if e[0] == person and e.is_order}
                & {e.day for e in purchases if e.day <= as_of}
            )
            for person in members
        ]
        for within in REPURCHASE_DAYS:
            row: dict[str, Any] = {
                "cohort": pd.Timestamp(cohort),
                "days": within,
                "members": len(members),
            }
            again = sum((each[1] - each[0]).days <= within for each in own if each[1:])
            is_known = all((as_of - each[0]).days >= within for each in own)
            row["repurchased"] = again if is_known else None
            row["repurchase"] = again / len(members) if is_known else None
            expected.append(row)
    assert found == expected


def test_a_second_order_on_the_first_day_is_none_rule_10_5() -> None:
    day = date(2026, 1, 5)
    orders = [Bought("a", day, 1), Bought("a", day, 1), Bought("b", day, 1)]
    days, _ = frames([*orders, Bought("b", date(2026, 2, 4), 1)], date(2026, 3, 31))

    found = measure_repurchase(list_buyers(days), date(2026, 3, 31))

    assert found["repurchased"].dropna().tolist() == [1, 1]
    assert found["days"].tolist()[:2] == [30, 60]


def test_a_day_decides_whether_all_had_the_days_rule_10_5() -> None:
    """The last member's days count: the first one's 30 days were over long before."""
    orders = [Bought("b", date(2026, 1, 1), 1), Bought("a", date(2026, 1, 30), 1)]
    days, _ = frames(orders, date(2026, 2, 28))

    for ends, known in ((date(2026, 2, 28), 0), (date(2026, 3, 1), 1)):
        found = measure_repurchase(list_buyers(days), ends)
        assert found["repurchase"].notna().sum() == known


def test_other_groups_than_cohorts_can_be_measured() -> None:
    days, _ = frames([Bought("a", date(2026, 1, 1), 1)], date(2026, 3, 31))
    buyers = pd.concat([list_buyers(days)] * 2).assign(product_id=["mug", "tray"])

    found = measure_repurchase(buyers, date(2026, 3, 31), "product_id")

    assert found["product_id"].unique().tolist() == ["mug", "tray"]
