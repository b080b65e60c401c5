"""The append-only log of sales: immutable segments, one for every page read.

A segment is one Parquet file; it holds the page's rows and, in its footer, the cursor
to read on from and the records that were turned away.  Because all of that is one
file put in place by one rename, a page is in the log or it is not.  Segments are
numbered without a gap, and each bears the fingerprint of its bytes in its name, so that
one that was lost or damaged is noticed before anything is counted.  The log of a full
walk is a new *generation*, which takes the place of the old one when it is complete.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pandas as pd
from upath import UPath

from analytics_pipeline.domain.rejections import Rejection
from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.schemas.sources import SalesFeed
from analytics_pipeline.storage.files import (
    is_local,
    list_names,
    local,
    read_if_there,
    replace_bytes,
    replace_text,
)
from analytics_pipeline.storage.parquet import count_rows, encode, read_notes

FEED, REPAIR = "feed", "repair"
_TURNED_AWAY = "-q"
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Segment:
    """One immutable file of the log."""

    number: int
    path: UPath
    has_rejections: bool

    def notes(self) -> dict[str, str]:
        """Return the notes of the footer: origin, cursor and rejections."""
        with self.path.open("rb") as stream:
            return read_notes(stream)

    def verify(self) -> None:
        """Make sure that the bytes are those that were written.

        Raises:
            LocalFailure: they are not.
        """
        if _fingerprint(self.path.read_bytes()) != self.path.name[9 : 9 + _DIGITS]:
            raise _damaged(f"{self.path} is damaged.")

    def row_count(self) -> int:
        """Return how many versions of sales it holds."""
        with self.path.open("rb") as stream:
            return count_rows(stream)


class SalesLog:
    """The segments of the current generation under one folder or bucket."""

    def __init__(self, root: UPath, generation: int | None = None) -> None:
        """Open the log under *root*: the current generation, or a given one."""
        self.root = root
        self.generation = self._current() if generation is None else generation
        self.folder = root / f"generation-{self.generation:06d}"
        self._verified: set[str] = set()

    def _current(self) -> int:
        return _read_number(self.root / "current_generation", 1)

    def segments(self) -> list[Segment]:
        """Return the segments in the order in which they were appended."""
        return sorted(
            (
                Segment(
                    int(name[:8]),
                    self.folder / name,
                    name.removesuffix(".parquet").endswith(_TURNED_AWAY),
                )
                for name in list_names(self.folder)
                if name.endswith(".parquet") and not name.startswith(".")
            ),
            key=lambda segment: segment.number,
        )

    def sound_segments(self) -> list[Segment]:
        """Return the segments if all are there, each as it was written.

        Raises:
            LocalFailure: one is lost or damaged.
        """
        segments = self.segments()
        numbers = [segment.number for segment in segments]
        wanted = list(range(max(len(segments), self.judged_segments())))
        if numbers != wanted:
            lost = min(set(wanted) - set(numbers))
            raise _damaged(f"Segment {lost} of the log in {self.folder} is gone.")
        for segment in segments:
            # A bucket checks what it stores by itself.
            if is_local(segment.path) and segment.path.name not in self._verified:
                segment.verify()
                self._verified.add(segment.path.name)
        return segments

    def next_number(self) -> int:
        """Return the number of the segment to append next."""
        return len(self.sound_segments())

    def cursor(self) -> int:
        """Return the version to read the feed on from; 0 for an empty log."""
        for segment in reversed(self.sound_segments()):
            notes = segment.notes()
            if notes["origin"] == FEED:
                return int(notes["cursor"])
        return 0

    def append(
        self,
        rows: pd.DataFrame,
        rejections: Sequence[Rejection],
        *,
        number: int,
        cursor: int,
        origin: str = FEED,
    ) -> None:
        """Append one page: its rows, what was turned away and the cursor, together."""
        notes = {
            "origin": origin,
            "cursor": str(cursor),
            "rejections": json.dumps([asdict(rejection) for rejection in rejections]),
        }
        mark = _TURNED_AWAY if rejections else ""
        content = encode(rows, SalesFeed, notes)
        name = f"{number:08d}-{_fingerprint(content)}{mark}.parquet"
        replace_bytes(self.folder / name, content)

    def rejections(self) -> pd.DataFrame:
        """Return every record turned away: id, version, rule, position, segment."""
        columns = ["record_id", "version", "rule", "position", "segment"]
        found = [
            {**rejection, "segment": segment.number}
            for segment in self.segments()
            if segment.has_rejections
            for rejection in json.loads(segment.notes()["rejections"])
        ]
        frame = pd.DataFrame(found, columns=["table", *columns])
        return frame[columns].astype({"version": "Int64", "segment": "int64"})

    def row_count(self, first_segment: int = 0) -> int:
        """Return how many versions of sales the segments from that one on hold."""
        return sum(
            segment.row_count()
            for segment in self.segments()
            if segment.number >= first_segment
        )

    def judged_segments(self) -> int:
        """Return the first segment that no sound walk to the end has covered yet."""
        return _read_number(self.folder / "judged_segments", 0)

    def mark_judged(self) -> None:
        """Note that every segment so far was read by walks that were sound."""
        replace_text(self.folder / "judged_segments", f"{self.next_number()}\n")

    # Generations -----------------------------------------------------------------

    def start_generation(self) -> "SalesLog":
        """Return an empty log beside this one, to be filled by a full walk.

        What an earlier walk left unfinished is thrown away: the feed is read from
        its start anyway, and the current generation is untouched.
        """
        fresh = SalesLog(self.root, self.generation + 1)
        _remove(fresh.folder)
        return fresh

    def make_current(self) -> None:
        """Make this generation the log; the one before it is kept, older ones go."""
        replace_text(self.root / "current_generation", f"{self.generation}\n")
        kept = {self.folder.name, SalesLog(self.root, self.generation - 1).folder.name}
        for folder in self.root.glob("generation-*"):
            if folder.name not in kept:
                _remove(folder)


def _remove(folder: UPath) -> None:
    """Remove a folder and all that is in it, if it is there."""
    if not folder.exists():
        return
    if is_local(folder):
        shutil.rmtree(local(folder))
    else:
        folder.fs.rm(folder.path, recursive=True)


def _fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def _read_number(path: UPath, without_file: int) -> int:
    """Return the number that a small file holds.

    Raises:
        LocalFailure: it holds none.
    """
    content = read_if_there(path)
    if content is None:
        return without_file
    try:
        return int(content)
    except ValueError as error:
        raise LocalFailure(
            f"{path} is damaged.", "Remove it, then run: analytics-pipeline rebuild"
        ) from error


def _damaged(cause: str) -> LocalFailure:
    return LocalFailure(cause, "Run: analytics-pipeline rebuild")
