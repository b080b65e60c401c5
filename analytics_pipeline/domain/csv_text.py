"""An export as the CSV text that people open (rules 8.1, 8.5)."""

import csv
import io
import re
from collections.abc import Callable

import pandas as pd

from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.schemas.table import Table

_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")
_PHONE = re.compile(r"\+[0-9]+")


def render_csv(frame: pd.DataFrame, table: type[Table]) -> str:
    """Return *frame* as RFC 4180 text with the headers of *table*."""
    columns = table.to_schema().columns
    cells = [
        [_formatter(name, str(column.dtype))(value) for value in frame[name].tolist()]
        for name, column in columns.items()
    ]
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow([column.title for column in columns.values()])
    writer.writerows(zip(*cells, strict=True))
    return sink.getvalue()


def _formatter(name: str, dtype: str) -> Callable[[object], str]:
    """Return how a column of that name and type is written."""
    if name.endswith("_cents"):
        return _missing_or(lambda value: format_cents(int(str(value))))
    if dtype == "bool":
        return lambda value: "Yes" if value else "No"
    if dtype.startswith("datetime64"):
        return _missing_or(lambda value: str(value)[:10])
    if "string" in dtype:
        return _missing_or(lambda value: disarm(str(value)))
    return _missing_or(str)


def _missing_or(write: Callable[[object], str]) -> Callable[[object], str]:
    """Write nothing where a value is missing."""
    return lambda value: "" if pd.isna(value) else write(value)  # type: ignore[call-overload]


def disarm(text: str) -> str:
    """Keep a spreadsheet from running *text* as a formula (rule 8.5)."""
    if text.startswith(_FORMULA_START) and not _PHONE.fullmatch(text):
        return f"'{text}"
    return text
