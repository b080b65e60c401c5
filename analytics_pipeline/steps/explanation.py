"""Gather everything that one person's row in the master comes from.  Reads only."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from analytics_pipeline.domain.analytics import measure_people
from analytics_pipeline.domain.explained_members import explain_members
from analytics_pipeline.domain.explanation import (
    Explanation,
    Member,
    add_up,
    find_differences,
    foresee,
)
from analytics_pipeline.domain.people import describe_people
from analytics_pipeline.domain.sale_reasons import said
from analytics_pipeline.errors import LocalFailure, WrongUse
from analytics_pipeline.schemas.customers import CustomerAnalytics
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.customers import list_people
from analytics_pipeline.steps.explanation_lines import Books, list_lines
from analytics_pipeline.steps.explanation_notes import (
    compare_with_stored,
    first_row,
    tell_day,
    tell_quarantine,
)
from analytics_pipeline.steps.explanation_warnings import tell_warnings
from analytics_pipeline.steps.ledger import open_day
from analytics_pipeline.steps.lookup import find_person, read_people
from analytics_pipeline.steps.missing_days import refuse_missing_day
from analytics_pipeline.storage.parquet import shape

Row = Mapping[Any, Any]


def explain_customer(shop: Shop, typed: str, as_of: date | None) -> Explanation:
    """Explain the person that *typed* means, as of a day or the published one.

    Raises:
        WrongUse: nobody or several people are meant, or the day cannot be explained.
        GateFailed: a table that this needs did not pass its gate, or is out of date.
        LocalFailure: a table is missing or damaged, or the lines that are to explain
            the figures do not add up to them.
    """
    day = choose_explained_day(shop, as_of)
    people = read_people(shop)
    person = find_person(shop, typed, people)
    ledger = open_day(shop, people.identities, day)
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
        *tell_day(shop, day),
        *compare_with_stored(shop, person, day, row),
        *tell_quarantine(shop, members, day),
        *tell_warnings(books, members),
    ]
    explanation = _assemble(books, members, has_row=row is not None, notes=notes)
    _refuse_differences(explanation, row)
    return explanation


def choose_explained_day(shop: Shop, as_of: date | None) -> date:
    """Return the day to explain: the wanted one, else the published one.

    Raises:
        WrongUse: nothing is published, the sales of that day are not there, or there
            was no such day.
    """
    days = shop.warehouse.partitions("raw_sales")
    published = shop.publication.published()
    if not days or (as_of is None and published is None):
        raise WrongUse(
            "Master CSV not found: there is nothing to explain yet.",
            "Run: analytics-pipeline update",
        )
    day = as_of or date.fromisoformat(published.as_of if published else days[-1])
    if not shop.first_day <= day.isoformat() <= days[-1]:
        raise WrongUse(
            f"The stored sales reach from {shop.first_day} to {days[-1]}.",
            "Give --as-of a day among these; for a later one, run: "
            "analytics-pipeline update",
        )
    refuse_missing_day(shop, day)
    return day


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
