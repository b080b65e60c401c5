"""When one person's tier and segment next change, and what keeps or raises the tier."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import pandas as pd

from analytics_pipeline.domain.analytics import ROLLING_DAYS, SEGMENT_DAYS
from analytics_pipeline.domain.tier_outlook import foresee_tiers
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.vocabulary import InactiveSegment, Tier

_IT = "the person"


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
        drop_day: the first on which the tier falls, if it does.
        keep_cents: what must be bought up to that day, so that it does not.
        next_tier: the rung above, if there is one.
        raise_cents: what must be bought on the next day to reach it.
        segment: as of D.
        next_segment: its next change without an order, if there is one.
    """

    tier: Tier
    value_cents: int
    changes: tuple[TierChange, ...]
    drop_day: date | None
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
    outlook = foresee_tiers(
        _movements(purchases, day), _figures(purchases), policy, day
    )
    (row,) = outlook.people.to_dict("records")
    last = max((each.day for each in purchases if each.is_order), default=None)
    falls = bool(pd.notna(row["tier_drop_date"]))
    rises = bool(pd.notna(row["next_tier"]))
    return Outlook(
        tier=Tier(row["tier"]),
        value_cents=int(row["value_cents"]),
        changes=tuple(map(_as_change, outlook.path.to_dict("records"))),
        drop_day=row["tier_drop_date"].date() if falls else None,
        keep_cents=int(row["spend_to_keep_cents"]) if falls else None,
        next_tier=Tier(row["next_tier"]) if rises else None,
        raise_cents=int(row["spend_to_next_cents"]) if rises else None,
        segment=_segment(last, day),
        next_segment=_next_segment(last, day),
    )


def _as_change(step: Mapping[Hashable, Any]) -> TierChange:
    """Return a step of the path as one change."""
    return TierChange(step["day"].date(), Tier(step["tier"]), int(step["value_cents"]))


def _movements(purchases: Sequence[Purchase], day: date) -> pd.DataFrame:
    """Return what moves the value of the window, as :func:`foresee_tiers` takes it."""
    since = day - timedelta(days=ROLLING_DAYS)
    recent = [each for each in purchases if each.day > since]
    return pd.DataFrame(
        {
            "person_id": pd.Series([_IT] * len(recent), dtype="str"),
            "day": pd.Series([each.day for each in recent], dtype="datetime64[us]"),
            "value_cents": pd.Series(
                [each.value_cents for each in recent], dtype="int64"
            ),
        }
    )


def _figures(purchases: Sequence[Purchase]) -> pd.DataFrame:
    """Return the person's row, as :func:`foresee_tiers` takes it."""
    return pd.DataFrame(
        {
            "person_id": [_IT],
            "order_count": [sum(each.is_order for each in purchases)],
            "lifetime_value_cents": [sum(each.value_cents for each in purchases)],
        }
    )


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
