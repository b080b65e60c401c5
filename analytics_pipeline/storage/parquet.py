"""Tables as Parquet bytes, with exactly the types that their contract names.

The same rows give the same bytes: no timestamp, no frame index, no pandas notes.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.schemas.table import Table, frame_types

_ARROW_TYPES: Mapping[str, pa.DataType] = {
    "int64": pa.int64(),
    "Int64": pa.int64(),
    "bool": pa.bool_(),
    # UTC without saying so: engines differ in what they do with zones.
    "datetime64[us, UTC]": pa.timestamp("us"),
    "datetime64[ns]": pa.timestamp("us"),
    "datetime64[us]": pa.timestamp("us"),
}

LABEL = "label"
"""The column of joined files that tells which one a row is from."""


@cache
def arrow_schema(table: type[Table]) -> pa.Schema:
    """Return the column types of *table* on disk, in its column order."""
    columns = table.to_schema().columns
    return pa.schema(
        [
            pa.field(name, _ARROW_TYPES.get(str(column.dtype), pa.string()))
            for name, column in columns.items()
        ]
    )


def shape(frame: pd.DataFrame, table: type[Table]) -> pd.DataFrame:
    """Return *frame* with the columns of *table*, in order and of its types."""
    types = frame_types(table)
    chosen = frame[list(types)]
    # Most columns are right already, and to be told so again takes time.
    wrong = {
        name: kind
        for (name, kind), now in zip(types.items(), chosen.dtypes, strict=True)
        if str(now) != kind
    }
    if not wrong:
        return chosen.copy(deep=False)
    return chosen.assign(**_aware(chosen, wrong)).astype(wrong)


def _aware(frame: pd.DataFrame, types: Mapping[str, str]) -> dict[str, pd.Series]:
    """Say that moments which come from a file or an engine are in UTC."""
    return {
        name: frame[name].astype("datetime64[us]").dt.tz_localize("UTC")
        for name, kind in types.items()
        if kind.endswith("UTC]") and "UTC" not in str(frame[name].dtype)
    }


def encode(
    frame: pd.DataFrame, table: type[Table], notes: Mapping[str, str] | None = None
) -> bytes:
    """Return *frame* as the Parquet bytes of *table*, with *notes* in its footer."""
    content = pa.Table.from_pandas(
        frame, schema=arrow_schema(table), preserve_index=False
    ).replace_schema_metadata(dict(notes) if notes else None)
    return _write(content)


def join(parts: Iterable[bytes], labels: Sequence[str] | None = None) -> bytes:
    """Return the rows of several Parquet files as one.

    Each part's rows bear its label, if there are labels, in the column ``LABEL``.
    """
    tables = [pq.read_table(pa.BufferReader(part)) for part in parts]
    if labels is not None:
        tables = [
            table.append_column(LABEL, pa.repeat(label, len(table)))
            for table, label in zip(tables, labels, strict=True)
        ]
    joined = pa.concat_tables(tables).replace_schema_metadata(None)
    return _write(joined)


def _write(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", compression_level=3)
    return bytes(sink.getvalue())


def decode(content: bytes, table: type[Table]) -> pd.DataFrame:
    """Return the rows that :func:`encode` wrote."""
    stored = pq.read_table(pa.BufferReader(content))
    return shape(stored.to_pandas(), table)


def read_notes(stream: BinaryIO) -> dict[str, str]:
    """Return the notes of a Parquet footer; the rows are not read."""
    notes = _footer(stream).metadata or {}
    return {
        key.decode(): value.decode()
        for key, value in notes.items()
        if not key.startswith(b"ARROW:")  # Arrow's own
    }


def count_rows(stream: BinaryIO) -> int:
    """Return how many rows a Parquet footer tells of."""
    return int(_footer(stream).num_rows)


def _footer(stream: BinaryIO) -> Any:
    """Read a Parquet footer.

    Raises:
        LocalFailure: the file is damaged.
    """
    try:
        return pq.read_metadata(stream)
    except (OSError, ValueError) as error:
        raise LocalFailure(
            f"{getattr(stream, 'name', 'A stored table')} is damaged.",
            "Run: analytics-pipeline rebuild",
        ) from error
