"""Small tables of any contract: the given cells, everything else plain or missing."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import ibis
import pandas as pd

from analytics_pipeline.model.schemas.table import Table, arrow_schema

PLAIN: Mapping[str, Any] = {"int64": 0, "bool": False}
LIKE = {f"value_{basis}_cents": f"total_{basis}_cents" for basis in ("incl", "excl")}
"""What is as another cell where it is not given: without gift cards, a sale's value."""


def make_table(
    model: type[Table], rows: Iterable[Mapping[str, Any]], **defaults: Any
) -> pd.DataFrame:
    """Return a frame of *model*'s columns and types; an unknown column is an error."""
    columns = _columns(model)
    filled = [{**defaults, **row} for row in rows]
    unknown = {name for row in filled for name in row} - columns.keys()
    assert not unknown, f"{model.__name__} has no {sorted(unknown)}"
    frame = pd.DataFrame(
        {
            name: pd.Series([_cell(row, name, plain) for row in filled], dtype="object")
            for name, (plain, _kind) in columns.items()
        }
    )
    return frame.astype({name: kind for name, (_plain, kind) in columns.items()})


def _cell(row: Mapping[str, Any], name: str, plain: Any) -> Any:
    return row[name] if name in row else row.get(LIKE.get(name, ""), plain)


@cache
def _columns(model: type[Table]) -> Mapping[str, tuple[Any, str]]:
    """The plain value and the type of each column, which take long to look up."""
    return {
        name: (_plain(column), _type(column))
        for name, column in model.to_schema().columns.items()
    }


def _plain(column: Any) -> Any:
    blank = None if column.nullable else ""
    return PLAIN.get(str(column.dtype), blank)


def _type(column: Any) -> str:
    kind = str(column.dtype)
    if "str" in kind:
        return "str"
    return kind.replace("[ns]", "[us]")


def table_to_ibis(
    model: type[Table], rows: Iterable[Mapping[str, Any]], **defaults: Any
) -> Any:
    """Return what :func:`make_table` makes as an Ibis table."""
    schema = ibis.Schema.from_pyarrow(arrow_schema(model))
    return ibis.memtable(make_table(model, rows, **defaults), schema=schema)


def rows_to_ibis(rows: Iterable[Mapping[str, Any]], types: Mapping[str, str]) -> Any:
    """Return *rows* as an Ibis table of *types*."""
    frame = pd.DataFrame(list(rows), columns=list(types))
    typed = frame.astype(
        {name: "datetime64[us]" for name, kind in types.items() if kind == "timestamp"}
    )
    return ibis.memtable(typed, schema=ibis.schema(dict(types)))
