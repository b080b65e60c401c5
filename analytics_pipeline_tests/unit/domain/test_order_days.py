"""Tests for analytics_pipeline.domain.order_days."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.order_days import (
    count_gaps,
    summarize_people,
    to_days,
)
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.order_days import PURCHASE, days_of, engine

D = date(2026, 3, 31)


@pytest.mark.parametrize("wrong", ["2026-03-01 00:00:01", None])
def test_what_is_no_business_date_is_refused(wrong: str | None) -> None:
    days = pd.Series(pd.to_datetime(["2026-03-01", wrong], format="mixed"))

    with pytest.raises(ValueError, match="business date"):
        to_days(days)


# By the engine ---------------------------------------------------------------------

PURCHASES = st.lists(
    st.tuples(
        st.none() | st.sampled_from("abc"),
        st.none() | st.sampled_from(["East", "West"]),
        st.integers(0, 30),
        st.integers(0, 2),
        st.integers(-500, 500),
    ),
    max_size=20,
)
"""Of purchases the person, outlet, days before D, how many are orders, and cents."""

Purchase = tuple[str | None, str | None, int, int, int]


def person_days(purchases: Sequence[Purchase]) -> Any:
    rows = [
        (person, outlet, pd.Timestamp(D - timedelta(days=ago)), *rest)
        for person, outlet, ago, *rest in purchases
    ]
    return days_of(pd.DataFrame(rows, columns=list(PURCHASE)))


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
