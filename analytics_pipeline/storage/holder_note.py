"""A note beside the lock of a data directory: who holds it, and what is being done.

The lock itself is another file, and only that one keeps runs apart.  The note is for
people: who writes it holds a lock on it as long as it is true, which the operating
system takes back when the process ends, so what a killed run left is not believed.
Whatever goes wrong with the note stops nobody and holds up nobody.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from socket import gethostname

from pydantic import TypeAdapter, ValidationError

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
        doing: what it last told to be doing; empty if nothing yet.
        advanced: when it last got on, in ISO 8601.
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
            f"{_in_short(self.since)}{doing} (got on at {_in_short(self.advanced)})"
        )

    @property
    def how_to_stop(self) -> str:
        """The command that interrupts it, as Ctrl-C does."""
        command = f"kill -INT {self.pid}"
        return command if self.host == gethostname() else f"{command}, on {self.host}"


def _in_short(moment: str) -> str:
    """Return a moment of UTC as people write it."""
    return f"{moment[:16].replace('T', ' ')} UTC"


_NOTE = TypeAdapter(Holder)


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
    """Yield the note of *data_dir* for whoever holds the directory now.

    Nothing if it cannot be written; afterwards it is gone.  Whoever writes it holds the
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
    """Say whether nobody holds the note, so that it is an old one."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
