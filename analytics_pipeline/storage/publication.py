"""The files that people use: the master, its first-time buyers, stamp and archive.

Rule 8.4.  Each file is replaced whole or not at all.  The new ones are archived and
noted before the first of them is put in place, so that a run that dies half-way
leaves old files or new ones, never halves, and the next run finishes what was begun.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.storage.files import replace_bytes, replace_text
from analytics_pipeline.storage.older_files import SET_ASIDE
from analytics_pipeline.storage.state import read_note, seal_note, write_note

MASTER = "customer_analytics_master.csv"
FIRST_TIME_BUYERS = "first_time_buyers.csv"
STAMP = ".last_update_timestamp"
HASHES = ".hashes.json"
"""The note in the archive that holds the SHA-256 of each file there."""

MAKE_AGAIN = "analytics-pipeline update --as-of"
PROVE_NO_MORE = (
    "Remove it, then run: analytics-pipeline update. What is archived cannot be "
    "proved without it."
)

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
_HASHES = TypeAdapter(dict[str, str])


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
        digest = _hash(content)
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
        """Publish the archived buyers and master of *day*, the master last.

        Raises:
            LocalFailure: one of them is damaged.
        """
        for name, file in (
            ("first_time_buyers", FIRST_TIME_BUYERS),
            ("customer_analytics", MASTER),
        ):
            archived = self._archived(name, day)
            content = archived.read_bytes()
            if not _is_noted(archived, content, self._hashes()):
                raise LocalFailure(
                    f"{archived} is damaged.",
                    f"Put it back from a backup, or run: {MAKE_AGAIN} {day}",
                )
            _replace_if_changed(self.folder / file, content)

    def stamp(self) -> str | None:
        """Return when the last successful publication was, if any."""
        path = self.folder / STAMP
        return path.read_text(encoding="utf-8").strip() if path.exists() else None

    # Archive ---------------------------------------------------------------------

    def _archived(self, name: str, as_of: date) -> Path:
        return self.archive / f"{name}_{as_of.isoformat()}.csv"

    def _archive(self, name: str, as_of: date, content: bytes) -> None:
        """Archive *content*; what it replaces is kept under a numbered suffix.

        What was damaged since it was archived is no earlier version, and kept as such.
        """
        path = self._archived(name, as_of)
        noted = self._hashes()
        if path.exists() and (old := path.read_bytes()) != content:
            if _is_noted(path, old, noted):
                kept = _unused(path)
                noted[kept.name] = _hash(old)
            else:
                kept = path.with_name(f"{path.name}{SET_ASIDE}")
            replace_bytes(kept, old)
        if noted.get(path.name) != _hash(content):
            # Before the file: who dies in between leaves one whose hash is noted too.
            self._note_hashes({**noted, path.name: _hash(content)})
        _replace_if_changed(path, content)

    def find_damaged(self) -> list[Path]:
        """Return the archived and published files that are not what was written.

        Raises:
            LocalFailure: a note about them is damaged.
        """
        noted, published = self._hashes(), self._noted()
        known = {*noted.values(), published.sha256 if published else None}
        files = [self.archive / name for name in sorted(noted)]
        if published is not None and noted:
            files += [self.folder / FIRST_TIME_BUYERS, self.folder / MASTER]
        return [path for path in files if _digest_of(path) not in {*known, None}]

    def count_noted(self) -> int:
        """Return how many archived and published files can be proved."""
        noted = self._hashes()
        published = [self.folder / name for name in (MASTER, FIRST_TIME_BUYERS)]
        files = [self.archive / name for name in noted]
        return sum(path.exists() for path in (*files, *(published if noted else [])))

    def put_back(self) -> str | None:
        """Put the published files back in place of what was never published.

        Return the day whose files were put back; nothing where there was no need, or
        where they cannot be: the next publication is the remedy then.
        """
        noted, current = self._noted(), _digest_of(self.folder / MASTER)
        if noted is None or current in (None, noted.sha256):
            return None
        day = date.fromisoformat(noted.as_of)
        archived = [_digest_of(path) for path in self.archive.glob("*.csv")]
        is_there = _digest_of(self._archived("customer_analytics", day)) == noted.sha256
        if current in archived or not is_there:
            return None  # a publication is to be finished, or nothing is left
        self._put_in_place(day)
        return noted.as_of

    def _hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each archived file, as far as they were noted."""
        return read_note(self.archive / HASHES, _HASHES, PROVE_NO_MORE) or {}

    def _note_hashes(self, hashes: Mapping[str, str]) -> None:
        text = json.dumps(hashes, indent=1, sort_keys=True)
        write_note(self.archive / HASHES, text + "\n")

    def _prune(self, newest: date) -> None:
        """Forget archived days that are older than the days to keep."""
        oldest = (newest - timedelta(days=self.keep_days)).isoformat()
        for path in self.archive.glob("*.csv"):
            ours = _ARCHIVED.fullmatch(path.name)
            if ours and ours["day"] < oldest:
                path.unlink()
        noted = self._hashes()
        kept = {name: noted[name] for name in noted if (self.archive / name).exists()}
        if kept != noted:
            self._note_hashes(kept)


def _digest_of(path: Path) -> str | None:
    """Return the fingerprint of a file; nothing if there is none."""
    if not path.exists():
        return None
    return _hash(path.read_bytes())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _is_noted(path: Path, content: bytes, noted: Mapping[str, str]) -> bool:
    """Say whether *content* was archived, or is from before that was noted."""
    return path.name not in noted or _hash(content) in noted.values()


def _unused(path: Path) -> Path:
    """Return where an earlier version of an archived file is kept."""
    number = 1
    while (kept := path.with_suffix(f".{number}.csv")).exists():
        number += 1
    return kept


def _replace_if_changed(path: Path, content: bytes) -> None:
    """Replace *path* unless it already holds exactly *content*."""
    if not path.exists() or path.read_bytes() != content:
        replace_bytes(path, content)
