"""A reply that cannot be decoded as one: its records, each decoded by itself.

One record that is nested too deeply, too large or no JSON makes the whole document
unreadable.  Where only that is wrong, and the document around its records is sound,
the others are read all the same.  It is used only when the ordinary decoding fails.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

LARGEST_RECORD = 32 << 20
"""Characters of JSON: a larger record is not decoded, which takes ten times the memory.

A larger reply is read in parts, so that no such record is decoded with it."""

RECORDS = "data"
"""The member of a reply that holds its records, or its one record."""

IDENTIFYING = frozenset({"id", "version", "_metadata"})
"""The members of a record that say which one it is, in any shape."""

_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SIGN = re.compile(rf'{_STRING}|["\[\]{{}},]', re.DOTALL)
_MEMBER = re.compile(rf"\s*({_STRING})\s*:(.*)", re.DOTALL)
_BLANKS = " \t\n\r"

Decode = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A record that cannot be decoded.

    Attributes:
        known: those of its identifying members that can be decoded by themselves.
    """

    known: dict[str, Any]


def identifying_part(record: Any) -> dict[str, Any]:
    """Return what tells the id and the version of *record*, if anything does."""
    if isinstance(record, UnreadableRecord):
        return record.known
    return record if isinstance(record, dict) else {}


def decode_in_parts(text: str, decode: Decode) -> dict[str, Any]:
    """Return the object *text*, each record under ``data`` decoded by itself.

    A record that cannot be decoded is an :class:`UnreadableRecord` in its place.

    Args:
        text: a JSON document.
        decode: decodes a part of it; raises ValueError or RecursionError.

    Raises:
        ValueError: the document around the records is no JSON object.
        RecursionError: a part around the records is nested too deeply.
    """
    body: dict[str, Any] = {}
    for name, raw in _members(text, decode):
        if name == RECORDS and name in body:
            raise ValueError("two lists of records")
        body[name] = _records(raw, decode) if name == RECORDS else decode(raw)
    return body


def _records(raw: str, decode: Decode) -> Any:
    """Decode the records of a reply one by one, or its only one."""
    if raw.startswith("["):
        return [_record(part, decode) for part in _split(raw, "[]")]
    return _record(raw, decode) if raw.startswith("{") else decode(raw)


def _record(raw: str, decode: Decode) -> Any:
    try:
        if len(raw) > LARGEST_RECORD:
            raise ValueError("too large")
        return decode(raw)
    except (ValueError, RecursionError):
        return UnreadableRecord(dict(_identify(raw, decode)))


def _identify(raw: str, decode: Decode) -> Iterator[tuple[str, Any]]:
    """Yield the identifying members that can be decoded, as far as there are members.

    The last one of a name counts, as it does for any reader of JSON.
    """
    try:
        for name, value in _members(raw, decode):
            if name in IDENTIFYING and len(value) <= LARGEST_RECORD:
                yield name, _decode_if_possible(value, decode)
    except (ValueError, RecursionError):
        return


def _decode_if_possible(raw: str, decode: Decode) -> Any:
    try:
        return decode(raw)
    except (ValueError, RecursionError):
        return None


def _members(text: str, decode: Decode) -> Iterator[tuple[str, str]]:
    """Yield the name and the raw value of each member of an object.

    Raises:
        ValueError: *text* is no object.
    """
    for part in _split(text, "{}"):
        member = _MEMBER.fullmatch(part)
        if member is None:
            raise ValueError("a member without a name")
        yield decode(member[1]), member[2].strip(_BLANKS)


def _split(text: str, brackets: str) -> list[str]:
    """Return the raw items of one list, or the raw members of one object.

    Reads each character once and keeps no stack, so that neither length nor depth
    matters.  What stands inside of an item is not judged, but that its brackets, of
    whatever kind, and its quotes come in pairs.

    Raises:
        ValueError: *text* is not one container between these two *brackets*.
    """
    whole = text.strip(_BLANKS)
    if whole[:1] != brackets[0] or whole[-1:] != brackets[1]:
        raise ValueError("no such container")
    parts: list[str] = []
    depth, begins, has_container = 0, 1, False
    for found in _SIGN.finditer(whole):
        at, sign = found.start(), whole[found.start()]
        if sign == '"':
            if found.end() - at == 1:
                raise ValueError("a text without an end")
        elif sign in "[{":
            if depth == 1 and has_container:
                raise ValueError("two items without a comma")
            depth += 1
        elif sign == "," and depth == 1:
            parts.append(whole[begins:at])
            begins, has_container = at + 1, False
        elif sign in "]}":
            depth -= 1
            has_container = depth == 1
            if depth == 0 and at != len(whole) - 1:
                raise ValueError("more than one container")
    if depth:
        raise ValueError("a container without an end")
    parts.append(whole[begins:-1])
    trimmed = [part.strip(_BLANKS) for part in parts]
    if trimmed == [""]:
        return []
    if "" in trimmed:
        raise ValueError("an empty item")
    return trimmed
