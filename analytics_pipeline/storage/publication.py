"""The files that people use: the master, its first-time buyers, stamp and archive.

Rule 8.4.  Each file is replaced whole or not at all.  The new ones are archived and
noted before the first of them is put in place, so that a run that dies half-way
leaves old files or new ones, never halves, and the next run finishes what was begun.

They are in the data directory.  Where the tables are in a bucket that machines share,
they are in the bucket, and the data directory has copies of what was published from it.
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
from analytics_pipeline.storage.files import (
    AnyPath,
    is_local,
    list_names,
    read_if_there,
    replace_bytes,
    state_of_object,
)
from analytics_pipeline.storage.older_files import SET_ASIDE
from analytics_pipeline.storage.state import read_note, seal_note

MASTER = "customer_analytics_master.csv"
FIRST_TIME_BUYERS = "first_time_buyers.csv"
STAMP = ".last_update_timestamp"
NOTES = f".{MASTER}.json"
"""The note of what the published master is."""
ARCHIVE = "archive"
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
    """The published files of one shop."""

    def __init__(
        self, folder: AnyPath, archive_keep_days: int, copies: Path | None = None
    ) -> None:
        """Publish into *folder*; keep archived days for *archive_keep_days*.

        *copies* is another folder, which gets a copy of each file that is written.
        """
        self.folder = folder
        self.archive = folder / ARCHIVE
        self.keep_days = archive_keep_days
        self._copies = copies

    def for_people(self, name: str) -> Path:
        """Return where on this machine people find a file that was published here."""
        return Path(str(self._copies or self.folder)) / name

    def published(self) -> Published | None:
        """Return what the published master is; nothing where it is gone or half done.

        Raises:
            LocalFailure: the note about it is damaged.
        """
        noted = self._noted()
        if noted is None or _digest_of(self.folder / MASTER) != noted.sha256:
            return None
        return noted

    def stage_first_time_buyers(self, as_of: date, content: bytes) -> None:
        """Archive the buyers of *as_of*; they are published with its master."""
        self._archive("first_time_buyers", as_of, content)

    def publish_master(
        self,
        as_of: date,
        content: bytes,
        rows: int,
        now: datetime,
        *,
        provisional: bool,
    ) -> bool:
        """Archive the master of *as_of* and, unless a newer one is out, publish it.

        What is about to be published is archived and noted first, so that a
        publication that dies can be finished by the next one.

        Returns:
            Whether it is the published master now; an older day is only archived.
        """
        before = self._finish_interrupted()
        self._archive("customer_analytics", as_of, content)
        if before is not None and before.as_of > as_of.isoformat():
            return False
        digest = _hash(content)
        published = Published(as_of.isoformat(), rows, digest, provisional)
        notes = json.dumps(asdict(published), indent=1) + "\n"
        self._put(NOTES, seal_note(notes))
        self._put_in_place(as_of)
        stamp = now.astimezone(UTC).replace(tzinfo=None, microsecond=0)
        self._put(STAMP, f"{stamp.isoformat()}Z\n".encode())
        self._prune(as_of)
        return True

    def _noted(self) -> Published | None:
        """Return what was last published, or was about to be."""
        return read_note(self.folder / NOTES, _PUBLISHED)

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
            self._put(file, content)

    def stamp(self) -> str | None:
        """Return when the last successful publication was, if any."""
        found = read_if_there(self.folder / STAMP)
        return found.decode("utf-8").strip() if found is not None else None

    def _put(self, name: str, content: bytes) -> None:
        """Put a file in place, then its copy, where it is not the same already."""
        places: list[AnyPath] = [self.folder]
        if self._copies is not None:
            places.append(self._copies)
        for place in places:
            if not _holds(place / name, content):
                replace_bytes(place / name, content)

    # Archive ---------------------------------------------------------------------

    def _archived(self, name: str, as_of: date) -> AnyPath:
        return self.archive / f"{name}_{as_of.isoformat()}.csv"

    def _archive(self, name: str, as_of: date, content: bytes) -> None:
        """Archive *content*; what it replaces is kept under a numbered suffix.

        What was damaged since it was archived is no earlier version, and kept as such.
        """
        path = self._archived(name, as_of)
        noted = self._hashes()
        old = read_if_there(path)
        if old is not None and old != content:
            if _is_noted(path, old, noted):
                kept = _unused(path)
                noted[kept.name] = _hash(old)
            else:
                kept = path.with_name(f"{path.name}{SET_ASIDE}")
            self._put(f"{ARCHIVE}/{kept.name}", old)
        if noted.get(path.name) != _hash(content):
            # Before the file: who dies in between leaves one whose hash is noted too.
            self._note_hashes({**noted, path.name: _hash(content)})
        self._put(f"{ARCHIVE}/{path.name}", content)

    def find_damaged(self) -> list[AnyPath]:
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
        published = {MASTER, FIRST_TIME_BUYERS} if noted else set()
        there = set(list_names(self.archive)) & noted.keys()
        return len(there) + len(set(list_names(self.folder)) & published)

    def put_back(self) -> str | None:
        """Put the published files back in place of what was never published.

        Return the day whose files were put back; nothing where there was no need, or
        where they cannot be: the next publication is the remedy then.
        """
        noted, current = self._noted(), _digest_of(self.folder / MASTER)
        if noted is None or current in (None, noted.sha256):
            return None
        day = date.fromisoformat(noted.as_of)
        archived = [_digest_of(self.archive / name) for name in _files_of(self.archive)]
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
        self._put(f"{ARCHIVE}/{HASHES}", seal_note(text + "\n"))

    def _prune(self, newest: date) -> None:
        """Forget archived days that are older than the days to keep."""
        oldest = (newest - timedelta(days=self.keep_days)).isoformat()
        places = [self.archive, *([self._copies / ARCHIVE] if self._copies else [])]
        for place in places:
            for name in _files_of(place):
                ours = _ARCHIVED.fullmatch(name)
                if ours and ours["day"] < oldest:
                    (place / name).unlink()
        noted, there = self._hashes(), set(_files_of(self.archive))
        kept = {name: noted[name] for name in noted if name in there}
        if kept != noted:
            self._note_hashes(kept)


_DIGESTS: dict[str, tuple[str, str]] = {}
"""By object of a bucket: its state when it was last fetched, and its fingerprint."""


def _digest_of(path: AnyPath) -> str | None:
    """Return the fingerprint of a file; nothing if there is none.

    An object that is still what this process fetched is not fetched again.
    """
    state = None if is_local(path) else state_of_object(path)
    known = _DIGESTS.get(str(path))
    if state is not None and known is not None and known[0] == state:
        return known[1]
    content = read_if_there(path)
    if content is None:
        return None
    digest = _hash(content)
    if state is not None:
        _DIGESTS[str(path)] = state, digest
    return digest


def _holds(path: AnyPath, content: bytes) -> bool:
    """Say whether a file is there with exactly this *content*."""
    if is_local(path):
        return read_if_there(path) == content
    return _digest_of(path) == _hash(content)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _is_noted(path: AnyPath, content: bytes, noted: Mapping[str, str]) -> bool:
    """Say whether *content* was archived, or is from before that was noted."""
    return path.name not in noted or _hash(content) in noted.values()


def _files_of(folder: AnyPath) -> list[str]:
    return [name for name in list_names(folder) if name.endswith(".csv")]


def _unused(path: AnyPath) -> AnyPath:
    """Return where an earlier version of an archived file is kept."""
    number = 1
    while (kept := path.with_suffix(f".{number}.csv")).exists():
        number += 1
    return kept
