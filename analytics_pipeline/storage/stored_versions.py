"""Of which version the tables of a store are, told by one small file.

To ask thousands of files would cost an opening of each; ``versions.json`` is read once
in a run.  It is written when all that it tells of is in place, so a table may be newer
than it says for a while, never older.  Each file's own footer tells too.
"""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256

from pydantic import TypeAdapter
from upath import UPath

from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.schemas.versions import FIRST, NOTES, SEALED, current_versions
from analytics_pipeline.storage.files import list_names, replace_text
from analytics_pipeline.storage.parquet import (
    UNMARKED,
    read_version,
    refuse_other_version,
)
from analytics_pipeline.storage.sales_log import SalesLog
from analytics_pipeline.storage.small_notes import read_note

NAME = "versions.json"
_VERSIONS = TypeAdapter(dict[str, int])
_READ_AGAIN = "Remove it, then run: analytics-pipeline update"
_SEAL = "seal"
"""The entry that tells damage: programs of before would not understand a last line."""

SALES_FEED = "sales_feed"
READABLE_FROM = "sales_feed_generation"
"""The first generation of the log that is of the version told."""


class StoredVersions:
    """The versions of the tables under one root."""

    def __init__(self, root: UPath) -> None:
        """Keep them beside the tables under *root*."""
        self._root = root
        self._held: dict[str, int] | None = None

    def all(self) -> Mapping[str, int]:
        """Return what the file tells; without it, nothing.

        Raises:
            LocalFailure: it is damaged.
        """
        if self._held is None:
            self._held = self._read() or {}
        return self._held

    def of(self, table: str) -> int:
        """Return the version of a table, or of the notes; unmarked if none is told."""
        return self.all().get(table, UNMARKED)

    def note(self, versions: Mapping[str, int]) -> None:
        """Tell of *versions*, which are in place; what is told of others stays."""
        told = {**self.all(), **versions}
        if told == self.all():
            return
        self._held = told
        text = json.dumps({**told, _SEAL: _hash(told)}, indent=1, sort_keys=True)
        replace_text(self._root / NAME, text + "\n")

    def note_log(self, log: SalesLog) -> None:
        """Tell that *log* is of this program's version, and none before it was.

        Where the log was of this version before, there is nothing to tell.
        """
        version = current_versions()[SALES_FEED]
        if self.of(SALES_FEED) < version:
            self.note({SALES_FEED: version, READABLE_FROM: log.generation})

    def refuse_newer(self) -> None:
        """Refuse a store that a newer program has written to.

        Raises:
            WrongUse: one did.
        """
        for name, known in current_versions().items():
            found = self.of(name)
            if found > known:
                what = "set of notes about the tables" if name == NOTES else name
                refuse_other_version(found, known, what)

    def is_older(self) -> bool:
        """Say whether anything is of an older version, or tells none."""
        return any(self.of(name) < now for name, now in current_versions().items())

    def is_outdated(self) -> bool:
        """Say whether a table is known to be of a version that is not read any more."""
        told = self.all()
        return any(
            told.get(name, now) < now for name, now in current_versions().items()
        )

    def refuse_other(self, table: str) -> None:
        """Refuse to read all days of *table* at once if they are of another version.

        Raises:
            LocalFailure: they are older.
            WrongUse: they are newer.
        """
        found = self.of(table)
        if found == UNMARKED:  # never told: the last day's own footer is the witness
            days = [each for each in list_names(self._root / table) if _is_day(each)]
            if not days:
                return
            with (self._root / table / days[-1]).open("rb") as stream:
                found = read_version(stream)
        refuse_other_version(found, current_versions()[table], table)

    def is_log_older(self, log: SalesLog) -> bool:
        """Say whether *log*, the current one, must be read again from its start."""
        found = self.of(SALES_FEED) or log.version()
        return max(found, FIRST) < current_versions()[SALES_FEED]

    def refuse_log(self, log: SalesLog, current: Callable[[], SalesLog]) -> None:
        """Refuse to read *log* if it is of another version than this program's.

        A generation after the *current* one is just being written, by this program.

        Raises:
            LocalFailure: it is older.
            WrongUse: it is newer.
        """
        found, known = self.of(SALES_FEED), current_versions()[SALES_FEED]
        if found == UNMARKED:
            found = log.version()
        elif found < known and log.generation > current().generation:
            return
        refuse_other_version(found, known, SALES_FEED)
        if log.generation < self.all().get(READABLE_FROM, 0):
            raise LocalFailure(
                "An earlier generation of sales_feed is of an older version.",
                "Run: analytics-pipeline update",
            )

    def _read(self) -> dict[str, int] | None:
        found = read_note(self._root / NAME, _VERSIONS, _READ_AGAIN)
        if found is None or (_SEAL not in found and found.get(NOTES, 0) < SEALED):
            return found  # an earlier version wrote it
        told = {name: found[name] for name in found if name != _SEAL}
        if found.get(_SEAL) != _hash(told):
            raise LocalFailure(
                f"{self._root / NAME} is damaged: it does not hold what was written "
                "there.",
                _READ_AGAIN,
            )
        return told


def _hash(told: Mapping[str, int]) -> int:
    """Return what tells these versions from any others, as a number of 60 bits."""
    return int(sha256(repr(sorted(told.items())).encode()).hexdigest()[:15], 16)


def _is_day(name: str) -> bool:
    return name.endswith(".parquet") and not name.startswith(".")
