"""Whether people's tiers move as slowly as they do from one day to the next."""

import pandas as pd

from analytics_pipeline.domain.findings import Finding, Severity
from analytics_pipeline.domain.usual_policy import Usual
from analytics_pipeline.domain.wording import say
from analytics_pipeline.vocabulary import Tier

CHECK = "tiers_move_slowly"

LONGEST_GAP = 31
"""Days between two masters beyond which nothing is compared."""

_MOST_DAYS_ALLOWED_FOR = 5
_RUNGS = {tier: rung for rung, tier in enumerate(Tier)}


def judge_tiers(
    before: pd.DataFrame, now: pd.DataFrame, days: int, usual: Usual
) -> Finding:
    """Count those whose tier is another one than *days* before; new people do not.

    Args:
        before: ``CustomerAnalytics`` of the earlier day.
        now: of the later one.
        days: how many lie between them.
        usual: how many may move in a day.
    """
    both = before[["customer_id", "tier"]].merge(
        now[["customer_id", "tier"]], on="customer_id", suffixes=("_before", "_now")
    )
    steps = both["tier_now"].map(_RUNGS) - both["tier_before"].map(_RUNGS)
    up, down = int((steps > 0).sum()), int((steps < 0).sum())
    people = int((before["tier"] != Tier.NONE).sum())
    a_day = max(usual.tiers_floor, usual.tiers_share * people)
    allowed = a_day * min(days, _MOST_DAYS_ALLOWED_FOR)
    return Finding(
        CHECK,
        up + down <= round(allowed, 9),
        f"{say(up + down, 'person has', 'people have')} another tier than "
        f"{say(days, 'day', 'days')} before: {up} a higher one, {down} a lower one.",
        Severity.WARN,
        {"moved": up + down, "people": people, "up": up, "down": down, "days": days},
    )


def compare_no_tiers(sentence: str) -> Finding:
    """Pass, and say why there is nothing to compare with."""
    return Finding(CHECK, True, sentence, Severity.WARN)
