"""The memory of the alerts: what is wrong, and who was told.

Replaced whole before and after every message: whoever is killed between a message and
the note of it sends that one again, and loses none, nor its recovery.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from analytics_pipeline.domain.incidents import Incident, Incidents
from analytics_pipeline.errors import DirectoryInUse, LocalFailure
from analytics_pipeline.storage.files import make_folder
from analytics_pipeline.storage.small_notes import read_note_bytes, write_note

TELL_AGAIN = "Remove it: what fails now is then told once more."

SHORTEST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
"""Between two tries of a channel that refuses; each pause is twice the last one."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A channel that did not accept its last message: since when, and when to retry."""

    label: str
    since: datetime
    tries: int
    next_try: datetime

    def again(self, now: datetime) -> "Refusal":
        """Return the refusal after one more try at *now*."""
        pause = min(SHORTEST_PAUSE * 2**self.tries, LONGEST_PAUSE)
        return replace(self, tries=self.tries + 1, next_try=now + pause)


def first_refusal(label: str, now: datetime) -> Refusal:
    """Return the refusal of a channel that had accepted everything before."""
    return Refusal(label, now, 1, now + SHORTEST_PAUSE)


@dataclass(frozen=True, slots=True)
class AlertMemory:
    """What is wrong, how far Dagster's records were read, and which channels refuse.

    Attributes:
        incidents: what is wrong, or was and somebody still believes so.
        cursors: by kind of event, how far the ends of runs were read.
        records: which records of Dagster the cursors belong to.
        refusals: by channel, those that did not accept their last message.
    """

    incidents: Incidents = field(default_factory=dict)
    cursors: Mapping[str, str] = field(default_factory=dict)
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    records: str = ""


class AlertBook:
    """The file that remembers, and the lock that keeps two tellers apart."""

    def __init__(self, folder: Path) -> None:
        """Keep it in *folder*."""
        make_folder(folder)
        self._path = folder / "alerts.json"
        self._lock = folder / "alerts.lock"

    @contextmanager
    def held(self, seconds: float) -> Iterator[None]:
        """Keep every other teller away.

        Raises:
            DirectoryInUse: another one has been telling for so many *seconds*.
        """
        lock = FileLock(self._lock, mode=0o600, is_singleton=True)
        try:
            with lock.acquire(timeout=seconds):
                yield
        except Timeout as error:
            raise DirectoryInUse(
                "Another process is sending alerts.", "It will send these too."
            ) from error

    def read(self) -> AlertMemory | None:
        """Return what is remembered; nothing if nobody ever wrote it.

        Raises:
            LocalFailure: the file is damaged.
        """
        if not self._path.exists():
            return None
        try:
            content = read_note_bytes(self._path, TELL_AGAIN)
            return _STORED.validate_json(content or b"").memory
        except ValidationError as error:
            raise LocalFailure(f"{self._path} is damaged.", TELL_AGAIN) from error

    def write(self, memory: AlertMemory) -> None:
        """Replace what is remembered."""
        stored = _Stored(
            list(memory.incidents.values()),
            dict(memory.cursors),
            dict(memory.refusals),
            memory.records,
        )
        content: Any = _STORED.dump_python(stored, mode="json")
        write_note(self._path, json.dumps(content, indent=1) + "\n")


@dataclass(frozen=True, slots=True)
class _Stored:
    """The memory as JSON has it, where a key is a text."""

    incidents: list[Incident]
    cursors: dict[str, str]
    refusals: dict[str, Refusal]
    records: str

    @property
    def memory(self) -> AlertMemory:
        known = {each.subject: each for each in self.incidents}
        return AlertMemory(known, self.cursors, self.refusals, self.records)


_STORED = TypeAdapter(_Stored)
