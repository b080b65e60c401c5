"""Rows as a frame with exactly the columns and types of their table."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd

from analytics_pipeline.schemas.table import Table


@cache
def _column_types(table: type[Table]) -> Mapping[str, str]:
    """Return the pandas type of every column of *table*, in order."""
    types = {}
    for name, column in table.to_schema().columns.items():
        kind = str(column.dtype)
        if "string" in kind:
            kind = "str"
        elif kind.startswith("datetime64") and "UTC" not in kind:
            kind = "datetime64[us]"
        types[name] = kind
    return types


def frame_of(rows: Sequence[Sequence[Any]], table: type[Table]) -> pd.DataFrame:
    """Return *rows*, whose values stand in the column order of *table*, as a frame."""
    types = _column_types(table)
    columns: Sequence[Sequence[Any]] = (
        list(zip(*rows, strict=True)) if rows else [()] * len(types)
    )
    return pd.DataFrame(
        {
            name: pd.Series(list(values), dtype=kind)
            for (name, kind), values in zip(types.items(), columns, strict=True)
        }
    )
