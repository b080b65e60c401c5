"""Tests for analytics_pipeline.domain.explanation."""

from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal

import pandas as pd
import pytest

from analytics_pipeline.domain.explanation import (
    Line,
    LineKind,
    add_up,
    find_differences,
    foresee,
    window_start,
)
from analytics_pipeline.model.policy import Policy

D = date(2026, 6, 20)
PLAIN = {
    "kind": LineKind.SALE,
    "id": "s1",
    "record_id": "c1",
    "refunded_cents": 0,
    "counts": True,
    "is_order": True,
    "is_ecom": False,
    "why": "closed; an order",
}


def line(days_before, cents, **changes):
    day = D - timedelta(days=days_before)
    return Line(**{**PLAIN, "day": day, "value_cents": cents, **changes})


LINES = [
    line(90, 10_000),
    line(89, 20_001),
    line(3, -5_000, is_order=False, refunded_cents=5_000),
    line(1, 99_999, counts=False),
    line(2, 4_000, is_ecom=True),
]


def test_the_window_begins_89_days_before_rule_5_2():
    assert window_start(D) == D - timedelta(days=89)


def test_only_what_counts_is_added_up_rules_5_1_to_5_4():
    figures = add_up(LINES, Policy(), D)

    assert asdict(figures) == {
        "lifetime_value_cents": 29_001,
        "rolling_90_day_value_cents": 19_001,
        "order_count": 3,
        "rolling_90_day_order_count": 2,
        "average_order_value_cents": 9_667,
        "first_order_date": D - timedelta(days=90),
        "last_order_date": D - timedelta(days=2),
        "days_since_last_order": 2,
        "is_vip": False,
        "is_high_value": False,
        "ecom_order_count": 1,
        "retail_order_count": 2,
        "refunded_value_cents": 5_000,
    }


def test_nothing_adds_up_to_nothing_rule_5_1():
    figures = add_up([], Policy(), D)

    assert (figures.lifetime_value_cents, figures.order_count) == (0, 0)
    assert figures.average_order_value_cents is None
    assert figures.last_order_date is None


@pytest.mark.parametrize(
    ("bounds", "reported"),
    [
        (("290.01", "290.00"), (True, False)),
        (("290.02", "290.01"), (False, True)),
        (("290.03", "290.02"), (False, False)),
    ],
)
def test_vip_and_high_value_begin_at_their_bounds_rule_5_4(bounds, reported):
    vip, high = map(Decimal, bounds)

    figures = add_up(LINES, Policy(vip_from=vip, high_value_from=high), D)

    assert (figures.is_vip, figures.is_high_value) == reported


def row_of(lines):
    """The row of ``CustomerAnalytics`` that says just what the lines add up to."""
    outlook = foresee(lines, Policy(), D)
    cells = asdict(add_up(lines, Policy(), D))
    words = {"tier": str(outlook.tier), "inactive_segment": str(outlook.segment)}
    return {
        name: pd.NA
        if value is None
        else pd.Timestamp(value)
        if isinstance(value, date)
        else value
        for name, value in {**cells, **words}.items()
    }


@pytest.mark.parametrize("lines", [LINES, []])
def test_a_row_that_says_the_same_differs_in_nothing(lines):
    figures, outlook = add_up(lines, Policy(), D), foresee(lines, Policy(), D)

    assert find_differences(figures, outlook, row_of(lines)) == []


@pytest.mark.parametrize("name", row_of(LINES))
def test_each_column_that_says_something_else_is_named(name):
    figures, outlook = add_up(LINES, Policy(), D), foresee(LINES, Policy(), D)

    assert find_differences(figures, outlook, row_of(LINES) | {name: pd.NA}) == [name]
