"""Tables as Parquet bytes, with exactly the types that their contract names.

The same rows give the same bytes: no timestamp, no frame index, no pandas notes.
"""

from collections.abc import Mapping
from functools import cache

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analytics_pipeline.schemas.table import Table

_ARROW_TYPES: Mapping[str, pa.DataType] = {
    "int64": pa.int64(),
    "Int64": pa.int64(),
    "bool": pa.bool_(),
    # UTC without saying so: engines differ in what they do with zones.
    "datetime64[us, UTC]": pa.timestamp("us"),
    "datetime64[ns]": pa.timestamp("us"),
    "datetime64[us]": pa.timestamp("us"),
}


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


@cache
def frame_types(table: type[Table]) -> Mapping[str, str]:
    """Return the column types of *table* in memory."""
    types = {}
    for name, column in table.to_schema().columns.items():
        kind = str(column.dtype)
        naive = kind.startswith("datetime64") and "UTC" not in kind
        types[name] = "str" if "string" in kind else "datetime64[us]" if naive else kind
    return types


def shape(frame: pd.DataFrame, table: type[Table]) -> pd.DataFrame:
    """Return *frame* with the columns of *table*, in order and of its types."""
    types = frame_types(table)
    return frame[list(types)].assign(**_aware(frame, types)).astype(dict(types))


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
    sink = pa.BufferOutputStream()
    pq.write_table(content, sink, compression="zstd", compression_level=3)
    return bytes(sink.getvalue())


def decode(content: bytes, table: type[Table]) -> pd.DataFrame:
    """Return the rows that :func:`encode` wrote."""
    stored = pq.read_table(pa.BufferReader(content))
    return shape(stored.to_pandas(), table)


def read_notes(content: bytes) -> dict[str, str]:
    """Return the notes of a Parquet footer."""
    notes = pq.read_schema(pa.BufferReader(content)).metadata or {}
    return {key.decode(): value.decode() for key, value in notes.items()}
