"""The files that people use: the master, its first-time buyers, stamp and archive.

Rule 8.4.  Each file is replaced whole or not at all.  The new ones are archived and
noted before the first of them is put in place, so that whoever dies half-way leaves
old files or new ones, never halves, and the next run finishes what was begun.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from analytics_pipeline.storage.files import (
    replace_bytes,
    replace_text,
)
from analytics_pipeline.storage.small_notes import read_note, seal_note

MASTER = "customer_analytics_master.csv"
FIRST_TIME_BUYERS = "first_time_buyers.csv"
STAMP = ".last_update_timestamp"

_ARCHIVED = re.compile(
    r"(customer_analytics|first_time_buyers)_(?P<day>\d{4}-\d\d-\d\d)(\.\d+)?\.csv"
)


@dataclass(frozen=True, slots=True)
class Published:
    """What the published master is: its day, rows and fingerprint."""

    as_of: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    rows: int
    sha256: str
    provisional: bool


_PUBLISHED = TypeAdapter(Published)


class Publication:
    """The published files of one data directory."""

    def __init__(self, data_dir: Path, archive_keep_days: int) -> None:
        """Publish into *data_dir*; keep archived days for *archive_keep_days*."""
        self.folder = data_dir
        self.archive = data_dir / "archive"
        self.keep_days = archive_keep_days

    def published(self) -> Published | None:
        """Return what the published master is; nothing where it is gone or half done.

        Raises:
            LocalFailure: the note about it is damaged.
        """
        noted = self._noted()
        if noted is None or _digest_of(self.folder / MASTER) != noted.sha256:
            return None
        return noted

    def stage_first_time_buyers(self, as_of: date, text: str) -> None:
        """Archive the buyers of *as_of*; they are published with its master."""
        self._archive("first_time_buyers", as_of, text.encode("utf-8"))

    def publish_master(
        self, as_of: date, text: str, rows: int, now: datetime, *, provisional: bool
    ) -> bool:
        """Archive the master of *as_of* and, unless a newer one is out, publish it.

        What is about to be published is archived and noted first, so that a
        publication that dies can be finished by the next one.

        Returns:
            Whether it is the published master now; an older day is only archived.
        """
        content = text.encode("utf-8")
        before = self._finish_interrupted()
        self._archive("customer_analytics", as_of, content)
        if before is not None and before.as_of > as_of.isoformat():
            return False
        digest = hashlib.sha256(content).hexdigest()
        published = Published(as_of.isoformat(), rows, digest, provisional)
        notes = json.dumps(asdict(published), indent=1) + "\n"
        _replace_if_changed(self._notes_path, seal_note(notes))
        self._put_in_place(as_of)
        stamp = now.astimezone(UTC).replace(tzinfo=None, microsecond=0)
        replace_text(self.folder / STAMP, f"{stamp.isoformat()}Z\n")
        self._prune(as_of)
        return True

    @property
    def _notes_path(self) -> Path:
        return self.folder / f".{MASTER}.json"

    def _noted(self) -> Published | None:
        """Return what was last published, or was about to be."""
        return read_note(self._notes_path, _PUBLISHED)

    def _finish_interrupted(self) -> Published | None:
        """Put the noted master in place if it is not; return what is published.

        It is archived before it is noted, so the archive has it.  A published file
        that somebody removed or changed is put back in the same way.
        """
        noted = self._noted()
        if noted is None:
            return None
        day = date.fromisoformat(noted.as_of)
        current = self.folder / MASTER
        archived = self._archived("customer_analytics", day)
        if _digest_of(archived) != noted.sha256:
            if _digest_of(current) != noted.sha256:
                return None
            self._archive("customer_analytics", day, current.read_bytes())
        elif _digest_of(current) != noted.sha256:
            self._put_in_place(day)
        return noted

    def _put_in_place(self, day: date) -> None:
        """Publish the archived buyers and master of *day*, the master last."""
        for name, file in (
            ("first_time_buyers", FIRST_TIME_BUYERS),
            ("customer_analytics", MASTER),
        ):
            content = self._archived(name, day).read_bytes()
            _replace_if_changed(self.folder / file, content)

    def stamp(self) -> str | None:
        """Return when the last successful publication was, if any."""
        path = self.folder / STAMP
        return path.read_text(encoding="utf-8").strip() if path.exists() else None

    # Archive ---------------------------------------------------------------------

    def _archived(self, name: str, as_of: date) -> Path:
        return self.archive / f"{name}_{as_of.isoformat()}.csv"

    def _archive(self, name: str, as_of: date, content: bytes) -> None:
        """Archive *content*; what it replaces is kept under a numbered suffix."""
        path = self._archived(name, as_of)
        if path.exists():
            old = path.read_bytes()
            if old == content:
                return
            number = 1
            while (kept := path.with_suffix(f".{number}.csv")).exists():
                number += 1
            replace_bytes(kept, old)
        replace_bytes(path, content)

    def _prune(self, newest: date) -> None:
        """Forget archived days that are older than the days to keep."""
        oldest = (newest - timedelta(days=self.keep_days)).isoformat()
        for path in self.archive.glob("*.csv"):
            ours = _ARCHIVED.fullmatch(path.name)
            if ours and ours["day"] < oldest:
                path.unlink()


def _digest_of(path: Path) -> str | None:
    """Return the fingerprint of a file; nothing if there is none."""
    if not path.exists():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _replace_if_changed(path: Path, content: bytes) -> None:
    """Replace *path* unless it already holds exactly *content*."""
    if not path.exists() or path.read_bytes() != content:
        replace_bytes(path, content)
