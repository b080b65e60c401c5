"""The version of each table's form, and how rows of an older one become newer.

A table's version is raised whenever its columns, their types or what they may hold
change.  Where the new form can be made from the old one, the step is a pure function in
``STEPS``; without one the table is made anew from what it is made from, or, where
nobody knows that any more, is left unread (docs/upgrading.md).
"""

from collections.abc import Callable, Mapping

import pandas as pd

from analytics_pipeline.model.schemas.changes import CustomerChanges
from analytics_pipeline.model.schemas.customers import (
    CustomerAnalytics,
    CustomerIdentities,
)
from analytics_pipeline.model.schemas.exports import (
    CustomerAnalyticsMaster,
    FirstTimeBuyers,
)
from analytics_pipeline.model.schemas.reconciliation import EcomReconciliation
from analytics_pipeline.model.schemas.report import CustomerReport
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import (
    Customers,
    EcomOrders,
    Outlets,
    SalesFeed,
)
from analytics_pipeline.model.schemas.table import Table, frame_types

FIRST = 1
"""The version of whatever was written before files told theirs."""

VERSIONS: dict[type[Table], int] = {
    SalesFeed: 2,
    Outlets: 1,
    Customers: 1,
    EcomOrders: 1,
    RawSales: 2,
    CustomerIdentities: 1,
    CustomerAnalytics: 1,
    FirstTimeBuyers: 1,
    CustomerAnalyticsMaster: 1,
    CustomerChanges: 1,
    EcomReconciliation: 2,
    CustomerReport: 1,
}
"""The version of each table's form that this program writes, and the only one it reads.

A test holds the form of each against its record, so that neither changes alone."""

NOTES = "notes"
NOTES_VERSION = 3
"""The version of the small JSON files beside the tables and the published files."""

SEALED = 3
"""The version of the notes from which on notes and Parquet files bear seals."""

STORED: Mapping[str, type[Table]] = {
    "sales_feed": SalesFeed,
    "outlets": Outlets,
    "customers": Customers,
    "ecom_orders": EcomOrders,
    "raw_sales": RawSales,
    "customer_identities": CustomerIdentities,
    "customer_analytics": CustomerAnalytics,
    "customer_changes": CustomerChanges,
    "customer_changes/published": CustomerAnalytics,
    "ecom_reconciliation": EcomReconciliation,
    "customer_report": CustomerReport,
}
"""The tables that are kept as Parquet files, by the folder that they are kept in."""

HISTORY = (
    "customer_analytics",
    "customer_changes",
    "customer_changes/published",
    "customer_report",
)
"""Those that tell what was known on a day, which nobody could work out again."""

Step = Callable[[pd.DataFrame], pd.DataFrame]


def _as_they_are(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows that the newer form holds too, until a run works them out again."""
    return rows


STEPS: dict[tuple[type[Table], int], Step] = {(EcomReconciliation, 1): _as_they_are}
"""What makes rows of the next version out of rows of that version of a table.

A step may rely on every column as that version had it, and on nothing else."""


def current_versions() -> dict[str, int]:
    """Return the version that this program writes, of each stored table and the notes.

    The files that people read are among neither: each publication writes them anew.
    """
    tables = {name: VERSIONS[model] for name, model in STORED.items()}
    return {**tables, NOTES: NOTES_VERSION}


def is_reachable(table: type[Table], version: int) -> bool:
    """Say whether steps lead from rows of that *version* to rows of today's."""
    missing = range(max(version, FIRST), VERSIONS[table])
    return all((table, each) in STEPS for each in missing)


def migrate(rows: pd.DataFrame, table: type[Table], version: int) -> pd.DataFrame:
    """Return *rows* of that *version* of *table* in today's form."""
    for each in range(max(version, FIRST), VERSIONS[table]):
        rows = STEPS[table, each](rows)
    return rows


def describe_form(table: type[Table]) -> str:
    """Return what a reader of the *table* relies on: a change of it is a new version.

    Descriptions are for people; headers are the form of the files that they read.
    """
    schema, types = table.to_schema(), frame_types(table)
    columns = [
        (
            name,
            types[name],
            column.nullable,
            column.unique,
            column.title,
            sorted(f"{check.name} {_in_order(check)}" for check in column.checks),
        )
        for name, column in schema.columns.items()
    ]
    return "\n".join(map(repr, [*columns, ("unique", schema.unique)]))


def _in_order(check: object) -> list[tuple[str, object]]:
    """Return what a check was told, the words of a set in alphabetical order."""
    told: Mapping[str, object] = getattr(check, "statistics", None) or {}
    return [
        (name, sorted(map(str, value)) if isinstance(value, list) else value)
        for name, value in sorted(told.items())
        if value is not None
    ]
