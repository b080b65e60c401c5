"""The seal of a Parquet file: the SHA-256 of its bytes, in a note of its own footer.

The hash is that of the whole file with the 64 digits of the seal taken as zeros.  So it
travels with the file, on disk and in a bucket, is put in place by the same rename, and
tells any change of any byte.  Whoever can write the file can seal it again: a seal
shows accidents, not attacks.
"""

import re
from enum import Enum
from hashlib import sha256
from pathlib import Path

KEY = "file_sha256"
"""The note of the footer that holds the seal."""

DIGITS = 64
EMPTY = "0" * DIGITS
"""What the note holds while the file is hashed."""

_MARK = KEY.encode() + b"\x18\x40"  # Thrift: a text of 64 bytes follows
_HEX = re.compile(rb"[0-9a-f]{64}")
_TAIL = 16 << 10
"""Bytes at the end of a file among which the seal nearly always is."""

_BY_NAME = re.compile(r"\d{8}(?:-[0-9a-f]{16})?-([0-9a-f]{16})(?:-q)?\.parquet")
"""The name of a segment of the log, or of a bundle of them: it ends with its hash."""

_NAMED_DIGITS = 16


class State(Enum):
    """What the seal of a file says of it."""

    SOUND = "sound"
    DAMAGED = "damaged"
    UNSEALED = "unsealed"


def seal(content: bytes) -> bytes:
    """Return the Parquet file *content*, whose note holds zeros, with its seal.

    Raises:
        ValueError: there is no such note.
    """
    place = _place(content)
    if content[place : place + DIGITS] != EMPTY.encode():
        raise ValueError("the file has no note for its seal")
    digits = sha256(content).hexdigest().encode()
    return b"".join((content[:place], digits, content[place + DIGITS :]))


def examine(content: bytes) -> State:
    """Say whether *content* is what was sealed; a file of before seals is unsealed."""
    place = _place(content)
    if place < 0:
        return State.UNSEALED
    whole = memoryview(content)
    digest = sha256(whole[:place])
    digest.update(EMPTY.encode())
    digest.update(whole[place + DIGITS :])
    found = content[place : place + DIGITS]
    return State.SOUND if digest.hexdigest().encode() == found else State.DAMAGED


def examine_file(name: str, content: bytes) -> State:
    """Say whether *content* is what was written under *name*.

    A file of the log bears its hash in its name, also where it was written before there
    were seals.
    """
    named = _BY_NAME.fullmatch(name)
    if named is None:
        return examine(content)
    found = sha256(content).hexdigest()[:_NAMED_DIGITS]
    return State.SOUND if found == named[1] else State.DAMAGED


def bears_its_hash(name: str) -> bool:
    """Say whether *name* is that of a file of the log, whose hash is in its name."""
    return _BY_NAME.fullmatch(name) is not None


def seal_in(content: bytes) -> str | None:
    """Return the seal that *content*, or the end of it, bears; the rest is not read."""
    place = _place(content)
    found = content[place : place + DIGITS] if place >= 0 else b""
    return found.decode() if _HEX.fullmatch(found) else None


def seal_of(path: Path) -> str | None:
    """Return the seal that the file *path* bears; nothing where it bears none."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - _TAIL))
        found = seal_in(stream.read())
        if found is None and size > _TAIL:
            stream.seek(0)
            found = seal_in(stream.read())
    return found


def _place(content: bytes) -> int:
    """Return where the digits of the seal begin; -1 where there is none."""
    found = content.rfind(_MARK)
    return -1 if found < 0 else found + len(_MARK)
