"""Tests for analytics_pipeline.domain.holdouts."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.buyers import value_order_days
from analytics_pipeline.domain.holdouts import (
    Horizons,
    SumError,
    join_errors,
    look_back,
    measure_chance,
    share_of_top_tenth,
    try_on,
)
from analytics_pipeline.domain.purchase_models import OrderProcess, fit_orders
from analytics_pipeline_tests.cdnow_orders import DAYS, WEEK_39, order_days
from analytics_pipeline_tests.examples import up_to

BG, MBG = OrderProcess
CUTOFF = date(2026, 6, 20)


# What is published, or was worked out apart, of the CDNOW sample ----------------------


@pytest.fixture(scope="module")
def past():
    return look_back(order_days(), WEEK_39, Horizons(DAYS, DAYS))


@pytest.fixture(scope="module")
def holdouts(past):
    return {
        process: try_on(past, fit_orders(past.buyers.histories, process))
        for process in OrderProcess
    }


@pytest.mark.parametrize(
    ("process", "predicted", "bias", "rmse"),
    [(BG, 1653, -0.121, 1.608), (MBG, 1577, -0.162, 1.607)],
)
def test_the_known_errors_of_orders_come_out_rule_11_3(
    holdouts, process, predicted, bias, rmse
):
    error = holdouts[process].orders

    assert (round(error.predicted), error.actual) == (predicted, 1882)
    assert error.bias == pytest.approx(bias, abs=0.001)
    assert error.rmse == pytest.approx(rmse, abs=0.001)
    assert error.same_again == 2457
    assert error.same_again_rmse == pytest.approx(1.971, abs=0.001)


def test_the_known_errors_of_value_come_out_rule_11_3(holdouts):
    error, share = holdouts[BG].value, holdouts[BG].top_share

    assert error.predicted / 100 == pytest.approx(59_933, abs=50)
    assert error.actual / 100 == pytest.approx(70_976, abs=1)
    assert error.bias == pytest.approx(-0.156, abs=0.001)
    assert error.rmse / 100 == pytest.approx(72.3, abs=0.1)
    assert share == pytest.approx(0.502, abs=0.003)


@pytest.mark.parametrize(("process", "predicted"), [(BG, 0.262), (MBG, 0.240)])
def test_the_known_errors_of_chances_come_out_rule_11_3(holdouts, process, predicted):
    chance = holdouts[process].chance

    assert chance.predicted == pytest.approx(predicted, abs=0.001)
    assert chance.actual == pytest.approx(0.290, abs=0.001)
    assert chance.base_brier == pytest.approx(0.206, abs=0.001)
    assert sum(tenth.people for tenth in chance.tenths) == 2357


def test_the_known_calibration_comes_out_rule_11_3(holdouts):
    chance = holdouts[BG].chance

    highest = [(round(e.predicted, 2), round(e.actual, 2)) for e in chance.tenths[-3:]]
    assert highest == [(0.30, 0.44), (0.47, 0.53), (0.74, 0.81)]
    assert chance.brier == pytest.approx(0.161, abs=0.001)


# What was known, and what came --------------------------------------------------------


def shop(*rows):
    """Order days by the number of days after the cut-off."""
    days = [CUTOFF + timedelta(days=day) for _person, day, _cents in rows]
    frame = pd.DataFrame(rows, columns=["person_id", "day", "value_cents"])
    return value_order_days(frame.assign(day=pd.to_datetime(days)))


@pytest.mark.parametrize(("day", "comes"), [(0, 0), (1, 1), (10, 1), (11, 0)], ids=str)
def test_what_comes_is_after_the_cutoff_and_within_the_horizon(day, comes):
    found = look_back(shop(("a", -30, 500), ("a", day, 700)), CUTOFF, Horizons(10, 5))

    assert found.orders.tolist() == [comes]
    assert found.value.tolist() == [700 * comes]


@pytest.mark.parametrize(("day", "has_ordered"), [(5, True), (6, False)])
def test_a_chance_has_a_horizon_of_its_own(day, has_ordered):
    found = look_back(shop(("a", -30, 500), ("a", day, 700)), CUTOFF, Horizons(10, 5))

    assert found.has_ordered.tolist() == [has_ordered]


@pytest.mark.parametrize(("day", "again"), [(0, 1), (-9, 1), (-10, 0)])
def test_same_again_is_as_much_time_before(day, again):
    found = look_back(shop(("a", -30, 500), ("a", day, 700)), CUTOFF, Horizons(10, 5))

    assert found.same_orders.tolist() == [again]
    assert found.same_value.tolist() == [700 * again]


def test_same_again_counts_no_first_order():
    found = look_back(
        shop(("a", -30, 500), ("b", -5, 500), ("b", -3, 200)), CUTOFF, Horizons(10, 5)
    )

    assert found.same_orders.tolist() == [0, 1]
    assert found.same_value.tolist() == [0, 200]


def test_same_again_of_a_younger_shop_is_in_proportion():
    found = look_back(shop(("a", -19, 500), ("a", -3, 200)), CUTOFF, Horizons(60, 5))

    assert found.same_orders.tolist() == [3.0], "20 days of 60"
    assert found.same_value.tolist() == [600.0]


def test_a_day_on_which_more_came_back_than_was_bought_is_worth_nothing():
    orders = shop(("a", -30, 500), ("a", 3, -900), ("a", 4, 200))

    assert look_back(orders, CUTOFF, Horizons(10, 5)).value.tolist() == [200]


def test_who_comes_later_is_not_predicted():
    found = look_back(shop(("a", -30, 500), ("b", 1, 700)), CUTOFF, Horizons(10, 5))

    assert found.buyers.person.tolist() == [0]
    assert found.orders.tolist() == [0]


def test_what_came_changes_nothing_that_was_known(past):
    known = order_days()
    until = known.day <= (WEEK_39 - date(1970, 1, 1)).days
    rows = pd.DataFrame(
        {
            "person_id": known.people[known.person[until]],
            "day": known.day[until].astype("datetime64[D]"),
            "value_cents": known.cents[until],
        }
    )

    then = look_back(value_order_days(rows), WEEK_39, Horizons(DAYS, DAYS))

    assert then.value_fit == past.value_fit
    for name in ("repeats", "recency", "age"):
        ours, theirs = (getattr(e.buyers.histories, name) for e in (then, past))
        assert ours.tolist() == theirs.tolist()
    assert then.orders.sum() == 0


# Errors -------------------------------------------------------------------------------


def test_a_bias_of_nothing_is_none():
    assert SumError(5.0, 0.0, 0.0, 1.0, 1.0).bias is None
    assert SumError(5.0, 4.0, 0.0, 1.0, 1.0).bias == 0.25


def test_errors_are_joined_by_people():
    assert join_errors([(1, 5.0), (3, 1.0)]) == pytest.approx((28 / 4) ** 0.5)
    assert join_errors([]) == 0


def test_the_top_tenth_is_a_tenth_of_the_people():
    predicted = np.arange(40.0)
    actual = np.where(predicted >= 36, 2.0, 1.0)

    assert share_of_top_tenth(predicted, actual) == pytest.approx(8 / 44)


def test_who_is_in_the_top_tenth_by_chance_counts_in_part():
    same = np.ones(30)

    assert share_of_top_tenth(same, np.arange(30.0)) == pytest.approx(0.1)
    assert share_of_top_tenth(same, np.zeros(30)) is None


@settings(max_examples=up_to(100))
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=50),
    st.randoms(use_true_random=False),
)
def test_the_share_of_the_top_tenth_does_not_depend_on_the_order(rows, random):
    def share(pairs):
        columns = np.array(pairs, float).T
        return share_of_top_tenth(*columns)

    assert share(rows) == pytest.approx(share(random.sample(rows, len(rows))))
    assert share(rows) is None or 0 <= share(rows) <= 1 + 1e-12


CHANCES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.15, 0.5, 0.9, 1.0]), st.booleans()),
    min_size=1,
    max_size=60,
)


@settings(max_examples=up_to(100))
@given(CHANCES)
def test_tenths_hold_everyone_and_people_of_one_chance_together(rows):
    chance = np.array([each for each, _ordered in rows])
    ordered = np.array([each for _chance, each in rows])

    error = measure_chance(chance, ordered)

    assert sum(tenth.people for tenth in error.tenths) == len(rows)
    assert sum(e.people * e.predicted for e in error.tenths) == pytest.approx(
        chance.sum()
    )
    assert sum(e.people * e.actual for e in error.tenths) == pytest.approx(
        ordered.sum()
    )
    assert len(error.tenths) <= min(10, len(set(chance)))
    assert error.brier == pytest.approx(((chance - ordered) ** 2).mean())
    assert error.base_brier == pytest.approx(ordered.var())
