"""Sorting a page: what becomes a row, and what is turned away at the door.

A rejection names the record and the rule, never what the record holds: it is stored,
and a payload may hold personal data.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from analytics_pipeline.domain.rejections import Rejection
from analytics_pipeline.sources.json_parts import UnreadableRecord
from analytics_pipeline.sources.payload_values import (
    LARGEST_VERSION,
    Unusable,
    told_id,
    told_version,
    version,
    version_in,
)

__all__ = ["Rejection", "sort_out"]

FAR_VERSION = "version_is_near_its_neighbours"
"""The rule that a record breaks whose version is far above the others of its feed."""

UNREADABLE = "record_can_be_decoded"
"""The rule that a record breaks that is no JSON, nested too deeply or too large."""

Value = TypeVar("Value")


def sort_out(
    records: Iterable[Any],
    read: Callable[[dict[str, Any]], Value],
    *,
    table: str,
    page: int,
    highest_version: int = LARGEST_VERSION,
) -> tuple[list[Value], list[Rejection]]:
    """Read each record of a page into a row, or reject it with the broken rule.

    A version above *highest_version* is not believed, so such a record is rejected as
    one without a version: whatever version of it comes later makes it good.
    """
    rows: list[Value] = []
    rejections: list[Rejection] = []
    for number, record in enumerate(records, start=1):
        try:
            if told_version(version_in(record)) > highest_version:
                raise Unusable(FAR_VERSION)
            if isinstance(record, UnreadableRecord):
                raise Unusable(UNREADABLE)
            if not isinstance(record, dict):
                raise Unusable("record_is_an_object")
            rows.append(read(record))
        except Unusable as fault:
            position = f"page {page}, record {number}"
            rejections.append(_rejection(record, fault.rule, table, position))
    return rows, rejections


def _rejection(record: Any, rule: str, table: str, position: str) -> Rejection:
    """Describe *record*, whatever it is, as far as its id and version can be read."""
    return Rejection(
        table=table,
        rule=rule,
        record_id=told_id(record),
        version=None if rule == FAR_VERSION else _readable(version, version_in(record)),
        position=position,
    )


def _readable(read: Callable[[Any], Value], value: Any) -> Value | None:
    """Return what *read* makes of *value*, or nothing where it cannot be used."""
    try:
        return read(value)
    except Unusable:
        return None
