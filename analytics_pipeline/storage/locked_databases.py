"""SQLite files that another program holds: a backup, a virus scanner, an open viewer.

A write waits for its turn; what did not come to it in time is told as such, and not as
a full disk.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from analytics_pipeline.errors import LocalFailure

BUSY_SECONDS = 60
"""How long a write waits for another program that holds the same file."""

REMEDY = (
    "Wait until that program is done, or end it: a backup, a virus scanner, a viewer "
    "of databases. Then run it again; what was published stays."
)
MOST_NAMED = 3


def is_locked(error: BaseException) -> bool:
    """Say whether SQLite gave up because another program held the file."""
    if not isinstance(error, sqlite3.OperationalError):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # made by hand, or by a library
        return "is locked" in str(error)
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def explain_lock(error: BaseException | None) -> LocalFailure | None:
    """Say what it means if *error* comes from a locked file, however it is wrapped."""
    while error is not None:
        if is_locked(error) or is_locked(getattr(error, "orig", None) or error):
            return LocalFailure(
                "A database of Dagster's records is in use by another program.", REMEDY
            )
        error = error.__cause__ or error.__context__
    return None


def name_locked(folder: Path) -> str:
    """Name the databases under *folder* that another program holds at this moment."""
    held = [path.relative_to(folder).as_posix() for path in _locked_in(folder)]
    shown = ", ".join(held[:MOST_NAMED])
    return f"{shown}, …" if len(held) > MOST_NAMED else shown


def _locked_in(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.db")):
        address = f"{path.resolve().as_uri()}?mode=rw"
        try:
            with closing(sqlite3.connect(address, timeout=0, uri=True)) as database:
                database.execute("BEGIN IMMEDIATE")
                database.execute("ROLLBACK")
        except sqlite3.Error as error:
            if is_locked(error):
                yield path
