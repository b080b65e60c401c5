"""Small state files: JSON of one known shape, or a failure that names the file.

That a file is JSON says nothing of what it holds: a list where a table of names was
written, or a text for a number, would else fail somewhere else, or be believed.  So a
last line holds the SHA-256 of all before it.  Notes that an earlier version wrote lack
that line; they are read all the same, and get it when they are written next.
"""

import re
from hashlib import sha256
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.storage.files import AnyPath, read_if_there, replace_bytes

REBUILD = "Remove it, then run: analytics-pipeline rebuild"

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


def read_note_bytes(path: AnyPath, remedy: str = REBUILD) -> bytes | None:
    """Return what the file *path* holds above its seal; nothing without the file.

    Raises:
        LocalFailure: it is not what was written; *remedy* says what to do then.
    """
    content = read_if_there(path)
    if content is None:
        return None
    body = open_note(content)
    if body is None:
        raise LocalFailure(
            f"{path} is damaged: its bytes are not those that were written.", remedy
        )
    return body


def read_word(path: AnyPath, remedy: str = REBUILD) -> str | None:
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
    path: AnyPath, shape: TypeAdapter[Shape], remedy: str = REBUILD
) -> Shape | None:
    """Return what the file *path* holds, which is of that *shape*; nothing without it.

    Raises:
        LocalFailure: it holds something else; *remedy* says what to do then.
    """
    content = read_note_bytes(path, remedy)
    if content is None:
        return None
    try:
        return shape.validate_json(content, strict=True)
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
