"""Tests for analytics_pipeline.domain.channels."""

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.channels import find_channels, find_home_outlets
from analytics_pipeline_tests.examples import up_to

D = date(2026, 3, 31)

ORDERS = st.lists(
    st.tuples(
        st.sampled_from(["p1", "p2", "p3"]),
        st.none() | st.sampled_from(["East", "North", "West"]),
        st.integers(0, 4),
    ),
    max_size=20,
)
"""Of each order the person, the outlet, and how many days before D."""


def added_up(orders: list[tuple[str, str | None, int]]) -> pd.DataFrame:
    """Return the orders by person and outlet, as an engine adds them up."""
    types = {
        "person_id": "str",
        "outlet_id": "str",
        "orders": "int64",
        "last_order_date": "datetime64[us]",
    }
    pairs = dict.fromkeys((person, outlet) for person, outlet, _ in orders)
    rows = []
    for pair in pairs:
        mine = [ago for person, outlet, ago in orders if (person, outlet) == pair]
        rows.append((*pair, len(mine), D - timedelta(days=min(mine))))
    return pd.DataFrame(rows, columns=list(types)).astype(types)


@settings(max_examples=up_to(150))
@given(ORDERS)
def test_home_is_the_outlet_of_most_orders_then_of_the_latest_rule_12_1(
    orders: list[tuple[str, str | None, int]],
) -> None:
    expected = {}
    for person in sorted({person for person, outlet, _ in orders if outlet}):
        outlets: dict[str, list[int]] = {}
        for owner, outlet, ago in orders:
            if owner == person and outlet:
                outlets.setdefault(outlet, []).append(ago)
        most = max(map(len, outlets.values()))
        busiest = {name: agos for name, agos in outlets.items() if len(agos) == most}
        latest = min(min(agos) for agos in busiest.values())
        expected[person] = min(n for n, agos in busiest.items() if min(agos) == latest)

    found = find_home_outlets(added_up(orders))

    assert list(found.columns) == ["person_id", "home_outlet_id"]
    assert found.to_numpy().tolist() == [list(pair) for pair in expected.items()]


@pytest.mark.parametrize(
    ("orders", "home"),
    [
        ([("p1", "East", 0), ("p1", "West", 3), ("p1", "West", 4)], "West"),
        ([("p1", "East", 2), ("p1", "West", 1)], "West"),
        ([("p1", "West", 1), ("p1", "East", 1)], "East"),
        ([("p1", None, 0), ("p1", None, 1), ("p1", "East", 4)], "East"),
    ],
    ids=["most", "latest", "by id", "web orders have no outlet"],
)
def test_ties_are_decided_rule_12_1(
    orders: list[tuple[str, str | None, int]], home: str
) -> None:
    found = find_home_outlets(added_up(orders[::-1]))

    assert found["home_outlet_id"].tolist() == [home]


def test_an_outlet_without_an_order_is_no_home_rule_12_1() -> None:
    returned = added_up([("p1", "East", 0)]).assign(orders=0)

    assert find_home_outlets(returned).empty


def test_the_channel_is_where_there_is_an_order_ever_rule_12_1() -> None:
    counts = pd.DataFrame({"retail": [0, 5, 0, 1], "ecom": [0, 0, 1, 9]}, range(3, 7))

    found = find_channels(counts["retail"], counts["ecom"])

    assert found.index.tolist() == [3, 4, 5, 6]
    assert found.isna().tolist() == [True, False, False, False]
    assert found.tolist()[1:] == ["in store", "online", "both"]
