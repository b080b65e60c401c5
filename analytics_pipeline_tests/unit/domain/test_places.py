"""Tests of outlets and channels by themselves (analytics_pipeline.domain.channels)."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.channels import (
    add_up_places,
    check_places,
    count_people_of_places,
    describe_places,
)
from analytics_pipeline.engine.duckdb import columns_to_ibis
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import make_table

D = date(2026, 3, 31)
TYPES = {
    "person_id": "string",
    "outlet_id": "string",
    "day": "timestamp",
    "is_ecom": "boolean",
    "orders": "int64",
    "value_cents": "int64",
    "refunded_cents": "int64",
}
OUTLETS = make_table(Outlets, [{"outlet_id": "west", "name": "West Street"}])


class Day(NamedTuple):
    """What the purchases of a day come to, of someone somewhere."""

    person: str | None
    outlet: str | None
    ago: int
    is_ecom: bool
    orders: int
    cents: int = 1_000
    refunded: int = 0


DAYS = st.lists(
    st.builds(
        Day,
        st.none() | st.sampled_from("abc"),
        st.none() | st.sampled_from(["east", "west"]),
        st.integers(0, 4),
        st.booleans(),
        st.integers(0, 2),
        st.integers(-500, 500),
        st.integers(0, 50),
    ),
    max_size=20,
)


@cache
def engine() -> Any:
    return ibis.duckdb.connect(threads=1)


def places_of(days: list[Day]) -> pd.DataFrame:
    rows = [
        (person, outlet, pd.Timestamp(D - timedelta(days=ago)), *rest)
        for person, outlet, ago, *rest in days
    ]
    table = columns_to_ibis(pd.DataFrame(rows, columns=list(TYPES)), TYPES)
    owned = table.filter(table["person_id"].notnull())
    return describe_places(
        engine().to_pandas(add_up_places(table)),
        engine().to_pandas(count_people_of_places(owned)),
        OUTLETS,
    )


def counts_of(places: pd.DataFrame) -> dict[tuple[str | None, str], tuple[int, ...]]:
    names = ["people", "new_people", "repeat_people", "elsewhere_people"]
    return {
        (None if pd.isna(outlet) else outlet, channel): counts
        for outlet, channel, *counts in places[
            ["outlet_id", "channel", *names]
        ].itertuples(index=False, name=None)
    }


@settings(max_examples=up_to(60))
@given(DAYS)
def test_places_add_up_and_count_each_person_there_once_rule_12_2(
    days: list[Day],
) -> None:
    orders: dict[str, Counter[tuple[str | None, bool]]] = defaultdict(Counter)
    first: dict[str, tuple[int, bool, str]] = {}
    for person, outlet, ago, is_ecom, count, *_ in days:
        if person and count:
            orders[person][outlet, is_ecom] += count
            here = (-ago, is_ecom, outlet or "")
            first[person] = min(here, first.get(person, here))
    new = Counter((outlet, is_ecom) for _, is_ecom, outlet in first.values())

    found = places_of(days)

    sums = found[["value_cents", "orders", "refunded_value_cents"]].sum().tolist()
    assert sums == [
        sum(getattr(each, name) for each in days)
        for name in ("cents", "orders", "refunded")
    ]
    assert counts_of(found) == {
        (outlet, "online" if is_ecom else "in store"): [
            sum(outlet_is[outlet, is_ecom] > 0 for outlet_is in orders.values()),
            new[outlet or "", is_ecom],
            sum(each[outlet, is_ecom] > 1 for each in orders.values()),
            sum(
                each[outlet, is_ecom] > 0 and len(+each) > 1 for each in orders.values()
            ),
        ]
        for outlet, is_ecom in {(each.outlet, each.is_ecom) for each in days}
    }
    assert found["new_people"].sum() == len(first)


def test_shares_are_rounded_and_empty_without_people_rule_12_2() -> None:
    often = [Day("a", "west", ago, is_ecom=False, orders=1) for ago in (1, 2)]
    once = [Day(who, "west", 1, is_ecom=False, orders=1) for who in "bc"]
    walk_in = Day(None, "east", 1, is_ecom=False, orders=1)

    found = places_of([*often, *once, walk_in])

    assert found["outlet"].tolist() == ["east", "West Street"]
    assert found["repeat_basis_points"].tolist() == [pd.NA, 3_333]
    assert found["elsewhere_basis_points"].tolist() == [pd.NA, 0]
    assert found["orders"].tolist() == [1, 4]


def test_a_return_is_of_the_outlet_that_took_it_rule_12_2() -> None:
    sold = Day("a", "west", 3, is_ecom=False, orders=1, cents=5_000)
    back = Day("a", "east", 1, is_ecom=False, orders=0, cents=-5_000, refunded=5_000)

    found = places_of([sold, back]).set_index("outlet_id")

    assert found["value_cents"].to_dict() == {"east": -5_000, "west": 5_000}
    assert found["refunded_value_cents"].to_dict() == {"east": 5_000, "west": 0}
    assert found["people"].to_dict() == {"east": 0, "west": 1}


@pytest.mark.parametrize("change", ["value_cents", "orders", "new_people"])
def test_places_that_do_not_add_up_are_reported(change: str) -> None:
    places = places_of([Day("a", "west", 3, is_ecom=False, orders=1, cents=5_000)])
    people = make_table(
        CustomerAnalytics,
        [{"customer_id": "a", "order_count": 1, "lifetime_value_cents": 4_000}],
    )
    rest = {"cents": 1_000, "orders": 0}
    wrong = places.assign(**{change: places[change] + 1})

    assert check_places(places, people, rest).passed
    assert not check_places(wrong, people, rest).passed
