"""Replace a file whole or not at all, readable by its owner only."""

import errno
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from upath import UPath

from analytics_pipeline.model.checks import OwnersList, Rejection
from analytics_pipeline.storage.csv import BYTE_ORDER_MARK, render_texts, write_text

# ----------------------------------------------------------------------------------
# Replace a file whole or not at all, readable by its owner only.
#
# A scratch file in the same folder takes the place of the old one by one rename, so a
# reader sees the old bytes or the new ones, whenever the writer dies. File and folder
# are on the disk before the next thing is done, so that a power cut takes nothing out
# of its order. In a bucket a put is atomic.


AnyPath = Path | UPath

PARTIAL = ".partial"
"""How the name of a scratch file, or of a folder of them, ends."""


def local(path: AnyPath) -> Path:
    """Return a path of this machine's disk as the standard library has it."""
    return Path(str(path))


def is_local(path: AnyPath) -> bool:
    """Say whether *path* is on this machine's disk."""
    return isinstance(path, Path) and path.__class__.__module__.startswith(
        ("pathlib", "upath.implementations.local")
    )


def is_open_to(path: Path, others: int) -> bool:
    """Say whether *others*, such as ``stat.S_IROTH``, have a right to *path*."""
    return os.name == "posix" and bool(path.stat().st_mode & others)


def make_folder(path: AnyPath) -> None:
    """Make *path* a folder that only its owner may open."""
    if not is_local(path):
        return
    folder = local(path)
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(parent.parent)


def list_names(folder: AnyPath) -> list[str]:
    """Return the names in *folder*, sorted; none if it is not there.

    A path object for each of thousands of files would cost more than the rest.
    """
    if isinstance(folder, UPath) and not is_local(folder):
        names = folder.fs.ls(folder.path, detail=False)
        return sorted(name.rpartition("/")[2] for name in names)
    try:
        with os.scandir(local(folder)) as entries:
            return sorted(entry.name for entry in entries)
    except FileNotFoundError:
        return []


def list_states(folder: UPath) -> dict[str, str]:
    """Return each file in *folder* with what identifies its present state.

    A file that was replaced has another one, unless a bucket knows that the new content
    is the old one.
    """
    if not is_local(folder):
        found = folder.fs.ls(folder.path, detail=True)
        return {
            each["name"].rpartition("/")[2]: _state_of_object(each)
            for each in found
            if each["type"] == "file"
        }
    try:
        with os.scandir(local(folder)) as entries:
            return {
                entry.name: state_of(entry.stat())
                for entry in entries
                if entry.is_file()
            }
    except FileNotFoundError:
        return {}


_CONTENT = ("ETag", "etag", "md5Hash")
_CHANGE = ("LastModified", "last_modified", "updated", "mtime", "created", "size")
"""By which of its properties, as file systems call them, a changed object is known."""


def _state_of_object(entry: Mapping[str, Any]) -> str:
    names = [name for name in _CONTENT if name in entry] or _CHANGE
    return "|".join(str(entry[name]) for name in names if name in entry)


def state_of(found: os.stat_result) -> str:
    """Return what identifies the present state of a file.

    A replacement is a new inode, even in the same tick of the clock.
    """
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"


def replace_bytes(path: AnyPath, content: bytes) -> None:
    """Put *content* in the place of *path*, whole or not at all."""
    if isinstance(path, UPath) and not is_local(path):
        # A stream of fsspec that dies half-way puts what it has in place.
        path.fs.pipe_file(path.path, content)
        return
    target = local(path)
    scratch = target.with_name(f".{target.name}{PARTIAL}")
    with _naming(target):
        make_folder(target.parent)
        try:
            _write_through(scratch, content)
            scratch.replace(target)
        finally:
            scratch.unlink(missing_ok=True)
        _sync_folder(target.parent)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in a failure of the disk: a full one does not say where."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def _write_through(scratch: Path, content: bytes) -> None:
    """Write *content* to disk, past the operating system's cache."""
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Make what was put into *folder*, or renamed there, outlast a power cut.

    Without this the new name may still be in memory only.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems do not know this operation; they have no other.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def remove_scratch(folder: Path) -> None:
    """Remove what killed writers left half written under *folder*.

    The folders of other programs, whose names begin with a dot, are left alone.
    """
    for root, folders, names in os.walk(folder):
        for name in filter(_is_scratch, names):
            Path(root, name).unlink(missing_ok=True)
        for name in filter(_is_scratch, folders):
            shutil.rmtree(Path(root, name))
        folders[:] = [name for name in folders if not name.startswith(".")]


def remove_folder(folder: UPath) -> None:
    """Remove a folder and all that is in it, if it is there."""
    if not folder.exists():
        return
    if is_local(folder):
        shutil.rmtree(local(folder))
    else:
        folder.fs.rm(folder.path, recursive=True)


def _is_scratch(name: str) -> bool:
    return name.startswith(".") and name.endswith(PARTIAL)


def read_if_there(path: AnyPath) -> bytes | None:
    """Return the bytes of a file; nothing if there is none.

    To ask first whether it is there would cost two more requests to a bucket.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def read_all(paths: Sequence[UPath]) -> list[bytes]:
    """Return the bytes of all *paths*; of a bucket's, many are fetched at once."""
    if not paths or is_local(paths[0]):
        return [path.read_bytes() for path in paths]
    found = paths[0].fs.cat_all([path.path for path in paths])
    return [found[path.path] for path in paths]


def replace_text(path: AnyPath, text: str) -> None:
    """Put *text*, as UTF-8, in the place of *path*, whole or not at all."""
    replace_bytes(path, text.encode("utf-8"))


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


COLUMNS = ["rule", "record_id", "version", "position"]


class QuarantineLists:
    """One list for each source, under the data directory."""

    def __init__(self, data_dir: Path, byte_order_mark: bool = False) -> None:
        """Keep the lists in ``quarantine`` of *data_dir*."""
        self._folder = data_dir / "quarantine"
        self._begins = BYTE_ORDER_MARK if byte_order_mark else ""

    def path(self, table: str) -> Path:
        """Return where the list of *table* is."""
        return self._folder / table / "records.csv"

    def write(self, table: str, rejections: Sequence[Rejection]) -> None:
        """List what is in quarantine now; without any ever, there is no list."""
        path = self.path(table)
        if not rejections and not path.exists():
            return
        rows = [COLUMNS, *(astuple(each)[1:] for each in rejections)]
        lines = (",".join(map(_write_cell, row)) + "\n" for row in rows)
        replace_text(path, self._begins + "".join(lines))

    def count(self, table: str) -> int:
        """Return how many records of *table* are in quarantine."""
        path = self.path(table)
        return len(pd.read_csv(path, dtype="str")) if path.exists() else 0


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
