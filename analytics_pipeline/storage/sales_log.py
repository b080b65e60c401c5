"""The append-only log of sales: immutable segments, one for every page read.

A segment is one Parquet file; it holds the page's rows and, in its footer, the cursor
to read on from and the records that were turned away.  Because all of that is one
file put in place by one rename, a page is in the log or it is not.  The log of a full
walk is a new *generation*, which takes the place of the old one when it is complete.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pandas as pd
from upath import UPath

from analytics_pipeline.domain.rejections import Rejection
from analytics_pipeline.schemas.sources import SalesFeed
from analytics_pipeline.storage.files import (
    is_local,
    local,
    replace_bytes,
    replace_text,
)
from analytics_pipeline.storage.parquet import count_rows, encode, read_notes

FEED, REPAIR = "feed", "repair"
_TURNED_AWAY = "-q"


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

    def _current(self) -> int:
        pointer = self.root / "current_generation"
        if not pointer.exists():
            return 1
        return int(pointer.read_text(encoding="utf-8"))

    def segments(self) -> list[Segment]:
        """Return the segments in the order in which they were appended."""
        if not self.folder.exists():
            return []
        return sorted(
            (
                Segment(
                    int(path.name[:8]),
                    path,
                    path.name.removesuffix(".parquet").endswith(_TURNED_AWAY),
                )
                for path in self.folder.iterdir()
                if path.name.endswith(".parquet") and not path.name.startswith(".")
            ),
            key=lambda segment: segment.number,
        )

    def next_number(self) -> int:
        """Return the number of the segment to append next."""
        segments = self.segments()
        return segments[-1].number + 1 if segments else 0

    def cursor(self) -> int:
        """Return the version to read the feed on from; 0 for an empty log."""
        for segment in reversed(self.segments()):
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
        name = f"{number:08d}{mark}.parquet"
        replace_bytes(self.folder / name, encode(rows, SalesFeed, notes))

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
        marker = self.folder / "judged_segments"
        return int(marker.read_text(encoding="utf-8")) if marker.exists() else 0

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
