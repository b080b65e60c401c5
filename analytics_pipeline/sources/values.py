"""Values of a payload, read strictly, and the rows that they become."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import (
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from analytics_pipeline.lazy import lazily
from analytics_pipeline.model.checks import Rejection
from analytics_pipeline.model.ids import plain_id
from analytics_pipeline.model.money import LARGEST_AMOUNT
from analytics_pipeline.model.text import is_blank, without_controls

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from analytics_pipeline.model.schemas import table as schemas
    from analytics_pipeline.model.schemas.table import Table
else:
    pa, pd = lazily("pyarrow"), lazily("pandas")
    schemas = lazily("analytics_pipeline.model.schemas.table")

# ----------------------------------------------------------------------------------
# Rows as a frame with exactly the columns and types of their table.


@cache
def _arrow_types() -> dict[str, pa.DataType]:
    """What the columns of a frame are made from; pandas takes three times as long."""
    return {
        "str": pa.large_string(),
        "int64": pa.int64(),
        "bool": pa.bool_(),
        "boolean": pa.bool_(),
        "datetime64[us]": pa.timestamp("us"),
        "datetime64[us, UTC]": pa.timestamp("us", tz="UTC"),
    }


def frame_of(rows: Sequence[Sequence[Any]], table: type[Table]) -> pd.DataFrame:
    """Return *rows*, whose values are in the column order of *table*, as a frame.

    Raises:
        TypeError: a number or a flag is missing, or a value is of another type.
        ValueError: a value is of another type.
    """
    types = schemas.frame_types(table)
    columns: Sequence[Sequence[Any]] = (
        list(zip(*rows, strict=True)) if rows else [()] * len(types)
    )
    frame: pd.DataFrame = pa.table(
        {
            name: _arrow_array(values, kind)
            for (name, kind), values in zip(types.items(), columns, strict=True)
        }
    ).to_pandas()
    choices = [name for name, kind in types.items() if kind == "boolean"]
    frame = frame.astype(dict.fromkeys(choices, "boolean")) if choices else frame
    if [*map(str, frame.dtypes)] != [*types.values()]:
        raise TypeError(f"a value of {table.__name__} is missing or of another type")
    return frame


def _arrow_array(values: Sequence[Any], kind: str) -> pa.Array:
    if kind == "int64" and values:
        return pa.array(values)  # asked for that type, Arrow cuts off fractions
    return pa.array(values, _arrow_types()[kind])


# ----------------------------------------------------------------------------------
# A reply that cannot be decoded as one: its records, each decoded separately.
#
# One record that is nested too deeply, too large or no JSON makes the whole document
# unreadable. Where only that is wrong, and the document around its records is sound,
# the others are read all the same. It is used only when the ordinary decoding fails.


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
        known: those of its identifying members that can be decoded.
    """

    known: dict[str, Any]


class Metadata(msgspec.Struct, gc=False):
    """The part of a record that some shapes have its version in."""

    version: Any = None


class TypedRecord(msgspec.Struct, gc=False):
    """A record decoded into a type of its own, which holds what the tables use of it.

    Attributes:
        id: as delivered.
        version: as delivered, at its top.
        metadata: UNSET where it was not delivered, not even as null.
    """

    id: Any = None
    version: Any = None
    metadata: Metadata | msgspec.UnsetType | None = msgspec.field(
        default=msgspec.UNSET, name="_metadata"
    )


def identifying_part(record: Any) -> dict[str, Any]:
    """Return the members with the id and the version of *record*, if there are any."""
    if isinstance(record, UnreadableRecord):
        return record.known
    return record if isinstance(record, dict) else {}


def decode_in_parts(text: str, decode: Decode) -> dict[str, Any]:
    """Return the object *text*, each record under ``data`` decoded separately.

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
    matters. The inside of an item is not checked, except that its brackets, of
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


# ----------------------------------------------------------------------------------
# Single values of a payload, read strictly: usable, missing, or against a rule.
#
# A reader takes whatever JSON can hold and either returns a typed value or raises
# :class:`Unusable` with the name of the broken rule; nothing else can come out.


EXACT = Context(
    prec=64, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero], Emax=999_999
)
"""Arithmetic that refuses to round (rule 1.3): a lost digit is an error, not money."""

_LARGEST = Decimal(LARGEST_AMOUNT) / 100
_LEAST = -_LARGEST
LARGEST_VERSION = 2**63 - 1
_ZERO = Decimal(0)
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,4})?")
_DIGITS = re.compile(r"[0-9]{1,19}")
_MANY_DIGITS = re.compile(r"[0-9]{1,1000}")
_IDENTIFIER = re.compile(r"[!-~]{1,100}")
_WORD = re.compile(r"[^\s;]{1,64}")
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)))
_YEARS = range(1969, 2200)  # the first of January 1970 begins before it in UTC

UNREADABLE_WORD = "unreadable"
"""Kept for a state, status or attribute that is no word: never a known one."""


class Unusable(Exception):
    """A record breaks a rule of its table, so it cannot become a row."""

    def __init__(self, rule: str) -> None:
        """Name the broken rule."""
        super().__init__(rule)
        self.rule = rule


def identifier(value: Any) -> str:
    """Return the id of a record: printable, without blanks, not empty.

    It is in its one spelling (``domain.ids``).
    """
    if type(value) is str and _IDENTIFIER.fullmatch(stripped := value.strip()):
        return plain_id(stripped)
    raise Unusable("id_is_given")


def id_in(record: Any) -> Any:
    """Return the id of any record as delivered."""
    if isinstance(record, TypedRecord):
        return record.id
    return identifying_part(record).get("id")


def usable_id(record: Any) -> str | None:
    """Return the id of any record, or nothing where it has none that can be used."""
    try:
        return identifier(id_in(record))
    except Unusable:
        return None


def version(value: Any) -> int:
    """Return the version of a record: a whole number above 0, of at most 64 bits."""
    if type(value) is str and _DIGITS.fullmatch(value):
        value = int(value)
    if type(value) is int and 0 < value <= LARGEST_VERSION:
        return value
    raise Unusable("version_is_given")


def version_in(record: Any) -> Any:
    """Return the version of any record as delivered: at its top or in its metadata."""
    if isinstance(record, TypedRecord):
        inner = record.metadata.version if record.metadata else None
        return record.version if inner is None else inner
    known = identifying_part(record)
    metadata = known.get("_metadata")
    inner = metadata.get("version") if isinstance(metadata, dict) else None
    return known.get("version") if inner is None else inner


def stated_version(value: Any) -> int:
    """Return the version that is stated, 0 if none is.

    One that a record cannot have, because it is beyond 64 bits, is the largest: it is
    not to be believed, but it is above all others.
    """
    if type(value) is str and _MANY_DIGITS.fullmatch(value):
        value = int(value)
    if type(value) is Decimal and value.is_finite():
        value = LARGEST_VERSION if value > LARGEST_VERSION else int(value)
    return min(int(value), LARGEST_VERSION) if type(value) is int and value > 0 else 0


def text(value: Any, rule: str) -> str | None:
    """Return *value* as trimmed text; a blank one is missing, a number is its digits.

    Control characters are taken out (rule 8.5), and a text of invisible characters is
    blank.  Half a surrogate pair is valid JSON but no text that can be stored: it
    becomes a question mark.
    """
    if value is None:
        return None
    if type(value) is str and value.isascii() and value.isprintable():
        return value.strip() or None  # as almost every text of a payload
    if type(value) is int and abs(value) <= LARGEST_VERSION:
        return str(value)
    if type(value) is not str:
        raise Unusable(rule)
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode("utf-8")
    stripped = without_controls(value).strip()
    return None if is_blank(stripped) else stripped


def single_line(value: Any, rule: str) -> str | None:
    """Return *value* as text on one line, without control characters."""
    found = text(value, rule)
    if found is None or found.isalnum():
        return found
    return " ".join(found.split()).translate(_CONTROLS).strip() or None


def word(value: Any) -> str | None:
    """Return one word of a closed set; what is no word is kept as an unknown one."""
    if value is None:
        return None
    return _read_word(value) if type(value) is str else UNREADABLE_WORD


@lru_cache(maxsize=1_000)
def _read_word(value: str) -> str | None:
    stripped = value.strip()
    if not stripped:
        return None
    readable = _WORD.fullmatch(stripped) and stripped.isprintable()
    return stripped if readable else UNREADABLE_WORD


def plain_text(value: Any, rule: str) -> str | None:
    """Return trimmed text as :func:`text` does, but take no number for it."""
    if value is None:
        return None
    if type(value) is not str:
        raise Unusable(rule)
    return text(value, rule)


def reference(value: Any, rule: str) -> str | None:
    """Return the id by which a record names another one, in its one spelling."""
    if value is None:
        return None
    if type(value) is not str:
        raise Unusable(rule)
    return _read_reference(value)


@lru_cache(maxsize=10_000)
def _read_reference(value: str) -> str | None:
    return plain_id(text(value, ""))


def optional_name(value: Any) -> str | None:
    """Return an id on which no figure depends; what is none is missing, not unusable.

    To reject a sale for it would leave good money out.
    """
    return _read_name(value) if type(value) is str else None


@lru_cache(maxsize=1_000)
def _read_name(value: str) -> str | None:
    try:
        return identifier(value)
    except Unusable:
        return None


def is_set(value: Any, rule: str) -> bool:
    """Return whether a ``…_at`` field that may be null or blank holds a moment.

    What is no moment is unusable: to take it for one, or for none, would be a guess
    on which money hangs.
    """
    if value is None or (type(value) is str and not value.strip()):
        return False
    instant(value, rule)
    return True


def flag(value: Any, rule: str) -> bool:
    """Return a yes or no; older records leave it out, which means no (API 3.4)."""
    if value is None:
        return False
    if value is True or value is False:
        return bool(value)
    raise Unusable(rule)


def amount(value: Any, rule: str) -> Decimal:
    """Return an exact amount from a JSON number or a string of one (rule 1.3)."""
    if type(value) is str and _NUMBER.fullmatch(stripped := value.strip()):
        value = Decimal(stripped)
    elif type(value) is int and abs(value) <= LARGEST_AMOUNT:
        value = Decimal(value)
    if type(value) is not Decimal or not value.is_finite():
        raise Unusable(rule)
    if not _LEAST <= value <= _LARGEST:
        raise Unusable(rule)
    return value or _ZERO


def nearest_cents(value: Decimal, rule: str) -> int:
    """Return *value* in cents, rounded half away from zero (rule 1.3)."""
    return _cents(value, ROUND_HALF_UP, rule)


def whole_cents(value: Decimal, rule: str) -> int:
    """Return the whole cents that *value* reaches: never more than it holds."""
    return _cents(value, ROUND_FLOOR, rule)


def _cents(value: Decimal, rounding: str, rule: str) -> int:
    try:
        cents = int(EXACT.multiply(value, 100).to_integral_value(rounding))
    except ArithmeticError as error:
        raise Unusable(rule) from error
    if abs(cents) > LARGEST_AMOUNT:
        raise Unusable(rule)
    return cents


def instant(value: Any, rule: str) -> datetime:
    """Return a moment in UTC from ISO 8601 with a time; without a zone it is UTC."""
    if type(value) is not str or not 10 < len(value) < 64:
        raise Unusable(rule)
    try:
        moment = datetime.fromisoformat(value.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unusable(rule) from error
    if moment.year not in _YEARS:
        raise Unusable(rule)
    return moment


# ----------------------------------------------------------------------------------
# Sorting a page: what becomes a row, and what is rejected.
#
# A rejection names the record and the rule, never what the record holds: it is
# stored, and a payload may hold personal data.


__all__ = ["Rejection", "sort_out"]

FAR_VERSION = "version_is_near_its_neighbours"
"""The rule that a record breaks whose version is far above the others of its feed."""

UNREADABLE = "record_can_be_decoded"
"""The rule that a record breaks that is no JSON, nested too deeply or too large."""

_OBJECTS = (dict, TypedRecord)

Value = TypeVar("Value")


def sort_out(
    records: Iterable[Any],
    read: Callable[[Any], Value],
    *,
    table: str,
    page: int,
    highest_version: int = LARGEST_VERSION,
) -> tuple[list[Value], list[Rejection]]:
    """Read each record of a page into a row, or reject it with the broken rule.

    A version above *highest_version* is not believed, so such a record is rejected as
    one without a version: whatever version of it comes later makes it good.
    """
    rows: list[Value] = []
    rejections: list[Rejection] = []
    for number, record in enumerate(records, start=1):
        try:
            if stated_version(version_in(record)) > highest_version:
                raise Unusable(FAR_VERSION)
            if isinstance(record, UnreadableRecord):
                raise Unusable(UNREADABLE)
            if not isinstance(record, _OBJECTS):
                raise Unusable("record_is_an_object")
            rows.append(read(record))
        except Unusable as fault:
            position = f"page {page}, record {number}"
            rejections.append(_rejection(record, fault.rule, table, position))
    return rows, rejections


def _rejection(record: Any, rule: str, table: str, position: str) -> Rejection:
    """Describe *record*, whatever it is, as far as its id and version can be read."""
    return Rejection(
        table=table,
        rule=rule,
        record_id=usable_id(record),
        version=None if rule == FAR_VERSION else _readable(version, version_in(record)),
        position=position,
    )


def _readable(read: Callable[[Any], Value], value: Any) -> Value | None:
    """Return what *read* makes of *value*, or nothing where it cannot be used."""
    try:
        return read(value)
    except Unusable:
        return None
