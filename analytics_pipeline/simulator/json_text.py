"""How the store writes JSON: exact numbers, UTC times, and shapes with slots.

A number goes from ``Decimal`` to text without ever being a binary float, and
keeps trailing zeros as the real interface does (``58.00000``), which no JSON
library would write.  So a shape is written once as a dictionary whose ``"@name"``
values are slots; it becomes a template that is filled with finished JSON texts.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from json.encoder import encode_basestring

_SLOT = re.compile(r'"@(\w+)"')


def template_of(shape: Mapping[str, object]) -> str:
    """Return the shape as a ``%(name)s`` template; every ``"@name"`` is a slot."""
    written = json.dumps(shape, separators=(",", ":")).replace("%", "%%")
    return _SLOT.sub(r"%(\1)s", written)


def text(value: str | None) -> str:
    """Return the string quoted and escaped, or null."""
    return "null" if value is None else encode_basestring(value)


def texts(values: Iterable[str]) -> str:
    """Return the strings as JSON texts with commas between, for a slot in a list."""
    return ",".join(map(encode_basestring, values))


def flag(value: bool) -> str:
    """Return true or false."""
    return "true" if value else "false"


def moment(value: datetime | None) -> str:
    """Return the time in UTC to the second with ``+00:00``, or null."""
    if value is None:
        return "null"
    if value.tzinfo is None:
        raise ValueError(f"The store holds {value} without a time zone.")
    return f'"{value.astimezone(UTC).isoformat(timespec="seconds")}"'


def number(value: Decimal | None, places: int) -> str:
    """Return every digit of the number, with at least so many decimal places.

    A store that is broken on purpose holds no number where one belongs.
    """
    if value is None:
        return "null"
    written = f"{value if value else value.copy_abs():f}"  # there is no minus zero
    point = written.find(".")
    if point < 0:
        return f"{written}.{'0' * places}"
    return written.ljust(point + 1 + places, "0")


def quoted_number(value: Decimal | None, places: int) -> str:
    """Return the same number as a JSON string, as some replies have it."""
    return "null" if value is None else f'"{number(value, places)}"'
