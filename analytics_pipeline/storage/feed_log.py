"""The append-only log of a table: immutable segments, one for every page read."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from upath import UPath

from analytics_pipeline.lazy import lazily
from analytics_pipeline.model.checks import Rejection
from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.model.ids import plain_id
from analytics_pipeline.storage.files import (
    is_local,
    list_names,
    local,
    read_all,
    remove_folder,
    replace_bytes,
)
from analytics_pipeline.storage.parquet import (
    REBUILD,
    count_proved_rows,
    encode,
    join,
    prove_local,
    proved_files,
    read_proved,
    read_proved_notes,
    read_version,
    refuse_unsound,
)
from analytics_pipeline.storage.state import (
    REMOVE_AND_REBUILD,
    read_note_bytes,
    write_note,
)
from analytics_pipeline.storage.versions import VERSIONS
from analytics_pipeline.tables import TableSpec

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazily("pandas")

# ----------------------------------------------------------------------------------
# Many segments of the log in one file, so that years of daily reads open quickly.
#
# A segment stays a file of its own: that is what is appended, numbered and proved
# whole. A *bundle* is a copy of the rows of so many segments in a row, named by their
# names, which hold the fingerprints of their bytes, and by the fingerprint of its
# own. Without the bundles nothing is lost but time.


_log = logging.getLogger(__name__)

SIZE = 128
"""How many segments a bundle holds."""

_DIGITS = 16
_KEY = 8 + 1 + _DIGITS  # the first segment's number, and what identifies the segments


def fingerprint(content: bytes) -> str:
    """Return what identifies *content*, for use in a file's name."""
    return sha256(content).hexdigest()[:_DIGITS]


class LogBundles:
    """The bundles of one generation of the log, in a folder next to its segments."""

    def __init__(self, generation: UPath, verified: set[str]) -> None:
        """Keep the bundles of *generation*; *verified* files need no other look."""
        self._generation = generation
        self._folder = generation / "bundles"
        self._verified = verified

    def find(self, names: Sequence[str]) -> dict[int, UPath]:
        """Return the whole bundles of the segments *names*, by their first segment."""
        if len(names) < SIZE:
            return {}
        files = {name[:_KEY]: name for name in list_names(self._folder)}
        found = {}
        for first in _starts(names):
            name = files.get(_name(names, first))
            if name is not None and self._is_whole(self._folder / name):
                found[first] = self._folder / name
        return found

    def _is_whole(self, path: UPath) -> bool:
        """Say whether a bundle is as it was written; one that is not is not used.

        A bucket verifies what it stores.
        """
        if is_local(path) and str(path) not in self._verified:
            if proved_files().find_unsound([local(path)]):
                _log.warning("%s is damaged: its segments are read singly.", path)
                return False
            self._verified.add(str(path))
        return True

    def add(self, names: Sequence[str]) -> None:
        """Bundle the segments *names*, as far as they fill bundles and are in none."""
        held = self.find(names)
        for first in _starts(names):
            if first not in held:
                those = names[first : first + SIZE]
                content = join(self._read_segments(those))
                name = f"{_name(names, first)}-{fingerprint(content)}.parquet"
                replace_bytes(self._folder / name, content)

    def _read_segments(self, names: Sequence[str]) -> list[bytes]:
        """Return the bytes of some segments, proved sound.

        Raises:
            LocalFailure: one is damaged.
        """
        contents = read_all([self._generation / each for each in names])
        for name, content in zip(names, contents, strict=True):
            refuse_unsound(f"{self._generation}/{name}", content)
        return contents

    def remove(self) -> None:
        """Remove the bundles; segments are read one by one then."""
        remove_folder(self._folder)


def _starts(names: Sequence[str]) -> range:
    """Return the first segment of each bundle that *names* can fill."""
    return range(0, len(names) - SIZE + 1, SIZE)


def _name(names: Sequence[str], first: int) -> str:
    """Return how the name of the bundle begins."""
    those = "\n".join(names[first : first + SIZE])
    return f"{first:08d}-{fingerprint(those.encode())}"


# ----------------------------------------------------------------------------------
# The segments of a log: one immutable file for every page read.


Read = TypeVar("Read")

SUFFIX = ".parquet"
HAS_REJECTIONS = "-q"
"""How the name of a segment with rejected records ends."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One immutable file of the log."""

    number: int
    folder: UPath
    name: str

    @property
    def path(self) -> UPath:
        """Where it is."""
        return self.folder / self.name

    @property
    def has_rejections(self) -> bool:
        """Say whether records were rejected when it was read."""
        return self.name.endswith(f"{HAS_REJECTIONS}{SUFFIX}")

    def notes(self) -> dict[str, str]:
        """Return the notes of the footer: origin, cursor and rejections.

        Raises:
            LocalFailure: the segment is damaged.
        """
        return _with_proved(self.path, read_proved_notes)

    def version(self) -> int:
        """Return of which version of the log's form the rows are.

        Raises:
            LocalFailure: the segment is damaged.
        """
        return _with_proved(self.path, read_version)

    def verify(self) -> None:
        """Make sure that the bytes are those that were written.

        Raises:
            LocalFailure: they are not.
        """
        prove_local([self.path])


@lru_cache(maxsize=4)
def _segments_of(folder: UPath, names: tuple[str, ...]) -> tuple[Segment, ...]:
    """Return the segments among the files *names*: a run asks for them fifty times."""
    return tuple(
        Segment(int(name[:8]), folder, name)
        for name in names
        if name.endswith(SUFFIX) and not name.startswith(".")
    )


def names_of(segments: Sequence[Segment]) -> list[str]:
    """Return the names of the files."""
    return [segment.name for segment in segments]


def outside_bundles(
    bundles: Mapping[int, UPath], segments: Sequence[Segment]
) -> Iterator[Segment]:
    """Yield the *segments* that are in none of the *bundles*."""
    return (each for each in segments if each.number // SIZE * SIZE not in bundles)


def row_count_of(path: UPath) -> int:
    """Return how many rows a segment, or a bundle of them, holds.

    Raises:
        LocalFailure: it is damaged.
    """
    return _with_proved(path, count_proved_rows)


def _with_proved(path: UPath, read: Callable[[BinaryIO], Read]) -> Read:
    """Return what *read* finds in a file of the log, once that is proved sound.

    Raises:
        LocalFailure: its bytes are not those that were written.
    """
    if not is_local(path):
        return read(BytesIO(read_proved(path)))
    prove_local([path])
    with local(path).open("rb") as stream:
        return read(stream)


def damaged(cause: str) -> LocalFailure:
    """Return the failure of a log that is not as it was written."""
    return LocalFailure(cause, REBUILD)


# ----------------------------------------------------------------------------------
# The append-only log of a table: immutable segments, one for every page read.
#
# The log of sales is one; every table that is kept as ``Kept.LOG`` has its own.
# A segment is one Parquet file; it holds the page's rows and, in its footer, the
# cursor to read on from and the rejected records. Because all of that is
# one file put in place by one rename, a page is in the log or it is not. Segments are
# numbered without a gap, and each has the fingerprint of its bytes in its name, so
# that one that was lost or damaged is noticed before anything is counted. The log of
# a full walk is a new *generation*, which takes the place of the old one when it is
# complete.


FEED, REPAIR = "feed", "repair"


class FeedLog:
    """The segments of the current generation under one folder or bucket."""

    def __init__(
        self,
        root: UPath,
        table: TableSpec,
        generation: int | None = None,
        verified: set[str] | None = None,
    ) -> None:
        """Open the log of *table* under *root*: the current generation, or a given one.

        The files *verified* were proved whole by another log of this run.
        """
        self.root, self.table = root, table
        self.generation = (
            self.current_generation() if generation is None else generation
        )
        self.folder = root / f"generation-{self.generation:06d}"
        self._verified = set() if verified is None else verified
        self._bundles = LogBundles(self.folder, self._verified)

    def current_generation(self) -> int:
        """Return the number of the generation that is read by default."""
        return _read_number(self.root / "current_generation", 1)

    def of_generation(self, number: int) -> FeedLog:
        """Return that generation of the same log."""
        return FeedLog(self.root, self.table, number, self._verified)

    def segments(self) -> list[Segment]:
        """Return the segments in the order in which they were appended."""
        # A name begins with the number, so the names sort as they were appended.
        return list(_segments_of(self.folder, tuple(list_names(self.folder))))

    def sound_segments(self) -> list[Segment]:
        """Return the segments if all are there, each as it was written.

        Raises:
            LocalFailure: one is lost or damaged.
        """
        segments = self.segments()
        numbers = [segment.number for segment in segments]
        wanted = list(range(max(len(segments), self.checked_segments())))
        if numbers != wanted:
            lost = min(set(wanted) - set(numbers))
            raise damaged(f"Segment {lost} of the log in {self.folder} is gone.")
        known = self._verified
        for segment in outside_bundles(self._bundled(segments), segments):
            # A bucket verifies what it stores.
            if is_local(self.folder) and f"{self.folder}/{segment.name}" not in known:
                segment.verify()
                known.add(f"{self.folder}/{segment.name}")
        return segments

    def paths(self, until: int | None = None) -> list[str]:
        """Return the files that hold the log, or its segments before *until*."""
        segments = [
            each for each in self.segments() if until is None or each.number < until
        ]
        bundles = self._bundled(segments)
        loose = [
            f"{self.folder}/{each.name}" for each in outside_bundles(bundles, segments)
        ]
        return [*map(str, bundles.values()), *loose]

    def bundle(self) -> None:
        """Bundle the segments that sound walks have read."""
        segments = self.sound_segments()[: self.checked_segments()]
        self._bundles.add(names_of(segments))

    def _bundled(self, segments: Sequence[Segment]) -> dict[int, UPath]:
        """Return the bundles that hold many of *segments*, by their first one."""
        return self._bundles.find(names_of(segments))

    def next_number(self) -> int:
        """Return the number of the segment to append next."""
        return len(self.sound_segments())

    def cursor(self) -> int:
        """Return where to read the feed on from; 0 for an empty log.

        What a cursor is, is for the source to say: the highest version, or a moment
        as a number. The log keeps it, and compares it with nothing.
        """
        for segment in reversed(self.sound_segments()):
            notes = segment.notes()
            if notes["origin"] == FEED:
                return int(notes["cursor"])
        return 0

    def version(self) -> int:
        """Return of which version the log is; an empty one will be of today's."""
        segments = self.segments()
        return segments[-1].version() if segments else VERSIONS[self.table.form]

    def append(
        self,
        rows: pd.DataFrame,
        rejections: Sequence[Rejection],
        *,
        number: int,
        cursor: int,
        origin: str = FEED,
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Append one page: its rows, what was rejected and the cursor, together.

        What a source notes *more* of a segment is kept with them.
        """
        notes = {
            **(more or {}),
            "origin": origin,
            "cursor": str(cursor),
            "rejections": json.dumps([asdict(rejection) for rejection in rejections]),
        }
        mark = HAS_REJECTIONS if rejections else ""
        content = encode(rows, self.table.schema, notes)
        name = f"{number:08d}-{fingerprint(content)}{mark}{SUFFIX}"
        replace_bytes(self.folder / name, content)

    def rejections(self) -> pd.DataFrame:
        """Return every rejected record: id, version, rule, position, segment."""
        columns = ["record_id", "version", "rule", "position", "segment"]
        found = [
            {**rejection, "segment": segment.number}
            for segment in self.segments()
            if segment.has_rejections
            for rejection in json.loads(segment.notes()["rejections"])
        ]
        frame = pd.DataFrame(found, columns=["table", *columns])
        frame["record_id"] = [plain_id(each) for each in frame["record_id"]]
        return frame[columns].astype({"version": "Int64", "segment": "int64"})

    def row_count(self, first_segment: int = 0) -> int:
        """Return how many rows the segments from that one on hold."""
        segments = self.segments()
        bundles = {} if first_segment else self._bundled(segments)
        loose = [
            each.path
            for each in outside_bundles(bundles, segments)
            if each.number >= first_segment
        ]
        return sum(row_count_of(path) for path in (*bundles.values(), *loose))

    def checked_segments(self) -> int:
        """Return the first segment that no sound walk to the end has covered yet."""
        return _read_number(self.folder / "judged_segments", 0)

    def mark_checked(self, segments: int | None = None) -> None:
        """Note that all segments, or so many, were read by walks that were sound."""
        checked = self.next_number() if segments is None else segments
        write_note(self.folder / "judged_segments", f"{checked}\n")

    # Generations -----------------------------------------------------------------

    def start_generation(self) -> FeedLog:
        """Return an empty log next to this one, to be filled by a full walk.

        What an earlier walk left unfinished is thrown away: the feed is read from
        its start anyway, and the current generation is untouched.
        """
        fresh = self.of_generation(self.generation + 1)
        remove_folder(fresh.folder)
        return fresh

    def make_current(self) -> None:
        """Make this generation the log.

        Those before it are kept, because they say what was known when (rule 15.1);
        but not their bundles, which are copies.
        """
        write_note(self.root / "current_generation", f"{self.generation}\n")
        remove_folder(self.of_generation(self.generation - 1).folder / "bundles")


def _read_number(path: UPath, without_file: int) -> int:
    """Return the number that a small file holds.

    Raises:
        LocalFailure: it holds none.
    """
    content = read_note_bytes(path)
    if content is None:
        return without_file
    try:
        return int(content)
    except ValueError as error:
        raise LocalFailure(f"{path} is damaged.", REMOVE_AND_REBUILD) from error
