"""Tables as Parquet bytes, with exactly the types that their contract names.

The same rows give the same bytes: no timestamp, no frame index, no pandas notes.  Each
file's footer tells the version of its table's form, and one of another is never read.
Each bears a seal over all its bytes, and one that does not fit is never read either.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analytics_pipeline.errors import LocalFailure, WrongUse
from analytics_pipeline.schemas.table import Table, frame_types
from analytics_pipeline.schemas.versions import FIRST, VERSIONS
from analytics_pipeline.storage.seals import EMPTY, KEY, State, examine, seal

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

UPDATE = "Run: analytics-pipeline update"

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
    return write_rows(content)


@cache
def _encode_no_rows(table: type[Table], version: int) -> bytes:
    rows = arrow_schema(table).empty_table()
    return write_rows(rows.replace_schema_metadata({VERSION: str(version)}))


def join(parts: Iterable[bytes], labels: Sequence[str] | None = None) -> bytes:
    """Return the rows of several Parquet files, which were proved sound, as one.

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
    told = {VERSION: str(max(version, FIRST))}
    return write_rows(joined.replace_schema_metadata(told))


def write_rows(rows: pa.Table) -> bytes:
    """Return *rows*, with the notes of their schema, as a sealed Parquet file."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink, rows.schema, compression="zstd", compression_level=3
    ) as writer:
        writer.write_table(rows)
        # Metadata of the schema is written twice, this once only.
        writer.add_key_value_metadata({KEY: EMPTY})
    return seal(bytes(sink.getvalue()))


def seal_older(content: bytes, what: str) -> bytes:
    """Return a file from before there were seals with its seal; a sealed one as it is.

    Raises:
        LocalFailure: it is damaged.
    """
    if _is_sealed(content, what):
        return content
    try:
        return write_rows(pq.read_table(pa.BufferReader(content)))
    except (OSError, ValueError) as error:
        raise damaged(what) from error


def decode(
    content: bytes, table: type[Table], what: str = "table", remedy: str = UPDATE
) -> pd.DataFrame:
    """Return the rows that :func:`encode` wrote; *what* names them in a failure.

    The *remedy* is that for a damaged file.

    Raises:
        LocalFailure: they are damaged, or of an older version than this program reads.
        WrongUse: they are of a newer one than it knows.
    """
    _prove(content, what, remedy)
    stored = pq.read_table(pa.BufferReader(content))
    refuse_other_version(_version_in(stored.schema.metadata), VERSIONS[table], what)
    return shape(stored.to_pandas(), table)


def decode_as_stored(
    content: bytes, what: str = "table"
) -> tuple[pd.DataFrame, dict[str, str], int]:
    """Return rows of whatever version, with their notes and that version.

    Integers stay integers, also where some are missing.  Those of an older version may
    be from before there were seals.

    Raises:
        LocalFailure: they are damaged.
    """
    _is_sealed(content, what)
    try:
        stored = pq.read_table(pa.BufferReader(content))
    except (OSError, ValueError) as error:
        raise damaged(what) from error
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
    """Return the version that a Parquet footer tells; the rows are not read.

    Raises:
        LocalFailure: the footer is damaged.
    """
    return _version_in(_footer(stream).metadata)


def _version_in(metadata: Mapping[bytes, bytes] | None) -> int:
    return int((metadata or {}).get(VERSION.encode(), UNMARKED))


def read_notes(
    content: bytes, what: str = "table", remedy: str = UPDATE
) -> dict[str, str]:
    """Return the notes in the footer of a Parquet file; the rows are not read.

    Raises:
        LocalFailure: the file is damaged.
    """
    _prove(content, what, remedy)
    return read_proved_notes(io.BytesIO(content))


def read_proved_notes(stream: BinaryIO) -> dict[str, str]:
    """Return the notes in the footer of a Parquet file that was proved sound."""
    return _notes_in(_footer(stream).metadata)


def count_proved_rows(stream: BinaryIO) -> int:
    """Return how many rows a Parquet file holds that was proved sound."""
    return int(_footer(stream).num_rows)


def _notes_in(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    return {
        key.decode(): value.decode()
        for key, value in (metadata or {}).items()
        if not key.startswith(b"ARROW:")  # Arrow's own
        and key not in (VERSION.encode(), KEY.encode())
    }


def count_rows(content: bytes, what: str = "table") -> int:
    """Return how many rows a Parquet file holds; one from before seals is believed.

    Raises:
        LocalFailure: the file is damaged.
    """
    _is_sealed(content, what)
    return count_proved_rows(io.BytesIO(content))


def _prove(content: bytes, what: str, remedy: str) -> None:
    """Make sure that *content* is what was written.

    Raises:
        LocalFailure: it is not, or bears no seal.
    """
    if not _is_sealed(content, what, remedy):
        raise LocalFailure(
            f"The stored {what} bears no seal: it is damaged, or of an earlier "
            "version.",
            remedy,
        )


def _is_sealed(content: bytes, what: str, remedy: str = UPDATE) -> bool:
    """Say whether *content* bears a seal.

    Raises:
        LocalFailure: the seal does not fit.
    """
    state = examine(content)
    if state is State.DAMAGED:
        raise damaged(what, remedy)
    return state is State.SOUND


def damaged(what: str, remedy: str = UPDATE) -> LocalFailure:
    """Return the failure of a table whose bytes are not those that were written."""
    cause = f"The stored {what} is damaged: its bytes are not those that were written."
    return LocalFailure(cause, remedy)


def _footer(stream: BinaryIO) -> Any:
    """Read a Parquet footer.

    Raises:
        LocalFailure: the file is damaged.
    """
    try:
        return pq.read_metadata(stream)
    except (OSError, ValueError) as error:
        raise LocalFailure(
            f"{getattr(stream, 'name', 'A stored table')} is damaged.", UPDATE
        ) from error
