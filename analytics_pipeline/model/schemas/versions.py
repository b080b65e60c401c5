"""The version of each table's form.

A table's version is raised whenever its columns, their types or what they may hold
change.  A table of an older version is made again from what it is made from; history,
which cannot be made again, is left unread (docs/upgrading.md).
"""

from collections.abc import Mapping

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
from analytics_pipeline.model.schemas.table import Table

FIRST = 1
"""The version of whatever was written before files stated theirs."""

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
"""The version of the notes from which on notes and Parquet files have seals."""

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
"""Those that hold what was known on a day, which cannot be worked out again."""


def current_versions() -> dict[str, int]:
    """Return the version that this program writes, of each stored table and the notes.

    The files that people read are among neither: each publication writes them again.
    """
    tables = {name: VERSIONS[model] for name, model in STORED.items()}
    return {**tables, NOTES: NOTES_VERSION}
