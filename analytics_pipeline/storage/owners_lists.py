"""What failed checks found, listed for the shop's owner: one file a table and check.

Such a list may name people, so only its owner can read it.  It is replaced whole by
that of the next failure, and removed when the check passes again.  It lies beside the
files that people use, wherever the tables are.
"""

from pathlib import Path

from analytics_pipeline.domain.csv_text import render_texts
from analytics_pipeline.domain.findings import OwnersList
from analytics_pipeline.storage.files import list_names, replace_text

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
        """Remove a list, if there is one: what it told of is past.

        The folder is listed once, for thousands of days may be judged in one run.
        """
        if self._there is None:
            self._there = set(list_names(self._data_dir / FOLDER))
        path = self.path(table, check)
        if path.name in self._there:
            path.unlink(missing_ok=True)
            self._there.discard(path.name)
