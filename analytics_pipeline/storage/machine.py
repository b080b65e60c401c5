"""What this machine lacks or another program holds, reported as that."""

import errno
import os
import resource
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from analytics_pipeline.model.errors import LocalFailure

# ----------------------------------------------------------------------------------
# What this machine lacks: open files, room, rights; reported as that, not as damage.
#
# An operation that fails for one of these says nothing about what is stored, although
# many a library reports it in the same words as a damaged file.


WANTED_FILES = 4_096
"""Open files that a program asks for itself, if it may."""

FEWEST_FREE = 16
"""Open files that must be left before an engine is opened, which needs a dozen."""

_HANDLES = frozenset({errno.EMFILE, errno.ENFILE})

_BY_TEXT = {
    "Too many open files in system": errno.ENFILE,
    "Too many open files": errno.EMFILE,
    "No space left on device": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "Read-only file system": errno.EROFS,
    "Permission denied": errno.EACCES,
    "Operation not permitted": errno.EPERM,
}
"""How DuckDB and Arrow word the operating system's reason."""

_REMEDIES = {
    errno.ENOSPC: "Make room there, then run it again; nothing has to be rebuilt.",
    errno.EDQUOT: "Make room, or have your quota raised, then run it again.",
    errno.EROFS: "See why the disk is mounted read-only: it may be failing.",
    errno.EACCES: "Give yourself the right to it, then run it again.",
    errno.EPERM: "Give yourself the right to it, then run it again.",
}

HOW_TO_ALLOW_MORE = (
    "Allow it more, then run it again; nothing has to be rebuilt: ulimit -n 1024 in "
    "the shell, LimitNOFILE=1024 in a systemd unit, ulimits: nofile: 1024 in "
    "compose.yaml."
)


def allow_more_files() -> None:
    """Raise the number of files that may be open at once, as far as is allowed."""
    with suppress(OSError, ValueError):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = WANTED_FILES if hard == resource.RLIM_INFINITY else hard
        wanted = min(WANTED_FILES, most)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def refuse_few_files() -> None:
    """Refuse to open what would end the whole process for want of open files.

    Raises:
        LocalFailure: fewer than :data:`FEWEST_FREE` can be opened.
    """
    if _are_few_left():
        raise _too_few()


def explain_shortage(error: BaseException | None) -> LocalFailure | None:
    """Say what the machine lacks, if *error* comes from that, however it is wrapped."""
    for each in _chain(error):
        number = _number_of(each)
        if number in _HANDLES:
            return _too_few(number)
        if _may_be_for_want_of_files(each) and _are_few_left():
            return _too_few()
    return None


def explain_engine(error: Exception) -> LocalFailure | None:
    """Say what the machine lacks, if the engine's words say that it does.

    They may quote a value, so nothing of them is repeated.
    """
    number = _number_in(str(error))
    if number is None:
        return None
    if number in _HANDLES:
        return _too_few(number)
    return LocalFailure(
        f"The engine could not read or write a file: {os.strerror(number)}.",
        _REMEDIES[number],
    )


def refuse_shortage(error: BaseException) -> None:
    """Raise where *error* says nothing of what is stored, but of the machine.

    Raises:
        LocalFailure: it does.
    """
    if failure := explain_shortage(error):
        raise failure from error


def _too_few(number: int | None = errno.EMFILE) -> LocalFailure:
    if number == errno.ENFILE:
        return LocalFailure(
            "Too many files are open on this machine, by all programs together.",
            "End some of them, or raise fs.file-max, then run it again; nothing has to "
            "be rebuilt.",
        )
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return LocalFailure(
        f"Too many files are open: this program may open {allowed} at once.",
        HOW_TO_ALLOW_MORE,
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield *error* and what it comes from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        original = getattr(error, "orig", None)
        if isinstance(original, BaseException):
            yield original
        error = error.__cause__ or error.__context__


def _number_of(error: BaseException) -> int | None:
    """Return the operating system's number for *error*, if it has one."""
    if isinstance(error, OSError):
        return error.errno
    # By its name: to import DuckDB takes longer than most commands do.
    return _number_in(str(error)) if type(error).__name__ == "IOException" else None


def _number_in(text: str) -> int | None:
    return next((number for words, number in _BY_TEXT.items() if words in text), None)


def _may_be_for_want_of_files(error: BaseException) -> bool:
    """Say whether *error* comes in the same words for want of files and otherwise.

    So do a name that is not found, no folder for temporary files, and a database that
    SQLite could not open.
    """
    if isinstance(error, socket.gaierror):
        return True
    if isinstance(error, FileNotFoundError):
        return "No usable temporary directory" in str(error)
    if not isinstance(error, sqlite3.OperationalError):
        return False
    code = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF == sqlite3.SQLITE_CANTOPEN or "unable to open" in str(error)


def _are_few_left() -> bool:
    """Say whether hardly any file can be opened any more, by trying it."""
    opened: list[int] = []
    try:
        for _ in range(FEWEST_FREE):
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in _HANDLES
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return False


# ----------------------------------------------------------------------------------
# SQLite files that another program holds: a backup, a virus scanner, an open viewer.
#
# A write waits for its turn; one that came too late is reported as that, and not
# as a full disk.


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
