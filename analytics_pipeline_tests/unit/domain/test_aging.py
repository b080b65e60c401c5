"""A customer without news still ages, on the exact day (rule 5.7).

What is expected is worked out with dates alone: a purchase of a day leaves the window
90 days after it, and a segment begins 30, 60 and 90 days after the last order.
"""

from datetime import date, timedelta

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.analytics import measure_people
from analytics_pipeline.model.policy import Policy, TierBasis
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import rows_to_ibis

LAST = date(2026, 2, 1)
"""No purchase is later; what follows holds the end of February and a DST change."""

RUNGS = ((25_000, "Sprout"), (75_000, "Bloom"), (150_000, "Evergreen"))
FIGURES = (
    "lifetime_value_cents",
    "rolling_90_day_value_cents",
    "order_count",
    "rolling_90_day_order_count",
    "inactive_segment",
    "tier",
)
PURCHASE = {
    "person_id": "string",
    "day": "timestamp",
    "value_cents": "int64",
    "orders": "int64",
    "is_ecom": "boolean",
    "refunded_cents": "int64",
}


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect(threads=1)


def after(start, days):
    return start + timedelta(days=days)


def purchase(days_before, cents, is_order=True):
    return {
        "day": after(LAST, -days_before),
        "value_cents": cents,
        "orders": int(is_order),
        "is_ecom": False,
        "refunded_cents": 0,
    }


def last_order(purchases):
    return max((row["day"] for row in purchases if row["orders"]), default=None)


def days_of_change(purchases):
    """Return every later day on which anything but the count of days may move."""
    last = last_order(purchases)
    leaving = {after(row["day"], 90) for row in purchases}
    ageing = {after(last, days) for days in (30, 60, 90)} if last else set()
    return {day for day in leaving | ageing if day > LAST}


def expected(purchases, today, tier_basis):
    """Return the figures of today by date arithmetic alone."""
    inside = [row for row in purchases if after(row["day"], 90) > today]
    lifetime = sum(row["value_cents"] for row in purchases)
    rolling = sum(row["value_cents"] for row in inside)
    orders = sum(row["orders"] for row in purchases)
    recent = sum(row["orders"] for row in inside)
    last = last_order(purchases)
    segment = "never" if last is None else "active"
    for days in (30, 60, 90) if last else ():
        segment = f"{days}d" if today >= after(last, days) else segment
    tier = "Seed" if orders else "None"
    for least, name in RUNGS:
        ranked = lifetime if tier_basis is TierBasis.LIFETIME else rolling
        tier = name if ranked >= least else tier
    return lifetime, rolling, orders, recent, segment, tier


def found(engine, histories, today, tier_basis=TierBasis.ROLLING_90_DAYS):
    """Return what the code under test says of each person today."""
    rows = [
        {"person_id": person, **row}
        for person, purchases in histories.items()
        for row in purchases
    ]
    people = [{"person_id": person, "is_customer": True} for person in histories]
    measured = measure_people(
        rows_to_ibis(rows, PURCHASE),
        rows_to_ibis(people, {"person_id": "string", "is_customer": "boolean"}),
        Policy(tier_basis=tier_basis),
        today,
    )
    frame = engine.to_pandas(measured).set_index("customer_id")
    return {
        person: tuple(frame.loc[person, list(FIGURES)].tolist()) for person in histories
    }


PURCHASES = st.lists(
    st.builds(
        purchase,
        st.integers(0, 95),
        st.sampled_from([24_999, 25_000, 50_000, 75_000, 150_000, 1, 0, -25_000]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@given(
    histories=st.lists(PURCHASES, min_size=4, max_size=4),
    tier_basis=st.sampled_from(TierBasis),
    start=st.integers(0, 95),
)
@settings(max_examples=up_to(6))
def test_what_moves_without_news_moves_on_that_day_and_not_before_rule_5_7(
    engine, histories, tier_basis, start
):
    """For D, D + 1 and so on, over the day on which something of somebody moves."""
    people = {f"p{number}": rows for number, rows in enumerate(histories)}
    changes = sorted(day for rows in histories for day in days_of_change(rows))
    moving = changes[start % len(changes)] if changes else LAST

    for today in (after(moving, days) for days in (-2, -1, 0, 1)):
        if today >= LAST:
            assert found(engine, people, today, tier_basis) == {
                person: expected(rows, today, tier_basis)
                for person, rows in people.items()
            }


def test_segment_tier_and_window_move_on_their_days_and_on_no_other_rule_5_7(engine):
    history = {"a": [purchase(40, 75_000), purchase(3, 80_000), purchase(0, -1, False)]}
    moves = {
        27: ("30d", "Evergreen"),
        50: ("30d", "Bloom"),
        57: ("60d", "Bloom"),
        87: ("90d", "Seed"),
        90: ("90d", "Seed"),  # the one cent given back leaves the window
    }
    assert days_of_change(history["a"]) == {after(LAST, passed) for passed in moves}

    before = found(engine, history, LAST)["a"]
    assert before == (154_999, 154_999, 2, 2, "active", "Evergreen")
    for passed, words in moves.items():
        eve = found(engine, history, after(LAST, passed - 1))["a"]
        assert eve == before, "nothing moves between the days of change"
        before = found(engine, history, after(LAST, passed))["a"]
        assert before != eve
        assert before[4:] == words
    assert before == (154_999, 0, 2, 0, "90d", "Seed")


def test_a_person_who_only_returned_something_reaches_no_segment_rule_5_5(engine):
    returned = {"a": [purchase(0, -25_000, False)]}

    for passed in (0, 30, 90):
        row = found(engine, returned, after(LAST, passed))["a"]
        assert row[4:] == ("never", "None")
