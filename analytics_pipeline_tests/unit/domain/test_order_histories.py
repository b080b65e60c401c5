"""Tests for analytics_pipeline.domain.order_histories."""

from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from analytics_pipeline.domain.buyers import (
    add_mean_values,
    find_buyers,
    read_order_days,
    summarize_histories,
    value_order_days,
)
from analytics_pipeline.domain.order_histories import (
    number_order_days,
    sum_up_order_days,
    summarize_people,
)
from analytics_pipeline.engine.duckdb import connect
from analytics_pipeline.settings import Engine
from analytics_pipeline_tests.made_buyers import end_of, follow_the_models

D = end_of(1_000)
EARLIER = D - timedelta(days=200)


@pytest.fixture(scope="module")
def engine():
    return connect(Engine.DUCKDB)


@pytest.fixture(scope="module")
def order_days():
    """Order days of 300 people, some of them worth nothing or less."""
    found = follow_the_models(7, 300, 1_040).astype({"person_id": "str"})
    found["value_cents"] -= 1_500
    days = found.groupby(["person_id", "day"], as_index=False)["value_cents"].sum()
    return days.astype({"day": "datetime64[us]"})


def sums(engine, frame, until=EARLIER):
    summed = sum_up_order_days(ibis.memtable(frame), until.isoformat())
    return engine.to_pandas(summed).iloc[0].to_dict()


@pytest.mark.parametrize("day", [D, EARLIER])
def test_the_engine_says_of_each_person_what_the_frame_says_rule_11_1(
    engine, order_days, day
):
    summed = engine.to_pandas(summarize_people(ibis.memtable(order_days), str(day)))

    found = add_mean_values(summed).drop(columns="repeat_value_cents")
    expected = summarize_histories(value_order_days(order_days), day)
    pd.testing.assert_frame_equal(
        found.sort_values("person_id", ignore_index=True), expected
    )
    assert (order_days["value_cents"] <= 0).sum() > 50


def test_numbered_order_days_are_those_of_the_frame_rule_11_1(engine, order_days):
    numbered = number_order_days(ibis.memtable(order_days), EARLIER.isoformat())
    found = find_buyers(read_order_days(engine.to_pandas(numbered)), D)

    until = order_days[order_days["day"] <= pd.Timestamp(EARLIER)]
    expected = find_buyers(value_order_days(until), D)
    for part in ("histories", "repeat_values"):
        ours, theirs = getattr(found, part), getattr(expected, part)
        for name in type(theirs).__slots__:
            assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    assert np.array_equal(found.person, expected.person)


def dearer(days):
    return days.assign(value_cents=days["value_cents"] + (days.index == 9))


def later(days):
    moved = pd.to_timedelta((days.index == 9).astype("int64"), unit="D")
    return days.assign(day=days["day"] + moved)


def swapped(days):
    """Two people change places."""
    names = {"person-000001": "person-000200", "person-000200": "person-000001"}
    return days.assign(person_id=days["person_id"].replace(names))


def joined(days):
    names = {"person-000001": "person-000200"}
    return days.assign(person_id=days["person_id"].replace(names))


def exchanged(days):
    """Two order days change their values."""
    cents = days["value_cents"].to_numpy().copy()
    cents[[9, 10]] = cents[[10, 9]]
    return days.assign(value_cents=cents)


@pytest.mark.parametrize(
    "change", [dearer, later, swapped, joined, exchanged, lambda days: days.iloc[1:]]
)
def test_what_a_fit_knows_does_not_change_unnoticed(engine, order_days, change):
    known = order_days[order_days["day"] <= pd.Timestamp(EARLIER - timedelta(days=9))]
    known = known.reset_index(drop=True)

    assert sums(engine, change(known)) != sums(engine, known)


def test_later_orders_and_the_order_of_rows_are_not_noticed(engine, order_days):
    known = order_days[order_days["day"] <= pd.Timestamp(EARLIER)]

    assert sums(engine, order_days.iloc[::-1]) == sums(engine, known)
    assert len(known) < len(order_days)


PRIME = 2_147_483_647


def test_no_number_bursts_however_many_people_and_cents_there_are(engine):
    """Sums are of 64 bits; so are all numbers on the way to them."""
    size, cents = 200_000, 10**12
    days = pd.DataFrame({"person_id": [f"{n:06}" for n in range(size)]})
    days = days.assign(day=pd.Timestamp("2100-01-01"), value_cents=cents)

    found = sums(engine, days, date(2100, 1, 1))

    mixed = (
        (date(2100, 1, 1) - date(1970, 1, 1)).days * 8_191 + cents % PRIME * 31
    ) % (PRIME)
    known = mixed * 524_287 + mixed * mixed % PRIME * 131_071
    one = [(place * 1_000_003 + known) % PRIME for place in range(size)]
    assert found["people"] == found["order_days"] == size
    assert found["squares"] == sum(each**2 % PRIME for each in one)
    assert found["cubes"] == sum(each**3 % PRIME for each in one)


def test_values_below_nothing_are_noticed_too(engine, order_days):
    less = order_days.assign(value_cents=-order_days["value_cents"])

    assert sums(engine, less) != sums(engine, order_days)


def test_without_orders_there_is_nothing_to_fit(engine, order_days):
    none = number_order_days(ibis.memtable(order_days), str(date(2000, 1, 1)))

    found = read_order_days(engine.to_pandas(none))

    assert len(found.people) == len(found.person) == 0
