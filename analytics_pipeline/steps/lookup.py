"""Find the person that somebody typed: an id, a code, an e-mail or a phone number.

What was typed is never repeated in an error; it may be personal, and whoever typed it
knows it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from analytics_pipeline.domain.contact_cleaning import (
    clean_text,
    find_addresses,
    plain_phone,
)
from analytics_pipeline.domain.contacts import (
    EXTENSION,
    SHOWN_EXTENSION,
    ContactKeys,
    is_placeholder_email,
    is_placeholder_phone,
    normalise_phone,
    show_phone,
)
from analytics_pipeline.domain.ids import typed_id
from analytics_pipeline.domain.wording import say
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.schemas.sources import Customers, EcomOrders, Outlets
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.identities import load_identities
from analytics_pipeline.steps.unattributed_sales import refuse_undelivered

MOST_IDS = 20
"""How many ids a person is asked to choose from."""
PHONE_SIGNS = frozenset("0123456789 +-.()/'")


@dataclass(frozen=True, slots=True)
class People:
    """The stored tables that tell who is who."""

    identities: pd.DataFrame
    customers: pd.DataFrame
    ecom_orders: pd.DataFrame

    @property
    def live(self) -> pd.DataFrame:
        """The customer records that are not deleted and not the walk-in."""
        is_live = ~self.customers["is_deleted"] & ~self.customers["is_walk_in"]
        return self.customers[is_live]


def read_people(shop: Shop) -> People:
    """Read who is who.

    Raises:
        GateFailed: the identities are older than what they are made from.
        LocalFailure: a table is missing or damaged.
    """
    return People(
        load_identities(shop),
        shop.load("customers", Customers),
        shop.load("ecom_orders", EcomOrders),
    )


def find_person(shop: Shop, typed: str, people: People) -> str:
    """Return the id of the person that *typed* means.

    Raises:
        WrongUse: it means nobody, or several people, or a contact that joins nobody.
    """
    wanted = typed.strip()
    kind, records = "id or customer code", _by_id_or_code(wanted, people)
    if not records and "@" in clean_text(wanted):
        kind, records = "e-mail", _by_email(shop, wanted, people)
    elif not records and _may_be_phone(shop, wanted):
        # A number may be meant as a code as well.
        kind, records = f"{kind} or phone number", _by_phone(shop, wanted, people)
    if not records:
        refuse_undelivered(shop, typed_id(wanted))
        raise WrongUse(f"No customer has this {kind}.", _hint(shop))
    rows = people.identities[people.identities["record_id"].isin(records)]
    found = sorted(rows["person_id"].dropna().unique())
    if not found:
        raise _of_nobody(rows)
    if len(found) > 1:
        cause = f"{len(found)} people have this {kind}: {_some(found)}."
        raise WrongUse(cause, "Give one of these ids.")
    return str(found[0])


def _by_id_or_code(wanted: str, people: People) -> list[str]:
    """Find a record by its id; else live ones by code, whatever its case.

    Raises:
        WrongUse: it is the walk-in customer.
    """
    customers = people.customers
    codes = customers["customer_code"].fillna("").str.casefold()
    is_named = codes.eq(wanted.casefold()) & (codes != "")
    record = typed_id(wanted)
    named = customers[(customers["customer_id"] == record) | is_named]
    if named["is_walk_in"].any():
        raise WrongUse(
            "This is the walk-in customer, who is nobody: its sales are unattributed.",
            "Give a customer's own id, code, e-mail or phone number.",
        )
    if people.identities["record_id"].eq(record).any():
        return [record]
    return named["customer_id"].tolist()


def _may_be_phone(shop: Shop, wanted: str) -> bool:
    """Say whether what was typed looks like a phone number and nothing else."""
    plain = plain_phone(wanted)
    if set(plain) <= PHONE_SIGNS:
        return plain != ""
    return EXTENSION in (normalise_phone(wanted, _keys(shop).region) or "")


def _by_email(shop: Shop, wanted: str, people: People) -> list[str]:
    """Find records, and web shoppers, by e-mail.

    Raises:
        WrongUse: it is a placeholder.
    """
    typed = people.live["email"].fillna("").str.strip().str.casefold()
    is_typed = typed.isin({wanted.casefold(), *find_addresses(wanted)})
    as_typed = people.live.loc[is_typed, "customer_id"].tolist()
    if is_placeholder_email(wanted, shop.policy):
        raise _placeholder("e-mail", as_typed)
    key = _keys(shop).of_email(wanted)
    if key is None:
        return as_typed
    holders = _holders(people, key, ("email_key",))
    _refuse_shared(shop, "e-mail", holders, people)
    orders = people.ecom_orders
    shoppers = orders.loc[orders["email_key"] == key, "ecom_customer_id"]
    return [*holders, *shoppers.unique()]


def _by_phone(shop: Shop, wanted: str, people: People) -> list[str]:
    """Find records by phone number: valid in any spelling, another one as typed.

    Without an extension it means whoever has none; if nobody has, those who share it
    with one.

    Raises:
        WrongUse: it is a placeholder.
    """
    keys = _keys(shop)
    number = normalise_phone(wanted, keys.region)
    shown = people.live["phone"].fillna("")
    looked_for = show_phone(number) if number else wanted
    as_typed = people.live.loc[shown == looked_for, "customer_id"].tolist()
    if number is not None and is_placeholder_phone(number, shop.policy):
        raise _placeholder("phone number", as_typed)
    key = keys.of_phone(wanted)
    if key is None:
        return as_typed
    holders = _holders(people, key, ("phone_key", "mobile_key"))
    _refuse_shared(shop, "phone number", holders, people)
    has_extension = shown.str.startswith(f"{number}{SHOWN_EXTENSION}")
    return holders or people.live.loc[has_extension, "customer_id"].tolist()


def _keys(shop: Shop) -> ContactKeys:
    """Return what makes keys of contacts, as the customers' feed is read with."""
    country = shop.load("outlets", Outlets)["store_country"].dropna()
    return shop.contact_keys(next(iter(country), None))


def _holders(people: People, key: str, columns: Iterable[str]) -> list[str]:
    """Return the records, deleted ones too, that hold *key*; not the walk-in."""
    customers = people.customers
    holds = pd.concat([customers[name] == key for name in columns], axis=1).any(axis=1)
    found: list[str] = customers.loc[
        holds & ~customers["is_walk_in"], "customer_id"
    ].tolist()
    return found


def _refuse_shared(shop: Shop, kind: str, holders: list[str], people: People) -> None:
    """Raise if more live records hold a key than one person can have (rule 3.3)."""
    live = sorted(set(holders) & set(people.live["customer_id"]))
    if len(live) > shop.policy.max_shared:
        raise _placeholder(kind, live)


def _placeholder(kind: str, records: list[str]) -> WrongUse:
    """Say that a contact stands for "none", and who has it."""
    has = say(len(records), "record has", "records have")
    cause = f"This {kind} is a placeholder and joins nobody; {has} it"
    if not records:
        return WrongUse(f"{cause}.", "Give an id, a customer code or another contact.")
    return WrongUse(f"{cause}: {_some(sorted(records))}.", "Give one of these ids.")


def _of_nobody(rows: pd.DataFrame) -> WrongUse:
    """Say why a known record has no person."""
    if rows.empty:
        return WrongUse(
            "This e-mail is known from web orders that belong to nobody.",
            "Give another contact, an id or a customer code.",
        )
    return WrongUse(
        "Only deleted records have this, so its sales belong to nobody: they are "
        "unattributed.",
        "To give them to a customer, put both ids into identity_overrides.csv with "
        "the rule `same`, then run: analytics-pipeline update",
    )


def _some(ids: list[str]) -> str:
    """List the first ids, and say how many more there are."""
    more = len(ids) - MOST_IDS
    return ", ".join(ids[:MOST_IDS]) + (f" and {more} more" if more > 0 else "")


def _hint(shop: Shop) -> str:
    """Say what to try; where the data is old, that it may be too old."""
    hint = "Give an id, a customer code, an e-mail or a phone number as it was typed."
    published = shop.publication.published()
    if published is None or published.as_of < shop.yesterday.isoformat():
        hint += " The data is old; to read what is new, run: analytics-pipeline update"
    return hint
