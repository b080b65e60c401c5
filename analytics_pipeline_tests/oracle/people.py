"""The ledger's own idea of who is who, by brute force (rules 3.1 to 3.5).

It knows only the number formats that the store's history uses, and shares nothing
with the code that it is there to check.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from unicodedata import normalize

from analytics_pipeline.simulator.records import Customer, StoreState
from analytics_pipeline_tests.oracle.texts import readable

MOST_WHO_MAY_SHARE = 5
PATTERNS_INSIDE = ("noemail", "no-email", "placeholder")
PATTERNS_IN_FRONT = ("none@", "customer@", "test@")
EMAIL = re.compile(
    r"[a-z0-9_+-]+(\.[a-z0-9_+-]+)*@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}"
)
COPIED = re.compile(
    rf"(?:[^<>@]*<)?(?:mailto:)?(?P<address>{EMAIL.pattern})[.,;]*>?[.,; ]*"
)
"""An address as other programs write it: with a name, in brackets, in a list."""
UNSEEN = {ord(sign): None for sign in "\ufeff\u200b\u202a\u202c\u00ad"}
NUMBER = re.compile(
    r"(?P<number>[^a-z]*?)(?:\.0)?(?: ?(?:x|ext\.) ?(?P<extension>\d+))?"
)
FILLERS = (
    *("1234567", "0000000"),
    *(digits for n in range(1, 10) for digits in (str(n) * 7, f"000000{n}")),
)
WALK_IN_CODE = "WALKIN"


@dataclass(frozen=True, slots=True)
class Person:
    """One person as the files show them."""

    id: str
    code: str
    name: str
    email: str
    phone: str
    duplicate_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class People:
    """Everybody with a live record, and what leads to them."""

    persons: dict[str, Person]
    person_of_customer: dict[str, str]
    person_of_email: dict[str, str]
    placeholders: frozenset[str]
    nobodies: frozenset[str]


def email_key(typed: str | None) -> str | None:
    """Return the key of an e-mail, or None (rule 3.2)."""
    text = normalize("NFKC", (typed or "").translate(UNSEEN)).strip().lower()
    found = COPIED.fullmatch(text)
    return found["address"] if found else None


def phone_key(typed: str | None) -> str | None:
    """Return a US number in E.164, with ``x`` and its extension, or None (rule 3.2)."""
    found = NUMBER.fullmatch((typed or "").strip().lower())
    if found is None:
        return None
    digits = "".join(c for c in found["number"] if c in "0123456789")
    if len(digits) == 11 and digits[0] == "1":
        digits = digits[1:]
    area, exchange = digits[:3], digits[3:6]
    fictional = exchange == "555" and digits[6:8] == "01"
    filled_in = digits[3:] == "2" * 7 or digits == "8" * 10
    if len(digits) != 10 or not (fictional or filled_in) or area[0] in "01":
        return None
    return f"+1{digits}" + (f"x{found['extension']}" if found["extension"] else "")


def is_made_up(text: str) -> bool:
    """Report a placeholder by its looks, valid or not (rule 3.3)."""
    inside = any(pattern in text for pattern in PATTERNS_INSIDE)
    return inside or text.startswith(PATTERNS_IN_FRONT)


def keys_of(customer: Customer) -> set[str]:
    """Return every key of a record, placeholders too."""
    keys = {
        email_key(customer.email),
        phone_key(customer.phone),
        phone_key(customer.mobile),
    }
    return {key for key in keys if key is not None}


def find_people(state: StoreState) -> People:
    """Sort all records into persons, in the present state of the store."""
    nobodies = frozenset(
        customer.id
        for customer in state.customers.values()
        if customer.id == state.default_customer_id
        or customer.customer_code == WALK_IN_CODE
    )
    records = [c for c in state.customers.values() if c.id not in nobodies]
    placeholders = _placeholders(records)
    groups = _groups(records, placeholders)
    persons: dict[str, Person] = {}
    of_customer: dict[str, str] = {}
    of_email: dict[str, str] = {}
    for group in groups:
        live = [record for record in group if record.deleted_at is None]
        if not live:
            continue
        person = _describe(live, placeholders)
        persons[person.id] = person
        of_customer |= {record.id: person.id for record in group}
        for key in {email_key(record.email) for record in group} - {None}:
            _belongs(of_email, str(key), person.id, placeholders)
    return People(persons, of_customer, of_email, placeholders, nobodies)


def _belongs(
    of_email: dict[str, str], key: str, person_id: str, placeholders: frozenset[str]
) -> None:
    if key in placeholders:
        return
    if of_email.setdefault(key, person_id) != person_id:
        raise ValueError("One e-mail key leads to two persons.")


def _placeholders(records: Iterable[Customer]) -> frozenset[str]:
    """Return every key that joins no one (rule 3.3)."""
    sharers: dict[str, int] = {}
    found = set()
    for record in records:
        for key in keys_of(record):
            live = record.deleted_at is None
            sharers[key] = sharers.get(key, 0) + live
            if is_made_up(key) or (
                key[0] == "+" and key.split("x")[0].endswith(FILLERS)
            ):
                found.add(key)
    found |= {key for key, count in sharers.items() if count > MOST_WHO_MAY_SHARE}
    return frozenset(found)


def _groups(
    records: list[Customer], placeholders: frozenset[str]
) -> list[list[Customer]]:
    """Hand the smallest id from neighbour to neighbour until nothing changes."""
    keys = {record.id: keys_of(record) - placeholders for record in records}
    label = {record.id: record.id for record in records}
    changed = True
    while changed:
        changed = False
        smallest: dict[str, str] = {}
        for record_id, own in keys.items():
            for key in own:
                known = smallest.get(key, label[record_id])
                smallest[key] = min(known, label[record_id])
        for record_id, own in keys.items():
            lowest = min([label[record_id], *(smallest[key] for key in own)])
            changed = changed or lowest != label[record_id]
            label[record_id] = lowest
    groups: dict[str, list[Customer]] = {}
    for record in records:
        groups.setdefault(label[record.id], []).append(record)
    return list(groups.values())


def _describe(live: list[Customer], placeholders: frozenset[str]) -> Person:
    """Choose the person's own record and fill its gaps (rule 3.5)."""
    own = min(live, key=lambda record: (record.created_at, record.id))
    others = [record for record in live if record.id != own.id]
    others.sort(key=lambda record: record.id)
    others.sort(key=lambda record: record.updated_at, reverse=True)
    ranked = [own, *others]
    emails = [_shown_email(record, placeholders) for record in ranked]
    return Person(
        id=own.id,
        code=readable(own.customer_code),
        name=_first_filled([_shown_name(record) for record in ranked]),
        email=_first_filled(emails),
        phone=_first_filled([_shown_phone(record) for record in ranked]),
        duplicate_ids=tuple(sorted(record.id for record in others)),
    )


def _first_filled(texts: list[str]) -> str:
    return next((text for text in texts if text), "")


def _shown_name(record: Customer) -> str:
    names = [(record.first_name or "").strip(), (record.last_name or "").strip()]
    full = " ".join(name for name in names if name)
    return readable(full) or readable(record.company_name)


def _shown_email(record: Customer, placeholders: frozenset[str]) -> str:
    typed = (record.email or "").strip()
    key = email_key(typed)
    made_up = is_made_up(key or typed.lower()) or key in placeholders
    return "" if made_up else typed


def _shown_phone(record: Customer) -> str:
    typed = (record.phone or "").strip() or (record.mobile or "").strip()
    key = phone_key(typed)
    return key.replace("x", " ext. ") if key else typed
