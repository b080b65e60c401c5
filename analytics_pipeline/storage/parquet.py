"""Tables as Parquet bytes, with exactly the types that their contract names.

The same rows give the same bytes: no timestamp, no frame index, no pandas notes.  Each
file's footer tells the version of its table's form, and one of another is never read.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analytics_pipeline.errors import LocalFailure, WrongUse
from analytics_pipeline.schemas.table import Table, frame_types
from analytics_pipeline.schemas.versions import FIRST, VERSIONS

_ARROW_TYPES: Mapping[str, pa.DataType] = {
    "int64": pa.int64(),
    "Int64": pa.int64(),
    "bool": pa.bool_(),
    # UTC without saying so: engines differ in what they do with zones.
    "datetime64[us, UTC]": pa.timestamp("us"),
    "datetime64[ns]": pa.timestamp("us"),
    "datetime64[us]": pa.timestamp("us"),
}

VERSION = "schema_version"
"""The note of a footer that tells the version of the table's form."""

UNMARKED = 0
"""What a file is said to be whose footer tells no version: it is of the first one."""

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
    if frame.empty and not notes and [*frame.columns] == arrow_schema(table).names:
        return _encode_no_rows(table, VERSIONS[table])  # most days of some shops
    content = pa.Table.from_pandas(
        frame, schema=arrow_schema(table), preserve_index=False
    ).replace_schema_metadata({**(notes or {}), VERSION: str(VERSIONS[table])})
    return _write(content)


@cache
def _encode_no_rows(table: type[Table], version: int) -> bytes:
    rows = arrow_schema(table).empty_table()
    return _write(rows.replace_schema_metadata({VERSION: str(version)}))


def join(parts: Iterable[bytes], labels: Sequence[str] | None = None) -> bytes:
    """Return the rows of several Parquet files as one.

    Each part's rows bear its label, if there are labels, in the column ``LABEL``.  The
    parts are of one version, which the whole tells too.
    """
    tables = [pq.read_table(pa.BufferReader(part)) for part in parts]
    version = max(_version_in(table.schema.metadata) for table in tables)
    if labels is not None:
        tables = [
            table.append_column(LABEL, pa.repeat(label, len(table)))
            for table, label in zip(tables, labels, strict=True)
        ]
    joined = pa.concat_tables(tables)
    return _write(joined.replace_schema_metadata({VERSION: str(max(version, FIRST))}))


def _write(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", compression_level=3)
    return bytes(sink.getvalue())


def decode(content: bytes, table: type[Table], what: str = "table") -> pd.DataFrame:
    """Return the rows that :func:`encode` wrote; *what* names them in a failure.

    Raises:
        LocalFailure: they are of an older version than this program reads.
        WrongUse: they are of a newer one than it knows.
    """
    stored = pq.read_table(pa.BufferReader(content))
    refuse_other_version(_version_in(stored.schema.metadata), VERSIONS[table], what)
    return shape(stored.to_pandas(), table)


def decode_as_stored(content: bytes) -> tuple[pd.DataFrame, dict[str, str], int]:
    """Return rows of whatever version, with their notes and that version.

    Integers stay integers, also where some are missing.
    """
    stored = pq.read_table(pa.BufferReader(content))
    kinds = {pa.int64(): pd.Int64Dtype()}
    found, rows = stored.schema.metadata, stored.to_pandas(types_mapper=kinds.get)
    return rows, _notes_in(found), _version_in(found)


def refuse_other_version(found: int, known: int, what: str) -> None:
    """Refuse what is not of the *known* version.

    Raises:
        LocalFailure: it is of an older one.
        WrongUse: it is of a newer one.
    """
    if max(found, FIRST) < known:
        raise LocalFailure(
            f"The stored {what} is of version {max(found, FIRST)}, and this program "
            f"reads version {known}.",
            "Run: analytics-pipeline update",
        )
    if found > known:
        raise WrongUse(
            f"The stored {what} is of version {found}, and this program knows none "
            f"after {known}: a newer one wrote it.",
            "Install that newer analytics-pipeline again. Nothing was touched.",
        )


def read_version(stream: BinaryIO) -> int:
    """Return the version that a Parquet footer tells; the rows are not read."""
    return _version_in(_footer(stream).metadata)


def _version_in(metadata: Mapping[bytes, bytes] | None) -> int:
    return int((metadata or {}).get(VERSION.encode(), UNMARKED))


def read_notes(stream: BinaryIO) -> dict[str, str]:
    """Return the notes of a Parquet footer; the rows are not read."""
    return _notes_in(_footer(stream).metadata)


def _notes_in(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    return {
        key.decode(): value.decode()
        for key, value in (metadata or {}).items()
        if not key.startswith(b"ARROW:")  # Arrow's own
        and key != VERSION.encode()
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
