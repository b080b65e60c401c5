"""What the footer of a Parquet file says, without Arrow: its rows and its notes.

The footer is a structure of Thrift's compact protocol, at the end of the file before
its own length.  Its third field is the number of rows, its fifth the notes; the schema
and the groups of rows are passed over.  It is only asked of files that are proved to be
what was written.
"""

from collections.abc import Iterator
from os import SEEK_END
from typing import BinaryIO

MAGIC = b"PAR1"
_END = 4 + len(MAGIC)
"""Bytes after the footer: its length, and the mark of the format."""

_ROWS, _NOTES = 3, 5
"""The fields that count the rows, and that hold the notes."""

_KEY, _VALUE = 1, 2
"""The fields of a note."""

_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY = 0, 1, 2, 3, 7, 8
_NUMBERS = (4, 5, 6)
_LISTS = (9, 10)
_STRUCT = 12
"""The kinds of values, as the protocol numbers them."""

_heads: list[bytes] = []
"""How the footers begin that were read so far: up to the number, as their schema is."""


def rows_in(file: BinaryIO) -> int | None:
    """Return how many rows a Parquet file holds; only its footer is read.

    Nothing where that is not of the form that is known here.
    """
    footer = _read_footer(file)
    try:
        place = _find_rows(footer)
        return None if place is None else _signed(_varint(footer, place)[0])
    except (IndexError, KeyError, ValueError):
        return None


def notes_in(file: BinaryIO) -> dict[bytes, bytes] | None:
    """Return the notes in the footer of a Parquet file; nothing else of it is read.

    Nothing where that is not of the form that is known here.
    """
    footer = _read_footer(file)
    try:
        for field, kind, place in _fields(footer, 0):
            if field == _NOTES and kind in _LISTS:
                return dict(_list_notes(footer, place))
    except (IndexError, KeyError, ValueError):
        return None
    return None


def _read_footer(file: BinaryIO) -> bytes:
    """Return the footer; no bytes where the file has none."""
    length = file.seek(0, SEEK_END)
    file.seek(max(0, length - _END))
    end = file.read()
    size = int.from_bytes(end[:4], "little")
    if end[4:] != MAGIC or size > length - _END:
        return b""
    file.seek(length - _END - size)
    return file.read(size)


def _find_rows(footer: bytes) -> int | None:
    """Return where the number of rows begins; nothing if there is none."""
    for head in _heads:
        if footer.startswith(head):
            return len(head)
    for field, kind, place in _fields(footer, 0):
        if field == _ROWS and kind in _NUMBERS:
            _heads.append(footer[:place])
            return place
    return None


def _list_notes(footer: bytes, place: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the key and the value of each note."""
    count, _kind, place = _list_head(footer, place)
    for _ in range(count):
        texts = {}
        for field, kind, start in _fields(footer, place):
            place = _pass_over(footer, start, kind)
            if kind == _BINARY:
                size, begin = _varint(footer, start)
                texts[field] = footer[begin : begin + size]
        place += 1  # the end of the structure
        yield texts[_KEY], texts.get(_VALUE, b"")


def _fields(footer: bytes, place: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number and the kind of each field of a structure, and where it is."""
    field = 0
    while footer[place] != _STOP:
        field, kind, place = _field_head(footer, place, field)
        yield field, kind, place
        place = _pass_over(footer, place, kind)


def _field_head(footer: bytes, place: int, before: int) -> tuple[int, int, int]:
    """Return the number and the kind of the field after *before*, and where it is."""
    step, kind = divmod(footer[place], 16)
    if step:
        return before + step, kind, place + 1
    number, place = _varint(footer, place + 1)  # the field's own number follows
    return _signed(number), kind, place


def _pass_over(footer: bytes, place: int, kind: int) -> int:
    """Return where the value ends that begins at *place*.

    Raises:
        ValueError: it is of a kind that no footer has.
    """
    if kind in (_TRUE, _FALSE):  # the kind is the value
        return place
    if kind in (_BYTE, _DOUBLE):
        return place + (1 if kind == _BYTE else 8)
    if kind in _NUMBERS:
        return _varint(footer, place)[1]
    if kind == _BINARY:
        size, place = _varint(footer, place)
        return place + size
    if kind in _LISTS:
        return _pass_over_list(footer, place)
    if kind == _STRUCT:
        return _pass_over_fields(footer, place)
    raise ValueError(kind)


def _pass_over_fields(footer: bytes, place: int) -> int:
    while footer[place] != _STOP:
        _field, kind, place = _field_head(footer, place, 0)
        place = _pass_over(footer, place, kind)
    return place + 1


def _pass_over_list(footer: bytes, place: int) -> int:
    count, kind, place = _list_head(footer, place)
    if kind in (_TRUE, _FALSE):  # here each is a byte
        return place + count
    for _ in range(count):
        place = _pass_over(footer, place, kind)
    return place


def _list_head(footer: bytes, place: int) -> tuple[int, int, int]:
    """Return how many values a list has, of which kind, and where they begin.

    Raises:
        ValueError: there is no room for so many.
    """
    count, kind = divmod(footer[place], 16)
    place += 1
    if count == 15:  # the number itself follows
        count, place = _varint(footer, place)
    if count > len(footer):
        raise ValueError(count)
    return count, kind, place


def _varint(footer: bytes, place: int) -> tuple[int, int]:
    """Return the number at *place*, seven bits a byte, and where it ends."""
    number = shift = 0
    while True:
        byte = footer[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
        shift += 7


def _signed(number: int) -> int:
    """Return a number whose sign is its last bit."""
    return (number >> 1) ^ -(number & 1)
