"""Tests for analytics_pipeline.domain.people: who sells as only no one does."""

import pytest

from analytics_pipeline.domain.people import (
    Busiest,
    check_walk_in,
    find_busiest,
    sells_as_a_walk_in,
)
from analytics_pipeline.model.policy import AnomalyLimits
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline_tests.tables import make_table


@pytest.mark.parametrize(
    ("orders", "following", "every", "is_one"),
    [
        pytest.param(300, 1, 321, True, id="the case"),
        pytest.param(21, 1, 22, True, id="just more than twenty times"),
        pytest.param(20, 1, 21, False, id="just twenty times"),
        pytest.param(201, 10, 4019, True, id="just more than 5 %"),
        pytest.param(201, 10, 4020, False, id="just 5 %"),
        pytest.param(20, 0, 20, False, id="the only customer of a new shop"),
        pytest.param(1, 0, 1, False, id="the first order"),
        pytest.param(21, 0, 21, True, id="no one else buys"),
        pytest.param(100_000, 5_000, 400_000, False, id="a large shop"),
        pytest.param(100_001, 5_000, 400_000, True, id="a large shop's walk-in"),
    ],
)
def test_a_record_sells_as_a_walk_in_from_both_bounds_on_rule_3_8(
    orders, following, every, is_one
):
    assert is_one is sells_as_a_walk_in(orders, following, every, AnomalyLimits())


@pytest.mark.parametrize(
    ("anomaly_limits", "is_one"),
    [
        (AnomalyLimits(), True),
        (AnomalyLimits(walk_in_factor=49.0), True),
        (AnomalyLimits(walk_in_factor=50.0), False),
        (AnomalyLimits(walk_in_share=0.24), True),
        (AnomalyLimits(walk_in_share=0.25), False),
    ],
)
def test_a_shop_may_set_the_bounds_rule_3_8(anomaly_limits, is_one):
    assert is_one is sells_as_a_walk_in(100, 2, 400, anomaly_limits)


@pytest.mark.parametrize(
    "values",
    [
        {"walk_in_factor": 1.0},
        {"walk_in_factor": -3.0},
        {"walk_in_factor": float("inf")},
        {"walk_in_share": 1.5},
        {"walk_in_share": -0.1},
    ],
)
def test_bounds_that_mean_nothing_are_refused(values):
    with pytest.raises(ValueError, match="walk_in"):
        AnomalyLimits(**values)


def people(**orders):
    rows = [
        {"customer_id": name.replace("_", "-"), "order_count": count}
        for name, count in orders.items()
    ]
    return make_table(CustomerAnalytics, rows)


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        ({}, None),
        ({"a": 0}, None),
        ({"a": 3}, Busiest("a", 3, 0)),
        ({"a": 3, "b": 7, "c": 5}, Busiest("b", 7, 5)),
        ({"a": 3, "ecom_0f": 90}, None),
        ({"a": 90, "ecom_0f": 3}, Busiest("a", 90, 3)),
    ],
)
def test_the_busiest_person_is_compared_with_the_next_rule_3_8(orders, expected):
    assert find_busiest(people(**orders)) == expected


def test_the_warning_names_the_key_to_set_rule_3_8():
    found = check_walk_in("w", 1300, 1, 1321)

    assert not found.passed
    assert not found.blocks
    assert found.sentence == (
        "Record w has 1,300 orders of 1,321, the next person 1: it sells as only a "
        'walk-in customer does. If it is no person, set walk_in_customer_id = "w" in '
        "analytics.toml."
    )
