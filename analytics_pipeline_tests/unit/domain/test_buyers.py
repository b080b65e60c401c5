"""Tests for analytics_pipeline.domain.buyers."""

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.buyers import (
    HISTORY,
    summarize_histories,
    value_order_days,
)
from analytics_pipeline_tests.cdnow_orders import WEEK_39, order_days
from analytics_pipeline_tests.examples import up_to

D = date(2026, 6, 20)
FIRST = D - timedelta(days=40)


def orders(*rows):
    frame = pd.DataFrame(rows, columns=["person_id", "day", "value_cents"])
    kinds = {"person_id": "str", "day": "datetime64[us]", "value_cents": "int64"}
    return frame.astype(kinds)


def ago(days):
    return D - timedelta(days=days)


def histories(*rows, as_of=D):
    return summarize_histories(value_order_days(orders(*rows)), as_of)


ORDERS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", None]),
        st.dates(FIRST, D + timedelta(days=10)),
        st.integers(-5_000, 20_000),
    ),
    max_size=25,
)


def history_of(rows, as_of):
    """One person's history, day by day: what the frame is to say."""
    value = {}
    for _person, day, cents in rows:
        if day <= as_of:
            value[day] = value.get(day, 0) + cents
    first, *repeats = sorted(value)
    worth = [value[day] for day in repeats if value[day] > 0]
    return (
        len(repeats),
        (max(value) - first).days,
        (as_of - first).days,
        len(worth),
        sum(worth) / 100 / len(worth) if worth else 0.0,
    )


@settings(max_examples=up_to(200))
@given(ORDERS)
def test_a_history_is_of_the_order_days_up_to_a_day_rule_11_1(rows):
    found = histories(*rows)

    expected = {
        person: history_of([row for row in rows if row[0] == person], D)
        for person in sorted({row[0] for row in rows if row[0] and row[1] <= D})
    }
    assert found["person_id"].tolist() == list(expected)
    assert tuple(found.columns) == HISTORY
    figures = found[list(HISTORY[1:])].itertuples(index=False, name=None)
    for one, (*counts, mean) in zip(figures, expected.values(), strict=True):
        assert list(one[:-1]) == counts
        assert one[-1] == pytest.approx(mean)


@settings(max_examples=up_to(100))
@given(ORDERS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows, random):
    shuffled = random.sample(rows, len(rows))

    pd.testing.assert_frame_equal(histories(*rows), histories(*shuffled))


def test_several_orders_of_a_day_are_one_order_day():
    found = histories(("a", ago(9), 100), ("a", ago(2), 700), ("a", ago(2), 500))

    assert found["repeat_count"].tolist() == [1]
    assert found["mean_repeat_value"].tolist() == [12.0]


def test_a_day_that_is_worth_nothing_is_a_repeat_without_a_value():
    found = histories(("a", ago(9), 100), ("a", ago(5), 0), ("a", ago(2), 500))

    assert found["repeat_count"].tolist() == [2]
    assert found["valued_repeat_count"].tolist() == [1]
    assert found["mean_repeat_value"].tolist() == [5.0]


def test_orders_of_no_person_take_no_part():
    assert histories((None, ago(9), 100)).empty


@pytest.mark.parametrize("day", [pd.NaT, pd.Timestamp("2026-06-01 09:30")])
def test_a_day_that_is_none_is_refused(day):
    with pytest.raises(ValueError, match="is missing, or has a time of day"):
        histories(("a", ago(9), 100), ("a", day, 100))


def test_without_orders_there_are_no_histories():
    found = histories()

    assert found.empty
    assert tuple(found.columns) == HISTORY


def test_the_published_counts_of_cdnow_come_out_rule_11_1():
    found = summarize_histories(order_days(), WEEK_39)

    assert len(found) == 2357
    assert found["repeat_count"].sum() == 2457
    assert (found["repeat_count"] == 0).sum() == 1411
    assert (found["valued_repeat_count"] > 0).sum() == 946
