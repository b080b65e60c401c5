"""Tests for analytics_pipeline.report.sections."""

from datetime import date

import pytest

from analytics_pipeline.report.sections import (
    amount,
    difference,
    has_had_days,
    money,
    share,
)


@pytest.mark.parametrize(
    ("cents", "text"),
    [(0, "0.00"), (-5, "−0.05"), (123_456_789, "1,234,567.89"), (100, "1.00")],
)
def test_money_has_two_decimals_and_its_sign_before_it(cents, text):
    assert money(cents) == text
    assert amount(cents, "cents") == text


def test_what_is_counted_has_no_decimals():
    assert amount(12_345, "people") == "12,345"


def test_a_share_of_nothing_is_empty():
    assert share(1, 3) == "33.3 %"
    assert share(0, 0) == "–"


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (110, 100, "+10 %"),
        (50, 100, "−50 %"),
        (5, 0, "nothing to compare with"),
        (5, -20, "nothing to compare with"),
    ],
)
def test_a_difference_needs_something_to_compare_with(now, before, text):
    assert difference(now, before) == text


def test_everybody_of_a_month_has_had_the_days_when_its_last_day_has():
    assert not has_had_days("2026-02", 90, date(2026, 5, 28))
    assert has_had_days("2026-02", 90, date(2026, 5, 29))
    assert has_had_days("2025-12", 0, date(2025, 12, 31))
