"""The stored tables: one Parquet file a table, or one a day, bundled by month."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import TypeAdapter
from upath import UPath

from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.storage.catch_ups import CatchUps
from analytics_pipeline.storage.files import (
    is_local,
    list_names,
    local,
    read_all,
    read_if_there,
    remove_folder,
    replace_bytes,
    replace_files,
    state_of,
)
from analytics_pipeline.storage.object_store import open_root
from analytics_pipeline.storage.parquet import (
    REBUILD,
    UPDATE,
    count_rows,
    decode,
    encode,
    join,
    list_contents,
    proved_files,
    read_notes,
    refuse_unsound,
)
from analytics_pipeline.storage.state import (
    Acceptances,
    FailedCheck,
    FailedGates,
    read_note,
    read_word,
    seal_note,
    write_note,
)

if TYPE_CHECKING:
    import pandas as pd

    from analytics_pipeline.model.schemas.table import Table

# ----------------------------------------------------------------------------------
# The days of a month in one file, so that years of days open quickly.
#
# A day stays a file of its own: that is what is checked, stored and replaced. A
# *bundle* is a copy of the days of a month that is over; days that were stored again
# since are read from their own files, and when there are some, the bundle is made
# again. The seal of its file shows whether a day is as it was, never its size or
# time. A damaged bundle is not read, and made again. Without the bundles nothing is
# lost but time.


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
    """A bundle as the index has it: what identifies its content and its days'."""

    state: str
    days: Mapping[str, str]


_INDEX = TypeAdapter(dict[str, _Bundle])


class DayBundles:
    """The bundles of one daily table, in a folder next to its days."""

    def __init__(self, table: UPath) -> None:
        """Keep the bundles of the days in the folder *table*."""
        self._table = table
        self._folder = table / _FOLDER
        self._index = self._folder / "index.json"

    def plan(self, states: Mapping[str, str], wanted: Iterable[str]) -> ReadPlan:
        """Return how the *wanted* days are read.

        Args:
            states: every stored day with what identifies its present content.
            wanted: the days.
        """
        rest = set(wanted)
        plan = ReadPlan([], [], [])
        for month, held in sorted(self._bundled.items()):
            whole = rest & _unchanged(held, states)
            if whole and self._is_sound(month):
                plan.bundles.append(str(self._path(month)))
                plan.left_out.extend(sorted(held.keys() - whole))
                rest -= whole
        plan.days.extend(str(self._day(day)) for day in sorted(rest))
        return plan

    def renew(self, states: Mapping[str, str]) -> None:
        """Bundle each month that is over and has many days that are read one by one."""
        index = self._bundled
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
        del self._bundled

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

    @cached_property
    def _bundled(self) -> dict[str, dict[str, str]]:
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


# ----------------------------------------------------------------------------------
# The stored tables: one Parquet file a table, or one a day.
#
# Only tables that passed their gate are here. Next to each one, a small note remembers
# whether the last attempt to replace it failed, so that what is built on it can wait.


_RUNS_KEPT = 60

MOST_HELD = 100_000
"""Tables of up to so many rows, which a run reads often, are kept in memory."""


_MADE_FROM = TypeAdapter(dict[str, str])
_HISTORY = TypeAdapter(dict[str, dict[str, int]])


def is_table(name: str) -> bool:
    """Say whether *name* is that of a stored table, or of one day of it."""
    return name.endswith(_SUFFIX) and not name.startswith(".")


def remedy_for(table: str, partition: str | None, *, is_on_disk: bool) -> str:
    """Return what makes a damaged table, or day of one, again.

    Each run looks through the tables on disk and the days of ``raw_sales`` there; in
    buckets a rebuild does.
    """
    if partition is None or table == "raw_sales":
        return UPDATE if is_on_disk else REBUILD
    return f"{UPDATE} --as-of {partition}"


def _name(table: str, partition: str | None) -> str:
    return table if partition is None else f"{table} of {partition}"


class Warehouse:
    """The tables under one folder or bucket."""

    def __init__(self, url: str) -> None:
        """Keep tables under *url*: a folder, or a URL that fsspec knows.

        Raises:
            WrongUse: nothing is known of such a URL.
        """
        self.root = open_root(url)
        self.failed_gates = FailedGates(self.root)
        self.acceptances = Acceptances(self.root)
        self.catch_ups = CatchUps(self.root)
        self._attempts: Counter[str] = Counter()
        self._days: dict[str, tuple[int, dict[str, str], DayBundles]] = {}
        self._held: dict[str, tuple[str, pd.DataFrame]] = {}

    def path(self, table: str, partition: str | None = None) -> UPath:
        """Return where *table*, or one day of it, is kept."""
        if partition is None:
            return self.root / table / f"{table}{_SUFFIX}"
        return self.root / table / f"{partition}{_SUFFIX}"

    def write(
        self,
        table: str,
        model: type[Table],
        frame: pd.DataFrame,
        partition: str | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        """Replace *table*, or one day of it, by *frame*, whole or not at all.

        A file that holds the same bytes stays, so that it is not taken for
        news; a bucket knows that they are the same.
        """
        path, content = self.path(table, partition), encode(frame, model, notes)
        # Before, so that what is known of the days is forgotten where this fails too.
        self._attempts[table] += 1
        if self._is_news(path, content):
            replace_bytes(path, content)

    def write_days(self, table: str, contents: Mapping[str, bytes]) -> None:
        """Replace days of *table* by their new *contents*, each whole or not at all."""
        folder = self.root / table
        files = {f"{day}{_SUFFIX}": content for day, content in contents.items()}
        news = {
            name: content
            for name, content in files.items()
            if self._is_news(folder / name, content)
        }
        self._attempts[table] += len(contents)
        replace_files(folder, news)

    @staticmethod
    def _is_news(path: UPath, content: bytes) -> bool:
        """Say whether *path* holds other bytes; of a bucket that is not asked."""
        return not (is_local(path) and read_if_there(path) == content)

    def attempts(self, *tables: str) -> tuple[int, ...]:
        """Return how often this run has replaced each of *tables*, or failed to."""
        return tuple(self._attempts[table] for table in tables)

    def exists(self, table: str, partition: str | None = None) -> bool:
        """Say whether *table*, or that day of it, was ever stored."""
        return self.path(table, partition).exists()

    def read(
        self,
        table: str,
        model: type[Table],
        partition: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return the rows of *table*, or of one day of it.

        Only *columns* are read, if any are named.

        Raises:
            LocalFailure: it was never stored, is damaged, or of an older version.
            WrongUse: a newer program wrote it.
        """
        path = self.path(table, partition)
        what = _name(table, partition)
        try:
            if partition is None and columns is None and is_local(path):
                return self._read_once(path, model, what)
            remedy = self._remedy_for(table, partition)
            return decode(path.read_bytes(), model, what, remedy, columns)
        except FileNotFoundError as error:
            raise LocalFailure(f"There is no {what} yet.", UPDATE) from error
        except (OSError, ValueError, KeyError) as error:
            # The bytes are those that were written: another program has done that.
            raise LocalFailure(
                f"The stored {what} cannot be read ({type(error).__name__}).",
                REBUILD,
            ) from error

    def _read_once(self, path: UPath, model: type[Table], what: str) -> pd.DataFrame:
        """Return the rows of a file on disk; of a small one, those read before."""
        state = state_of(local(path).stat())
        held, frame = self._held.get(path.name, ("", None))
        if frame is None or held != state:
            frame = decode(path.read_bytes(), model, what)
            if len(frame) <= MOST_HELD:
                self._held[path.name] = state, frame
        return frame.copy(deep=False)  # pandas copies what somebody changes

    def _remedy_for(self, table: str, partition: str | None) -> str:
        return remedy_for(table, partition, is_on_disk=is_local(self.root))

    def remove(self, table: str, partition: str) -> None:
        """Remove one day of *table*, if it is there."""
        self.path(table, partition).unlink(missing_ok=True)
        self.list_again()

    def notes(self, table: str, partition: str | None = None) -> dict[str, str]:
        """Return the notes stored with a table, or one day; none if it is not there."""
        content = read_if_there(self.path(table, partition))
        if content is None:
            return {}
        remedy = self._remedy_for(table, partition)
        return read_notes(content, _name(table, partition), remedy)

    def partitions(self, table: str) -> list[str]:
        """Return the days of *table* that are stored, earliest first."""
        names = list_names(self.root / table)
        return [name.removesuffix(_SUFFIX) for name in names if is_table(name)]

    def states(self, table: str) -> dict[str, str]:
        """Return each stored day of *table* with what identifies its content.

        That is the seal of its file; of a bucket, what it knows its objects by.
        """
        return dict(self._list_days(table)[0])

    def _list_days(self, table: str) -> tuple[dict[str, str], DayBundles]:
        """Return the states of the days and the bundles, as this run has left them."""
        attempts = self._attempts[table]
        known, states, bundles = self._days.get(table, (-1, {}, None))
        if bundles is None or known != attempts:
            contents = list_contents(self.root / table)
            names = [name for name in sorted(contents) if is_table(name)]
            states = {name.removesuffix(_SUFFIX): contents[name] for name in names}
            bundles = DayBundles(self.root / table)
            self._days[table] = attempts, states, bundles
        return states, bundles

    def list_again(self) -> None:
        """Forget which days are stored: something else has removed files."""
        self._days.clear()

    def plan(self, table: str, partitions: Iterable[str]) -> ReadPlan:
        """Return the files that hold those days, as few as there can be."""
        states, bundles = self._list_days(table)
        return bundles.plan(states, partitions)

    def bundle(self, table: str) -> None:
        """Bundle the days of *table* by months, where many are read one by one."""
        states, bundles = self._list_days(table)
        bundles.renew(states)

    def row_count(self, table: str, partition: str | None = None) -> int:
        """Return how many rows a stored table, or one day of it, holds."""
        content = self.path(table, partition).read_bytes()
        return count_rows(content, _name(table, partition))

    def first_day(self, table: str) -> str | None:
        """Return the first day that *table* was cut with, if it ever was."""
        return read_word(self.root / table / "first_day")

    def note_first_day(self, table: str, day: str) -> None:
        """Note the first day that *table* is cut with."""
        if self.first_day(table) != day:
            write_note(self.root / table / "first_day", f"{day}\n")

    def store_id(self) -> str | None:
        """Return the id of the store whose tables these are, once it is known."""
        return read_word(self.root / "store_id")

    def note_store_id(self, store: str) -> None:
        """Note whose tables these are."""
        write_note(self.root / "store_id", f"{store}\n")

    # What each day of a table was made from --------------------------------------

    def made_from(self, table: str) -> dict[str, str]:
        """Return of each day of *table* what identifies what it was made from.

        Without the note every day is made again, so a damaged one does no harm.
        """
        try:
            return read_note(self._made_from(table), _MADE_FROM) or {}
        except LocalFailure as error:
            _log.warning("%s Every day of %s is made again.", error.cause, table)
            return {}

    def note_made_from(self, table: str, sources: Mapping[str, str]) -> None:
        """Note what the days of *table* are made from, if it is not noted already."""
        if self.made_from(table) != sources:
            text = json.dumps(sources, indent=1, sort_keys=True)
            write_note(self._made_from(table), text + "\n")

    def _made_from(self, table: str) -> UPath:
        return self.root / table / "made_from.json"

    # A table's last attempt -----------------------------------------------------

    def remember_failure(
        self, table: str, partition: str | None, failed: Sequence[FailedCheck]
    ) -> None:
        """Note what stopped the last attempt to replace the table."""
        self._attempts[table] += 1
        self.failed_gates.remember(table, partition, failed)

    def forget_failure(self, table: str, partition: str | None) -> None:
        """Note that the table passed again."""
        self.failed_gates.forget(table, partition)

    def failures(self, table: str) -> dict[str, list[FailedCheck]]:
        """Return the failed last attempts by partition (empty: the whole table)."""
        return self.failed_gates.of(table)

    # What a table is normally like -----------------------------------------------

    def record_run(self, table: str, day: date, counts: Mapping[str, int]) -> None:
        """Note what the table stored on *day* holds; of a day, the last run counts."""
        runs = self._runs(table) | {day.isoformat(): dict(counts)}
        kept = {day: runs[day] for day in sorted(runs)[-_RUNS_KEPT:]}
        text = json.dumps(kept, indent=1, sort_keys=True)
        write_note(self.root / table / "usual.json", text + "\n")

    def runs_before(self, table: str, day: date) -> list[dict[str, int]]:
        """Return what was noted of the table on the days before *day*, in order."""
        runs = self._runs(table)
        return [runs[noted] for noted in sorted(runs) if noted < day.isoformat()]

    def _runs(self, table: str) -> dict[str, dict[str, int]]:
        return read_note(self.root / table / "usual.json", _HISTORY) or {}
