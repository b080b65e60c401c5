"""Every damage to every field of a record, as the JSON text that a store would send."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from analytics_pipeline.sources.lightspeed.replies import records_of
from analytics_pipeline.sources.patience import read_reply

Path = tuple[str | int, ...]

MISSING = "it is missing"
DAMAGES: Mapping[str, str] = {
    "null": "null",
    "yes": "true",
    "no": "false",
    "nothing": "0",
    "a number": "7",
    "a negative number": "-7.5",
    "half a cent": "0.005",
    "a number as text": '"7.5"',
    "an amount beyond bounds": "1000000000000000000",
    "a number of 400 digits": "1" + "0" * 400,
    "a number of 5000 digits": "1" + "0" * 5000,
    "a huge exponent": "1E+9999",
    "a tiny exponent": "1E-9999",
    "an exponent beyond all bounds": "1E+99999999999999999999",
    "not a number": "NaN",
    "infinity": "Infinity",
    "minus infinity": "-Infinity",
    "not a number as text": '"NaN"',
    "a huge exponent as text": '"1E+9999"',
    "an exponent beyond all bounds as text": '"1E+99999999999999999999"',
    "foreign digits": '"\\u0661\\u0662"',
    "a decimal comma": '"12,50"',
    "a word": '"seven"',
    "no text": '""',
    "a blank": '" \\t"',
    "control characters": '"\\u0000\\u0007\\u001b[31m\\u202e"',
    "half a surrogate pair": '"\\ud800"',
    "an emoji": '"\\ud83c\\udf38"',
    "an empty list": "[]",
    "a list": "[7]",
    "a list of nothing": "[null]",
    "a list of objects": "[{}]",
    "an empty object": "{}",
    "an object": '{"a": 7}',
    "a deep list": "[" * 400 + "]" * 400,
    "the first year": '"0001-01-01T00:00:00+14:00"',
    "the last year": '"9999-12-31T23:59:59-14:00"',
    "no such day": '"2026-02-30T10:00:00Z"',
    "a time without zone": '"2026-01-05T15:07:00"',
    "a day without time": '"2026-01-05"',
    "a time as a number": "1767625620",
}
"""What is in the place of a value, by what it is."""

_HOLE = "<the hole>"


class Written(str):
    """A JSON number, exactly as it was written."""

    __slots__ = ()


class Damaged(NamedTuple):
    """A record with one damage, which is at *path*."""

    path: Path
    text: str


def parse(text: str) -> Any:
    """Parse JSON; its numbers stay as written, and what is none is an object."""
    return json.loads(
        text, parse_float=Written, parse_int=Written, parse_constant=lambda _name: ...
    )


def places_in(value: Any, path: Path = ()) -> Iterator[Path]:
    """List the path of every value inside a record."""
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, child in inner:
        yield (*path, key)
        yield from places_in(child, (*path, key))


def damaged_everywhere(text: str, damage: str) -> Iterator[Damaged]:
    """Yield the record with the damage at one place, for every place."""
    for path, with_a_hole, without in _opened(text):
        if damage == MISSING:
            yield Damaged(path, without)
        else:
            yield Damaged(path, with_a_hole.replace(_HOLE, DAMAGES[damage]))


@cache
def _opened(text: str) -> list[tuple[Path, str, str]]:
    """Return for every place the record with a hole there, and without the place."""
    record = parse(text)
    opened = []
    for path in list(places_in(record)):
        at = record
        for key in path[:-1]:
            at = at[key]
        held = at[path[-1]]
        at[path[-1]] = Written(_HOLE)
        with_a_hole = write(record)
        at[path[-1]] = held
        opened.append((path, with_a_hole, write(_without(record, path))))
    return opened


def _without(value: Any, path: Path) -> Any:
    """Return a copy of *value* without what is at *path*."""
    first, *rest = path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    kept = {
        key: _without(child, tuple(rest)) if key == first else child
        for key, child in items
        if key != first or rest
    }
    return kept if isinstance(value, dict) else list(kept.values())


def write(value: Any) -> str:
    """Write what :func:`parse` has read."""
    if isinstance(value, Written):
        return str(value)
    if isinstance(value, dict):
        items = (f"{json.dumps(key)}:{write(child)}" for key, child in value.items())
        return "{" + ",".join(items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value)


def received(texts: list[str]) -> list[Any]:
    """Return the records of a page of these *texts*, as the client reads it."""
    body = '{"data":[' + ",".join(texts) + "]}"
    return records_of(read_reply(200, body.encode(), None))


def spot(path: Path) -> str:
    """Name the field at *path*; all items of a list share a name."""
    return ".".join("*" if isinstance(key, int) else key for key in path)
