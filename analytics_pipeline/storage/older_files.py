"""Files of an older version of a table: turn them into today's, or clear them away.

Whatever dies half-way is begun again by the next run: each file is replaced whole and
tells its version itself, and a log is turned as a generation of its own.
"""

import json
from collections.abc import Callable, Iterator

import pandas as pd
from pandera.errors import SchemaErrors
from upath import UPath

from analytics_pipeline.domain.rejections import Rejection
from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.schemas.sources import SalesFeed
from analytics_pipeline.schemas.table import Table
from analytics_pipeline.schemas.versions import FIRST, VERSIONS, migrate
from analytics_pipeline.shortages import refuse_shortage
from analytics_pipeline.storage.agreement import forget_agreement
from analytics_pipeline.storage.files import (
    list_names,
    read_all,
    remove_folder,
    replace_bytes,
)
from analytics_pipeline.storage.parquet import (
    decode_as_stored,
    encode,
    read_version,
    shape,
)
from analytics_pipeline.storage.sales_log import SalesLog

AT_ONCE = 64
"""How many files are read together, which spares waiting where they are in a bucket."""

Count = Callable[[int, int], None]
"""Told how many files are done, and of how many."""


class OlderFiles:
    """The files of one table, as some program left them."""

    def __init__(self, folder: UPath, table: type[Table]) -> None:
        """Look into the *folder* of a *table*."""
        self._folder, self._table = folder, table
        self.names = [
            name
            for name in list_names(folder)
            if name.endswith(".parquet") and not name.startswith(".")
        ]

    def oldest_version(self) -> int:
        """Return the version of the oldest file, as the files themselves say.

        A damaged one says nothing.
        """
        versions = [VERSIONS[self._table]]
        for name in self.names:
            try:
                with (self._folder / name).open("rb") as stream:
                    versions.append(max(read_version(stream), FIRST))
            except LocalFailure:
                continue
        return min(versions)

    def turn(self, count: Count, *, is_kept: bool) -> None:
        """Write each file in today's form that is in another.

        A damaged one is removed, as if it had never been made, unless it *is_kept*.

        Raises:
            LocalFailure: what a step has made of one breaks today's contract.
        """
        self.forget_copies()
        for done, (path, content) in enumerate(self._contents(), start=1):
            count(done, len(self.names))
            try:
                rows, notes, version = decode_as_stored(content)
            except (OSError, ValueError) as error:  # as Arrow tells of a damaged file
                refuse_shortage(error)
                if not is_kept:
                    path.unlink(missing_ok=True)
                continue
            if version < VERSIONS[self._table]:
                what = f"{self._folder.name}/{path.name}"
                fresh = _migrate(rows, self._table, version, what)
                replace_bytes(path, encode(fresh, self._table, notes))

    def remove(self, count: Count) -> None:
        """Remove the files; the notes beside them stay."""
        self.forget_copies()
        for done, name in enumerate(self.names, start=1):
            (self._folder / name).unlink(missing_ok=True)
            count(done, len(self.names))

    def _contents(self) -> Iterator[tuple[UPath, bytes]]:
        paths = [self._folder / name for name in self.names]
        for start in range(0, len(paths), AT_ONCE):
            some = paths[start : start + AT_ONCE]
            yield from zip(some, read_all(some), strict=True)

    def forget_copies(self) -> None:
        """Remove what was made of the files as they were."""
        forget_agreement(self._folder)
        remove_folder(self._folder / "bundles")


def _migrate(
    rows: pd.DataFrame, table: type[Table], version: int, what: str
) -> pd.DataFrame:
    """Return *rows* as today's contract wants them, and hold them against it.

    Raises:
        LocalFailure: what the steps have made of them breaks it.
    """
    fresh = shape(migrate(rows, table, version), table)
    try:
        table.validate(fresh, lazy=True)
    except SchemaErrors as errors:
        columns = sorted(set(errors.failure_cases["column"].dropna().astype("str")))
        raise LocalFailure(
            f"{what} of version {version} could not be turned into version "
            f"{VERSIONS[table]} ({', '.join(columns)}). It stays as it is.",
            "Please report this, and go back to the program before.",
        ) from None
    return fresh


def turn_log(log: SalesLog, count: Count) -> SalesLog:
    """Return a new generation that holds the segments of *log* in today's form.

    It is the current one when it is complete; the one before it is kept.

    Raises:
        LocalFailure: a segment is lost or damaged, or breaks today's contract.
    """
    segments, fresh = log.sound_segments(), log.start_generation()
    for segment in segments:
        rows, notes, version = decode_as_stored(segment.path.read_bytes())
        fresh.append(
            _migrate(rows, SalesFeed, version, segment.name),
            [Rejection(**each) for each in json.loads(notes["rejections"])],
            number=segment.number,
            cursor=int(notes["cursor"]),
            origin=notes["origin"],
        )
        count(segment.number + 1, len(segments))
    fresh.mark_judged(log.judged_segments())
    fresh.bundle()
    fresh.make_current()
    return fresh
