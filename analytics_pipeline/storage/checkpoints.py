"""Checkpoints: what the months that are over came to, so that no run reads them again.

A checkpoint is a cache. Its files are named by a fingerprint of the days that they
cover, so one made from other days is never found, and each is sealed as every table
is. To delete them costs time only.

Four kinds of file are kept next to the days of ``raw_sales``:

- ``2026-07-31-FINGERPRINT.parquet``: the sums by customer record of all days up to
  that one;
- ``2026-07-31-FINGERPRINT-named.parquet``: sales among those days that a web order or
  a return names, and ids of which none of them is a sale;
- ``2026-07-31-FINGERPRINT-special.parquet``: the special sales of one year, as rows; of
  the year that goes on, those up to that day;
- ``2026-07-31-FINGERPRINT-days.parquet``: the sums of the days of that one month by
  customer record.
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from itertools import groupby
from pathlib import Path

import pyarrow as pa
from upath import UPath

from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.storage.files import (
    is_local,
    list_names,
    local,
    remove_folder,
    replace_bytes,
)
from analytics_pipeline.storage.object_store import copies_of_this_process
from analytics_pipeline.storage.parquet import (
    proved_files,
    read_proved_notes,
    write_rows,
)

_log = logging.getLogger(__name__)

FOLDER = "checkpoints"
FORM = "2"
"""The version of what the files hold: another one has other fingerprints."""

_DIGITS = 16
_SUFFIX = ".parquet"
_NAME = "written_as"
"""The note of a footer with the name of its file: one that was renamed is not used."""

_NAMED, _SPECIAL, _BY_DAY = "-named", "-special", "-days"
_OURS = re.compile(
    rf"\d{{4}}-\d{{2}}-\d{{2}}-[0-9a-f]{{{_DIGITS}}}"
    rf"({_NAMED}|{_SPECIAL}|{_BY_DAY})?\.parquet"
)

MONTH_ENDS_KEPT = 4
"""How many of the last month ends are kept, for a change of an old day. The ends of
years are kept as well."""


def last_month_end(day: date) -> date:
    """Return the last end of a month that is not after *day*."""
    following = day + timedelta(days=1)
    return following.replace(day=1) - timedelta(days=1)


def list_month_ends(first: date, last: date) -> list[date]:
    """Return the ends of months from *first* to *last*."""
    ends = []
    end = last_month_end(last)
    while end >= first:
        ends.append(end)
        end = last_month_end(end.replace(day=1) - timedelta(days=1))
    return ends[::-1]


def split_years(days: Iterable[str]) -> list[list[str]]:
    """Return *days*, which are in order, by their years."""
    return [list(year) for _, year in groupby(days, key=lambda day: day[:4])]


def split_months(days: Iterable[str]) -> list[list[str]]:
    """Return *days*, which are in order, by their months."""
    return [list(month) for _, month in groupby(days, key=lambda day: day[:7])]


def fingerprint_days(days: Mapping[str, str]) -> str:
    """Return what identifies *days*, each with what identifies its content."""
    text = "\n".join(f"{day} {days[day]}" for day in sorted(days))
    return sha256(f"{FORM}\n{text}".encode()).hexdigest()[:_DIGITS]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The days up to the *end* of a month, as they are stored now."""

    end: date
    fingerprint: str

    @property
    def name(self) -> str:
        """How the names of its files begin."""
        return f"{self.end}-{self.fingerprint}"


class Checkpoints:
    """The checkpoints of the days of sales in one folder or bucket."""

    def __init__(self, table: UPath, states: Mapping[str, str]) -> None:
        """Keep those of the days in the folder *table*.

        Args:
            table: the folder of ``raw_sales``.
            states: every stored day with what identifies its present content.
        """
        self._folder = table / FOLDER
        self._states = states
        # What a killed writer, or another program, has left there is none of them.
        self._names = set(filter(_OURS.fullmatch, list_names(self._folder)))

    def at(self, end: date) -> Checkpoint:
        """Return the checkpoint of all stored days up to *end*, made or not."""
        last = end.isoformat()
        days = {day: state for day, state in self._states.items() if day <= last}
        return Checkpoint(end, fingerprint_days(days))

    def latest(self, ends: Iterable[date]) -> Checkpoint | None:
        """Return the latest one at one of *ends* that is there, whole and of today."""
        noted = {name[:10] for name in self._names}
        for end in sorted(ends, reverse=True):
            if end.isoformat() in noted and self.state(self.at(end)):
                return self.at(end)
        return None

    def remove(self) -> None:
        """Remove all checkpoints; the days are read one by one then."""
        remove_folder(self._folder)
        self._names.clear()

    # What is there ----------------------------------------------------------------

    def state(self, checkpoint: Checkpoint) -> str | None:
        """Return the file of the sums up to a checkpoint, if it is there and sound."""
        return self._find(checkpoint.name)

    def named(self, checkpoint: Checkpoint) -> str | None:
        """Return the file of the named sales up to a checkpoint, if there is one."""
        return self._find(checkpoint.name + _NAMED)

    def special(self, days: Sequence[str]) -> str | None:
        """Return the file of the special sales of *days*, if it is there and sound."""
        return self._find(self._name_of(days) + _SPECIAL)

    def by_day(self, days: Sequence[str]) -> str | None:
        """Return the file of the sums of *days*, if it is there and sound."""
        return self._find(self._name_of(days) + _BY_DAY)

    def _find(self, name: str) -> str | None:
        file = f"{name}{_SUFFIX}"
        return str(self._folder / file) if self._is_sound(file) else None

    def _is_sound(self, file: str) -> bool:
        """Say whether a file is there, as it was written under this name."""
        if file not in self._names:
            return False
        path = self._folder / file
        try:
            if self._name_in(path) == file:
                return True
        except (LocalFailure, FileNotFoundError):
            pass  # as for one that is not what it should be
        _log.warning("The checkpoint %s is damaged: it is made again.", path)
        self._names.discard(file)
        return False

    def _name_in(self, path: UPath) -> str | None:
        """Return the name that a file was written under.

        Raises:
            LocalFailure: its bytes are not those that were written.
            FileNotFoundError: it is not there any more.
        """
        if is_local(path):
            proved_files().prove([local(path)])
            file = local(path)
        else:
            file = Path(*copies_of_this_process().of([str(path)]))
        with file.open("rb") as stream:
            return read_proved_notes(stream).get(_NAME)

    def _name_of(self, days: Sequence[str]) -> str:
        states = {day: self._states[day] for day in days}
        return f"{days[-1]}-{fingerprint_days(states)}"

    # What is made -----------------------------------------------------------------

    def write_state(self, checkpoint: Checkpoint, rows: pa.Table) -> None:
        """Keep the sums up to a checkpoint."""
        self._write(checkpoint.name, rows)

    def write_named(self, checkpoint: Checkpoint, rows: pa.Table) -> None:
        """Keep the named sales up to a checkpoint."""
        self._write(checkpoint.name + _NAMED, rows)

    def write_special(self, days: Sequence[str], rows: pa.Table) -> None:
        """Keep the special sales of *days*."""
        self._write(self._name_of(days) + _SPECIAL, rows)

    def write_by_day(self, days: Sequence[str], rows: pa.Table) -> None:
        """Keep the sums of *days*."""
        self._write(self._name_of(days) + _BY_DAY, rows)

    def _write(self, name: str, rows: pa.Table) -> None:
        file = f"{name}{_SUFFIX}"
        content = write_rows(rows.replace_schema_metadata({_NAME: file}))
        replace_bytes(self._folder / file, content)
        self._names.add(file)

    def prune(self, made: Checkpoint) -> None:
        """Remove what was made from other days, and all but *made* and some others."""
        ends = {
            date.fromisoformat(name[:10])
            for name in self._names
            if not name.endswith((f"{_SPECIAL}{_SUFFIX}", f"{_BY_DAY}{_SUFFIX}"))
        }
        chosen = {end for end in ends if (end.month, end.day) == (12, 31)}
        chosen |= {made.end, *sorted(ends)[-MONTH_ENDS_KEPT:]}
        kept = {self.at(end).name for end in chosen}
        kept |= {name + _NAMED for name in kept}
        stored = sorted(self._states)
        for end in chosen:
            closed = [day for day in stored if day <= end.isoformat()]
            kept |= {self._name_of(days) + _SPECIAL for days in split_years(closed)}
            kept |= {self._name_of(days) + _BY_DAY for days in split_months(closed)}
        for file in sorted(self._names - {f"{name}{_SUFFIX}" for name in kept}):
            (self._folder / file).unlink(missing_ok=True)
            self._names.discard(file)
