"""Tables as Parquet bytes, of exact types, sealed by a SHA-256.

Seals are proved, and rows counted, by the standard library alone.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from functools import cache
from hashlib import sha256
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from upath import UPath

from analytics_pipeline.lazy import lazily
from analytics_pipeline.model.errors import LocalFailure, WrongUse
from analytics_pipeline.storage.files import (
    AnyPath,
    is_local,
    list_states,
    local,
    state_of,
)
from analytics_pipeline.storage.footer import notes_in, rows_in
from analytics_pipeline.storage.versions import FIRST, oldest_read_of, version_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    from analytics_pipeline.model.schemas import table as schemas
    from analytics_pipeline.model.schemas.table import Table
else:
    pa, pq = lazily("pyarrow"), lazily("pyarrow.parquet")
    schemas = lazily("analytics_pipeline.model.schemas.table")

# ----------------------------------------------------------------------------------
# The seal of a Parquet file: the SHA-256 of its bytes, in a note of its own footer.
#
# The hash is that of the whole file with the 64 digits of the seal taken as zeros. So
# it travels with the file, on disk and in a bucket, is put in place by the same
# rename, and shows any change of any byte. Anyone who can write the file can seal it
# again: a seal shows accidents, not attacks.


KEY = "file_sha256"
"""The note of the footer that holds the seal."""

DIGITS = 64
EMPTY = "0" * DIGITS
"""What the note holds while the file is hashed."""

_MARK = KEY.encode() + b"\x18\x40"  # Thrift: a text of 64 bytes follows
_HEX = re.compile(rb"[0-9a-f]{64}")
_TAIL = 16 << 10
"""Bytes at the end of a file among which the seal nearly always is."""

_BY_NAME = re.compile(r"\d{8}(?:-[0-9a-f]{16})?-([0-9a-f]{16})(?:-q)?\.parquet")
"""The name of a segment of the log, or of a bundle of them: it ends with its hash."""

_NAMED_DIGITS = 16


class State(Enum):
    """What the seal of a file says of it."""

    SOUND = "sound"
    DAMAGED = "damaged"
    UNSEALED = "unsealed"


def seal(content: bytes) -> bytes:
    """Return the Parquet file *content*, whose note holds zeros, with its seal.

    Raises:
        ValueError: there is no such note.
    """
    place = _place(content)
    if content[place : place + DIGITS] != EMPTY.encode():
        raise ValueError("the file has no note for its seal")
    digits = sha256(content).hexdigest().encode()
    return b"".join((content[:place], digits, content[place + DIGITS :]))


def examine(content: bytes) -> State:
    """Say whether *content* is what was sealed; a file of before seals is unsealed."""
    place = _place(content)
    if place < 0:
        return State.UNSEALED
    whole = memoryview(content)
    digest = sha256(whole[:place])
    digest.update(EMPTY.encode())
    digest.update(whole[place + DIGITS :])
    found = content[place : place + DIGITS]
    return State.SOUND if digest.hexdigest().encode() == found else State.DAMAGED


def examine_file(name: str, content: bytes) -> State:
    """Say whether *content* is what was written under *name*.

    A file of the log has its hash in its name, also where it was written before there
    were seals.
    """
    named = _BY_NAME.fullmatch(name)
    if named is None:
        return examine(content)
    found = sha256(content).hexdigest()[:_NAMED_DIGITS]
    return State.SOUND if found == named[1] else State.DAMAGED


def name_holds_hash(name: str) -> bool:
    """Say whether *name* is that of a file of the log, whose hash is in its name."""
    return _BY_NAME.fullmatch(name) is not None


def seal_in(content: bytes) -> str | None:
    """Return the seal in *content*, or in the end of it; the rest is not read."""
    place = _place(content)
    found = content[place : place + DIGITS] if place >= 0 else b""
    return found.decode() if _HEX.fullmatch(found) else None


def seal_of(path: Path) -> str | None:
    """Return the seal of the file *path*; nothing where it has none."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - _TAIL))
        found = seal_in(stream.read())
        if found is None and size > _TAIL:
            stream.seek(0)
            found = seal_in(stream.read())
    return found


def _place(content: bytes) -> int:
    """Return where the digits of the seal begin; -1 where there is none."""
    found = content.rfind(_MARK)
    return -1 if found < 0 else found + len(_MARK)


# ----------------------------------------------------------------------------------
# Tables as Parquet bytes, with exactly the types that their contract names.
#
# The same rows give the same bytes: no timestamp, no frame index, no pandas notes.
# Each file's footer states the version of its table's form, and one of another is
# never read. Each has a seal over all its bytes, and one that does not fit is never
# read either.


VERSION = "schema_version"
"""The note of a footer with the version of the table's form."""

UNMARKED = 0
"""The version of a file whose footer states none: the first one."""

UPDATE = "Run: analytics-pipeline update"
REBUILD = "Run: analytics-pipeline rebuild"

LABEL = "label"
"""The column of joined files that names the one a row is from."""


def shape(
    frame: pd.DataFrame, table: type[Table], columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return *frame* with the columns of *table*, in order and of its types.

    If any *columns* are named, it has those alone.
    """
    every = schemas.frame_types(table)
    types = every if columns is None else {name: every[name] for name in columns}
    chosen = frame[list(types)]
    # Most columns are right already, and to set them again takes time.
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
    schema = schemas.arrow_schema(table)
    if frame.empty and not notes and [*frame.columns] == schema.names:
        return _encode_no_rows(table, version_of(table))  # most days of some shops
    return write_rows(to_rows(frame, table, notes))


def to_rows(
    frame: pd.DataFrame, table: type[Table], notes: Mapping[str, str] | None = None
) -> pa.Table:
    """Return *frame* as the rows that :func:`write_rows` stores as *table*."""
    return pa.Table.from_pandas(
        frame, schema=schemas.arrow_schema(table), preserve_index=False
    ).replace_schema_metadata({**(notes or {}), VERSION: str(version_of(table))})


@cache
def _encode_no_rows(table: type[Table], version: int) -> bytes:
    rows = schemas.arrow_schema(table).empty_table()
    return write_rows(rows.replace_schema_metadata({VERSION: str(version)}))


def join(parts: Iterable[bytes], labels: Sequence[str] | None = None) -> bytes:
    """Return the rows of several Parquet files, which were proved sound, as one.

    Each part's rows have its label, if there are labels, in the column ``LABEL``.  The
    parts are of one version, which the whole states too.
    """
    # Most parts are so small that threads cost more than they spare.
    tables = [
        pq.ParquetFile(pa.BufferReader(part)).read(use_threads=False) for part in parts
    ]
    version = max(_version_in(table.schema.metadata) for table in tables)
    if labels is not None:
        tables = [
            table.append_column(LABEL, pa.repeat(label, len(table)))
            for table, label in zip(tables, labels, strict=True)
        ]
    joined = pa.concat_tables(tables)
    values = {VERSION: str(max(version, FIRST))}
    return write_rows(joined.replace_schema_metadata(values))


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
    content: bytes,
    table: type[Table],
    what: str = "table",
    remedy: str = UPDATE,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the rows that :func:`encode` wrote; *what* names them in a failure.

    The *remedy* is that for a damaged file.  Only *columns* are read, if any are named.

    Raises:
        LocalFailure: they are damaged, or of an older version than this program reads.
        WrongUse: they are of a newer one than it knows.
    """
    _prove(content, what, remedy)
    stored = pq.read_table(
        pa.BufferReader(content), columns=None if columns is None else list(columns)
    )
    found = _version_in(stored.schema.metadata)
    refuse_other_version(found, version_of(table), what, oldest_read_of(table))
    return shape(stored.to_pandas(), table, columns)


def refuse_other_version(
    found: int, known: int, what: str, oldest: int | None = None
) -> None:
    """Refuse what is not of the *known* version, or from the *oldest* one up to it.

    Raises:
        LocalFailure: it is of an older one.
        WrongUse: it is of a newer one.
    """
    if max(found, FIRST) < (oldest or known):
        raise LocalFailure(
            f"The stored {what} is of version {max(found, FIRST)}, and this program "
            f"reads version {known}.",
            UPDATE,
        )
    if found > known:
        raise WrongUse(
            f"The stored {what} is of version {found}, and this program knows none "
            f"after {known}: a newer one wrote it.",
            "Install that newer analytics-pipeline again. Nothing was touched.",
        )


def read_version(stream: BinaryIO) -> int:
    """Return the version in a Parquet footer; the rows are not read.

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
    notes = notes_in(stream)
    return _notes_in(_footer(stream).metadata if notes is None else notes)


def count_proved_rows(stream: BinaryIO) -> int:
    """Return how many rows a Parquet file holds that was proved sound."""
    rows = rows_in(stream)
    return int(_footer(stream).num_rows) if rows is None else rows


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
    stream = io.BytesIO(content)
    if _is_sealed(content, what):
        return count_proved_rows(stream)
    return int(_footer(stream).num_rows)


def _prove(content: bytes, what: str, remedy: str) -> None:
    """Make sure that *content* is what was written.

    Raises:
        LocalFailure: it is not, or is not sealed.
    """
    if not _is_sealed(content, what, remedy):
        raise LocalFailure(
            f"The stored {what} is not sealed: it is damaged, or of an earlier "
            "version.",
            remedy,
        )


def _is_sealed(content: bytes, what: str, remedy: str = UPDATE) -> bool:
    """Say whether *content* is sealed.

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


# ----------------------------------------------------------------------------------
# Files that are read only after their bytes were proved to be those written.
#
# Each file is hashed once by a process, however often it is read, and again when it
# was replaced since.


LARGE = 1 << 20
"""Files of so many bytes are hashed at the same time; for smaller ones threads cost
more than they spare."""


class ProvedFiles:
    """The files of this machine's disk that were found sound."""

    def __init__(self) -> None:
        """Begin with none."""
        self._proved: dict[str, str] = {}
        self._seals: dict[str, tuple[str, str | None]] = {}

    def forget(self) -> None:
        """Hash every file again when it is read next."""
        self._proved.clear()
        self._seals.clear()

    def prove(self, paths: Iterable[str | Path]) -> None:
        """Make sure that the files *paths* are sound.

        Raises:
            LocalFailure: one is not; it names the first.
            FileNotFoundError: one is not there.
        """
        unsound = self.find_unsound(paths)
        if unsound:
            path, state = next(iter(unsound.items()))
            raise unsound_file(path, state)

    def find_unsound(self, paths: Iterable[str | Path]) -> dict[str, State]:
        """Return those of the files *paths* that are not sound, and how they are.

        Raises:
            FileNotFoundError: one is not there.
        """
        names = list(map(str, paths))
        large = [name for name in names if Path(name).stat().st_size >= LARGE]
        if len(large) > 1:
            with ThreadPoolExecutor(cpu_count() or 1) as threads:
                found = dict(zip(large, threads.map(self._examine, large), strict=True))
        else:
            found = {}
        found |= {name: self._examine(name) for name in names if name not in found}
        return {name: found[name] for name in names if found[name] is not State.SOUND}

    def find_unsound_in(self, folder: Path, names: Sequence[str]) -> list[str]:
        """Return those of the files *names* in *folder* that are not sound."""
        paths = {f"{folder}/{name}": name for name in names}
        return [paths[path] for path in self.find_unsound(paths)]

    def seal_of(self, path: str, state: str) -> str | None:
        """Return the seal of the file *path*, which is now in that *state*."""
        held = self._seals.get(path)
        if held is None or held[0] != state:
            held = self._seals[path] = state, seal_of(Path(path))
        return held[1]

    def _examine(self, name: str) -> State:
        path = Path(name)
        before = state_of(path.stat())
        if self._proved.get(name) == before:
            return State.SOUND
        content = path.read_bytes()
        found = examine_file(path.name, content)
        if found is State.SOUND:
            self._proved[name] = before
            self._seals[name] = before, seal_in(content)
        return found


@cache
def proved_files() -> ProvedFiles:
    """Return the files that this process has proved."""
    return ProvedFiles()


def list_contents(folder: UPath) -> dict[str, str]:
    """Return each file in *folder* with what identifies its content.

    That is the seal of a Parquet file on disk, and nothing that a copy or a touch of
    the clock could change; one without a seal is left out.  A bucket says it of its
    objects.
    """
    states = list_states(folder)
    if not is_local(folder):
        return states
    place, known = local(folder), proved_files()
    seals = {
        name: known.seal_of(f"{place}/{name}", state)
        for name, state in states.items()
        if name.endswith(".parquet")
    }
    return {name: seal for name, seal in seals.items() if seal is not None}


def read_proved(path: AnyPath) -> bytes:
    """Return the bytes of a Parquet file, of the disk or a bucket, once proved sound.

    Raises:
        LocalFailure: it is not as it was written.
        FileNotFoundError: it is not there.
    """
    content = path.read_bytes()
    refuse_unsound(str(path), content)
    return content


def refuse_unsound(path: str, content: bytes) -> None:
    """Make sure that *content* is what was written to *path*.

    Raises:
        LocalFailure: it is not.
    """
    state = examine_file(path.rpartition("/")[2], content)
    if state is not State.SOUND:
        raise unsound_file(path, state)


def prove_local(paths: Sequence[AnyPath]) -> None:
    """Make sure that files of this machine's disk are sound; a bucket's are left alone.

    Raises:
        LocalFailure: one is not.
    """
    if paths and is_local(paths[0]):
        proved_files().prove(map(local, paths))


def unsound_file(path: str, state: State) -> LocalFailure:
    """Return the failure of a file that is not as it was written.

    A run makes tables on disk again; the log, copies and objects of a bucket are left
    to a rebuild.
    """
    name = path.rpartition("/")[2]
    is_left = "/bundles/" in path or "://" in path or name_holds_hash(name)
    remedy = REBUILD if is_left else UPDATE
    if state is State.UNSEALED:
        return LocalFailure(
            f"{path} is not sealed: it is damaged, or of an earlier version.", remedy
        )
    return LocalFailure(f"{path} is damaged.", remedy)
