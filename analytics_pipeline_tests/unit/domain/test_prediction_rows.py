"""Tests for analytics_pipeline.domain.prediction_rows."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from analytics_pipeline.domain.prediction_rows import (
    check_calibration,
    list_unpredicted,
    round_predictions,
)
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.insights import CustomerPredictions
from analytics_pipeline_tests.tables import make_table

D = date(2026, 9, 18)
THEN = D - timedelta(days=90)
PEOPLE = 400


def name(number):
    return f"person-{number:03}"


def chances(*thousandths):
    rows = [
        {"customer_id": name(n), "chance_of_order_90_days_thousandths": each}
        for n, each in enumerate(thousandths)
    ]
    return make_table(CustomerPredictions, rows, as_of=THEN)


def last_orders(*days):
    rows = [
        {"customer_id": name(n), "order_count": 1, "last_order_date": day}
        for n, day in enumerate(days)
    ]
    return make_table(CustomerAnalytics, rows, as_of=D)


def ordered(number):
    """So many of the people ordered since."""
    since, before = THEN + timedelta(days=1), THEN
    return last_orders(*[since] * number, *[before] * (PEOPLE - number))


def test_numbers_are_whole_ones_of_a_fixed_unit_rule_11_2():
    predicted = pd.DataFrame(
        {
            "person_id": ["a", "b"],
            "predicted_orders_365_days": [1.2349, 0.005],
            "chance_of_order_90_days": [0.98765, 0.0005],
            "predicted_value_365_days_cents": [12_345, 0],
        }
    )

    rows = round_predictions(predicted)

    assert rows["customer_id"].tolist() == ["a", "b"]
    assert rows["predicted_orders_365_days_hundredths"].tolist() == [123, 0]
    assert rows["chance_of_order_90_days_thousandths"].tolist() == [988, 0]
    assert rows["predicted_value_365_days_cents"].tolist() == [12_345, 0]


def test_of_whom_nothing_is_predicted_there_is_a_row_all_the_same_rule_11_3():
    rows = [{"customer_id": "a", "order_count": 2}, {"customer_id": "b"}]

    found = list_unpredicted(make_table(CustomerAnalytics, rows))

    assert found["customer_id"].tolist() == ["a"]


def test_as_many_as_expected_pass_with_their_tenths_rule_11_3():
    earlier = chances(*[100] * 200, *[700] * 200)

    found = check_calibration(earlier, ordered(160), THEN)

    assert found.passed
    assert found.sentence == (
        "Of 400 people predicted on 2026-06-20, 160 were expected to order since, and "
        "160 did."
    )
    assert found.evidence["by_tenths"] == (
        "200 people: 10.0% expected, 80.0% did; 200 people: 70.0% expected, 0.0% did"
    )


@pytest.mark.parametrize(
    ("number", "passes"), [(53, False), (54, True), (186, True), (187, False)]
)
def test_chance_and_season_explain_so_much_and_no_more_rule_11_3(number, passes):
    """4 · √(400 · .3 · .7) = 36.66, and a quarter of 120 is 30: from 53.3 to 186.7."""
    earlier = chances(*[300] * PEOPLE)

    found = check_calibration(earlier, ordered(number), THEN)

    assert (found.evidence["at_least"], found.evidence["at_most"]) == (54, 186)
    assert found.passed is passes
    assert not found.blocks


def test_an_order_of_the_day_itself_was_no_news_then():
    found = check_calibration(chances(500), last_orders(THEN), THEN)

    assert found.evidence["ordered"] == 0


def test_who_is_part_of_another_person_by_now_is_left_out():
    found = check_calibration(chances(*[500] * 9), last_orders(*[D] * 5), THEN)

    assert found.evidence["people"] == found.evidence["ordered"] == 5


@pytest.mark.parametrize("earlier", [None, chances(), chances(None, None)])
def test_where_nothing_was_predicted_nothing_can_be_wrong(earlier):
    found = check_calibration(earlier, ordered(9), THEN)

    assert found.passed
    assert found.sentence == "No chance of an order is stored of 2026-06-20."


@pytest.mark.nightly
def test_chances_that_are_right_raise_no_alarm_rule_11_3():
    rng = np.random.default_rng(3)
    for _ in range(300):
        thousandths = rng.integers(0, 1_001, PEOPLE)
        came = rng.random(PEOPLE) < thousandths / 1_000
        days = [D if each else THEN for each in came]
        found = check_calibration(
            chances(*thousandths.tolist()), last_orders(*days), THEN
        )
        assert found.passed
