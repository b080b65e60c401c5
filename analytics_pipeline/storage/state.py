"""Small state files: JSON of one known shape, or a failure that names the file."""

import fcntl
import json
import logging
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from socket import gethostname
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError
from upath import UPath

from analytics_pipeline.domain.incidents import Incident, Incidents
from analytics_pipeline.model.checks import CheckResult
from analytics_pipeline.model.errors import DirectoryInUse, LocalFailure, WrongUse
from analytics_pipeline.storage.files import (
    AnyPath,
    is_local,
    local,
    make_folder,
    read_if_there,
    replace_bytes,
)

# ----------------------------------------------------------------------------------
# Small state files: JSON of one known shape, or a failure that names the file.
#
# That a file is JSON says nothing of what it holds: a list where a table of names was
# written, or a text for a number, would else fail somewhere else, or be believed. So
# a last line holds the SHA-256 of all before it. Notes that an earlier version wrote
# lack that line; they are read all the same, and get it when they are written next.


REMOVE_AND_REBUILD = "Remove it, then run: analytics-pipeline rebuild"

Shape = TypeVar("Shape")

_MARK = b"#sha256:"
_LAST_LINE = re.compile(rb"#sha256:([0-9a-f]{64})\n")
_LENGTH = len(_MARK) + 64 + 1


def seal_note(text: str) -> bytes:
    """Return *text*, which ends with a line break, and the line that seals it."""
    content = text.encode("utf-8")
    return content + _MARK + sha256(content).hexdigest().encode() + b"\n"


def open_note(content: bytes) -> bytes | None:
    """Return what a note holds without its last line; nothing if it is damaged."""
    body, last = content[:-_LENGTH], _LAST_LINE.fullmatch(content[-_LENGTH:])
    if last is None:
        return None if _MARK[1:] in content else content
    return body if sha256(body).hexdigest().encode() == last[1] else None


def write_note(path: AnyPath, text: str) -> None:
    """Put *text* and its seal in the place of *path*, whole or not at all."""
    replace_bytes(path, seal_note(text))


def seal_older_note(path: AnyPath) -> None:
    """Give a note its seal that an earlier version wrote; others stay as they are."""
    content = read_if_there(path)
    if content is not None and open_note(content) == content and content[-1:] == b"\n":
        write_note(path, content.decode("utf-8"))


def read_note_bytes(path: AnyPath, remedy: str = REMOVE_AND_REBUILD) -> bytes | None:
    """Return what the file *path* holds above its seal; nothing without the file.

    Raises:
        LocalFailure: it is not what was written; *remedy* says what to do then.
    """
    content = read_if_there(path)
    return None if content is None else _open_sound(path, content, remedy)


def _open_sound(path: AnyPath, content: bytes, remedy: str) -> bytes:
    body = open_note(content)
    if body is None:
        raise LocalFailure(
            f"{path} is damaged: its bytes are not those that were written.", remedy
        )
    return body


def read_word(path: AnyPath, remedy: str = REMOVE_AND_REBUILD) -> str | None:
    """Return the one word that the file *path* holds; nothing without the file.

    Raises:
        LocalFailure: it holds something else.
    """
    content = read_note_bytes(path, remedy)
    if content is None:
        return None
    words = content.decode("utf-8", "replace").split()
    if len(words) != 1:
        raise LocalFailure(f"{path} is damaged: it does not hold one word.", remedy)
    return words[0]


def read_note(
    path: AnyPath, shape: TypeAdapter[Shape], remedy: str = REMOVE_AND_REBUILD
) -> Shape | None:
    """Return what the file *path* holds, which is of that *shape*; nothing without it.

    Raises:
        LocalFailure: it holds something else; *remedy* says what to do then.
    """
    content = read_if_there(path)
    return None if content is None else parse_note(path, content, shape, remedy)


def parse_note(
    path: AnyPath, content: bytes, shape: TypeAdapter[Shape], remedy: str
) -> Shape:
    """Return what *content*, read from *path*, holds.

    Raises:
        LocalFailure: as ``read_note``.
    """
    body = _open_sound(path, content, remedy)
    try:
        return shape.validate_json(body, strict=True)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in fault["loc"]) or "its content"
        raise LocalFailure(
            f"{path} is damaged: it does not hold what was written there "
            f"({_in_short(place)}: {fault['type'].replace('_', ' ')}).",
            remedy,
        ) from error


def _in_short(place: str) -> str:
    return place if len(place) <= 60 else f"{place[:59]}…"


# ----------------------------------------------------------------------------------
# The key that hashes the contacts of customers (rule 3.1), made once for a shop.


IDENTITY_KEY = ".identity_key"
KEY_BYTES = 32
PUT_BACK = (
    "Put it back from a backup; if there is none, remove it and run: "
    "analytics-pipeline rebuild"
)


def read_identity_key(path: AnyPath) -> bytes:
    """Read the hash key of a shop; make it if there is none yet.

    Of two that make it in a bucket at the same time, both read the same one.

    Raises:
        LocalFailure: it is damaged; another one would tie no deleted record any more.
    """
    text = read_word(path, PUT_BACK)
    if text is None:
        leave_note(path, seal_note(secrets.token_hex(KEY_BYTES) + "\n"))
        text = read_word(path, PUT_BACK) or ""
    if len(text) != 2 * KEY_BYTES or not set(text) <= set("0123456789abcdef"):
        raise LocalFailure(
            f"{path} (the identity_key) is damaged.",
            PUT_BACK,
        )
    return bytes.fromhex(text)


# ----------------------------------------------------------------------------------
# One data directory to a store: the other half of the tables is kept there.
#
# The hash key, the published files and the lock are in the data directory, so two of
# them that wrote to one bucket would undo each other's work. Each has an id, made
# once, and the first that writes to a store leaves its id there.


OWN_ID = ".store_owner"
"""The file of a data directory that holds its id."""

NOTE = "owner"
"""The file of a store that holds the id of its data directory."""


def claim_store(root: UPath, data_dir: Path) -> None:
    """Make sure that the store under *root* is this data directory's, or is free.

    A store inside the data directory needs no note: it moves with it.

    Raises:
        WrongUse: it is another one's.
        LocalFailure: one of the two notes of whose it is is damaged.
    """
    if is_local(root) and local(root).resolve().is_relative_to(data_dir.resolve()):
        return
    own = data_dir / OWN_ID
    if not own.exists():
        write_note(own, secrets.token_hex(16) + "\n")
    ours = read_word(own, _like(root / NOTE))
    owner = read_word(root / NOTE, _like(own))
    if owner is None:
        leave_note(root / NOTE, own.read_bytes())
        # Two that came at the same time find the same one here.
        owner = read_word(root / NOTE, _like(own))
    if owner != ours:
        raise WrongUse(
            f"{root} holds the tables of another data directory than {data_dir}.",
            "Set ANALYTICS_DATA_DIR back to that one, or give this one an "
            "ANALYTICS_STORE of its own. If that one is lost for good: remove "
            f"{root / NOTE}, then run: analytics-pipeline rebuild",
        )


def leave_note(note: AnyPath, content: bytes) -> None:
    """Leave a note where there is none, unless somebody was faster."""
    if not isinstance(note, UPath) or is_local(note):
        replace_bytes(note, content)
        return
    try:
        note.fs.pipe_file(note.path, content, mode="create")
    except FileExistsError:
        return


def _like(other: AnyPath) -> str:
    """Say what to do where one of the two notes is damaged."""
    return f"Copy {other} over it, for both hold the same; then run it again."


# ----------------------------------------------------------------------------------
# The note that stored days were compared with the log of sales, and agreed.


_NAME = "agreement.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was compared, so that the next time only what is new since has to be.

    Attributes:
        generation: of the log.
        segments: how many the log had.
        places: what identifies the zones of the outlets, and the first day.
        days: every day compared, with what identifies the content of its file.
    """

    generation: int
    segments: int
    places: str
    days: Mapping[str, str]


_AGREEMENT = TypeAdapter(Agreement)


def read_agreement(table: UPath) -> Agreement | None:
    """Return the last note on *table*, if there is one that can be read.

    Without it everything is compared, so a damaged one does no harm.
    """
    try:
        return read_note(table / _NAME, _AGREEMENT)
    except LocalFailure as error:
        _log.warning("%s Every stored day is compared with the log.", error.cause)
        return None


def forget_agreement(table: UPath) -> None:
    """Forget that *table* was compared: its files are about to change."""
    (table / _NAME).unlink(missing_ok=True)


def note_agreement(table: UPath, agreement: Agreement) -> None:
    """Note that *table* and the log agree, if the last note does not say so."""
    if read_agreement(table) != agreement:
        write_note(table / _NAME, json.dumps(asdict(agreement)) + "\n")


# ----------------------------------------------------------------------------------
# What is remembered of gates: failed last attempts, and failures that were accepted.
#
# Small files next to the tables, so that what is built on a table can wait until it
# is sound, however it is asked for.


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check that stopped the last attempt at a table, or at one day of it.

    Attributes:
        check: its name.
        rule: what was found, in one sentence.
        since: when the first of the unbroken row of attempts failed it, ISO 8601 UTC.
        fingerprint: of what a person may accept; nothing where it cannot be accepted.
    """

    check: str
    rule: str
    since: str
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A person's word that one failure of one check is to stop nothing, and why."""

    table: str
    check: str
    partition: str
    fingerprint: str
    reason: str
    accepted_at: str


_FAILED = TypeAdapter(dict[str, list[FailedCheck]])
_ACCEPTED = TypeAdapter(list[Acceptance])
ACCEPT_AGAIN = (
    "Put it back from a backup, or remove it and accept again, by --accept, what is "
    "still as it should be."
)


class FailedGates:
    """The failed last attempts at the tables under one root."""

    def __init__(self, root: UPath) -> None:
        """Keep them next to the tables under *root*."""
        self._root = root

    def of(self, table: str) -> dict[str, list[FailedCheck]]:
        """Return what failed by partition (empty: the whole table).

        Raises:
            LocalFailure: the note is damaged.
        """
        return read_note(self._path(table), _FAILED) or {}

    def remember(
        self, table: str, partition: str | None, failed: Sequence[FailedCheck]
    ) -> None:
        """Note what the last attempt failed; of what failed before, since when."""
        held = self.of(table)
        known = {check.check: check.since for check in held.get(partition or "", [])}
        held[partition or ""] = [
            replace(check, since=known.get(check.check, check.since))
            for check in failed
        ]
        self._write(table, held)

    def forget(self, table: str, partition: str | None) -> None:
        """Note that the last attempt passed."""
        held = self.of(table)
        if held.pop(partition or "", None) is not None:
            self._write(table, held)

    def _path(self, table: str) -> UPath:
        return self._root / table / "failed_gates.json"

    def _write(self, table: str, held: Mapping[str, Sequence[FailedCheck]]) -> None:
        listed = {
            partition: [asdict(check) for check in checks]
            for partition, checks in held.items()
        }
        text = json.dumps(listed, indent=1, sort_keys=True)
        write_note(self._path(table), text + "\n")


class Acceptances:
    """Every failure that a person ever accepted, oldest first."""

    def __init__(self, root: UPath) -> None:
        """Keep them next to the tables under *root*."""
        self._path = root / "acceptances.json"

    def all(self) -> list[Acceptance]:
        """Return them all.

        Raises:
            LocalFailure: the file is damaged.
        """
        return read_note(self._path, _ACCEPTED, ACCEPT_AGAIN) or []

    def add(self, acceptance: Acceptance) -> None:
        """Remember one more."""
        entries = [asdict(each) for each in [*self.all(), acceptance]]
        write_note(self._path, json.dumps(entries, indent=1) + "\n")

    def honour(
        self, table: str, partition: str | None, check_result: CheckResult
    ) -> CheckResult:
        """Return the result as accepted, if a person has accepted exactly this failure.

        Another one of the same check, table and day stays what it is.
        """
        if not check_result.blocks or check_result.fingerprint is None:
            return check_result
        wanted = (table, partition or "", check_result.check, check_result.fingerprint)
        for each in reversed(self.all()):
            if (each.table, each.partition, each.check, each.fingerprint) == wanted:
                return check_result.accept(each.reason)
        return check_result

    def days(self, table: str, check: str) -> list[str]:
        """Return the days of *table* on which a failure of *check* was accepted."""
        accepted = (each for each in self.all() if each.table == table)
        return sorted({each.partition for each in accepted if each.check == check})


# ----------------------------------------------------------------------------------
# A note next to the lock of a data directory: who holds it, and what is being done.
#
# The lock itself is another file, and only that one keeps runs apart. The note is for
# people: who writes it holds a lock on it as long as it is true, which the operating
# system takes back when the process ends, so what a killed run left is not believed.
# Whatever goes wrong with the note stops no run and delays none.


NAME = ".lock_holder"
_SIZE = 2_048
"""Bytes of the note: always as many, so that it is replaced by one write."""

_MOST = 200
"""Characters of one of its words."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a data directory.

    Attributes:
        by: the command, or the job of Dagster; none of its arguments.
        pid: of its process.
        host: the name of its machine, or of its container.
        since: when it began, in ISO 8601.
        doing: what it last reported to be doing; empty if nothing yet.
        advanced: when it last made progress, in ISO 8601.
    """

    by: str
    pid: int
    host: str
    since: str
    doing: str
    advanced: str

    @property
    def in_words(self) -> str:
        """Who it is, since when, and what it does, for people."""
        doing = f", at {self.doing}" if self.doing else ""
        return (
            f"{self.by} (process {self.pid} on {self.host}), since "
            f"{_as_utc(self.since)}{doing} (last progress at {_as_utc(self.advanced)})"
        )

    @property
    def how_to_stop(self) -> str:
        """The command that interrupts it, as Ctrl-C does."""
        command = f"kill -INT {self.pid}"
        return command if self.host == gethostname() else f"{command}, on {self.host}"


def _as_utc(moment: str) -> str:
    """Return a moment of UTC as people write it."""
    return f"{moment[:16].replace('T', ' ')} UTC"


_NOTE = TypeAdapter(Holder)


def new_holder(by: str) -> Holder:
    """Return this process as the holder for a run that begins now."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Holder(by, os.getpid(), gethostname(), now, "", now)


class HolderNote:
    """The note of the process that holds the directory."""

    def __init__(self, descriptor: int) -> None:
        """Write to an open file, which is locked."""
        self._descriptor = descriptor

    def write(self, holder: Holder) -> None:
        """Replace what the note says; a disk that fails leaves it as it is."""
        words = {
            name: value[:_MOST] if isinstance(value, str) else value
            for name, value in asdict(holder).items()
        }
        content = json.dumps(words).encode("ascii")
        if len(content) <= _SIZE:
            with suppress(OSError):
                os.pwrite(self._descriptor, content.ljust(_SIZE), 0)


@contextmanager
def kept_note(data_dir: Path) -> Iterator[HolderNote | None]:
    """Yield the note of *data_dir* for the run that holds the directory now.

    Nothing if it cannot be written; afterwards it is gone.  Its writer holds the
    directory's own lock, so no other can be writing another one.
    """
    path = data_dir / NAME
    descriptor = _open_locked(path)
    if descriptor is None:
        yield None
        return
    try:
        yield HolderNote(descriptor)
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _open_locked(path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.pwrite(descriptor, b" " * _SIZE, 0)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def read_holder(data_dir: Path) -> Holder | None:
    """Return who holds *data_dir*, if it says so and lives; never waits."""
    try:
        descriptor = os.open(
            data_dir / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        )
    except OSError:
        return None
    try:
        if _is_free(descriptor):
            return None
        return _NOTE.validate_json(os.pread(descriptor, _SIZE, 0), strict=True)
    except (OSError, ValidationError):
        return None
    finally:
        os.close(descriptor)


def _is_free(descriptor: int) -> bool:
    """Say whether no process holds the note, so that it is an old one."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# ----------------------------------------------------------------------------------
# The memory of the alerts: what is wrong, and who was notified.
#
# Replaced whole before and after every message: a process killed between a message
# and the note of it sends that one again, and loses none, nor its recovery.


SEND_AGAIN = "Remove it: what fails now is then reported once more."

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
    """The file that remembers, and the lock that lets only one process send."""

    def __init__(self, folder: Path) -> None:
        """Keep it in *folder*."""
        make_folder(folder)
        self._path = folder / "alerts.json"
        self._lock = folder / "alerts.lock"

    @contextmanager
    def held(self, seconds: float) -> Iterator[None]:
        """Keep every other sender away.

        Raises:
            DirectoryInUse: another one has been sending for so many *seconds*.
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
        """Return what is remembered; nothing if it was never written.

        Raises:
            LocalFailure: the file is damaged.
        """
        if not self._path.exists():
            return None
        try:
            content = read_note_bytes(self._path, SEND_AGAIN)
            return _STORED.validate_json(content or b"").memory
        except ValidationError as error:
            raise LocalFailure(f"{self._path} is damaged.", SEND_AGAIN) from error

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
