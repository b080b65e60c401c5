"""Whether a frame keeps its contract, asked of whole columns at once.

A sound table is the rule, so it must be cheap to see that it is one.  What is not
sound is checked by pandera, which names the rows and rules.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytics_pipeline.model.schemas.table import Table, frame_types


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What a contract demands of one column.

    Attributes:
        name: of the column.
        kind: its pandas type.
        is_nullable: whether values may be missing.
        is_unique: whether no value may be there twice.
        least: the smallest number, or the shortest text.
        most: the largest number, or the longest text.
        words: the only values that there may be.
    """

    name: str
    kind: str
    is_nullable: bool
    is_unique: bool
    least: int | None = None
    most: int | None = None
    words: Collection[str] | None = None


def is_sound(frame: pd.DataFrame, table: type[Table]) -> bool:
    """Say whether *frame* keeps every rule of *table*.

    If not, or if a rule is of a kind that is not known here, ask pandera.
    """
    rules = rules_of(table)
    if rules is None or [*frame.columns] != [rule.name for rule in rules]:
        return False
    together = table.to_schema().unique
    return all(_keeps(frame[rule.name], rule) for rule in rules) and (
        not together or not frame.duplicated(list(together)).any()
    )


@cache
def rules_of(table: type[Table]) -> Sequence[ColumnRule] | None:
    """Return what *table* demands of each column; nothing if that is not known."""
    schema = table.to_schema()
    if schema.checks:
        return None
    rules = []
    for name, column in schema.columns.items():
        limits: dict[str, Any] = {}
        for check in column.checks:
            more = _limits_of(check)
            if more is None or limits.keys() & more.keys():
                return None
            limits |= more
        kind = frame_types(table)[name]
        rules.append(ColumnRule(name, kind, column.nullable, column.unique, **limits))
    return rules


def _limits_of(check: Any) -> dict[str, Any] | None:
    """Return a check of pandera as limits of a column; nothing if it is another one."""
    facts = dict(check.statistics or {})
    match check.name:
        case "in_range" if facts["include_min"] and facts["include_max"]:
            return {"least": facts["min_value"], "most": facts["max_value"]}
        case "greater_than":
            return {"least": facts["min_value"] + 1}
        case "greater_than_or_equal_to":
            return {"least": facts["min_value"]}
        case "equal_to":
            return {"least": facts["value"], "most": facts["value"]}
        case "str_length" if facts["exact_value"] is None:
            least, most = facts["min_value"], facts["max_value"]
            return {"least": least} if most is None else {"least": least, "most": most}
        case "isin":
            return {"words": frozenset(map(str, facts["allowed_values"]))}
    return None


def _keeps(series: "pd.Series[Any]", rule: ColumnRule) -> bool:
    """Say whether a column keeps its rule."""
    if str(series.dtype) != rule.kind:
        return False
    column = pa.chunked_array(pa.array(series, from_pandas=True))
    return (
        (rule.is_nullable or not column.null_count)
        and _is_within(column, rule)
        and (rule.words is None or _are_among(column, rule.words))
        and (not rule.is_unique or _are_unique(series, column))
    )


def _is_within(column: pa.ChunkedArray, rule: ColumnRule) -> bool:
    """Say whether numbers, or the lengths of texts, are within their limits."""
    if rule.least is None and rule.most is None:
        return True
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.utf8_length(column)
    found = pc.min_max(column).as_py()
    if found["min"] is None:  # nothing but missing values, or no row
        return True
    return (rule.least is None or found["min"] >= rule.least) and (
        rule.most is None or found["max"] <= rule.most
    )


def _are_among(column: pa.ChunkedArray, words: Collection[str]) -> bool:
    """Say whether no value is another than *words*."""
    return {*pc.unique(column).to_pylist()} - {None} <= {*words}


def _are_unique(series: "pd.Series[Any]", column: pa.ChunkedArray) -> bool:
    """Say whether no value is there twice.

    Most tables are sorted by their key: to see that costs less than to hash it.
    """
    if column.null_count:
        return bool(series.is_unique)
    rises = pc.less(column.slice(0, max(len(column) - 1, 0)), column.slice(1))
    return bool(pc.all(rises).as_py()) or bool(series.is_unique)
