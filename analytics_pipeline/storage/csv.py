"""An export as the CSV text that people open (rules 8.1, 8.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from os import cpu_count
from typing import TYPE_CHECKING, Any

from analytics_pipeline.lazy import lazily
from analytics_pipeline.model.text import INVISIBLE, without_controls

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    from analytics_pipeline.model.schemas import table as schemas
    from analytics_pipeline.model.schemas.table import Table
else:
    pa, pc = lazily("pyarrow"), lazily("pyarrow.compute")
    schemas = lazily("analytics_pipeline.model.schemas.table")

ROWS_AT_ONCE = 50_000

BYTE_ORDER_MARK = "\ufeff"

_DECIMALS = {"tenths": 1, "cents": 2, "hundredths": 2, "thousandths": 3}
"""How many decimals a column of whole numbers has, by the last word of its name."""

_SIGNS = "=+\\-@＝＋－＠﹦﹢﹣﹫"
"""How a formula begins: in the usual form, full-width and small."""

_SEPARATORS = ",;|\t\n\u2028\u2029"
"""Where some spreadsheet or other reader may end a cell, whatever the quotes say."""

_BLANKS = " \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_FORMULA = rf'(?=[{_BLANKS}"{INVISIBLE}]*[{_SIGNS}]|[\t\r])'
_ARMED = re.compile(rf"(?:\A|(?<=[{_SEPARATORS}])){_FORMULA}")
_PHONE = re.compile(r"\+[0-9]+")
_PLAIN = re.compile(
    rf'(?!{_FORMULA})[^{_SEPARATORS}"\x00-\x1f\x7f-\x9f]*|{_PHONE.pattern}'
)
_DOUBTFUL = rf'^[{_BLANKS}"{INVISIBLE}{_SIGNS}]|[{_SEPARATORS}"\x00-\x1f\x7f-\x{{9f}}]'
"""Finds every text that is not ``_PLAIN``, and some that are."""

_NEEDS_QUOTES = re.compile('[,"\r\n]')
_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def render_csv(
    frame: pd.DataFrame, table: type[Table], byte_order_mark: bool = False
) -> bytes:
    """Return *frame* as RFC 4180 text in UTF-8, with the headers of *table*.

    Args:
        frame: rows of *table*.
        table: its columns; their titles are the headers.
        byte_order_mark: whether the text begins with one, for Excel (rule 8.5).
    """
    columns = table.to_schema().columns
    header = ",".join(_quote(str(column.title)) for column in columns.values())
    begin = (BYTE_ORDER_MARK if byte_order_mark else "") + header + "\n"
    schema = schemas.arrow_schema(table)
    rows = pa.Table.from_pandas(frame, schema, preserve_index=False)
    # Some rows at a time: the cells of a million would take gigabytes.
    batches = rows.combine_chunks().to_batches(max_chunksize=ROWS_AT_ONCE)
    with ThreadPoolExecutor(cpu_count() or 1) as threads:
        parts = threads.map(partial(_lines, columns=columns), batches)
        return b"".join([begin.encode(), *parts])


def _lines(rows: pa.RecordBatch, columns: Mapping[str, Any]) -> memoryview:
    """Return the lines of some rows, in UTF-8."""
    cells = [_cells(rows[name], name, each) for name, each in columns.items()]
    *others, last = cells
    ended = pc.binary_join_element_wise(last, "\n", "", null_handling="replace")
    lines = pc.binary_join_element_wise(*others, ended, ",", null_handling="replace")
    # The texts of an array are one after the other: as they are, they are the lines.
    _, offsets, data = lines.buffers()
    ends = pa.Array.from_buffers(pa.int32(), len(lines) + 1, [None, offsets])
    return memoryview(data)[ends[0].as_py() : ends[-1].as_py()]


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


def _cells(values: pa.Array, name: str, column: Any) -> pa.Array:
    """Return each value of a column as its cell; one that is missing stays so."""
    dtype = str(column.dtype)
    if decimals := _DECIMALS.get(name.rpartition("_")[2]):
        return _decimals(values, decimals)
    if dtype == "bool":
        return pc.if_else(values, "Yes", "No")
    if dtype.startswith("datetime64"):
        return values.cast(pa.date32()).cast(pa.string())
    if "string" not in dtype:
        return values.cast(pa.string())
    return _texts(
        values, _write_amount_or_text if schemas.holds_amounts(column) else write_text
    )


def _decimals(numbers: pa.Array, decimals: int) -> pa.Array:
    """Write whole parts of a unit: the same digits, with a point before the last."""
    digits = numbers.cast(pa.decimal128(19, 0))
    kind = pa.decimal128(19, decimals)
    return pa.Array.from_buffers(
        kind, len(digits), digits.buffers(), offset=digits.offset
    ).cast(pa.string())


def _texts(texts: pa.Array, write: Callable[[str], str]) -> pa.Array:
    """Write texts; most of them are cells as they are."""
    is_doubtful = pc.and_not(
        pc.match_substring_regex(texts, _DOUBTFUL),
        pc.match_substring_regex(texts, f"^{_PHONE.pattern}$"),
    ).fill_null(False)
    doubtful = texts.filter(is_doubtful)
    if not len(doubtful):
        return texts
    each = doubtful.dictionary_encode()  # an outlet's name is that of many people
    written = pa.array([write(text) for text in each.dictionary.to_pylist()])
    return pc.replace_with_mask(
        texts, is_doubtful, written.cast(texts.type).take(each.indices)
    )


def _write_amount_or_text(text: str) -> str:
    """Write an amount as the number that it is, and any other text as text."""
    return text if _AMOUNT.fullmatch(text) else write_text(text)


def write_text(text: str) -> str:
    """Write what people typed: the one kind of cell that may need disarming, quotes."""
    if _PLAIN.fullmatch(text):
        return text
    return _quote(disarm(without_controls(text)))


def disarm(text: str) -> str:
    """Keep a spreadsheet from running *text*, or a part of it, as a formula (rule 8.5).

    A reader with another separator ends the cell within the text, and one that takes
    the quotes at its beginning for part of the cell ends it even at a line break.  So
    each part that might become a cell is written as a cell of its own would be.
    """
    return text if _PHONE.fullmatch(text) else _ARMED.sub("'", text)
