"""Every walk that read a feed to its end, and what it was made under (rule 15).

One small file for each, which is never changed: what is known of a moment cannot be
made up later. Policy and overrides are kept once, under the hash of what they say, and
named by every walk that was made under them.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from pydantic import TypeAdapter
from upath import UPath

from analytics_pipeline.storage.feed_log import fingerprint
from analytics_pipeline.storage.files import list_names, read_if_there, replace_bytes
from analytics_pipeline.storage.state import read_note, seal_note, write_note

FOLDER = "catch_ups"
"""Next to the table of a feed, in folders of so many files each."""

IN_A_FOLDER = 1_000
"""So that to find the last one costs the same after ten years as after one."""

POLICIES, OVERRIDES = "policies", "identity_overrides"
"""Next to the tables: what the walks were made under, by the hash of its content."""

BEFORE = "catch_up.json"
"""The last walk, as programs noted it that kept no other."""

PUT_BACK_OR_REMOVE = (
    "Put it back from a backup; if there is none, remove it and run: "
    "analytics-pipeline update"
)


@dataclass(frozen=True, slots=True)
class CatchUp:
    """A walk of a change feed that reached its end.

    What is None was not kept by the program that made it.

    Attributes:
        began_at: from then on, it can have missed something.
        cursor: where the next walk reads on.
        ended_at: when all of it was stored.
        generation: of the log that it was read into; nothing for a table without one.
        segments: how many segments that generation had then.
        program: the version of this program.
        policy: the name of the policy of that moment, among ``POLICIES``.
        overrides: that of the identity overrides; nothing if they could not be read.
    """

    began_at: datetime
    cursor: int
    ended_at: datetime | None = None
    generation: int | None = None
    segments: int | None = None
    program: str | None = None
    policy: str | None = None
    overrides: str | None = None


_CATCH_UP = TypeAdapter(CatchUp)


class CatchUps:
    """The walks of all feeds whose tables are under one root."""

    def __init__(self, root: UPath) -> None:
        """Keep them next to the tables under *root*."""
        self._root = root
        self._last: dict[str, CatchUp | None] = {}
        self._kept: set[str] = set()

    def record(self, table: str, catch_up: CatchUp) -> None:
        """Keep one more walk of the feed behind *table*."""
        number = self._last_number(table) + 1
        moments = {"began_at", "ended_at"}
        note = {
            name: value.isoformat() if name in moments and value else value
            for name, value in asdict(catch_up).items()
        }
        write_note(self._path(table, number), json.dumps(note) + "\n")
        self._last[table] = catch_up

    def last(self, table: str) -> CatchUp | None:
        """Return the last walk of the feed behind *table*, if there was any.

        A run asks once, and knows what it records itself.

        Raises:
            LocalFailure: its file is damaged.
        """
        if table not in self._last:
            number = self._last_number(table)
            path = self._path(table, number) if number else self._before(table)
            self._last[table] = read_note(path, _CATCH_UP, PUT_BACK_OR_REMOVE)
        return self._last[table]

    def all(self, table: str) -> Iterator[CatchUp]:
        """Yield every walk of the feed behind *table* that was kept, oldest first.

        Raises:
            LocalFailure: a file is damaged.
        """
        for path in (self._before(table), *list_kept(self._root / table)):
            if (found := read_note(path, _CATCH_UP, PUT_BACK_OR_REMOVE)) is not None:
                yield found

    def keep(self, folder: str, text: str) -> str:
        """Keep *text* in ``POLICIES`` or ``OVERRIDES``; return its name there.

        What is there already stays, unless it is damaged.
        """
        name = fingerprint(text.encode())
        path, content = self._root / folder / f"{name}.json", seal_note(text)
        if name not in self._kept and read_if_there(path) != content:
            replace_bytes(path, content)
        self._kept.add(name)
        return name

    def _last_number(self, table: str) -> int:
        """Return the number of the last walk; they are counted from 1."""
        for folder in reversed(list_names(self._root / table / FOLDER)):
            if names := _names_in(self._root / table / FOLDER / folder):
                return int(names[-1].partition(".")[0])
        return 0

    def _path(self, table: str, number: int) -> UPath:
        folder = self._root / table / FOLDER / f"{number // IN_A_FOLDER:05d}"
        return folder / f"{number:08d}.json"

    def _before(self, table: str) -> UPath:
        return self._root / table / BEFORE


def list_kept(table: UPath) -> Iterator[UPath]:
    """Yield the files of all walks in the folder of a *table*, oldest first."""
    for folder in list_names(table / FOLDER):
        for name in _names_in(table / FOLDER / folder):
            yield table / FOLDER / folder / name


def _names_in(folder: UPath) -> list[str]:
    return [name for name in list_names(folder) if name.endswith(".json")]
