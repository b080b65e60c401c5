"""An export as the CSV text that people open (rules 8.1, 8.5)."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.schemas.table import Table

_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")
_NEEDS_QUOTES = re.compile('[,"\r\n]')
ROWS_AT_ONCE = 50_000
_PHONE = re.compile(r"\+[0-9]+")


def render_csv(frame: pd.DataFrame, table: type[Table]) -> str:
    """Return *frame* as RFC 4180 text with the headers of *table*."""
    columns = table.to_schema().columns
    header = ",".join(_quote(str(column.title)) for column in columns.values())
    write = {name: _formatter(name, str(each.dtype)) for name, each in columns.items()}
    parts = [header + "\n"]
    # Some rows at a time: the cells of a million would take gigabytes.
    for start in range(0, len(frame), ROWS_AT_ONCE):
        some = frame.iloc[start : start + ROWS_AT_ONCE]
        cells = [_write_cells(some[name], writer) for name, writer in write.items()]
        rows = (",".join(row) for row in zip(*cells, strict=True))
        parts.append("\n".join(rows) + "\n")
    return "".join(parts)


def render_texts(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return *rows* of texts below their header, each cell disarmed (rules 8.1, 8.5).

    A cell that is disarmed already, because it was read from such a file, stays so.
    """
    lines = [",".join(_quote(disarm(cell)) for cell in row) for row in (columns, *rows)]
    return "\n".join(lines) + "\n"


def _quote(cell: str) -> str:
    r"""Quote a cell as RFC 4180 asks for, a lone carriage return included.

    The standard library's writer leaves that one bare where rows end in ``\n``, and
    a reader then sees two rows.
    """
    if not _NEEDS_QUOTES.search(cell):
        return cell
    return '"' + cell.replace('"', '""') + '"'


def _write_cells(values: pd.Series, write: Callable[[Any], str]) -> list[str]:
    """Write each value, and nothing where one is missing."""
    missing = values.isna().tolist()
    return [
        "" if is_missing else write(value)
        for value, is_missing in zip(values.tolist(), missing, strict=True)
    ]


def _formatter(name: str, dtype: str) -> Callable[[Any], str]:
    """Return how a column of that name and type is written."""
    if name.endswith("_cents"):
        return format_cents
    if dtype == "bool":
        return lambda value: "Yes" if value else "No"
    if dtype.startswith("datetime64"):
        return lambda value: str(value)[:10]
    return _write_text if "string" in dtype else str


def _write_text(text: str) -> str:
    """Write what people typed: the one kind of cell that may need disarming, quotes."""
    return _quote(disarm(text))


def disarm(text: str) -> str:
    """Keep a spreadsheet from running *text* as a formula (rule 8.5)."""
    if text.startswith(_FORMULA_START) and not _PHONE.fullmatch(text):
        return f"'{text}"
    return text
