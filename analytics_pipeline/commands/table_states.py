"""The state of each table: what it holds, until when, and its gate."""

from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from analytics_pipeline.contracts import Contract
from analytics_pipeline.shop import Shop

EXPORTS = ("first_time_buyers", "customer_analytics_master")


@dataclass(frozen=True, slots=True)
class TableState:
    """One table: how much it holds, until which day, and whether its gate is open."""

    table: str
    rows: int | None
    as_of: str | None
    materialized: str | None
    gate: str


def read_table(
    shop: Shop, instance: dg.DagsterInstance, contract: Contract
) -> TableState:
    """Return the state of the table of that *contract*."""
    name = contract.name
    event = instance.get_latest_materialization_event(contract.asset_key)
    moment = (
        datetime.fromtimestamp(event.timestamp, shop.zone).isoformat(timespec="seconds")
        if event
        else None
    )
    gate = (
        "failed" if shop.warehouse.failures(name) else "open" if event else "never run"
    )
    rows, as_of = _size(shop, name)
    return TableState(name, rows, as_of, moment, gate)


def _size(shop: Shop, name: str) -> tuple[int | None, str | None]:
    """Return how many rows a table holds, and the day that it reaches."""
    if name == "sales_feed":
        walk = shop.warehouse.last_catch_up(name)
        read_at = walk.began_at.isoformat() if walk else None
        return shop.sales_log().row_count(), in_store_time(shop, read_at)
    published = shop.publication.published()
    if name in EXPORTS:
        if published is None:
            return None, None
        return (published.rows if name == EXPORTS[1] else None), published.as_of
    days = [day for day in shop.warehouse.partitions(name) if day != name]
    count = shop.warehouse.row_count
    if name == "raw_sales" and days:
        return sum(count(name, day) for day in days), days[-1]
    if days:
        return count(name, days[-1]), days[-1]
    return (count(name) if shop.warehouse.exists(name) else None), None


def in_store_time(shop: Shop, moment: str | None) -> str | None:
    """Return an ISO moment as the store's clocks show it, with their offset."""
    if moment is None:
        return None
    return as_store_time(shop, datetime.fromisoformat(moment))


def as_store_time(shop: Shop, moment: datetime) -> str:
    """Return a moment as the store's clocks show it, with their offset."""
    return moment.astimezone(shop.zone).isoformat(timespec="seconds")
