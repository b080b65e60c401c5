"""The files that people open beside the exports: lists of offenders, and the report."""

import re
from collections.abc import Sequence
from dataclasses import astuple
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from analytics_pipeline.lazy import lazily
from analytics_pipeline.model.checks import OwnersList, Rejection
from analytics_pipeline.storage.csv import BYTE_ORDER_MARK, render_texts, write_text
from analytics_pipeline.storage.files import (
    AnyPath,
    list_names,
    read_if_there,
    replace_text,
)

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazily("pandas")

# ----------------------------------------------------------------------------------
# What failed checks found, listed for the shop's owner: one file a table and check.
#
# Such a list may name people, so only its owner can read it. It is replaced whole by
# that of the next failure, and removed when the check passes again. It is next to
# the files that people use, wherever the tables are.


FOLDER = "reports"


class OwnersLists:
    """The lists of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        """Keep them in ``reports`` of *data_dir*."""
        self._data_dir = data_dir
        self._there: set[str] | None = None

    def place(self, table: str, check: str) -> str:
        """Return where a list is, from the data directory on."""
        return f"{FOLDER}/{table}.{check}.csv"

    def path(self, table: str, check: str) -> Path:
        """Return where a list is on this machine."""
        return self._data_dir / self.place(table, check)

    def write(self, table: str, check: str, offenders: OwnersList) -> None:
        """Put a list in the place of the one before."""
        text = render_texts(offenders.columns, offenders.rows)
        replace_text(self.path(table, check), text)
        self._there = None

    def remove(self, table: str, check: str) -> None:
        """Remove a list, if there is one: what it listed is past.

        The folder is listed once, for thousands of days may be checked in one run.
        """
        if self._there is None:
            self._there = set(list_names(self._data_dir / FOLDER))
        path = self.path(table, check)
        if path.name in self._there:
            path.unlink(missing_ok=True)
            self._there.discard(path.name)


# ----------------------------------------------------------------------------------
# The lists of rejected records, for people: rule and position, never a payload.


QUARANTINE = "quarantine"
COLUMNS = ["rule", "record_id", "version", "position"]


class QuarantineLists:
    """One list for each source, next to what is published."""

    def __init__(
        self, home: AnyPath, byte_order_mark: bool = False, copies: Path | None = None
    ) -> None:
        """Keep the lists in ``quarantine`` of *home*, and copies of them in another."""
        self._home, self._copies = home, copies
        self._begins = BYTE_ORDER_MARK if byte_order_mark else ""

    def path(self, table: str) -> Path:
        """Return where people find the list of *table* on this machine."""
        return Path(str(self._copies or self._home)) / place_of(table)

    def write(self, table: str, rejections: Sequence[Rejection]) -> None:
        """List what is in quarantine now; without any ever, there is no list."""
        rows = [COLUMNS, *(astuple(each)[1:] for each in rejections)]
        lines = (",".join(map(_write_cell, row)) + "\n" for row in rows)
        text = self._begins + "".join(lines)
        places = [self._home, *([self._copies] if self._copies else [])]
        for folder in places:
            path = folder / place_of(table)
            if rejections or path.exists():
                replace_text(path, text)

    def count(self, table: str) -> int:
        """Return how many records of *table* are in quarantine."""
        content = read_if_there(self._home / place_of(table))
        return 0 if content is None else len(pd.read_csv(BytesIO(content), dtype="str"))


def place_of(table: str) -> str:
    """Return where the list of *table* is, from the data directory on."""
    return f"{QUARANTINE}/{table}/records.csv"


def _write_cell(value: str | int | None) -> str:
    """Write a name, an id or a number as a spreadsheet may open it (rule 8.5)."""
    return "" if value is None else write_text(str(value))


# ----------------------------------------------------------------------------------
# The pages that people open: one a day, and the one of the published day.


REPORT = "customer_report.html"

_DATED = re.compile(r"customer_report_(?P<day>\d{4}-\d\d-\d\d)\.html")


class ReportFiles:
    """The folder ``reports/`` of a data directory."""

    def __init__(self, data_dir: Path, keep_days: int) -> None:
        """Keep the pages of the last *keep_days* before the published day."""
        self.folder = data_dir / "reports"
        self.keep_days = keep_days

    @property
    def latest(self) -> Path:
        """The page of the published day."""
        return self.folder / REPORT

    def of(self, day: date) -> Path:
        """Return the page of a day, whether it is there or not."""
        return self.folder / f"customer_report_{day.isoformat()}.html"

    def store(self, day: date, page: str, *, is_published: bool) -> None:
        """Put the page of *day* in place, as the latest one if that day *is_published*.

        The pages of days too long before a published one are forgotten.
        """
        replace_text(self.of(day), page)
        if is_published:
            replace_text(self.latest, page)
            self._prune(day)

    def _prune(self, newest: date) -> None:
        oldest = (newest - timedelta(days=self.keep_days)).isoformat()
        for path in self.folder.glob("customer_report_*.html"):
            ours = _DATED.fullmatch(path.name)
            if ours and ours["day"] < oldest:
                path.unlink()
