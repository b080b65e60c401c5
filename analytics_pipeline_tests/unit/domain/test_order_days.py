"""Tests for analytics_pipeline.domain.order_days."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.order_days import (
    add_up_days,
    count_gaps,
    describe_buyers,
    sort_order_days,
    summarize_people,
)
from analytics_pipeline.engine.duckdb import columns_to_ibis
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


# By the engine ---------------------------------------------------------------------

PURCHASES = st.lists(
    st.tuples(
        st.none() | st.sampled_from("abc"),
        st.none() | st.sampled_from(["East", "West"]),
        st.integers(0, 30),
        st.booleans(),
        st.integers(-500, 500),
    ),
    max_size=20,
)
"""Of each purchase the person, outlet, days before D, whether an order, and cents."""

Purchase = tuple[str | None, str | None, int, bool, int]
TYPES = {
    "person_id": "string",
    "outlet_id": "string",
    "day": "timestamp",
    "is_order": "boolean",
    "value_cents": "int64",
}


@cache
def engine() -> Any:
    return ibis.duckdb.connect(threads=1)


def person_days(purchases: Sequence[Purchase]) -> Any:
    rows = [
        (person, outlet, pd.Timestamp(D - timedelta(days=ago)), *rest)
        for person, outlet, ago, *rest in purchases
    ]
    return add_up_days(columns_to_ibis(pd.DataFrame(rows, columns=list(TYPES)), TYPES))


def ages_of(purchases: Sequence[Purchase], person: str) -> list[int]:
    """Return how many days before D each order day of a person is, descending."""
    return sorted({a for p, _, a, order, _ in purchases if p == person and order})[::-1]


def last_ago(purchases: Sequence[Purchase], person: str, ago: int) -> Any:
    """Return the last order day of a person up to so many days before D."""
    ages = [each for each in ages_of(purchases, person) if each >= ago]
    return pd.Timestamp(D - timedelta(days=min(ages))) if ages else None


@settings(max_examples=up_to(50))
@given(PURCHASES, st.integers(0, 30), st.integers(0, 30))
def test_the_engine_counts_each_day_with_an_order_once_rule_10_3(
    purchases: list[Purchase], then: int, long_ago: int
) -> None:
    dates = (D - timedelta(days=ago) for ago in (then, long_ago))

    found = engine().to_pandas(summarize_people(person_days(purchases), *dates))

    rows = {row["person_id"]: row for row in found.to_dict("records")}
    assert rows.keys() == {person for person, *_ in purchases if person}
    for person, row in rows.items():
        early = [own for own in purchases if own[0] == person and own[2] >= then]
        assert row["order_days"] == len(ages_of(purchases, person))
        assert row["orders_then"] == sum(order for *_, order, _ in early)
        assert row["value_then"] == sum(cents for *_, cents in early)
        lasts = (row["last_day_then"], row["last_day_long_ago"])
        assert [None if pd.isna(day) else day for day in lasts] == [
            last_ago(purchases, person, ago) for ago in (then, long_ago)
        ]


@settings(max_examples=up_to(50))
@given(PURCHASES)
def test_the_engine_counts_the_gaps_between_order_days_rule_10_4(
    purchases: list[Purchase],
) -> None:
    expected = Counter(
        earlier - later
        for person in "abc"
        for earlier, later in pairwise(ages_of(purchases, person))
    )

    found = engine().to_pandas(count_gaps(person_days(purchases)))

    assert dict(zip(found["days"], found["returned"], strict=True)) == expected
