"""Tests for analytics_pipeline.domain.channels."""

from datetime import date, timedelta
from functools import cache
from typing import Any

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.channels import (
    find_channels,
    find_home_outlets,
    name_outlets,
)
from analytics_pipeline.engine.duckdb import columns_to_ibis
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import make_table

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


@cache
def engine() -> Any:
    return ibis.duckdb.connect(threads=1)


def homes_of(
    orders: list[tuple[str, str | None, int]], each: int = 1
) -> list[tuple[str, str]]:
    """Return the home outlets by person, of rows that are *each* so many orders."""
    types = {
        "person_id": "string",
        "outlet_id": "string",
        "day": "timestamp",
        "orders": "int64",
    }
    rows = [
        (person, outlet, pd.Timestamp(D - timedelta(days=ago)), each)
        for person, outlet, ago in orders
    ]
    days = columns_to_ibis(pd.DataFrame(rows, columns=list(types)), types)
    found = engine().to_pandas(find_home_outlets(days))
    assert list(found.columns) == ["person_id", "home_outlet_id"]
    return sorted(found.itertuples(index=False, name=None))


@settings(max_examples=up_to(60))
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

    assert homes_of(orders) == list(expected.items())


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
    assert homes_of(orders[::-1]) == [("p1", home)]


def test_an_outlet_without_an_order_is_no_home_rule_12_1() -> None:
    assert homes_of([("p1", "East", 0)], each=0) == []


def test_an_outlet_is_shown_by_its_name_else_its_id_rule_12_1() -> None:
    outlets = make_table(
        Outlets, [{"outlet_id": "o1", "name": "East"}, {"outlet_id": "o2"}]
    )
    ids = pd.Series(["o2", None, "o1", "o3"], dtype="str")

    named = name_outlets(ids, outlets)

    assert named.isna().tolist() == [False, True, False, False]
    assert named.dropna().tolist() == ["o2", "East", "o3"]


def test_the_channel_is_where_there_is_an_order_ever_rule_12_1() -> None:
    counts = pd.DataFrame({"retail": [0, 5, 0, 1], "ecom": [0, 0, 1, 9]}, range(3, 7))

    found = find_channels(counts["retail"], counts["ecom"])

    assert found.index.tolist() == [3, 4, 5, 6]
    assert found.isna().tolist() == [True, False, False, False]
    assert found.tolist()[1:] == ["in store", "online", "both"]
