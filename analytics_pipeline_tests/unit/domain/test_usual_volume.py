"""Tests for analytics_pipeline.domain.anomalies.days: too few orders are reported."""

import math
import random
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.anomalies.days import check_volume, poisson_tail
from analytics_pipeline.model.policy import AnomalyLimits
from analytics_pipeline_tests.examples import up_to

TUESDAY = date(2026, 6, 23)
PATTERN = (41, 41, 50, 45, 70, 90, 20)
"""Orders of a normal Monday, Tuesday … Sunday."""


def counts(today, pattern=PATTERN, weeks=10, **other):
    """Orders of *weeks* before TUESDAY, all as the pattern says, and of TUESDAY."""
    days = [TUESDAY - timedelta(days=n) for n in range(1, 7 * weeks + 1)]
    return {day: pattern[day.weekday()] for day in days} | {TUESDAY: today}


def evaluate(shop, outlets=None, apart=None, day=TUESDAY, **choices):
    return check_volume(day, shop, outlets or {}, apart or {}, AnomalyLimits(**choices))


def test_a_normal_day_passes_and_says_both_sides():
    found = evaluate(counts(41))

    assert found.passed
    assert found.sentence == "41 orders; a normal Tuesday has 41."
    assert found.evidence["known"] == 8


@pytest.mark.parametrize(("orders", "passed"), [(59, False), (60, False), (61, True)])
def test_a_drop_to_six_tenths_is_reported(orders, passed):
    assert evaluate(counts(orders, (100,) * 7), max_luck=1.0).passed is passed


def test_a_drop_that_luck_explains_is_not_reported():
    low = [n for n in range(42) if not evaluate(counts(n)).passed]

    assert poisson_tail(max(low), 41) < 0.002 <= poisson_tail(max(low) + 1, 41)
    assert low == list(range(max(low) + 1))
    assert max(low) <= 0.6 * 41


@pytest.mark.parametrize("orders", [42, 100, 10_000])
def test_a_rise_is_never_reported(orders):
    assert evaluate(counts(orders)).passed


def test_a_warning_names_both_sides_and_never_stops_the_table():
    found = evaluate(counts(12))

    assert not found.passed
    assert not found.blocks
    assert found.sentence == "12 orders; a normal Tuesday has 41."
    assert found.evidence == {
        "orders": 12, "usual": "41", "span": "Tuesday", "known": 8,
        "outlets_judged": 0, "outlets": "",
    }  # fmt: skip


def test_each_weekday_is_compared_with_its_own_kind():
    sunday = TUESDAY + timedelta(days=5)
    days = counts(41) | {TUESDAY + timedelta(days=n): 41 for n in range(1, 5)}

    assert evaluate(days | {sunday: 20}, day=sunday).passed
    assert not evaluate(counts(20)).passed


def test_days_that_differ_much_every_week_need_a_deeper_drop():
    steady, wild = counts(19), counts(19)
    for n in range(1, 71):
        wild[TUESDAY - timedelta(days=n)] = 10 if n // 7 % 2 else 72

    assert not evaluate(steady).passed
    assert evaluate(wild).passed


@pytest.mark.parametrize("weeks", [1, 2, 3, 4])
def test_nothing_is_reported_before_four_such_weekdays_are_known(weeks):
    found = evaluate(counts(0, weeks=weeks))

    assert found.passed is (weeks < 4)
    learning = f"Still learning: {weeks} of 4 Tuesdays."
    assert (found.sentence == learning) is (weeks < 4)


def test_days_of_more_than_ten_weeks_ago_are_no_history():
    days = counts(41, weeks=15)
    apart = {TUESDAY - n * timedelta(7): "closed" for n in range(1, 8)}

    found = evaluate(days, apart=apart)

    assert found.sentence == "Still learning: 3 of 4 Tuesdays."


def test_the_days_before_the_first_sale_are_no_history():
    days = counts(0) | {
        day: 0 for day in counts(0) if day < TUESDAY - timedelta(days=3 * 7)
    }

    assert evaluate(days).sentence == "Still learning: 3 of 4 Tuesdays."


# Where a weekday has few orders, weeks are compared -------------------------------


@pytest.mark.parametrize(("anomaly_limits", "span"), [(5, "Tuesday"), (4, "week")])
def test_below_the_floor_of_a_weekday_the_week_is_compared(anomaly_limits, span):
    found = evaluate(counts(anomaly_limits, (6, anomaly_limits, 6, 6, 6, 6, 6)))

    assert found.evidence["span"] == span


def small(last_week, normal_day=2):
    """A shop of so few orders a day that only its weeks report anything."""
    return counts(last_week[-1], (normal_day,) * 7) | {
        TUESDAY - timedelta(days=6 - n): orders for n, orders in enumerate(last_week)
    }


def test_a_small_shop_whose_week_brought_hardly_anything_is_reported():
    found = evaluate(small([0, 0, 0, 1, 0, 0, 0]))

    assert not found.passed
    assert found.sentence == "1 order in the week up to this day; a normal week has 14."


def test_a_small_shop_is_left_in_peace_over_one_empty_day():
    assert evaluate(small([2, 2, 2, 2, 2, 2, 0])).passed


def test_weeks_that_differ_much_need_a_deeper_drop():
    steady = small([0, 0, 0, 1, 0, 0, 0])
    wild = steady | {
        day: 0 if (TUESDAY - day).days // 7 % 2 else 4
        for day in steady
        if day <= TUESDAY - timedelta(7)
    }

    assert not evaluate(steady).passed
    assert evaluate(wild).evidence["usual"] == "14"
    assert evaluate(wild).passed


def test_a_closed_sunday_is_no_drop_and_a_week_of_loss_shows_on_it():
    sunday = TUESDAY - timedelta(days=2)
    pattern = (10, 10, 10, 10, 10, 10, 0)
    days = {day: each for day, each in counts(10, pattern).items() if day <= sunday}

    assert evaluate(days, day=sunday).passed
    assert evaluate(days, day=sunday).evidence["span"] == "week"
    lost = days | {sunday - timedelta(days=n): 1 for n in range(1, 7)}
    assert not evaluate(lost, day=sunday).passed


@pytest.mark.parametrize(("weekly", "reported"), [(4, False), (5, True)])
def test_a_shop_of_fewer_orders_a_week_than_the_floor_is_never_reported(
    weekly, reported
):
    pattern = (0, 0, 0, 0, 0, weekly, 0)
    days = counts(0, pattern) | {TUESDAY - timedelta(days=3): 0}

    assert evaluate(days, max_luck=0.01).passed is not reported


def test_whole_weeks_are_learned_too():
    found = evaluate(small([0] * 7), learning_weeks=8)
    short = {d: n for d, n in small([0] * 7).items() if d > TUESDAY - 5 * timedelta(7)}

    assert not found.passed
    assert not evaluate(short, learning_weeks=4).passed
    assert evaluate(short, learning_weeks=5).sentence.startswith(
        "Still learning: 4 of 5"
    )


# Days like no other ---------------------------------------------------------------


def test_a_holiday_is_never_reported_and_says_why():
    found = evaluate(counts(0), apart={TUESDAY: "a public holiday (Midsummer)"})

    assert found.passed
    assert found.sentence == (
        "0 orders; it is a public holiday (Midsummer), so nothing is compared."
    )


def test_holidays_are_no_history():
    days, apart = counts(41), {}
    for week in (1, 2, 3, 4, 5, 6):
        days[TUESDAY - week * timedelta(7)] = 0
        apart[TUESDAY - week * timedelta(7)] = "one of closed_days"

    assert evaluate(days, apart=apart).evidence["usual"] == "41"
    assert evaluate(days).evidence["span"] == "week"


def test_a_holiday_in_the_week_leaves_a_small_shop_in_peace():
    apart = {TUESDAY - timedelta(days=2): "a public holiday (Midsummer)"}

    found = evaluate(small([0] * 7), apart=apart)

    assert found.passed
    assert "like no other" in found.sentence
    assert not evaluate(small([0] * 7)).passed


def test_a_week_with_a_holiday_is_no_history():
    apart = {TUESDAY - timedelta(days=8 + 7 * n): "closed" for n in range(5)}

    found = evaluate(small([0] * 7), apart=apart)

    assert found.sentence == "Still learning: 3 of 4 weeks without a holiday."


# Outlets --------------------------------------------------------------------------


def outlets(*today):
    each = {f"o{n}": counts(orders, (17,) * 7) for n, orders in enumerate(today)}
    shop = {
        day: sum(days[day] for days in each.values())
        for day in next(iter(each.values()))
    }
    return shop, each


def test_one_outlet_that_sold_nothing_is_named():
    found = evaluate(*outlets(0, 17, 17, 17))

    assert not found.passed
    assert found.sentence == "Outlet o0: 0 orders; a normal Tuesday has 17."
    assert (found.evidence["outlets"], found.evidence["outlets_judged"]) == ("o0", 4)


def test_the_only_outlet_is_not_checked_in_addition():
    found = evaluate(*outlets(0))

    assert found.sentence == "0 orders; a normal Tuesday has 17."
    assert found.evidence["outlets_judged"] == 0


def test_shop_and_outlets_are_reported_together():
    sentence = evaluate(*outlets(0, 0, 17)).sentence

    assert sentence.startswith(
        "17 orders; a normal Tuesday has 51. Outlet o0: 0 orders"
    )


def test_luck_is_shared_among_the_outlets_checked():
    few, many = outlets(5, 17), outlets(5, *[17] * 9)

    assert poisson_tail(5, 17) < 0.001 / 1
    luck = poisson_tail(5, 17) * 3
    assert not evaluate(*few, max_luck=luck).passed
    assert evaluate(*many, max_luck=luck).passed


def test_an_outlet_opened_lately_is_learned_first():
    shop, each = outlets(17, 0)
    each["o1"] = {day: 17 * (day > TUESDAY - timedelta(21)) for day in each["o1"]}
    each["o1"][TUESDAY] = 0

    assert evaluate(shop, each).evidence["outlets_judged"] == 1


# By chance ------------------------------------------------------------------------


def test_the_tail_is_the_sum_of_its_chances():
    assert poisson_tail(0, 3) == pytest.approx(math.exp(-3))
    assert poisson_tail(2.9, 1) == pytest.approx(math.exp(-1) * (1 + 1 + 0.5))
    assert poisson_tail(3000, 5000) < 1e-100


def poisson(rng, mean):
    """Draw by adding up waits, so that no other library is trusted."""
    count, waited = 0, rng.expovariate(mean)
    while waited < 1:
        count, waited = count + 1, waited + rng.expovariate(mean)
    return count


def noisy(rng, pattern, days):
    start = date(2025, 1, 1)
    every = [start + timedelta(days=n) for n in range(days)]
    return {
        day: poisson(rng, pattern[day.weekday()]) if pattern[day.weekday()] else 0
        for day in every
    }


def recent(days, day):
    return {d: n for d, n in days.items() if day - timedelta(70) <= d <= day}


@pytest.mark.parametrize(
    "pattern",
    [
        PATTERN,
        (0, 0, 1, 0, 2, 3, 0),
        *(
            pytest.param(each, marks=pytest.mark.nightly)
            for each in ((3, 2, 4, 3, 6, 9, 0), (10, 8, 9, 12, 20, 25, 0))
        ),
    ],
)
def test_a_shop_whose_days_differ_by_chance_is_hardly_ever_alarmed(pattern):
    days = noisy(random.Random(7), pattern, 2070)
    checked = sorted(days)[70:]

    alarms = [day for day in checked if not evaluate(recent(days, day), day=day).passed]

    assert len(alarms) <= 0.005 * len(checked)


@settings(max_examples=up_to(60), derandomize=True)
@given(st.integers(0, 10**6), st.integers(60, 300))
def test_two_fifths_of_the_normal_orders_are_always_reported(seed, mean):
    """Of days that differ a lot by chance, half may be chance too."""
    days = noisy(random.Random(seed), (mean,) * 7, 71)
    day = max(days)
    normal = float(str(evaluate(days, day=day).evidence["usual"]))

    found = evaluate(days | {day: int(0.4 * normal)}, day=day)

    assert not found.passed


def test_one_odd_day_of_the_weeks_before_hides_no_later_drop():
    ordinary = counts(20, (60, 66, 55, 62, 58, 64, 57))
    odd = {**ordinary, min(ordinary): 400, TUESDAY - timedelta(days=10): 240}

    assert not evaluate(ordinary).passed
    assert not evaluate(odd).passed
