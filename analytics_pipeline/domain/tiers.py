"""When tier and segment next change, and what would keep or raise the tier."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from analytics_pipeline.domain.analytics import ROLLING_DAYS, SEGMENT_DAYS, list_rungs
from analytics_pipeline.model.policy import Policy, TierBasis
from analytics_pipeline.model.vocabulary import InactiveSegment, Tier


class Purchase(NamedTuple):
    """Something that counts: its day, its cents, and whether it is an order."""

    day: date
    value_cents: int
    is_order: bool


class TierChange(NamedTuple):
    """From *day* on the tier is *tier*, on a value of *value_cents*."""

    day: date
    tier: Tier
    value_cents: int


class SegmentChange(NamedTuple):
    """From *day* on the segment is *segment*."""

    day: date
    segment: InactiveSegment


@dataclass(frozen=True, slots=True)
class Outlook:
    """Tier and segment as of D, and what becomes of them.

    Attributes:
        tier: as of D.
        value_cents: the value that it is set on.
        changes: every change of the tier if nothing is bought, the next one first.
        keep_cents: what must be bought, up to the day of the next change, to keep the
            tier; missing where it does not fall.
        next_tier: the rung above, if there is one.
        raise_cents: what must be bought as of D to reach it; 0 if any order does.
        segment: as of D.
        next_segment: its next change without an order, if there is one.
    """

    tier: Tier
    value_cents: int
    changes: tuple[TierChange, ...]
    keep_cents: int | None
    next_tier: Tier | None
    raise_cents: int | None
    segment: InactiveSegment
    next_segment: SegmentChange | None


def look_ahead(purchases: Sequence[Purchase], policy: Policy, day: date) -> Outlook:
    """Return the outlook from *day* of one person who bought *purchases*, all by then.

    Args:
        purchases: everything of the person that counts, dated *day* or before.
        policy: the thresholds, and the value that tiers are set on.
        day: the day D.
    """
    value = measure_value(purchases, policy, day)
    tier = grade(value, purchases, policy)
    changes = tuple(_tier_changes(purchases, policy, day, tier))
    next_tier, raise_cents = _rung_above(tier, value, policy)
    last = max((each.day for each in purchases if each.is_order), default=None)
    return Outlook(
        tier=tier,
        value_cents=value,
        changes=changes,
        keep_cents=_amount_to_keep(tier, changes, policy),
        next_tier=next_tier,
        raise_cents=raise_cents,
        segment=_segment(last, day),
        next_segment=_next_segment(last, day),
    )


def measure_value(purchases: Sequence[Purchase], policy: Policy, day: date) -> int:
    """Return the cents that the tier of *day* is set on."""
    if policy.tier_basis is TierBasis.LIFETIME:
        return sum(each.value_cents for each in purchases)
    since = day - timedelta(days=ROLLING_DAYS)
    return sum(each.value_cents for each in purchases if each.day > since)


def grade(cents: int, purchases: Sequence[Purchase], policy: Policy) -> Tier:
    """Return the highest rung that *cents* reach; else Seed after any order, ever."""
    for tier, bound in list_rungs(policy):
        if cents >= bound:
            return tier
    return Tier.SEED if any(each.is_order for each in purchases) else Tier.NONE


def _tier_changes(
    purchases: Sequence[Purchase], policy: Policy, day: date, tier: Tier
) -> list[TierChange]:
    """Walk the days on which purchases leave the window."""
    if policy.tier_basis is TierBasis.LIFETIME:
        return []
    window = timedelta(days=ROLLING_DAYS)
    leaving = sorted({each.day + window for each in purchases})
    changes: list[TierChange] = []
    for leaves in leaving:
        if leaves <= day:
            continue
        value = measure_value(purchases, policy, leaves)
        then = grade(value, purchases, policy)
        if then is not tier:
            changes.append(TierChange(leaves, then, value))
            tier = then
    return changes


def _amount_to_keep(
    tier: Tier, changes: Sequence[TierChange], policy: Policy
) -> int | None:
    """Return what the value of the next change lacks to the bound of *tier*."""
    bound = dict(list_rungs(policy)).get(tier)
    if not changes or bound is None or changes[0].value_cents >= bound:
        return None
    return bound - changes[0].value_cents


def _rung_above(
    tier: Tier, value: int, policy: Policy
) -> tuple[Tier | None, int | None]:
    """Return the lowest rung that is not reached, and what is lacking to it."""
    if tier is Tier.NONE:
        return Tier.SEED, 0
    above = [rung for rung in list_rungs(policy) if rung[1] > value]
    if not above:
        return None, None
    lowest = above[-1][1]
    name = next(each for each, bound in above if bound == lowest)
    return name, lowest - value


def _segment(last: date | None, day: date) -> InactiveSegment:
    """Return the segment by the days since the last order."""
    if last is None:
        return InactiveSegment.NEVER
    since = (day - last).days
    reached = (segment for days, segment in SEGMENT_DAYS if since >= days)
    return next(reached, InactiveSegment.ACTIVE)


def _next_segment(last: date | None, day: date) -> SegmentChange | None:
    """Return when the next segment begins without another order."""
    if last is None:
        return None
    coming = [
        SegmentChange(last + timedelta(days=days), segment)
        for days, segment in SEGMENT_DAYS
        if last + timedelta(days=days) > day
    ]
    return min(coming, default=None)
