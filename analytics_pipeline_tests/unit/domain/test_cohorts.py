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
    check_cohorts,
    measure_cohorts,
    measure_repurchase,
    spread_repurchase,
)
from analytics_pipeline.model.money import divide_half_away
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.order_days import buyers_of, cohorts_of, repurchase_of
from analytics_pipeline_tests.tables import make_table


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


def frame(purchases: Sequence[Bought], as_of: date) -> pd.DataFrame:
    """Return the purchases up to D."""
    rows = [each for each in purchases if each.day <= as_of]
    columns = ["person_id", "day", "value_cents", "orders"]
    types = {"person_id": "str", "day": "datetime64[us]", "orders": "int64"}
    return pd.DataFrame(rows, columns=columns).astype(types)


def month_of(day: date) -> int:
    return day.year * 12 + day.month


def members_of(purchases: Sequence[Bought], as_of: date) -> dict[date, list[str]]:
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
    for cohort, members in members_of(purchases, as_of).items():
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
                    "retention_basis_points": divide_half_away(
                        10_000 * len(here), len(members)
                    ),
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
@given(PURCHASES, AS_OF)
def test_cohorts_are_as_counted_person_by_person_rule_10_5(
    purchases: list[Bought], as_of: date
) -> None:
    found = cohorts_of(frame(purchases, as_of), as_of)

    assert as_rows(found) == plain_rows(purchases, as_of)


def analytics_of(purchases: Sequence[Bought], as_of: date) -> pd.DataFrame:
    """Return what the check asks of the figures of the day."""
    known = [each for each in purchases if each.day <= as_of]
    rows = [
        {
            "customer_id": person,
            "order_count": sum(e.is_order for e in known if e.person == person),
            "lifetime_value_cents": sum(e.cents for e in known if e.person == person),
        }
        for person in sorted({each.person for each in known})
    ]
    return make_table(CustomerAnalytics, rows, tier="Seed")


@settings(max_examples=up_to(40))
@given(PURCHASES, AS_OF)
def test_members_and_values_add_up_rule_10_5(
    purchases: list[Bought], as_of: date
) -> None:
    found = cohorts_of(frame(purchases, as_of), as_of)

    assert check_cohorts(found, analytics_of(purchases, as_of)).passed


@pytest.mark.parametrize("column", ["members", "value_cents", "value_to_date_cents"])
def test_what_does_not_add_up_is_found_to_the_cent_rule_10_5(column: str) -> None:
    as_of = date(2026, 2, 28)
    bought = [Bought("a", date(2026, 1, 5), 100), Bought("b", date(2026, 2, 5), 50)]
    cohorts = cohorts_of(frame(bought, as_of), as_of)
    cohorts[column] += cohorts.index == len(cohorts) - 1

    found = check_cohorts(cohorts, analytics_of(bought, as_of))

    assert not found.passed
    assert found.evidence["people"] == 2
    assert found.evidence["lifetime_value_cents"] == 150


def test_what_came_before_the_first_order_is_in_its_month_rule_10_5() -> None:
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
    assert found["retention_basis_points"].tolist() == [10_000, 3_333]
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
    found = as_rows(repurchase_of(frame(purchases, as_of), as_of))

    expected = []
    for cohort, members in members_of(purchases, as_of).items():
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
            points = divide_half_away(10_000 * again, len(members))
            row["basis_points"] = points if is_known else None
            expected.append(row)
    assert found == expected


def test_a_second_order_on_the_first_day_is_none_rule_10_5() -> None:
    day = date(2026, 1, 5)
    orders = [Bought("a", day, 1), Bought("a", day, 1), Bought("b", day, 1)]
    orders.append(Bought("b", date(2026, 2, 4), 1))
    ends = date(2026, 3, 31)

    found = repurchase_of(frame(orders, ends), ends)

    assert found["repurchased"].dropna().tolist() == [1, 1]
    assert found["days"].tolist()[:2] == [30, 60]


def test_a_day_decides_whether_all_had_the_days_rule_10_5() -> None:
    """The last member's days count: the first one's 30 days were over long before."""
    orders = [Bought("b", date(2026, 1, 1), 1), Bought("a", date(2026, 1, 30), 1)]
    for ends, known in ((date(2026, 2, 28), 0), (date(2026, 3, 1), 1)):
        found = repurchase_of(frame(orders, ends), ends)
        assert found["basis_points"].notna().sum() == known


def test_other_groups_than_cohorts_can_be_measured() -> None:
    own = buyers_of(frame([Bought("a", date(2026, 1, 1), 1)], date(2026, 3, 31)))
    buyers = pd.concat([own] * 2).assign(product_id=["mug", "tray"])

    found = measure_repurchase(buyers, date(2026, 3, 31), "product_id")

    assert found["product_id"].unique().tolist() == ["mug", "tray"]


def test_the_shares_of_a_cohort_are_side_by_side_rule_10_5() -> None:
    orders = [Bought("a", date(2026, 1, 1), 1), Bought("a", date(2026, 2, 10), 1)]
    ends = date(2026, 3, 31)

    wide = spread_repurchase(repurchase_of(frame(orders, ends), ends))

    assert as_rows(wide) == [
        {
            "cohort": pd.Timestamp("2026-01-01"),
            "repurchase_30_basis_points": 0,
            "repurchase_60_basis_points": 10_000,
            "repurchase_90_basis_points": None,
            "repurchase_180_basis_points": None,
            "repurchase_365_basis_points": None,
        }
    ]
    assert len(spread_repurchase(repurchase_of(frame([], ends), ends)).columns) == 6
