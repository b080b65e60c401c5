"""The append-only log of sales: immutable segments, one for every page read.

A segment is one Parquet file; it holds the page's rows and, in its footer, the cursor
to read on from and the records that were turned away.  Because all of that is one
file put in place by one rename, a page is in the log or it is not.  Segments are
numbered without a gap, and each bears the fingerprint of its bytes in its name, so that
one that was lost or damaged is noticed before anything is counted.  The log of a full
walk is a new *generation*, which takes the place of the old one when it is complete.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd
from upath import UPath

from analytics_pipeline.domain.ids import plain_id
from analytics_pipeline.domain.rejections import Rejection
from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.schemas.sources import SalesFeed
from analytics_pipeline.schemas.versions import VERSIONS
from analytics_pipeline.storage.files import (
    is_local,
    list_names,
    remove_folder,
    replace_bytes,
)
from analytics_pipeline.storage.log_bundles import LogBundles, fingerprint
from analytics_pipeline.storage.parquet import encode
from analytics_pipeline.storage.segments import (
    SUFFIX,
    TURNED_AWAY,
    Segment,
    beside,
    damaged,
    names_of,
    row_count_of,
)
from analytics_pipeline.storage.small_notes import (
    REBUILD,
    read_note_bytes,
    write_note,
)

FEED, REPAIR = "feed", "repair"


class SalesLog:
    """The segments of the current generation under one folder or bucket."""

    def __init__(
        self,
        root: UPath,
        generation: int | None = None,
        verified: set[str] | None = None,
    ) -> None:
        """Open the log under *root*: the current generation, or a given one.

        The files *verified* were proved whole by another log of this run.
        """
        self.root = root
        self.generation = self._current() if generation is None else generation
        self.folder = root / f"generation-{self.generation:06d}"
        self._verified = set() if verified is None else verified
        self._bundles = LogBundles(self.folder, self._verified)

    def _current(self) -> int:
        return _read_number(self.root / "current_generation", 1)

    def segments(self) -> list[Segment]:
        """Return the segments in the order in which they were appended."""
        # A name begins with the number, so the names sort as they were appended.
        return [
            Segment(int(name[:8]), self.folder, name)
            for name in list_names(self.folder)
            if name.endswith(SUFFIX) and not name.startswith(".")
        ]

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
            raise damaged(f"Segment {lost} of the log in {self.folder} is gone.")
        known = self._verified
        for segment in beside(self._bundled(segments), segments):
            # A bucket checks what it stores by itself.
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
        loose = [f"{self.folder}/{each.name}" for each in beside(bundles, segments)]
        return [*map(str, bundles.values()), *loose]

    def bundle(self) -> None:
        """Bundle the segments that sound walks have read."""
        segments = self.sound_segments()[: self.judged_segments()]
        self._bundles.add(names_of(segments))

    def _bundled(self, segments: Sequence[Segment]) -> dict[int, UPath]:
        """Return the bundles that hold many of *segments*, by their first one."""
        return self._bundles.find(names_of(segments))

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

    def version(self) -> int:
        """Return of which version the log is; an empty one will be of today's."""
        segments = self.segments()
        return segments[-1].version() if segments else VERSIONS[SalesFeed]

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
        mark = TURNED_AWAY if rejections else ""
        content = encode(rows, SalesFeed, notes)
        name = f"{number:08d}-{fingerprint(content)}{mark}{SUFFIX}"
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
        frame["record_id"] = [plain_id(each) for each in frame["record_id"]]
        return frame[columns].astype({"version": "Int64", "segment": "int64"})

    def row_count(self, first_segment: int = 0) -> int:
        """Return how many versions of sales the segments from that one on hold."""
        segments = self.segments()
        bundles = {} if first_segment else self._bundled(segments)
        loose = [
            each.path
            for each in beside(bundles, segments)
            if each.number >= first_segment
        ]
        return sum(row_count_of(path) for path in (*bundles.values(), *loose))

    def judged_segments(self) -> int:
        """Return the first segment that no sound walk to the end has covered yet."""
        return _read_number(self.folder / "judged_segments", 0)

    def mark_judged(self, segments: int | None = None) -> None:
        """Note that all segments, or so many, were read by walks that were sound."""
        judged = self.next_number() if segments is None else segments
        write_note(self.folder / "judged_segments", f"{judged}\n")

    # Generations -----------------------------------------------------------------

    def start_generation(self) -> "SalesLog":
        """Return an empty log beside this one, to be filled by a full walk.

        What an earlier walk left unfinished is thrown away: the feed is read from
        its start anyway, and the current generation is untouched.
        """
        fresh = SalesLog(self.root, self.generation + 1, self._verified)
        remove_folder(fresh.folder)
        return fresh

    def make_current(self) -> None:
        """Make this generation the log; the one before it is kept, older ones go."""
        write_note(self.root / "current_generation", f"{self.generation}\n")
        kept = {self.folder.name, SalesLog(self.root, self.generation - 1).folder.name}
        for name in list_names(self.root):
            if name.startswith("generation-") and name not in kept:
                remove_folder(self.root / name)


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
        raise LocalFailure(f"{path} is damaged.", REBUILD) from error
