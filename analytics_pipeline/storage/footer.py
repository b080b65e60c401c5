"""How many rows a Parquet file holds, by its footer, without Arrow.

The footer is a structure of Thrift's compact protocol, at the end of the file before
its own length.  Of its fields the third is the number of rows; before it is the schema,
which is passed over.
"""

from os import SEEK_END
from typing import BinaryIO

MAGIC = b"PAR1"
_END = 4 + len(MAGIC)
"""Bytes after the footer: its length, and the mark of the format."""

_ROWS = 3
"""The field that counts the rows."""

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
    length = file.seek(0, SEEK_END)
    file.seek(max(0, length - _END))
    end = file.read()
    size = int.from_bytes(end[:4], "little")
    if end[4:] != MAGIC or size > length - _END:
        return None
    file.seek(length - _END - size)
    footer = file.read(size)
    try:
        place = _find_rows(footer)
        return None if place is None else _signed(_varint(footer, place)[0])
    except (IndexError, ValueError):
        return None


def _find_rows(footer: bytes) -> int | None:
    """Return where the number of rows begins; nothing if there is none."""
    for head in _heads:
        if footer.startswith(head):
            return len(head)
    place, field = 0, 0
    while footer[place] != _STOP:
        step, kind = divmod(footer[place], 16)
        field, place = field + step, place + 1
        if step == 0 or field > _ROWS:
            return None
        if field == _ROWS:
            if kind not in _NUMBERS:
                return None
            _heads.append(footer[:place])
            return place
        place = _pass_over(footer, place, kind)
    return None


def _pass_over(footer: bytes, place: int, kind: int) -> int:
    """Return where the value ends that begins at *place*.

    Raises:
        ValueError: it is of a kind that no schema has.
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


def _pass_over_list(footer: bytes, place: int) -> int:
    count, kind = divmod(footer[place], 16)
    place += 1
    if count == 15:
        count, place = _varint(footer, place)
    if kind in (_TRUE, _FALSE):  # here each is a byte
        return place + count
    for _ in range(count):
        place = _pass_over(footer, place, kind)
    return place


def _pass_over_fields(footer: bytes, place: int) -> int:
    while footer[place] != _STOP:
        step, kind = divmod(footer[place], 16)
        place += 1
        if step == 0:  # the field's own number follows
            place = _varint(footer, place)[1]
        place = _pass_over(footer, place, kind)
    return place + 1


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
