"""Find a person, and gather everything that the row comes from.  Reads only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.assets.customer_analytics import (
    check_busiest,
    list_people,
    refuse_undelivered,
)
from analytics_pipeline.assets.customer_identities import load_identities
from analytics_pipeline.assets.ecom_reconciliation import find_web_refunds
from analytics_pipeline.assets.purchases import Ledger, open_ledger
from analytics_pipeline.assets.sales_feed import (
    find_later_sales,
    find_quarantined_sales,
)
from analytics_pipeline.commands.explained_day import choose_explained_day
from analytics_pipeline.domain.analytics import measure_people
from analytics_pipeline.domain.contacts import (
    EXTENSION,
    SHOWN_EXTENSION,
    ContactKeys,
    clean_text,
    find_addresses,
    is_placeholder_email,
    is_placeholder_phone,
    normalise_phone,
    plain_phone,
    show_phone,
)
from analytics_pipeline.domain.explanation import (
    Explanation,
    Line,
    Member,
    Ties,
    add_up,
    explain_members,
    explain_orders,
    explain_sales,
    find_differences,
    foresee,
)
from analytics_pipeline.domain.people import describe_people, find_busiest
from analytics_pipeline.domain.reconciliation import describe_refund
from analytics_pipeline.domain.sales import name_registers, said, value_column
from analytics_pipeline.engine.duckdb import columns_to_ibis
from analytics_pipeline.model.errors import LocalFailure, WrongUse
from analytics_pipeline.model.ids import typed_id
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Customers, EcomOrders, Outlets
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import RecordKind
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.parquet import shape

# ----------------------------------------------------------------------------------
# Find the person that somebody typed: an id, a code, an e-mail or a phone number.
#
# What was typed is never repeated in an error: it may
# be personal.


MOST_IDS = 20
"""How many ids a person is asked to choose from."""
PHONE_SIGNS = frozenset("0123456789 +-.()/'")


@dataclass(frozen=True, slots=True)
class People:
    """The stored tables that say who is who."""

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
        WrongUse: it matches no one, or several people, or a contact that joins no one.
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
        raise _why_no_person(rows)
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
            "This is the walk-in customer, which is no person: its sales are "
            "unattributed.",
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

    Without an extension it means those who have none; if there are none, those who
    share it with one.

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
    """Say that a contact is a placeholder, and who has it."""
    has = say(len(records), "record has", "records have")
    cause = f"This {kind} is a placeholder and joins no one; {has} it"
    if not records:
        return WrongUse(f"{cause}.", "Give an id, a customer code or another contact.")
    return WrongUse(f"{cause}: {_some(sorted(records))}.", "Give one of these ids.")


def _why_no_person(rows: pd.DataFrame) -> WrongUse:
    """Say why a known record has no person."""
    if rows.empty:
        return WrongUse(
            "This e-mail is known from web orders without a customer.",
            "Give another contact, an id or a customer code.",
        )
    return WrongUse(
        "Only deleted records have this, so its sales have no customer: they are "
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


# ----------------------------------------------------------------------------------
# Find the sales and web orders of one person, those that do not count too.


@dataclass(frozen=True, slots=True)
class Books:
    """What people are explained from: who is who, and what counts up to a day."""

    shop: Shop
    day: date
    people: People
    ledger: Ledger


def list_lines(books: Books, members: list[Member]) -> list[Line]:
    """Return the sales and web orders of a person up to the day, by day."""
    shop, ledger = books.shop, books.ledger
    sales = _sales_of(books, members)
    orders = _orders_of(books, members)
    synced = ledger.matches.dropna(subset=["sale_id"])
    orders_of_sale = dict(zip(synced["sale_id"], synced["order_number"], strict=True))
    refunds = _explain_refunds(books, orders, sales["sale_id"].map(orders_of_sale))
    ties = Ties(
        walk_in_ids=set(ledger.walk_in_ids),
        orders_of_sale=orders_of_sale,
        own_orders=set(orders["order_number"]),
        refunds=refunds,
    )
    lines = [
        *explain_sales(sales, ties, shop.policy),
        *explain_orders(
            orders,
            ledger.matches,
            set(sales["sale_id"]),
            shop.policy,
            refunds,
            books.day,
        ),
    ]
    return sorted(lines, key=lambda line: (line.day, line.kind, line.id))


def _sales_of(books: Books, members: list[Member]) -> pd.DataFrame:
    """Return every sale of the person, whether it counts or not (rules 3.1, 4.5)."""
    shop, ledger = books.shop, books.ledger
    records = [each.record_id for each in members if each.kind == RecordKind.CUSTOMER]
    person = members[0].record_id
    linked = ledger.sale_people
    tied_sales = linked.loc[linked["person_id"] == person, "sale_id"].tolist()
    sales = shop.sales_until(books.day)
    without_customer = sales["customer_id"].isnull()
    if ledger.walk_in_ids:
        without_customer |= sales["customer_id"].isin(ledger.walk_in_ids)
    # Tables: thousands of ids in the words of a query take minutes to read.
    tied, own = _ids_to_ibis(tied_sales), _ids_to_ibis(records)
    theirs = without_customer & sales["sale_id"].isin(tied)
    theirs |= sales["customer_id"].isin(own).fill_null(False)
    return shape(shop.engine.to_pandas(sales.filter(theirs)), RawSales)


def _ids_to_ibis(ids: list[str]) -> ir.StringColumn:
    frame = pd.DataFrame({"id": ids}, dtype="str")
    column: ir.StringColumn = columns_to_ibis(frame, {"id": "string"})["id"]
    return column


def _orders_of(books: Books, members: list[Member]) -> pd.DataFrame:
    """Return the web orders made with the person's e-mails up to the day."""
    emails = [each.record_id for each in members if each.kind == RecordKind.ECOM]
    orders = books.people.ecom_orders
    theirs = orders["ecom_customer_id"].isin(emails)
    return orders[theirs & (orders["order_date"] <= pd.Timestamp(books.day))]


def _explain_refunds(
    books: Books, own_orders: pd.DataFrame, of_sales: pd.Series
) -> dict[str, str]:
    """Say of which orders the web shop gave back what still counts (rule 4.4).

    These are the person's own orders, and the orders of the person's sales.
    """
    every = books.people.ecom_orders.set_index("order_number", drop=False)
    numbers = {*own_orders["order_number"], *of_sales.dropna()}
    asked = every[every.index.isin(numbers)]
    left = find_web_refunds(books.ledger, asked)
    return {
        number: describe_refund(asked.loc[number].to_dict(), int(cents))
        for number, cents in zip(left["order_number"], left["left_cents"], strict=True)
    }


# ----------------------------------------------------------------------------------
# What else a person should know who reads an explanation, as sentences.


Row = Mapping[Any, Any]


def first_row(frame: pd.DataFrame) -> Row | None:
    """Return the only row of *frame*, or nothing of an empty one."""
    return None if frame.empty else frame.to_dict("records")[0]


def describe_day(shop: Shop, day: date) -> list[str]:
    """Say if the day is not over, or not the published one."""
    published = shop.publication.published()
    notes = []
    if day >= shop.today:
        notes.append(f"{day} is not over in the store, so all of this is provisional.")
    if published is None or published.as_of != day.isoformat():
        notes.append(
            f"Sales up to {day} count; records, contacts and states are as they are "
            "known now."
        )
    return notes


def compare_with_stored(
    shop: Shop, person: str, day: date, row: Row | None
) -> list[str]:
    """Say if the figures of *day* were stored otherwise: sales have changed since."""
    if not shop.warehouse.exists("customer_analytics", day.isoformat()):
        return []
    frame = shop.load("customer_analytics", CustomerAnalytics, day.isoformat())
    stored = first_row(frame[frame["customer_id"] == person])
    if row is None or stored is None:
        same = row is None and stored is None
        then = "had no row for this person"
    else:
        same = all(str(row[name]) == str(stored[name]) for name in row)
        value = format_cents(int(stored["lifetime_value_cents"]))
        then = f"said a lifetime value of {value}, tier {stored['tier']}"
    if same:
        return []
    return [
        f"The figures of {day} were stored before the latest changes: they {then}. "
        f"To store them again, run: analytics-pipeline update --as-of {day}"
    ]


def describe_quarantine(shop: Shop, members: list[Member], day: date) -> list[str]:
    """Name the person's sales whose latest version could not be read."""
    quarantined = find_quarantined_sales(shop)
    known = quarantined.last_good
    records = [each.record_id for each in members]
    value = value_column(shop.policy)
    theirs = known[
        known["customer_id"].isin(records) & (known["business_date"] <= str(day))
    ]
    notes = [
        f"Sale {sale} is in quarantine and in no figure; when it could last be read, "
        f"it came to {format_cents(total)}."
        for sale, total in zip(theirs["sale_id"], theirs[value], strict=True)
    ]
    unknown = quarantined.count - len(known)
    if unknown:
        notes.append(
            f"{say(unknown, 'sale', 'sales')} in quarantine could never be read; their "
            "customer is unknown."
        )
    return notes


# ----------------------------------------------------------------------------------
# What a warning of the tables says of one person, as sentences of an explanation.


def log_warnings(books: Books, members: list[Member]) -> list[str]:
    """Say what warnings there are about the person's records and later sales."""
    return [
        *_explain_later_sales(books.shop, members),
        *_explain_walk_in(books, members),
    ]


def _explain_later_sales(shop: Shop, members: list[Member]) -> list[str]:
    """Name the person's sales that are dated after today (rule 1.5)."""
    log = shop.sales_log()
    state = (log.generation, len(log.segments()), shop.today)
    later = shop.keep("later sales", state, lambda: find_later_sales(shop, log))
    theirs = later[later["customer_id"].isin([each.record_id for each in members])]
    return [_explain_later_sale(shop, theirs.iloc[[n]]) for n in range(len(theirs))]


def _explain_later_sale(shop: Shop, sale: pd.DataFrame) -> str:
    """Say why the one *sale* is in no figure."""
    value = format_cents(int(sale[value_column(shop.policy)].iloc[0]))
    return (
        f"Sale {sale['sale_id'].iloc[0]} over {value} is dated "
        f"{str(sale['business_date'].iloc[0])[:10]}, after today, and is in no figure: "
        f"the clock of its till is wrong ({name_registers(sale)[0]})."
    )


def _explain_walk_in(books: Books, members: list[Member]) -> list[str]:
    """Say if a record of the person sells as only a walk-in does (rule 3.8)."""
    shop, day, ledger = books.shop, books.day.isoformat(), books.ledger
    if not shop.warehouse.exists("customer_analytics", day):
        return []
    busiest = find_busiest(shop.load("customer_analytics", CustomerAnalytics, day))
    if busiest is None or busiest.person_id != members[0].record_id:
        return []
    counts = shop.engine.to_pandas(ledger.purchases["orders"].sum())
    found = check_busiest(
        shop, ledger, books.people.identities, busiest, int(counts or 0)
    )
    return [] if found.passed else [found.sentence]


# ----------------------------------------------------------------------------------
# Gather everything that one person's row in the master comes from. Reads only.


def explain_customer(shop: Shop, typed: str, as_of: date | None) -> Explanation:
    """Explain the person that *typed* means, as of a day or the published one.

    Raises:
        WrongUse: no one or several people match, or the day cannot be explained.
        GateFailed: a table that this needs did not pass its gate, or is out of date.
        LocalFailure: a table is missing or damaged, or the lines that are to explain
            the figures do not add up to them.
    """
    day = choose_explained_day(shop, as_of)
    people = read_people(shop)
    person = find_person(shop, typed, people)
    ledger = open_ledger(
        shop, people.identities, people.customers, people.ecom_orders, day, day
    )
    return explain_person(Books(shop, day, people, ledger), person)


def explain_person(books: Books, person: str) -> Explanation:
    """Explain a person whose id is known.

    Raises:
        LocalFailure: the lines that are to explain the figures do not add up to them.
    """
    shop, day, identities = books.shop, books.day, books.people.identities
    records = identities[identities["person_id"] == person]
    members = explain_members(person, records, books.people.customers)
    row = _measure(books, records, person)
    notes = [
        *describe_day(shop, day),
        *compare_with_stored(shop, person, day, row),
        *describe_quarantine(shop, members, day),
        *log_warnings(books, members),
    ]
    explanation = _assemble(books, members, has_row=row is not None, notes=notes)
    _refuse_differences(explanation, row)
    return explanation


def _measure(books: Books, records: pd.DataFrame, person: str) -> Row | None:
    """Return the row of the person as the pipeline measures it, if it has one."""
    shop, purchases = books.shop, books.ledger.purchases
    measured = measure_people(
        purchases.filter(purchases["person_id"] == person),
        list_people(records),
        shop.policy,
        books.day,
    )
    return first_row(shape(shop.engine.to_pandas(measured), CustomerAnalytics))


def _assemble(
    books: Books, members: list[Member], *, has_row: bool, notes: list[str]
) -> Explanation:
    """Put the explanation together, with the sums made of its lines."""
    person, people = members[0].record_id, books.people
    policy, day = books.shop.policy, books.day
    records = people.identities[people.identities["person_id"] == person]
    shown = describe_people(records, people.customers, people.ecom_orders).iloc[0]
    lines = list_lines(books, members)
    return Explanation(
        as_of=day,
        person_id=person,
        name=said(shown["name"]),
        email=said(shown["email"]),
        phone=said(shown["phone"]),
        has_row=has_row,
        members=tuple(members),
        lines=tuple(lines),
        figures=add_up(lines, policy, day),
        outlook=foresee(lines, policy, day),
        notes=tuple(notes),
    )


def _refuse_differences(explanation: Explanation, row: Row | None) -> None:
    """Rather fail than show an explanation that does not explain.

    Raises:
        LocalFailure: the lines do not add up to the figures of the person.
    """
    differing = (
        [line.id for line in explanation.counted]
        if row is None
        else find_differences(explanation.figures, explanation.outlook, row)
    )
    if differing:
        raise LocalFailure(
            f"The sales found do not explain the figures ({', '.join(differing)}).",
            "If a run is under way, wait for its end and try again; else run: "
            "analytics-pipeline rebuild",
        )
