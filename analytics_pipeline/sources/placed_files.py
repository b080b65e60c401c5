"""Files that a person places or names: read if they are files, never waited for.

A pipe, a device or a socket can make its reader wait for ever, or has no end; a program
that holds the data directory meanwhile would stop every run.
"""

import os
import stat
from pathlib import Path

from analytics_pipeline.errors import WrongUse

LARGEST = 512 << 20
"""Bytes: more than a million lines of orders; no export of a shop is larger."""

_NAME_A_FILE = "Name the order export of the web shop, a CSV file."
_SAVE_FIRST = "Save the order export of the web shop as a file, and name that file."
_KINDS = (
    (stat.S_ISDIR, "is a folder", "Name the file itself, the order export as CSV."),
    (stat.S_ISFIFO, "is a pipe, not a file", _SAVE_FIRST),
    (stat.S_ISSOCK, "is a socket, not a file", _NAME_A_FILE),
    (stat.S_ISCHR, "is a device, not a file", _NAME_A_FILE),
    (stat.S_ISBLK, "is a device, not a file", _NAME_A_FILE),
)


def is_placed(path: Path) -> bool:
    """Say whether anything has the name *path*, a link to a missing file too."""
    return os.path.lexists(path)


def refuse_unreadable(path: Path) -> None:
    """Refuse *path* where it is no file that can be read; nothing of it is read.

    Raises:
        WrongUse: it is missing, is no ordinary file, cannot be opened or is too large.
    """
    read_placed(path, most=0)


def read_placed(path: Path, most: int | None = None) -> bytes:
    """Return the bytes of the file *path*, at most the first *most* of them.

    Raises:
        WrongUse: it is missing, is no ordinary file, cannot be read or is too large.
    """
    try:
        # A device may act on being opened, and a pipe may take the place of a file
        # between two looks: so the name is judged first, then what was opened.
        _refuse_kind(path, path.stat())
        with open(path, "rb", buffering=0, opener=_open_at_once) as stream:
            _refuse_kind(path, os.fstat(stream.fileno()))
            return _read_bounded(path, stream.fileno(), most)
    except (OSError, ValueError) as error:
        raise WrongUse(_name_failure(path, error), _NAME_A_FILE) from error


def _open_at_once(name: str, flags: int) -> int:
    """Open *name* without waiting for a writer at the other end."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def _refuse_kind(path: Path, found: os.stat_result) -> None:
    """Refuse what is no ordinary file, and a file that is too large.

    Raises:
        WrongUse: it is one of these.
    """
    if stat.S_ISREG(found.st_mode):
        if found.st_size > LARGEST:
            raise _too_large(path)
        return
    known = ((what, then) for is_kind, what, then in _KINDS if is_kind(found.st_mode))
    what, remedy = next(known, ("is not a file", _NAME_A_FILE))
    raise WrongUse(f"{path} {what}.", remedy)


def _read_bounded(path: Path, descriptor: int, most: int | None) -> bytes:
    """Read to the end or to *most*; a file that grows without end is refused.

    Raises:
        WrongUse: there is more than any export has.
    """
    limit = LARGEST + 1 if most is None else most
    parts: list[bytes] = []
    size = 0
    while size < limit and (part := os.read(descriptor, min(limit - size, 1 << 24))):
        parts.append(part)
        size += len(part)
    if size > LARGEST:
        raise _too_large(path)
    return b"".join(parts)


def _too_large(path: Path) -> WrongUse:
    return WrongUse(
        f"{path} is larger than {LARGEST >> 20} MB, more than an order export has.",
        _NAME_A_FILE,
    )


def _name_failure(path: Path, error: OSError | ValueError) -> str:
    """Say why *path* could not be read."""
    if isinstance(error, ValueError):
        return "The name of the file holds a character that no name may hold."
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return f"{path} is a link to a file that is not there."
    return f"{path} cannot be read: {error.strerror}."
