"""What the report tells of people: tiers, segments, how they moved, lifetime value."""

from itertools import pairwise

import pandas as pd

from analytics_pipeline.domain.analytics import cents_from
from analytics_pipeline.domain.policy import Policy
from analytics_pipeline.domain.report_rows import Row, row
from analytics_pipeline.vocabulary import InactiveSegment, ReportFigure, Tier

NOW = "now"
A_MONTH_AGO = "a month ago"
NOT_YET = "not yet here"
"""Where a person was before the first purchase made one of an e-mail."""

NO_ORDER = "no order"
NOTHING_LEFT = "0 or less"
_CLASSES = (50, 100, 250, 500, 1000, 2500, 5000)
"""Where classes of lifetime value begin, in shop currency, beside the thresholds."""

_LADDERS = (
    ("tier", list(Tier), ReportFigure.TIERS, ReportFigure.TIER_MOVES),
    (
        "inactive_segment",
        list(InactiveSegment),
        ReportFigure.SEGMENTS,
        ReportFigure.SEGMENT_MOVES,
    ),
)


def count_standings(now: pd.DataFrame, then: pd.DataFrame) -> list[Row]:
    """Count people by tier and by segment, now and a month ago, and who moved where.

    Args:
        now: ``customer_analytics`` as of the day.
        then: the same people's ``customer_id, tier, inactive_segment`` a month before.
    """
    rows: list[Row] = []
    before = then.set_index("customer_id")
    for column, words, counts, moves in _LADDERS:
        was = now["customer_id"].map(before[column]).fillna(NOT_YET)
        for word in words:
            rows.append(row(counts, word, A_MONTH_AGO, (was == word).sum()))
            rows.append(row(counts, word, NOW, (now[column] == word).sum()))
        moved = pd.crosstab(was, now[column])
        rows += [
            row(moves, start, end, moved.loc[start, end])
            for start in [NOT_YET, *words]
            for end in words
            if start in moved.index and end in moved.columns and moved.loc[start, end]
        ]
    return rows


def divide_lifetime_values(analytics: pd.DataFrame, policy: Policy) -> list[Row]:
    """Divide people with an order into classes of lifetime value, from low to high."""
    buyers = analytics[analytics["order_count"] > 0]
    cents = buyers["lifetime_value_cents"]
    rows = [
        row(
            ReportFigure.LIFETIME_PEOPLE,
            NO_ORDER,
            "people",
            len(analytics) - len(buyers),
        )
    ]
    for label, within in _classes(cents, policy).items():
        amount = cents[within].sum()
        rows.append(row(ReportFigure.LIFETIME_PEOPLE, label, "people", within.sum()))
        rows.append(row(ReportFigure.LIFETIME_VALUE, label, "value", amount))
    return rows


def _classes(cents: "pd.Series[int]", policy: Policy) -> dict[str, "pd.Series[bool]"]:
    """Return who is in which class; each is from its lower bound to below the next."""
    bounds = sorted(
        {100 * start for start in _CLASSES}
        | {cents_from(policy.high_value_from), cents_from(policy.vip_from)}
    )
    classes = {NOTHING_LEFT: cents <= 0, f"below {_name(bounds[0])}": cents > 0}
    classes[f"below {_name(bounds[0])}"] &= cents < bounds[0]
    for start, end in pairwise(bounds):
        classes[f"{_name(start)} to {_name(end)}"] = (cents >= start) & (cents < end)
    classes[f"{_name(bounds[-1])} or more"] = cents >= bounds[-1]
    return classes


def _name(cents: int) -> str:
    whole, rest = divmod(cents, 100)
    return f"{whole:,}.{rest:02d}" if rest else f"{whole:,}"
