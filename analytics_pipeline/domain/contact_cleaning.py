"""What copying and spreadsheets add to a contact, taken off again (rule 3.2).

The functions work on text alone: whether what is left is a valid e-mail address or
phone number is for ``domain.contacts``.
"""

import re
import unicodedata
from functools import lru_cache

from analytics_pipeline.domain.texts import without_invisible

_SIGNS = r"""[<>()\[\]:;,"']"""
DECORATED = rf"[^ -~]|{_SIGNS}|\. *$|@.*@"
"""Finds every text that may be more than one plain ASCII address."""

_DECORATIONS = re.compile(_SIGNS)
_AROUND = " \t\n\v\f\r<>()[]\"',;"
_BRACKETED = re.compile(r"<([^<>]*@[^<>]*)>")
_MAILTO = re.compile(r"mailto:([^?]*)")
_BETWEEN_WORDS = re.compile(r'[\s,;<>()\[\]"]+')
_BETWEEN_ADDRESSES = re.compile(r"[/|&\\:]")

_WAS_A_FLOAT = re.compile(r"(?<=[0-9])(\.0)+$")
_WAS_A_DECIMAL = re.compile(r"([+-]?[0-9]+)[.,]0{1,2}")
_ENDINGS_OF_FLOATS = frozenset("0.,;")
_LETTER_BEHIND_DIGIT = re.compile(r"[0-9].*[^\W\d_]")
_LETTER_BETWEEN_DIGITS = re.compile(r"[0-9].*[^\W\d_].*[0-9]")


def clean_text(text: str) -> str:
    """Return *text* trimmed, without invisible characters, in plain forms (NFKC)."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return unicodedata.normalize("NFKC", without_invisible(text)).strip()


def fold(text: str) -> str:
    """Return *text* cleaned and in lower case, in which case does not matter."""
    if text.isascii() and text.isprintable():
        return text.strip().lower()
    return unicodedata.normalize("NFKC", clean_text(text).lower())


# E-mails -----------------------------------------------------------------------------


@lru_cache(maxsize=1 << 10)
def find_addresses(text: str) -> tuple[str, ...]:
    """Return each different text in an e-mail field that may be an address.

    One, unless the field holds several addresses.  A display name, ``mailto:``,
    brackets, quotes and punctuation around an address are taken off.
    """
    plain = fold(text)
    if plain.count("@") < 2:
        if plain[-1:] != "." and plain.isascii() and not _DECORATIONS.search(plain):
            return (plain,)
        return (_undecorated(plain),)
    words = [word for word in _BETWEEN_WORDS.split(plain) if "@" in word]
    parts = [part for word in words for part in _parts_of(word)]
    found = dict.fromkeys(map(_undecorated, parts))
    return tuple(found) or (plain,)


def _parts_of(word: str) -> list[str]:
    """Split a *word* at what may stand in an address, if it holds several."""
    parts = _BETWEEN_ADDRESSES.split(word) if word.count("@") > 1 else [word]
    return [part for part in parts if _has_two_sides(part)]


def _has_two_sides(part: str) -> bool:
    before, _, behind = part.strip("\"'.,;").partition("@")
    return bool(before and behind)


def _undecorated(text: str) -> str:
    """Take off what may stand around the one address in *text*, until nothing does."""
    while True:
        inner = text.strip(_AROUND).rstrip(".")
        if bracketed := _BRACKETED.search(text):
            inner = bracketed[1]
        elif link := _MAILTO.match(inner):
            inner = link[1]
        if inner == text:
            return text
        text = inner


# Phone numbers -----------------------------------------------------------------------


def plain_phone(text: str) -> str:
    """Return a phone number as it was before spreadsheets and copying changed it.

    The ``.0`` of what was a number once is taken off, digits of other scripts become
    ASCII ones.
    """
    plain = clean_text(text)
    if not plain.isascii():
        plain = "".join(map(_ascii_digit, plain))
    if plain[-1:] not in _ENDINGS_OF_FLOATS:
        return plain
    while True:
        inner = _WAS_A_FLOAT.sub("", plain.rstrip(" .,;"))
        if decimal := _WAS_A_DECIMAL.fullmatch(inner):
            inner = decimal[1]
        if inner == plain:
            return plain
        plain = inner


def _ascii_digit(sign: str) -> str:
    digit = unicodedata.decimal(sign, None)
    return sign if digit is None else str(digit)


def goes_on_in_words(text: str, extension: str) -> bool:
    """Say whether a number in *text* goes on in letters, but for its *extension*.

    As in ``2.1E+9``, ``030 123456 DW 3`` or ``030 123456 home``: to read on would make
    another number of what was typed.
    """
    if text.isascii() and text.upper() == text.lower():
        return False
    if not extension:
        return _LETTER_BEHIND_DIGIT.search(text) is not None
    before = text[: text.rfind(extension)]
    return _LETTER_BETWEEN_DIGITS.search(before) is not None
