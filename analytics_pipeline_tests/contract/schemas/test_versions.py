"""Tests for storage.versions: no form changes under its version."""

import re
from collections.abc import Collection, Mapping
from dataclasses import fields
from hashlib import sha256
from typing import Any, get_type_hints

import pandera.pandas as pa
import pytest

from analytics_pipeline.assets.published_masters import MadeFrom
from analytics_pipeline.domain.incidents import Incident
from analytics_pipeline.model.checks import Rejection
from analytics_pipeline.model.schemas.sources import EcomContacts
from analytics_pipeline.model.schemas.table import (
    Table,
    cents,
    frame_types,
    identifier,
    text,
    titled,
)
from analytics_pipeline.orchestration.upkeep import LOGS, MADE_AGAIN
from analytics_pipeline.storage.catch_ups import CatchUp
from analytics_pipeline.storage.publication import Published
from analytics_pipeline.storage.state import (
    Acceptance,
    Agreement,
    AlertMemory,
    FailedCheck,
    Refusal,
    seal_note,
)
from analytics_pipeline.storage.versions import (
    HISTORY,
    NOTES_VERSION,
    STORED,
    VERSIONS,
    oldest_read_of,
    version_of,
)
from analytics_pipeline.tables import CUSTOMER_ANALYTICS, TABLES, TableSpec

FORMS = {
    ("SalesFeed", 1): "bdf322467fd7c2d3",
    ("SalesFeed", 2): "8378cae29e118d08",
    ("SalesFeed", 3): "cbfb362e3d9a29d2",
    ("Outlets", 1): "ae41e755b89bc8b9",
    ("Outlets", 2): "937b69543762ffef",
    ("Customers", 1): "324b98caa8ea36df",
    ("Customers", 2): "edf17856e3752fc2",
    ("CustomerLog", 1): "f4c1eb81eb1414e0",
    ("Products", 1): "a02b7f5fa158f40b",
    ("EcomOrders", 1): "99d04a463ef375b4",
    ("EcomOrders", 2): "76bbd8d3f5cc9471",
    ("RawSales", 1): "02cb532b3b1ae9aa",
    ("RawSales", 2): "510dc452886e26a5",
    ("RawSales", 3): "1b6efce93077218d",
    ("SaleLines", 1): "c62d72a9109a4bb6",
    ("CustomerIdentities", 1): "59b5ed089fbea66c",
    ("CustomerAnalytics", 1): "da0809301cd089ed",
    ("FirstTimeBuyers", 1): "a88cddcdd7ed7fb7",
    ("CustomerAnalyticsMaster", 1): "620f50575039caf9",
    ("CustomerAnalyticsMaster", 2): "dd296e4ec05a2254",
    ("CustomerRfm", 1): "45b94d6fdc9bfb14",
    ("TierOutlook", 1): "8186dab71a6cdbf6",
    ("CustomerCohorts", 1): "b6f6eaf6881f94db",
    ("OutletAnalytics", 1): "a6ffc8054feaeb88",
    ("ProductAnalytics", 1): "abe8e5c0f3bf5b3a",
    ("PredictionModels", 1): "db7a52cbaff02e54",
    ("CustomerPredictions", 1): "cdae54ee22f0a926",
    ("CustomerChanges", 1): "edb44945b8205a3e",
    ("CustomerChanges", 2): "cb3dbeddc9586065",
    ("EcomReconciliation", 1): "cf8467fa60499e88",
    ("EcomReconciliation", 2): "62fbaf45f53711c6",
    ("CustomerReport", 1): "8cea8a077bf72d7c",
    ("EcomFeed", 1): "6f72dc8a514ab0a3",
    ("EcomContacts", 1): "88b9b7a859b5406f",
    ("notes", 1): "dd266d5570e73cc6",
    ("notes", 2): "16a05113177c9583",
    ("notes", 3): "1d383150ec86eb81",
    ("notes", 4): "440d6a180f810b7a",
}
"""The fingerprint of each form that any program ever wrote.  Add a line for a new
version (docs/upgrading.md), and never change one: data of that form is out there."""

NEW_WORDS = {"CustomerChanges": {"group", "edges of the quarter"}}
"""The words that each form may hold since its oldest version that is read."""

MEMORY = {"customer_changes/published", "ecom_feed/contacts"}
"""What a table keeps for itself, below its own folder."""

OWN_FORMS = {"sources:EcomContacts": EcomContacts}
"""The forms among these that are no table's."""

NOTED = (
    Acceptance,
    Agreement,
    AlertMemory,
    CatchUp,
    FailedCheck,
    Incident,
    MadeFrom,
    Published,
    Refusal,
    Rejection,
)
"""What the small JSON files, and the notes of footers, are read into."""


def describe_form(table: type[Table], new_words: Collection[str] = ()) -> str:
    """Return what a reader of the *table* relies on: a change of it is a new version.

    Descriptions are for people; headers are the form of the files that they read.
    *new_words* are left out of what a column may hold.
    """
    schema, types = table.to_schema(), frame_types(table)
    columns = [
        (
            name,
            types[name],
            column.nullable,
            column.unique,
            column.title,
            sorted(
                f"{check.name} {_in_order(check, new_words)}" for check in column.checks
            ),
        )
        for name, column in schema.columns.items()
    ]
    return "\n".join(map(repr, [*columns, ("unique", schema.unique)]))


def _in_order(check: object, new_words: Collection[str]) -> list[tuple[str, object]]:
    """Return the arguments of a check, the words of a set in alphabetical order."""
    reported: Mapping[str, object] = getattr(check, "statistics", None) or {}
    return [
        (
            name,
            sorted(set(map(str, value)) - set(new_words))
            if isinstance(value, list)
            else value,
        )
        for name, value in sorted(reported.items())
        if value is not None
    ]


def fingerprint(form: str) -> str:
    return sha256(form.encode()).hexdigest()[:16]


def name_type(kind: Any) -> str:
    return re.sub(r"analytics_pipeline(\.\w+)*\.", "", str(kind))


def describe_fields(note: Any) -> list[tuple[str, str]]:
    """The fields of a note, whether or not its module keeps annotations as texts."""
    types = get_type_hints(note, include_extras=True)
    return [(each.name, name_type(types[each.name])) for each in fields(note)]


def describe_notes() -> str:
    """The fields of the notes; where their classes live is no part of the form."""
    values = [(each.__name__, describe_fields(each)) for each in NOTED]
    described = "\n".join([*map(repr, values), seal_note("").decode()])
    return re.sub(r"analytics_pipeline(\.\w+)*\.", "", described)


@pytest.mark.parametrize("spec", TABLES.values(), ids=lambda spec: spec.name)
def test_a_form_that_changes_has_another_version(spec: TableSpec) -> None:
    key = (spec.schema.__name__, version_of(spec.schema))

    assert FORMS.get(key) == fingerprint(describe_form(spec.schema)), (
        "Raise the version of the table in tables.py, and record the new form here."
    )


@pytest.mark.parametrize(
    "spec",
    [spec for spec in TABLES.values() if spec.read_since],
    ids=lambda spec: spec.name,
)
def test_a_form_that_is_read_since_an_older_version_only_has_more_words(
    spec: TableSpec,
) -> None:
    name = spec.schema.__name__

    assert oldest_read_of(spec.schema) == spec.read_since < spec.version
    assert FORMS[name, spec.read_since] == fingerprint(
        describe_form(spec.schema, NEW_WORDS[name])
    )


def test_the_others_are_read_in_the_version_of_now_alone() -> None:
    assert {spec.name for spec in TABLES.values() if spec.read_since} == {
        "customer_changes"
    }
    assert oldest_read_of(CUSTOMER_ANALYTICS.schema) == CUSTOMER_ANALYTICS.version


@pytest.mark.parametrize("form", OWN_FORMS)
def test_a_form_of_no_table_that_changes_has_another_version(form: str) -> None:
    key = (OWN_FORMS[form].__name__, VERSIONS[form])

    assert FORMS.get(key) == fingerprint(describe_form(OWN_FORMS[form]))


def test_notes_that_change_have_another_version() -> None:
    assert FORMS["notes", NOTES_VERSION] == fingerprint(describe_notes()), (
        "Raise NOTES_VERSION, see that notes as they were are still read, and record "
        "the new form here."
    )


def test_each_table_has_a_schema_and_so_a_version_of_its_own() -> None:
    assert len(VERSIONS) == len(TABLES) + len(OWN_FORMS)


def test_every_table_is_stored_but_the_files_for_people() -> None:
    files_for_people = {"first_time_buyers", "customer_analytics_master"}
    assert set(TABLES) - files_for_people == STORED.keys() - MEMORY
    assert {STORED[folder] for folder in MEMORY} == {
        CUSTOMER_ANALYTICS.form,
        *OWN_FORMS,
    }


def test_history_is_what_no_run_makes_again() -> None:
    history = {"customer_analytics", "tier_outlook", "customer_rfm", "customer_cohorts"}
    history |= {"prediction_models", "customer_predictions"}
    history |= {"outlet_analytics", "product_analytics"}
    history |= {"customer_changes", "customer_changes/published", "customer_report"}
    logs = {*LOGS, "ecom_feed/contacts"}

    assert set(HISTORY) == history
    assert history == STORED.keys() - MADE_AGAIN.keys() - logs


class Plain(Table):
    """The table that the others differ from."""

    sale_id: str = identifier("the sale")
    total_cents: int = cents("the total")
    note: str = text("a note")


class OtherType(Table):
    sale_id: str = identifier("the sale")
    total_cents: float = cents("the total")
    note: str = text("a note")


class OtherOrder(Table):
    sale_id: str = identifier("the sale")
    note: str = text("a note")
    total_cents: int = cents("the total")


class OneMore(Plain):
    state: str = text("one more")


class OtherLimit(Plain):
    total_cents: int = pa.Field(ge=0)


class OtherKey(Plain):
    class Config(Table.Config):
        unique = ["sale_id", "note"]  # noqa: RUF012 (pandera's own form)


class NeverEmpty(Plain):
    note: str = pa.Field()


class OtherWords(Plain):
    note: str = pa.Field(nullable=True, isin=["a", "b"])


class OtherHeader(Plain):
    note: str = titled(text("a note"), "Note")


class OtherDescription(Plain):
    note: str = text("the same in other words")


@pytest.mark.parametrize(
    "other",
    [
        OtherType,
        OtherOrder,
        OneMore,
        OtherLimit,
        OtherKey,
        NeverEmpty,
        OtherWords,
        OtherHeader,
    ],
)
def test_whatever_a_reader_relies_on_is_part_of_the_form(other: type[Table]) -> None:
    assert describe_form(other) != describe_form(Plain)


def test_what_a_column_is_called_in_words_is_not() -> None:
    assert describe_form(OtherDescription) == describe_form(Plain)
