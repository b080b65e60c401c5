"""Tests for analytics_pipeline.domain.tier_outlook.

What is expected is computed day by day, one person at a time, by what grades one
person's purchases: what is in the window of each day, and the rung that it reaches.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.analytics import list_rungs
from analytics_pipeline.domain.tier_outlook import (
    TierOutlook,
    add_up_drops,
    foresee_tiers,
)
from analytics_pipeline.domain.tiers import Purchase
from analytics_pipeline.model.policy import Policy, TierBasis
from analytics_pipeline.model.vocabulary import Tier
from analytics_pipeline_tests.examples import up_to

D = date(2026, 2, 20)
"""The clocks change within the 90 days after it, and within those before it."""

EDGES = (24_999, 25_000, 25_001, 74_999, 75_000, 150_000, -1, 0, 1, -25_000, -50_000)

History = Sequence[Purchase]


def measure_value(purchases: History, policy: Policy, day: date) -> int:
    """The cents that the tier of *day* is set on (rules 5.2 and 5.6)."""
    if policy.tier_basis is TierBasis.LIFETIME:
        return sum(each.value_cents for each in purchases)
    since = day - timedelta(days=90)
    return sum(each.value_cents for each in purchases if each.day > since)


def grade(cents: int, purchases: History, policy: Policy) -> Tier:
    """The highest rung that *cents* reach; else Seed after any order, ever."""
    for tier, bound in list_rungs(policy):
        if cents >= bound:
            return tier
    return Tier.SEED if any(each.is_order for each in purchases) else Tier.NONE


def bought(ago: int, cents: int, is_order: bool = True) -> Purchase:
    return Purchase(D - timedelta(days=ago), cents, is_order)


HISTORIES = st.lists(
    st.lists(
        st.builds(
            bought,
            st.integers(0, 100) | st.sampled_from((0, 1, 88, 89, 90)),
            st.sampled_from(EDGES) | st.integers(-60_000, 200_000),
            st.booleans(),
        ),
        max_size=7,
    ),
    max_size=5,
)
BOUNDS = st.fixed_dictionaries(
    {},
    optional={
        tier: st.sampled_from((250, 750)) | st.decimals(0, 2000, places=3)
        for tier in (Tier.SPROUT, Tier.BLOOM, Tier.EVERGREEN)
    },
)
POLICIES = st.builds(Policy, tier_thresholds=BOUNDS)


def foresee(histories: Sequence[History], policy: Policy | None = None) -> TierOutlook:
    rows = [
        (f"p{number}", each.day, each.value_cents)
        for number, history in enumerate(histories)
        for each in history
        if each.day > D - timedelta(days=90)
    ]
    movements = pd.DataFrame(rows, columns=["person_id", "day", "value_cents"])
    people = pd.DataFrame(
        {
            "person_id": [f"p{number}" for number in range(len(histories))],
            "order_count": [sum(e.is_order for e in each) for each in histories],
            "lifetime_value_cents": [
                sum(e.value_cents for e in each) for each in histories
            ],
        }
    )
    types = {"person_id": "str", "day": "datetime64[us]", "value_cents": "int64"}
    kinds = {"order_count": "int64", "lifetime_value_cents": "int64"}
    return foresee_tiers(
        movements.astype(types),
        people.astype({"person_id": "str"} | kinds),
        policy or Policy(),
        D,
    )


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as Python has them: days as dates, what is missing as None."""
    return [
        {name: plain(cell) for name, cell in row.items()}
        for row in frame.to_dict("records")
    ]


def plain(cell: Any) -> Any:
    if pd.isna(cell):
        return None
    return cell.date() if isinstance(cell, pd.Timestamp) else cell


def path_of(outlook: TierOutlook, person: str) -> list[tuple[date, str, int]]:
    mine = outlook.path[outlook.path["person_id"] == person]
    return [(row["day"], row["tier"], row["value_cents"]) for row in rows_of(mine)]


# Day by day ------------------------------------------------------------------------


def tier_on(history: History, policy: Policy, day: date) -> Tier:
    return grade(measure_value(history, policy, day), history, policy)


def walk(history: History, policy: Policy) -> list[tuple[date, str, int]]:
    """Return the days after D on which the tier is not that of the day before."""
    found = []
    before = tier_on(history, policy, D)
    for ahead in range(1, 91):
        day = D + timedelta(days=ahead)
        tier = tier_on(history, policy, day)
        if tier is not before:
            found.append((day, tier.value, measure_value(history, policy, day)))
        before = tier
    return found


def rank(tier: str, policy: Policy) -> Any:
    bounds: Mapping[str, Any] = {"None": -2, "Seed": -1, **policy.tier_thresholds}
    return bounds[tier]


def first_fall(history: History, policy: Policy) -> tuple[date, str, str] | None:
    """Return the first day on which the tier falls, that of the day before, and its."""
    before = tier_on(history, policy, D).value
    for day, tier, _value in walk(history, policy):
        if rank(tier, policy) < rank(before, policy):
            return day, before, tier
        before = tier
    return None


@settings(max_examples=up_to(150))
@given(HISTORIES, POLICIES)
@example([[bought(89, 25_000)], [bought(90, 25_000)], [bought(0, -1), bought(5, 1)]],
         Policy())  # fmt: skip
def test_the_path_is_what_each_day_says_rule_9_1(
    histories: list[History], policy: Policy
) -> None:
    outlook = foresee(histories, policy)

    rows = rows_of(outlook.people)
    assert [row["person_id"] for row in rows] == [f"p{n}" for n in range(len(rows))]
    for row, history in zip(rows, histories, strict=True):
        assert row["tier"] == tier_on(history, policy, D)
        assert row["value_cents"] == measure_value(history, policy, D)
        assert path_of(outlook, row["person_id"]) == walk(history, policy)


@settings(max_examples=up_to(150))
@given(HISTORIES, POLICIES, st.integers(0, 89))
def test_exactly_what_is_lacking_keeps_the_tier_and_a_cent_less_does_not_rule_9_2(
    histories: list[History], policy: Policy, early: int
) -> None:
    for row, history in zip(
        rows_of(foresee(histories, policy).people), histories, strict=True
    ):
        fall = first_fall(history, policy)
        if fall is None:
            assert row["tier_drop_date"] is None
            assert row["tier_after_drop"] is None
            assert row["spend_to_keep_cents"] is None
            continue
        day, before, after = fall
        assert (row["tier_drop_date"], row["tier_after_drop"]) == (day, after)
        when = max(D + timedelta(days=1), day - timedelta(days=early))
        keep = row["spend_to_keep_cents"]
        kept = [*history, Purchase(when, keep, True)]
        one_less = [*history, Purchase(when, keep - 1, True)]
        assert keep > 0
        assert tier_on(kept, policy, day) == before
        assert rank(tier_on(one_less, policy, day), policy) < rank(before, policy)


@settings(max_examples=up_to(150))
@given(HISTORIES, POLICIES)
def test_exactly_what_is_lacking_reaches_the_next_tier_tomorrow_rule_9_2(
    histories: list[History], policy: Policy
) -> None:
    tomorrow = D + timedelta(days=1)
    for row, history in zip(
        rows_of(foresee(histories, policy).people), histories, strict=True
    ):
        above = [t for t in Tier if rank(t, policy) > rank(row["tier"], policy)]
        spend = row["spend_to_next_cents"]
        if not above:
            assert (row["next_tier"], spend) == (None, None)
            continue
        wanted = rank(row["next_tier"], policy)
        assert wanted == min(rank(tier, policy) for tier in above)
        assert spend >= 1
        reached = tier_on([*history, Purchase(tomorrow, spend, True)], policy, tomorrow)
        assert rank(reached, policy) >= wanted
        if spend > 1:
            less = [*history, Purchase(tomorrow, spend - 1, True)]
            assert rank(tier_on(less, policy, tomorrow), policy) < wanted


# By example ------------------------------------------------------------------------


def test_a_return_that_leaves_raises_the_tier_before_it_falls_rules_9_1_and_9_2() -> (
    None
):
    outlook = foresee([[bought(80, -5_000, False), bought(70, 79_000)]])

    (row,) = rows_of(outlook.people)
    assert (row["tier"], row["value_cents"]) == ("Sprout", 74_000)
    raised, fallen = D + timedelta(days=10), D + timedelta(days=20)
    assert path_of(outlook, "p0") == [(raised, "Bloom", 79_000), (fallen, "Seed", 0)]
    assert row["tier_drop_date"] == fallen
    assert row["tier_after_drop"] == "Seed"
    assert row["spend_to_keep_cents"] == 75_000, "Bloom, the tier of the day before"


def test_a_fall_can_be_by_several_rungs_rule_9_1() -> None:
    outlook = foresee([[bought(89, 130_000), bought(0, 24_000)]])

    (row,) = rows_of(outlook.people)
    tomorrow = D + timedelta(days=1)
    assert (row["tier"], row["value_cents"]) == ("Evergreen", 154_000)
    assert path_of(outlook, "p0") == [(tomorrow, "Seed", 24_000)]
    assert row["spend_to_keep_cents"] == 126_000
    assert (row["next_tier"], row["spend_to_next_cents"]) == (None, None)


def test_what_leaves_tomorrow_is_lacking_to_the_next_tier_rule_9_2() -> None:
    outlook = foresee([[bought(89, 10_000), bought(3, 30_000)]])

    (row,) = rows_of(outlook.people)
    assert (row["next_tier"], row["spend_to_next_cents"]) == ("Bloom", 45_000)


def test_a_rung_that_comes_by_itself_still_costs_a_cent_rule_9_2() -> None:
    outlook = foresee([[bought(89, -1, False), bought(3, 25_000)]])

    (row,) = rows_of(outlook.people)
    assert (row["tier"], row["value_cents"]) == ("Seed", 24_999)
    assert (row["next_tier"], row["spend_to_next_cents"]) == ("Sprout", 1)


@pytest.mark.parametrize("cents", [0, -500])
def test_without_an_order_any_purchase_reaches_seed_rule_9_2(cents: int) -> None:
    outlook = foresee([[bought(3, cents, False)], []])

    assert [
        (row["tier"], row["next_tier"], row["spend_to_next_cents"])
        for row in rows_of(outlook.people)
    ] == [("None", "Seed", 1)] * 2


def test_on_lifetime_value_nothing_drops_rule_9_2() -> None:
    history = [bought(2000, 30_000), bought(89, 10_000)]

    outlook = foresee([history, []], Policy(tier_basis=TierBasis.LIFETIME))

    row, nothing = rows_of(outlook.people)
    assert outlook.path.empty
    assert (row["tier"], row["value_cents"]) == ("Sprout", 40_000)
    assert (row["next_tier"], row["spend_to_next_cents"]) == ("Bloom", 35_000)
    for each in (row, nothing):
        assert each["tier_drop_date"] is None
        assert each["spend_to_keep_cents"] is None


def test_of_two_rungs_with_one_bound_the_one_that_is_given_is_named() -> None:
    policy = Policy(tier_thresholds={Tier.SPROUT: 250, Tier.BLOOM: 250})
    history = [bought(3, 24_000)]

    (row,) = rows_of(foresee([history], policy).people)

    tomorrow = D + timedelta(days=1)
    more = [*history, Purchase(tomorrow, row["spend_to_next_cents"], True)]
    assert row["next_tier"] == tier_on(more, policy, tomorrow)


@pytest.mark.parametrize("ago", [-1, 90])
def test_a_movement_outside_the_window_is_refused(ago: int) -> None:
    day = pd.Series([D - timedelta(days=ago)], dtype="datetime64[us]")
    movements = pd.DataFrame({"person_id": ["p0"], "day": day, "value_cents": [1]})
    people = foresee([[]]).people[["person_id"]]
    people = people.assign(order_count=0, lifetime_value_cents=0)

    with pytest.raises(ValueError, match="outside the 90 days"):
        foresee_tiers(movements, people, Policy(), D)
    stranger = movements.assign(person_id="p1", day=pd.Timestamp(D))
    with pytest.raises(ValueError, match="not among the people"):
        foresee_tiers(stranger, people, Policy(), D)


# Who drops soon --------------------------------------------------------------------


@settings(max_examples=up_to(60))
@given(HISTORIES, st.integers(1, 90))
def test_the_days_of_the_drops_add_up_rule_9_2(
    histories: list[History], within: int
) -> None:
    outlook = foresee(histories)

    found = rows_of(add_up_drops(outlook.people, D, within))

    people = rows_of(outlook.people)
    assert len(found) == within
    for ahead, row in enumerate(found, start=1):
        day = D + timedelta(days=ahead)
        mine = [each for each in people if each["tier_drop_date"] == day]
        assert row == {
            "day": day,
            "people": len(mine),
            "value_cents": sum(each["value_cents"] for each in mine),
            "spend_to_keep_cents": sum(each["spend_to_keep_cents"] for each in mine),
        }
