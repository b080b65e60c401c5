"""Tests for analytics_pipeline.domain.tiers."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analytics_pipeline.domain.tiers import Purchase, look_ahead
from analytics_pipeline.model.policy import Policy, TierBasis
from analytics_pipeline.model.vocabulary import InactiveSegment, Tier

D = date(2026, 6, 20)
AHEAD = 92
EDGES = (24_999, 25_000, 25_001, 74_999, 75_000, 149_999, 150_000, -10_000, -1, 0, 1)

PURCHASES = st.lists(
    st.builds(
        lambda days, cents, is_order: Purchase(
            D - timedelta(days=days), cents, is_order
        ),
        st.integers(0, 100) | st.sampled_from((0, 29, 30, 59, 60, 89, 90, 91)),
        st.sampled_from(EDGES) | st.integers(-50_000, 200_000),
        st.booleans(),
    ),
    max_size=8,
)
THRESHOLDS = st.fixed_dictionaries(
    {},
    optional={
        tier: st.decimals(0, 2000, places=3)
        for tier in (Tier.SPROUT, Tier.BLOOM, Tier.EVERGREEN)
    },
)
POLICIES = st.builds(
    Policy, tier_basis=st.sampled_from(TierBasis), tier_thresholds=THRESHOLDS
)


# Written again, day by day ---------------------------------------------------------


def tier_of(purchases, policy, day):
    """The tier as of a day, by rule 5.6."""
    counted = [
        each
        for each in purchases
        if each.day <= day
        and (
            policy.tier_basis is TierBasis.LIFETIME
            or (day - each.day) < timedelta(days=90)
        )
    ]
    value = Decimal(sum(each.value_cents for each in counted)) / 100
    reached = [
        (bound, -place, tier)
        for place, (tier, bound) in enumerate(policy.tier_thresholds.items())
        if value >= bound
    ]
    if reached:
        return max(reached)[-1]
    return Tier.SEED if any(each.is_order for each in purchases) else Tier.NONE


def segment_of(purchases, day):
    """The segment as of a day, by rule 5.5."""
    days = [each.day for each in purchases if each.is_order]
    if not days:
        return "never"
    since = (day - max(days)).days
    return (
        "active"
        if since < 30
        else "30d"
        if since < 60
        else f"{60 if since < 90 else 90}d"
    )


def changes_of(describe, now):
    """Every change of what *describe* says of the days after D: day and word."""
    found = []
    for n in range(1, AHEAD):
        day = D + timedelta(days=n)
        then = describe(day)
        if then != now:
            found.append((day, then))
            now = then
    return found


def bought(purchases, day, cents):
    return [*purchases, Purchase(day, cents, True)]


@given(PURCHASES, POLICIES)
@example(
    [
        Purchase(D - timedelta(days=91), 1, True),
        Purchase(D - timedelta(days=90), 25_000, True),
    ],
    Policy(),
)
@example(
    [Purchase(D, 25_000, True), Purchase(D - timedelta(days=80), -1, False)], Policy()
)
def test_the_tier_changes_on_the_stated_days_rule_5_6(purchases, policy):
    outlook = look_ahead(purchases, policy, D)

    assert outlook.tier == tier_of(purchases, policy, D)
    assert [each[:2] for each in outlook.changes] == changes_of(
        lambda day: tier_of(purchases, policy, day), outlook.tier
    )


@given(PURCHASES, POLICIES, st.integers(0, AHEAD))
def test_exactly_the_stated_amount_keeps_the_tier_rule_5_6(purchases, policy, early):
    outlook = look_ahead(purchases, policy, D)
    tiers = [outlook.tier, *(each.tier for each in outlook.changes)]
    falls = [
        (each.day, before)
        for each, before in zip(outlook.changes, tiers, strict=False)
        if is_above(before, each.tier, policy)
    ]
    if outlook.keep_cents is None:
        assert (falls, outlook.drop_day) == ([], None)
        return
    day, held = falls[0]
    assert outlook.drop_day == day
    when = max(D + timedelta(days=1), day - timedelta(days=early))

    kept = bought(purchases, when, outlook.keep_cents)
    one_less = bought(purchases, when, outlook.keep_cents - 1)

    assert outlook.keep_cents > 0
    assert tier_of(kept, policy, day) == held
    assert tier_of(one_less, policy, day) != held


def is_above(tier, other, policy):
    bounds = {Tier.NONE: -2, Tier.SEED: -1, **policy.tier_thresholds}
    return bounds[tier] > bounds[other]


@given(PURCHASES, POLICIES)
def test_exactly_the_stated_amount_reaches_the_next_tier_rule_5_6(purchases, policy):
    outlook = look_ahead(purchases, policy, D)
    if outlook.raise_cents is None:
        assert outlook.next_tier is None
        assert not any(
            is_above(
                tier_of(bought(purchases, D, cents), policy, D), outlook.tier, policy
            )
            for cents in (1, 10**9)
        )
        return

    tomorrow = D + timedelta(days=1)
    with_it = bought(purchases, tomorrow, outlook.raise_cents)
    raised = tier_of(with_it, policy, tomorrow)

    if outlook.tier is Tier.NONE:
        assert (outlook.next_tier, outlook.raise_cents) == (Tier.SEED, 1)
        assert is_above(raised, Tier.NONE, policy)
        return
    if outlook.raise_cents > 1:
        assert raised == outlook.next_tier
        one_less = bought(purchases, tomorrow, outlook.raise_cents - 1)
        assert not is_above(tier_of(one_less, policy, tomorrow), outlook.tier, policy)
    else:
        assert not is_above(outlook.next_tier, raised, policy)


@given(PURCHASES)
def test_the_segment_changes_on_the_stated_day_rule_5_5(purchases):
    outlook = look_ahead(purchases, Policy(), D)
    changes = changes_of(lambda day: segment_of(purchases, day), outlook.segment)

    assert outlook.segment == segment_of(purchases, D)
    assert outlook.next_segment == next(iter(changes), None)


def test_a_return_that_leaves_the_window_raises_the_tier():
    back = Purchase(D - timedelta(days=80), -5_000, False)
    sale = Purchase(D - timedelta(days=70), 29_000, True)

    outlook = look_ahead([back, sale], Policy(), D)

    assert outlook.tier is Tier.SEED
    assert [each.tier for each in outlook.changes] == [Tier.SPROUT, Tier.SEED]
    assert outlook.changes[0].day == back.day + timedelta(days=90)
    assert outlook.drop_day == sale.day + timedelta(days=90)
    assert outlook.keep_cents == 25_000, "to stay Sprout, as on the day before"


def test_on_lifetime_value_no_tier_ever_falls():
    sale = Purchase(D - timedelta(days=89), 30_000, True)

    outlook = look_ahead([sale], Policy(tier_basis=TierBasis.LIFETIME), D)

    assert (outlook.tier, outlook.changes, outlook.keep_cents) == (
        Tier.SPROUT,
        (),
        None,
    )
    assert (outlook.next_tier, outlook.raise_cents) == (Tier.BLOOM, 45_000)


@pytest.mark.parametrize("cents", [100, -100])
def test_without_an_order_there_is_no_seed_and_no_segment_to_leave(cents):
    outlook = look_ahead([Purchase(D, cents, False)], Policy(), D)

    assert (outlook.tier, outlook.segment) == (Tier.NONE, InactiveSegment.NEVER)
    assert (outlook.next_tier, outlook.raise_cents) == (Tier.SEED, 1)
    assert outlook.next_segment is None
