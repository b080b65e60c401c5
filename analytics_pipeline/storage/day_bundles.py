"""The days of a month in one file, so that years of days open quickly.

A day stays a file of its own: that is what is judged, stored and replaced.  A *bundle*
is a copy of the days of a month that is over; days that were stored again since are
read from their own files, and when there are some, the bundle is made anew.  Whether a
day is as it was is told by the seal of its file, never by its size or time.  A damaged
bundle is not read, and made anew.  Without the bundles nothing is lost but time.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter
from upath import UPath

from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.storage.files import (
    is_local,
    local,
    read_all,
    read_if_there,
    remove_folder,
    replace_bytes,
)
from analytics_pipeline.storage.parquet import join
from analytics_pipeline.storage.proved_files import (
    list_contents,
    proved_files,
    refuse_unsound,
)
from analytics_pipeline.storage.small_notes import read_note, seal_note, write_note

MOST_LOOSE = 7
"""How many days of a month may be read from their own files, month for month."""

_SUFFIX = ".parquet"
_FOLDER = "bundles"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """The files that hold some days of a table.

    Attributes:
        days: the files of single days.
        bundles: files of many days, whose rows are labelled with theirs.
        left_out: the days in the bundles that are not to be read from there.
    """

    days: list[str]
    bundles: list[str]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class _Bundle:
    """A bundle as the index has it: what tells its content, and that of its days."""

    state: str
    days: Mapping[str, str]


_INDEX = TypeAdapter(dict[str, _Bundle])


class DayBundles:
    """The bundles of one daily table, in a folder beside its days."""

    def __init__(self, table: UPath) -> None:
        """Keep the bundles of the days in the folder *table*."""
        self._table = table
        self._folder = table / _FOLDER
        self._index = self._folder / "index.json"

    def plan(self, states: Mapping[str, str], wanted: Iterable[str]) -> ReadPlan:
        """Return how the *wanted* days are read.

        Args:
            states: every stored day with what tells its present content.
            wanted: the days.
        """
        rest = set(wanted)
        plan = ReadPlan([], [], [])
        for month, held in sorted(self._read_index().items()):
            whole = rest & _unchanged(held, states)
            if whole and self._is_sound(month):
                plan.bundles.append(str(self._path(month)))
                plan.left_out.extend(sorted(held.keys() - whole))
                rest -= whole
        plan.days.extend(str(self._day(day)) for day in sorted(rest))
        return plan

    def renew(self, states: Mapping[str, str]) -> None:
        """Bundle each month that is over and has many days that are read one by one."""
        index = self._read_index()
        held = {month: index[month] for month in index if self._is_sound(month)}
        by_month: dict[str, dict[str, str]] = {}
        for day, state in sorted(states.items()):
            by_month.setdefault(day[:7], {})[day] = state
        for month in sorted(by_month)[:-1]:
            days = by_month[month]
            if len(days.keys() - _unchanged(held.get(month, {}), days)) > MOST_LOOSE:
                contents = self._read_days(list(days))
                replace_bytes(self._path(month), join(contents, list(days)))
                held[month] = days
        self._write_index(held)

    def _read_days(self, days: Sequence[str]) -> list[bytes]:
        """Return the files of *days*, proved sound.

        Raises:
            LocalFailure: one is damaged.
        """
        paths = [self._day(day) for day in days]
        contents = read_all(paths)
        for path, content in zip(paths, contents, strict=True):
            refuse_unsound(str(path), content)
        return contents

    def _is_sound(self, month: str) -> bool:
        """Say whether a bundle is as it was written; one that is not is not used.

        An engine proves those of a bucket when it fetches them.
        """
        path = self._path(month)
        if not is_local(path) or not proved_files().find_unsound([local(path)]):
            return True
        _log.warning("%s is damaged: its days are read one by one.", path)
        return False

    def remove(self) -> None:
        """Remove the bundles and their index; days are read one by one then."""
        remove_folder(self._folder)

    def _path(self, month: str) -> UPath:
        return self._folder / f"{month}{_SUFFIX}"

    def _day(self, day: str) -> UPath:
        return self._table / f"{day}{_SUFFIX}"

    def _read_index(self) -> dict[str, dict[str, str]]:
        """Return the days of each whole bundle, with their files' contents back then.

        One that was replaced or lost since the index was written is not among them,
        and a damaged index has none: days are read one by one then.
        """
        try:
            index = read_note(self._index, _INDEX) or {}
        except LocalFailure as error:
            _log.warning("%s Days are read one by one.", error.cause)
            return {}
        states = list_contents(self._folder)
        return {
            month: dict(bundle.days)
            for month, bundle in index.items()
            if states.get(f"{month}{_SUFFIX}") == bundle.state
        }

    def _write_index(self, held: Mapping[str, Mapping[str, str]]) -> None:
        """Note what the bundles hold, after they are in place."""
        states = list_contents(self._folder)
        index = {
            month: {"state": states[f"{month}{_SUFFIX}"], "days": dict(days)}
            for month, days in held.items()
        }
        text = json.dumps(index) + "\n"
        if held and read_if_there(self._index) != seal_note(text):
            write_note(self._index, text)


def _unchanged(held: Mapping[str, str], states: Mapping[str, str]) -> set[str]:
    """Return the days of a bundle whose own files are as they were."""
    return {day for day, state in held.items() if states.get(day) == state}
