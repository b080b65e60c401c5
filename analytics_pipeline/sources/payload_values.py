"""Single values of a payload, read strictly: usable, missing, or against a rule.

A reader takes whatever JSON can hold and either returns a typed value or raises
:class:`Unusable` with the name of the broken rule; nothing else can come out.
"""

import re
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
from typing import Any

from analytics_pipeline.domain.ids import plain_id
from analytics_pipeline.domain.texts import is_blank, without_controls
from analytics_pipeline.schemas.columns import LARGEST_AMOUNT
from analytics_pipeline.sources.json_parts import identifying_part

EXACT = Context(
    prec=64, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero], Emax=999_999
)
"""Arithmetic that refuses to round (rule 1.3): a lost digit is an error, not money."""

_LARGEST = Decimal(LARGEST_AMOUNT) / 100
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
"""Stands for a state, status or attribute that is no word: never a known one."""


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


def told_id(record: Any) -> str | None:
    """Return the id of any record, or nothing where it tells none that can be used."""
    try:
        return identifier(identifying_part(record).get("id"))
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
    known = identifying_part(record)
    metadata = known.get("_metadata")
    inner = metadata.get("version") if isinstance(metadata, dict) else None
    return known.get("version") if inner is None else inner


def told_version(value: Any) -> int:
    """Return the version that is told, 0 if none is.

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
    if type(value) is not str:
        return UNREADABLE_WORD
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
    return plain_id(plain_text(value, rule))


def optional_name(value: Any) -> str | None:
    """Return an id on which no figure depends; what is none is missing, not unusable.

    To turn a sale away for it would leave good money out.
    """
    try:
        return None if value is None else identifier(value)
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
    if not -_LARGEST <= value <= _LARGEST:
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
