"""Contacts: when two spellings are the same e-mail or phone number (rule 3.2)."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from unicodedata import normalize

import phonenumbers
from email_validator import (
    SPECIAL_USE_DOMAIN_NAMES,
    EmailNotValidError,
    validate_email,
)

from analytics_pipeline.lazy import lazily
from analytics_pipeline.model.checks import CheckResult, Severity, name_some
from analytics_pipeline.model.policy import Policy, find_region
from analytics_pipeline.model.text import say, without_invisible

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
else:
    np = lazily("numpy")

# ----------------------------------------------------------------------------------
# What copying and spreadsheets add to a contact, taken off again (rule 3.2).
#
# The functions work on text alone: whether what is left is a valid e-mail address or
# phone number is for ``domain.contacts``.


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
    """Split a *word* at separators, if it holds several addresses."""
    parts = _BETWEEN_ADDRESSES.split(word) if word.count("@") > 1 else [word]
    return [part for part in parts if _has_two_sides(part)]


def _has_two_sides(part: str) -> bool:
    before, _, behind = part.strip("\"'.,;").partition("@")
    return bool(before and behind)


def _undecorated(text: str) -> str:
    """Strip what may surround the one address in *text*, until nothing is left."""
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


# ----------------------------------------------------------------------------------
# Contacts: when two spellings of an e-mail or a phone number are the same key.
#
# The keys that tables hold are keyed hashes, so that a table can join records without
# revealing whom it joins. Which records a key joins is for ``domain.identity``.


KEY_DIGITS = 32
"""Hex digits kept of a keyed hash: 128 bits, beyond any chance of a collision."""

ECOM_DIGITS = 16
"""Hex digits of an eCom-only person's id (rule 3.7)."""

LONGEST_EMAIL = 320
"""Characters: 64 before the sign, 255 behind it (RFC 5321, 4.5.3.1)."""

LONGEST_PHONE = 250
"""Characters: what is longer is no number."""

EXTENSION = ";ext="
"""Separates the number and its extension in a phone key (RFC 3966)."""
SHOWN_EXTENSION = " ext. "

CLEANING = 2
"""The version of how contacts are cleaned; keys of another version are made again."""

SPECIAL_USE = frozenset(SPECIAL_USE_DOMAIN_NAMES)


@lru_cache(maxsize=1 << 16)
def normalise_email(text: str | None) -> str | None:
    """Return the e-mail key's plain form (rule 3.2), or None if it is not valid.

    What copying added is taken off, the rest is lower-cased; an international address
    takes its one canonical spelling.  Of several addresses none is a key.  Only the
    syntax is checked: special-use domains are valid.
    """
    found = find_addresses(text or "")
    return _validated(found[0]) if len(found) == 1 else None


def _validated(address: str) -> str | None:
    """Return the canonical spelling of a plain *address*, or None if not valid."""
    if len(address) > LONGEST_EMAIL:
        return None
    before, dot, last = address.rpartition(".")
    # The validator refuses special-use domains; a stand-in of the same length
    # leaves everything else for it to check.
    known = "x" * len(last) if last in SPECIAL_USE else last
    try:
        valid = validate_email(f"{before}{dot}{known}", check_deliverability=False)
    except EmailNotValidError:
        return None
    return valid.normalized if known == last else _restored(valid.normalized, last)


def _restored(stand_in: str, last: str) -> str:
    return stand_in[: -len(last)] + last


@lru_cache(maxsize=1 << 16)
def normalise_phone(text: str | None, region: str | None) -> str | None:
    """Return the phone number in E.164 (rule 3.2), or None if it is not valid.

    An extension follows it, as in ``+12125550101;ext=5``.  Without a *region*,
    only a number with its country code can be valid.
    """
    plain = plain_phone(text or "")
    if not 0 < len(plain) <= LONGEST_PHONE:
        return None
    try:
        number = phonenumbers.parse(plain, region)
    except phonenumbers.NumberParseException:
        return None
    extension = number.extension or ""
    if goes_on_in_words(plain, extension):
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{e164}{EXTENSION}{extension}" if extension else e164


def show_phone(number: str) -> str:
    """Return a valid *number* as people see it: ``+12125550101 ext. 5`` (rule 3.5)."""
    return number.replace(EXTENSION, SHOWN_EXTENSION)


def is_placeholder_email(text: str | None, policy: Policy) -> bool:
    """Say whether an e-mail, valid or not, is a placeholder (rule 3.3)."""
    found = find_addresses(text or "")
    is_address = len(found) == 1 and "@" in found[0]
    address = found[0] if is_address else fold(text or "")
    if not address:
        return False
    return address.startswith(_lowered(policy.placeholder_prefixes)) or any(
        part in address for part in _lowered(policy.placeholder_contains)
    )


def find_placeholder_emails(typed: pd.Series, policy: Policy) -> pd.Series[bool]:
    """Say of each e-mail in *typed* whether it is a placeholder (rule 3.3).

    What :func:`is_placeholder_email` says, of all at once.  What may be more than a
    plain ASCII address goes to it one by one.
    """
    filled = typed.fillna("").astype("str")
    address = filled.str.strip(" ").str.lower()
    found = address.str.startswith(_lowered(policy.placeholder_prefixes))
    for part in _lowered(policy.placeholder_contains):
        found |= address.str.contains(part, regex=False)
    found &= address != ""
    is_odd = filled.str.contains(DECORATED, regex=True)
    values = [is_placeholder_email(text, policy) for text in filled[is_odd]]
    found[is_odd] = np.array(values, dtype="bool")
    return found.astype("bool")


@lru_cache(maxsize=64)
def _lowered(patterns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(normalize("NFKC", pattern).lower() for pattern in patterns)


def is_placeholder_phone(number: str, policy: Policy) -> bool:
    """Say whether a valid number is a placeholder (rule 3.3), whatever its extension.

    Its national part is one digit repeated, or ends as a placeholder does.
    """
    e164 = number.partition(EXTENSION)[0]
    if not ends_as_placeholders_do(e164, policy):
        return False
    national = phonenumbers.national_significant_number(phonenumbers.parse(e164))
    return len(set(national)) == 1 or national.endswith(policy.placeholder_phones)


def ends_as_placeholders_do(number: str, policy: Policy) -> bool:
    """Say whether a *number* without extension may be a placeholder (rule 3.3).

    Spares nine numbers in ten the parsing.
    """
    is_repeated = number[-1:] == number[-2:-1]
    return is_repeated or number.endswith(policy.placeholder_phones)


@dataclass(frozen=True)
class ContactKeys:
    """Makes the keys of one data directory from what people typed (rule 3.1).

    Attributes:
        secret: the hash key of ``{data dir}/.identity_key``.
        region: country whose numbers may be typed without country code; ``UK`` is
            read as ``GB``, and a country that phone numbers do not know as none.
        policy: which e-mails are placeholders.
    """

    secret: bytes = field(repr=False)
    region: str | None
    policy: Policy

    def __post_init__(self) -> None:
        """Name the region as phone numbers know it."""
        object.__setattr__(self, "region", find_region(self.region))

    def of_email(self, text: str | None) -> str | None:
        """Return the e-mail's key, or None if it joins no one (rules 3.2, 3.3)."""
        address = normalise_email(text)
        if address is None or is_placeholder_email(text, self.policy):
            return None
        return self._hashed(f"email:{address}")

    def of_phone(self, text: str | None) -> str | None:
        """Return the phone number's key, or None if it joins no one."""
        number = normalise_phone(text, self.region)
        if number is None or is_placeholder_phone(number, self.policy):
            return None
        return self._hashed(f"phone:{number}")

    def display_phone(self, phone: str | None, mobile: str | None) -> str | None:
        """Return ``phone``, else ``mobile``, as people see it (rule 3.5)."""
        typed = (phone or "").strip() or (mobile or "").strip()
        number = normalise_phone(typed, self.region)
        return show_phone(number) if number else typed or None

    def fingerprint(self) -> str:
        """Return a text that changes when any key could; it hides the secret."""
        choices = [
            self.region,
            sorted(_lowered(self.policy.placeholder_contains)),
            sorted(_lowered(self.policy.placeholder_prefixes)),
            sorted(self.policy.placeholder_phones),
            CLEANING,
        ]
        return self._hashed(f"fingerprint:{json.dumps(choices)}")

    def _hashed(self, text: str) -> str:
        return hmac.digest(self.secret, text.encode(), "sha256").hex()[:KEY_DIGITS]


def ecom_customer_id(email_key: str) -> str:
    """Return the id of an eCom-only person (rule 3.7).

    Args:
        email_key: the plain e-mail as :func:`normalise_email` gives it, not its
            keyed hash, so that the id does not depend on the data directory.
    """
    return "ecom-" + hashlib.sha256(email_key.encode()).hexdigest()[:ECOM_DIGITS]


# ----------------------------------------------------------------------------------
# Whether e-mail fields hold one address each, as rule 3.2 needs.


_AT_SIGNS = "[@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}]"


def holds_several_addresses(text: str) -> bool:
    """Say whether an e-mail field holds several valid addresses (rule 3.2)."""
    return len({normalise_email(each) for each in find_addresses(text)} - {None}) > 1


def find_several_addresses(typed: pd.Series) -> pd.Series[bool]:
    """Say of each e-mail in *typed* whether it holds several addresses."""
    several = typed.fillna("").astype("str").str.count(_AT_SIGNS) > 1
    values = [holds_several_addresses(text) for text in typed[several]]
    several[several] = np.array(values, dtype="bool")
    return several.astype("bool")


def check_addresses(emails: pd.Series, ids: pd.Series, what: str) -> CheckResult:
    """Count the e-mail fields that hold several addresses, of which none is a key.

    Args:
        emails: e-mails as typed.
        ids: of the records or orders that hold them, as evidence may name them.
        what: what a record is called, such as ``customer record``.
    """
    found = ids[find_several_addresses(emails).to_numpy()].tolist()
    has = say(len(found), f"{what} has", f"{what}s have")
    return CheckResult(
        "contacts_hold_one_address",
        not found,
        f"{has} several addresses in the e-mail field, so none of them joins anybody. "
        "Leave one address in the field."
        if found
        else "No e-mail field holds several addresses.",
        Severity.WARN,
        {"fields": len(found), "ids": name_some(found)},
    )
