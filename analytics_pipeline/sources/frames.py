"""Rows as a frame with exactly the columns and types of their table."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from analytics_pipeline.schemas.table import Table, frame_types


def frame_of(rows: Sequence[Sequence[Any]], table: type[Table]) -> pd.DataFrame:
    """Return *rows*, whose values stand in the column order of *table*, as a frame."""
    types = frame_types(table)
    columns: Sequence[Sequence[Any]] = (
        list(zip(*rows, strict=True)) if rows else [()] * len(types)
    )
    return pd.DataFrame(
        {
            name: pd.Series(list(values), dtype=kind)
            for (name, kind), values in zip(types.items(), columns, strict=True)
        }
    )
