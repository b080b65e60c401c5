"""Tests for analytics_pipeline.domain.anomalies.days."""

from datetime import date, timedelta

import pytest

from analytics_pipeline.domain.anomalies.days import DayProfile, check_prices
from analytics_pipeline.model.checks import Severity
from analytics_pipeline.model.policy import AnomalyLimits

DAY = date(2026, 6, 23)
NORMAL = 4000


def before(days=28, worthless=0, cents=NORMAL):
    """The profiles of *days* before DAY, of twenty orders each."""
    each = DayProfile(
        orders=20 + worthless,
        priced_orders=20,
        median_cents=cents,
        worthless_orders=worthless,
    )
    return {DAY - timedelta(days=n): each for n in range(1, days + 1)}


def evaluate(totals, days=None, worthless=0, since=None, **choices):
    days = dict(before() if days is None else days)
    days[DAY] = DayProfile(
        orders=len(totals) + worthless,
        priced_orders=len(totals),
        worthless_orders=worthless,
    )
    return check_prices(DAY, days, totals, AnomalyLimits(**choices), since)


def outcome_of(found):
    return "passed" if found.passed else found.severity


@pytest.mark.parametrize(
    ("cents", "expected"),
    [
        (NORMAL, "passed"),
        (3 * NORMAL - 1, "passed"),
        (3 * NORMAL, Severity.WARN),
        (20 * NORMAL - 1, Severity.WARN),
        (20 * NORMAL, Severity.ERROR),
        (100 * NORMAL, Severity.ERROR),
        (NORMAL // 2, "passed"),
        (NORMAL // 3, Severity.WARN),
        (NORMAL // 20 + 1, Severity.WARN),
        (NORMAL // 20, Severity.ERROR),
        (NORMAL // 100, Severity.ERROR),
    ],
)
def test_three_times_warns_and_twenty_times_stops_either_way(cents, expected):
    assert outcome_of(evaluate([cents] * 10)) == expected


def test_both_sides_are_reported():
    found = evaluate([100 * NORMAL] * 12)

    assert found.sentence == "The median order value is 4000.00; normally it is 40.00."
    assert found.evidence == {
        "orders": 12, "days_known": 28, "middle_cents": 400_000, "usual_cents": 4000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cents", "subject"),
    [(100 * NORMAL, "×100"), (137 * NORMAL, "×100"), (NORMAL // 90, "÷100"),
     (20 * NORMAL, "×10"), (1000 * NORMAL, "×1000")],
)  # fmt: skip
def test_a_stop_is_named_by_its_power_of_ten_so_that_a_late_edit_leaves_it(
    cents, subject
):
    assert evaluate([cents] * 10).subject == subject
    assert evaluate([cents] * 11 + [cents + 1]).subject == subject


def test_a_warning_cannot_be_taken_for_a_stop():
    assert evaluate([3 * NORMAL] * 10).subject is None


def test_five_orders_say_nothing_and_six_may_stop_a_small_shop():
    assert evaluate([100 * NORMAL] * 5).passed
    assert evaluate([100 * NORMAL] * 6).blocks


def test_eight_orders_three_times_as_dear_may_be_luck_and_nine_are_not():
    assert evaluate([3 * NORMAL] * 8).passed
    assert not evaluate([3 * NORMAL] * 9).passed


@pytest.mark.parametrize(("days", "passed"), [(0, True), (13, True), (14, False)])
def test_fourteen_days_are_learned_first(days, passed):
    found = evaluate([100 * NORMAL] * 10, before(days))

    assert found.passed is passed
    assert (
        found.sentence == f"Still learning: {days} of 14 days with orders."
    ) is passed


def test_only_the_last_twenty_eight_days_with_sales_are_compared():
    days = before(60, cents=100) | before(28)
    days |= {DAY - timedelta(days=n): DayProfile() for n in (1, 2)}

    assert evaluate([NORMAL] * 10, days).evidence["days_known"] == 28
    assert evaluate([NORMAL] * 10, days).passed


def test_later_days_are_no_history():
    days = before(13) | {DAY + timedelta(days=1): before(1)[DAY - timedelta(days=1)]}

    assert evaluate([NORMAL] * 10, days).evidence["days_known"] == 13


def test_a_handful_of_dear_orders_may_be_luck():
    """Two of twelve orders below the usual middle are nothing that luck cannot do."""
    totals = [3 * NORMAL] * 10 + [NORMAL // 2] * 2

    assert evaluate(totals).passed
    assert not evaluate([3 * NORMAL] * 12).passed
    assert not evaluate(totals, max_luck=0.1).passed
    assert not evaluate([100 * NORMAL] * 10 + [NORMAL // 2] * 2).passed


# Worth nothing --------------------------------------------------------------------


def test_orders_that_are_nearly_all_worth_nothing_stop_the_table():
    found = evaluate([NORMAL] * 2, worthless=8)

    assert found.blocks
    assert found.subject == "worth nothing"
    assert found.sentence == "8 of 10 orders are worth nothing; usually 0% are."


@pytest.mark.parametrize(("priced", "worthless"), [(3, 7), (2, 7), (0, 5)])
def test_some_worthless_orders_or_few_orders_are_no_alarm(priced, worthless):
    assert evaluate([NORMAL] * priced, worthless=worthless).passed


@pytest.mark.parametrize(("usually", "passed"), [(4, False), (5, True)])
def test_a_shop_that_gives_much_away_is_used_to_it(usually, passed):
    assert evaluate([], before(worthless=usually), worthless=10).passed is passed


def test_worth_nothing_is_learned_first_too():
    assert evaluate([], before(13), worthless=10).passed
    assert not evaluate([], before(14), worthless=10).passed


# What a person has accepted -------------------------------------------------------


def test_prices_that_a_person_accepted_are_the_normal_ones_from_then_on():
    since = DAY - timedelta(days=14)
    days = before(28) | before(14, cents=100 * NORMAL)

    assert not evaluate([100 * NORMAL] * 10, before(28)).passed
    assert evaluate([100 * NORMAL] * 10, days, since=since).passed
    assert not evaluate([NORMAL] * 10, days, since=since).passed


def test_the_accepted_day_passes_and_starts_new_learning():
    found = evaluate([100 * NORMAL] * 10, since=DAY)

    assert found.sentence == "Still learning: 0 of 14 days with orders."
    assert evaluate([], worthless=10, since=DAY).passed
