"""Why a person's tier or segment is another one than in the master before."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pandas as pd

from analytics_pipeline.domain.analytics import SEGMENT_DAYS
from analytics_pipeline.domain.membership import is_among
from analytics_pipeline.vocabulary import ChangeCause, ChangeKind, Tier

COLUMNS = [
    "customer_id", "change", "before", "after", "cause", "cause_id", "cause_date",
]  # fmt: skip

Grade = tuple[object, ...]


def list_grade_changes(
    before: pd.DataFrame,
    after: pd.DataFrame,
    values: pd.DataFrame,
    unknown: ChangeCause,
) -> pd.DataFrame:
    """Return a row for every tier and every segment that is another one now.

    A person who came has none before, one who went has none after, so that the rows
    add up to how many people each tier and segment gained.

    Args:
        before: ``CustomerAnalytics`` of the earlier master.
        after: of the later one.
        values: the rows of kind ``value``: what may have moved a person.
        unknown: the cause of what nothing else explains.
    """
    told = ["customer_id", "tier", "inactive_segment", "last_order_date"]
    both = before[told].merge(
        after[told], on="customer_id", how="outer", suffixes=("_before", "_after")
    )
    moved = both[_differ(both, "tier") | _differ(both, "inactive_segment")].sort_values(
        "customer_id"
    )
    # Plain lists, because a table for each of many people takes a millisecond each.
    pieces: dict[str, list[Any]] = {}
    of_moved = values[is_among(values["customer_id"], moved["customer_id"])]
    for piece in of_moved.itertuples(index=False):
        pieces.setdefault(str(piece.customer_id), []).append(piece)
    rows: list[Grade] = []
    for person in moved.itertuples(index=False):
        rows += _grades(person, pieces.get(str(person.customer_id), []), unknown)
    return pd.DataFrame(rows, columns=COLUMNS)


def _differ(both: pd.DataFrame, grade: str) -> "pd.Series[bool]":
    before, after = (both[f"{grade}_{side}"].fillna("") for side in ("before", "after"))
    return before != after


def _grades(person: Any, mine: list[Any], unknown: ChangeCause) -> list[Grade]:
    """Return the one or two grades of a person that moved."""
    found: list[Grade] = []
    before, after = _text(person.tier_before), _text(person.tier_after)
    if before != after:
        cause = _tier_cause(mine, before, after) or _otherwise(person, unknown)
        found.append((person.customer_id, ChangeKind.TIER.value, before, after, *cause))
    before = _text(person.inactive_segment_before)
    after = _text(person.inactive_segment_after)
    if before != after:
        cause = _segment_cause(person, mine, after) or _otherwise(person, unknown)
        found.append(
            (person.customer_id, ChangeKind.SEGMENT.value, before, after, *cause)
        )
    return found


def _otherwise(person: Any, unknown: ChangeCause) -> Grade:
    """Return the cause where no sale did it: the record, if it came or went."""
    if pd.isna(person.tier_before) or pd.isna(person.tier_after):
        return ChangeCause.RECORD.value, person.customer_id, pd.NaT
    return unknown.value, None, pd.NaT


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


_RANKS: Mapping[str | None, int] = {None: -1} | {
    tier.value: rank for rank, tier in enumerate(Tier)
}


def _tier_cause(mine: list[Any], before: str | None, after: str | None) -> Any:
    """Return the piece that moved the value most in the tier's direction.

    The rolling value decides by default; where it did not move, the lifetime value
    or the number of orders did.
    """
    up = 1 if _RANKS[after] > _RANKS[before] else -1
    for measure in (
        "rolling_90_day_value_change_cents",
        "lifetime_value_change_cents",
        "order_count_change",
    ):
        sizes = [(getattr(piece, measure) * up, piece) for piece in mine]
        moving = [(size, piece) for size, piece in sizes if size > 0]
        if moving:
            _, most = max(moving, key=lambda pair: (pair[0], _rank(pair[1].cause_id)))
            return _piece(most)
    return _piece(mine[0]) if mine else None


def _rank(value: Any) -> tuple[bool, Any]:
    """Return what sorts *value* as pandas does: a missing one is the last."""
    return (True, "") if pd.isna(value) else (False, value)


def _piece(row: Any) -> Grade:
    return row.cause, row.cause_id, row.cause_date


def _segment_cause(person: Any, mine: list[Any], after: str | None) -> Any:
    """Return the order that came or went, or the days that passed since the last."""
    days = {word.value: bound for bound, word in SEGMENT_DAYS}
    same = person.last_order_date_before == person.last_order_date_after
    if same and after in days:
        reached = person.last_order_date_after + timedelta(days=days[after])
        return ChangeCause.TIME.value, None, reached
    moving = [piece for piece in mine if piece.order_count_change != 0] or mine
    if not moving:
        return None
    return _piece(
        max(moving, key=lambda piece: (_rank(piece.cause_date), _rank(piece.cause_id)))
    )
