"""Contacts: when two spellings of an e-mail or a phone number are the same key.

The keys that tables hold are keyed hashes, so that a table can join records without
telling whom it joins.  Which records a key joins is ``domain.identity``'s business.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pandas as pd
import phonenumbers
from email_validator import (
    SPECIAL_USE_DOMAIN_NAMES,
    EmailNotValidError,
    validate_email,
)

from analytics_pipeline.domain.policy import Policy

KEY_DIGITS = 32
"""Hex digits kept of a keyed hash: 128 bits, beyond any chance of a collision."""

ECOM_DIGITS = 16
"""Hex digits of an eCom-only person's id (rule 3.7)."""

LONGEST_EMAIL = 320
"""Characters: 64 before the sign, 255 behind it (RFC 5321, 4.5.3.1)."""

ASCII_BLANKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f "
"""What ``str.strip`` takes off an ASCII text."""

SPECIAL_USE = frozenset(SPECIAL_USE_DOMAIN_NAMES)


@lru_cache(maxsize=1 << 16)
def normalise_email(text: str | None) -> str | None:
    """Return the e-mail key's plain form (rule 3.2), or None if it is not valid.

    Trimmed and lower-cased; an international address takes its one canonical
    spelling.  Only the syntax is judged: special-use domains are valid.
    """
    address = (text or "").strip().lower()
    if len(address) > LONGEST_EMAIL:
        return None
    before, dot, last = address.rpartition(".")
    # The validator refuses special-use domains; a stand-in of the same length
    # leaves everything else for it to judge.
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

    Without a *region*, only a number with its country code can be valid.
    """
    if not text or not text.strip():
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_placeholder_email(text: str | None, policy: Policy) -> bool:
    """Tell whether an e-mail, valid or not, stands for "none" (rule 3.3)."""
    address = (text or "").strip().lower()
    if not address:
        return False
    return address.startswith(_lowered(policy.placeholder_prefixes)) or any(
        part in address for part in _lowered(policy.placeholder_contains)
    )


def find_placeholder_emails(typed: pd.Series, policy: Policy) -> "pd.Series[bool]":
    """Tell of each e-mail in *typed* whether it stands for "none" (rule 3.3).

    What :func:`is_placeholder_email` says, of all at once.  An address outside ASCII
    goes to it one by one: only Python knows how it is trimmed and lower-cased.
    """
    filled = typed.fillna("").astype("str")
    address = filled.str.strip(ASCII_BLANKS).str.lower()
    found = address.str.startswith(_lowered(policy.placeholder_prefixes))
    for part in _lowered(policy.placeholder_contains):
        found |= address.str.contains(part, regex=False)
    found &= address != ""
    is_foreign = ~filled.str.isascii()
    told = [is_placeholder_email(text, policy) for text in filled[is_foreign]]
    found[is_foreign] = np.array(told, dtype="bool")
    return found.astype("bool")


@lru_cache(maxsize=64)
def _lowered(patterns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(pattern.lower() for pattern in patterns)


def is_placeholder_phone(e164: str) -> bool:
    """Tell whether a number's national part is one repeated digit (rule 3.3)."""
    if e164[-1:] != e164[-2:-1]:  # spares nine numbers in ten the parsing
        return False
    national = phonenumbers.national_significant_number(phonenumbers.parse(e164))
    return len(set(national)) == 1


@dataclass(frozen=True)
class ContactKeys:
    """Makes the keys of one data directory from what people typed (rule 3.1).

    Attributes:
        secret: the hash key of ``{data dir}/.identity_key``.
        region: ISO country whose numbers may be typed without country code.
        policy: which e-mails are placeholders.
    """

    secret: bytes = field(repr=False)
    region: str | None
    policy: Policy

    def of_email(self, text: str | None) -> str | None:
        """Return the e-mail's key, or None if it joins nobody (rules 3.2, 3.3)."""
        address = normalise_email(text)
        if address is None or is_placeholder_email(text, self.policy):
            return None
        return self._hashed(f"email:{address}")

    def of_phone(self, text: str | None) -> str | None:
        """Return the phone number's key, or None if it joins nobody."""
        number = normalise_phone(text, self.region)
        if number is None or is_placeholder_phone(number):
            return None
        return self._hashed(f"phone:{number}")

    def display_phone(self, phone: str | None, mobile: str | None) -> str | None:
        """Return ``phone``, else ``mobile``, as people see it (rule 3.5)."""
        typed = (phone or "").strip() or (mobile or "").strip()
        return normalise_phone(typed, self.region) or typed or None

    def fingerprint(self) -> str:
        """Return a text that changes when any key could; it hides the secret."""
        choices = [
            self.region,
            sorted(_lowered(self.policy.placeholder_contains)),
            sorted(_lowered(self.policy.placeholder_prefixes)),
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
