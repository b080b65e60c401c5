"""Tests for analytics_pipeline.domain.order_days."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.order_days import describe_buyers, sort_order_days
from analytics_pipeline_tests.examples import up_to

D = date(2026, 3, 31)

ORDERS = st.lists(
    st.tuples(st.none() | st.sampled_from("abc"), st.integers(-3, 60)), max_size=25
)
"""Whose each order is, and how many days before D."""


def frame(orders: Sequence[tuple[str | None, int]], kind: str = "str") -> pd.DataFrame:
    days = [D - timedelta(days=ago) for _, ago in orders]
    return pd.DataFrame(
        {
            "person_id": pd.Series([person for person, _ in orders], dtype=kind),
            "day": pd.Series(days, dtype="datetime64[us]"),
        }
    )


def days_of(orders: Sequence[tuple[str | None, int]]) -> dict[str, list[pd.Timestamp]]:
    """Return the days on which each person ordered up to D, ascending."""
    return {
        person: [
            pd.Timestamp(D - timedelta(days=ago))
            for ago in sorted({a for p, a in orders if p == person and a >= 0})[::-1]
        ]
        for person in sorted({p for p, ago in orders if p is not None and ago >= 0})
    }


@settings(max_examples=up_to(100))
@given(ORDERS, st.sampled_from(["str", "object", "category"]))
def test_each_day_with_an_order_counts_once_rule_10_3(
    orders: list[tuple[str | None, int]], kind: str
) -> None:
    days = sort_order_days(frame(orders, kind), D)
    found = describe_buyers(days)

    expected = days_of(orders)
    rows = {row["person_id"]: row for row in found.to_dict("records")}
    assert rows.keys() == expected.keys()
    assert len(days.day) == sum(map(len, expected.values()))
    for person, own in expected.items():
        row: dict[Any, Any] = rows[person]
        assert (row["first_day"], row["last_day"]) == (own[0], own[-1])
        assert row["order_days"] == len(own)
        second = row["second_day"]
        assert (None if pd.isna(second) else second) == (
            own[1] if len(own) > 1 else None
        )


def test_days_keep_the_type_of_a_frame() -> None:
    types = describe_buyers(sort_order_days(frame([("a", 1)]), D)).dtypes

    assert types["person_id"] == "str"
    for name in ("first_day", "second_day", "last_day"):
        assert types[name] == "datetime64[us]"


@pytest.mark.parametrize("wrong", ["2026-03-01 00:00:01", None])
def test_what_is_no_business_date_is_refused(wrong: str | None) -> None:
    days = pd.Series(pd.to_datetime(["2026-03-01", wrong], format="mixed"))

    with pytest.raises(ValueError, match="business date"):
        sort_order_days(pd.DataFrame({"person_id": ["a", "b"], "day": days}), D)
