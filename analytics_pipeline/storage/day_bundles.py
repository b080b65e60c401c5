"""The days of a month in one file, so that years of days open quickly.

A day stays a file of its own: that is what is judged, stored and replaced.  A *bundle*
is a copy of the days of a month that is over; days that were stored again since are
read from their own files, and when there are some, the bundle is made anew.  Without
the bundles nothing is lost but time.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from upath import UPath

from analytics_pipeline.storage.files import (
    list_states,
    read_all,
    read_if_there,
    replace_bytes,
    replace_text,
)
from analytics_pipeline.storage.parquet import join

MOST_LOOSE = 7
"""How many days of a month may be read from their own files, month for month."""

_SUFFIX = ".parquet"


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


class DayBundles:
    """The bundles of one daily table, in a folder beside its days."""

    def __init__(self, table: UPath) -> None:
        """Keep the bundles of the days in the folder *table*."""
        self._table = table
        self._folder = table / "bundles"
        self._index = self._folder / "index.json"

    def plan(self, states: Mapping[str, str], wanted: Iterable[str]) -> ReadPlan:
        """Return how the *wanted* days are read.

        Args:
            states: every stored day with the present state of its file.
            wanted: the days.
        """
        rest = set(wanted)
        plan = ReadPlan([], [], [])
        for month, held in sorted(self._read_index().items()):
            whole = rest & _unchanged(held, states)
            if whole:
                plan.bundles.append(str(self._path(month)))
                plan.left_out.extend(sorted(held.keys() - whole))
                rest -= whole
        plan.days.extend(str(self._day(day)) for day in sorted(rest))
        return plan

    def renew(self, states: Mapping[str, str]) -> None:
        """Bundle each month that is over and has many days that are read one by one."""
        held = self._read_index()
        by_month: dict[str, dict[str, str]] = {}
        for day, state in sorted(states.items()):
            by_month.setdefault(day[:7], {})[day] = state
        for month in sorted(by_month)[:-1]:
            days = by_month[month]
            if len(days.keys() - _unchanged(held.get(month, {}), days)) > MOST_LOOSE:
                contents = read_all([self._day(day) for day in days])
                replace_bytes(self._path(month), join(contents, list(days)))
                held[month] = days
        self._write_index(held)

    def _path(self, month: str) -> UPath:
        return self._folder / f"{month}{_SUFFIX}"

    def _day(self, day: str) -> UPath:
        return self._table / f"{day}{_SUFFIX}"

    def _read_index(self) -> dict[str, dict[str, str]]:
        """Return the days of each whole bundle, with their files' states back then.

        One that was replaced or lost since the index was written is not among them,
        and an index that cannot be read has none: days are read one by one then.
        """
        try:
            index = json.loads(read_if_there(self._index) or b"{}")
            states = list_states(self._folder)
            return {
                month: dict(bundle["days"])
                for month, bundle in index.items()
                if states.get(f"{month}{_SUFFIX}") == bundle["state"]
            }
        except (ValueError, TypeError, KeyError, AttributeError):
            return {}

    def _write_index(self, held: Mapping[str, Mapping[str, str]]) -> None:
        """Note what the bundles hold, after they are in place."""
        states = list_states(self._folder)
        index = {
            month: {"state": states[f"{month}{_SUFFIX}"], "days": dict(days)}
            for month, days in held.items()
        }
        text = json.dumps(index) + "\n"
        if held and read_if_there(self._index) != text.encode():
            replace_text(self._index, text)


def _unchanged(held: Mapping[str, str], states: Mapping[str, str]) -> set[str]:
    """Return the days of a bundle whose own files are as they were."""
    return {day for day, state in held.items() if states.get(day) == state}
