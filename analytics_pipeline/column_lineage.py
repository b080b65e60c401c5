"""From which columns a column comes, where it is taken over unchanged.

Only what is exact is told: a column that several others are worked out from has no
entry.  The pairs follow from the contracts, by name, so they cannot fall behind them.
"""

from collections.abc import Mapping
from types import MappingProxyType

import dagster as dg

from analytics_pipeline.contracts import Contract, asset_key

TAKEN_FROM: Mapping[str, str] = MappingProxyType(
    {
        "raw_sales": "sales_feed",
        "first_time_buyers": "customer_analytics",
        "customer_analytics_master": "customer_analytics",
    }
)
"""The table from which a table takes over columns."""

RENAMED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "first_time_buyers": {
            "first_purchase_date": "first_order_date",
            "days_since_first_purchase": "days_since_last_order",
        }
    }
)
"""Columns that bear another name there."""

WORKED_OUT: Mapping[str, frozenset[str]] = MappingProxyType(
    {"raw_sales": frozenset({"state", "attributes"})}
)
"""Columns of the same name that hold something else."""


def trace_columns(contract: Contract, above: Contract) -> dict[str, str]:
    """Return the columns that *contract* takes over from *above*, and their names."""
    ours, theirs = (set(each.model.to_schema().columns) for each in (contract, above))
    same = (ours & theirs) - WORKED_OUT.get(contract.name, frozenset())
    return {name: name for name in same} | dict(RENAMED.get(contract.name, {}))


def lineage_of(contract: Contract, above: Contract) -> dg.TableColumnLineage:
    """Return what :func:`trace_columns` says as Dagster keeps it."""
    key = asset_key(above.name, above.shop)
    return dg.TableColumnLineage(
        {
            ours: [dg.TableColumnDep(asset_key=key, column_name=theirs)]
            for ours, theirs in sorted(trace_columns(contract, above).items())
        }
    )
