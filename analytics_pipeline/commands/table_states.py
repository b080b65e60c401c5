"""The state of each table: what it holds, until when, and its gate."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from analytics_pipeline.contracts import Contract
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.publication import FIRST_TIME_BUYERS, MASTER

MASTER_TABLE = "customer_analytics_master"
EXPORTS = {"first_time_buyers": FIRST_TIME_BUYERS, MASTER_TABLE: MASTER}
"""The tables that are files for people, and nothing else."""


@dataclass(frozen=True, slots=True)
class TableState:
    """One table: how much it holds, until which day, and whether its gate is open."""

    table: str
    rows: int | None
    as_of: str | None
    materialized: str | None
    gate: str


def last_made(
    instance: dg.DagsterInstance, contracts: Iterable[Contract]
) -> dict[str, datetime | None]:
    """Return when each table was made last, in UTC; nothing for one that never was."""
    events = {
        contract.name: instance.get_latest_materialization_event(contract.asset_key)
        for contract in contracts
    }
    return {
        name: datetime.fromtimestamp(event.timestamp, UTC) if event else None
        for name, event in events.items()
    }


def read_table(shop: Shop, name: str, made: datetime | None) -> TableState:
    """Return the state of the table of that *name*, which was *made* last then."""
    gate = (
        "failed" if shop.warehouse.failures(name) else "open" if made else "never run"
    )
    rows, as_of = _size(shop, name)
    moment = as_store_time(shop, made) if made else None
    return TableState(name, rows, as_of, moment, gate)


def _size(shop: Shop, name: str) -> tuple[int | None, str | None]:
    """Return how many rows a table holds, and the day that it reaches."""
    if name == "sales_feed":
        walk = shop.warehouse.last_catch_up(name)
        read_at = walk.began_at.isoformat() if walk else None
        return shop.sales_log().row_count(), in_store_time(shop, read_at)
    published = shop.publication.published()
    if name in EXPORTS:
        file = shop.publication.folder / EXPORTS[name]
        rows = published.rows if published and name == MASTER_TABLE else None
        return (
            rows if rows is not None else _count_rows(file),
            published.as_of if published else None,
        )
    days = [day for day in shop.warehouse.partitions(name) if day != name]
    count = shop.warehouse.row_count
    if name == "raw_sales" and days:
        return sum(count(name, day) for day in days), days[-1]
    if days:
        return count(name, days[-1]), days[-1]
    return (count(name) if shop.warehouse.exists(name) else None), None


def _count_rows(file: Path) -> int | None:
    """Count the rows of a published file; a cell may hold line breaks."""
    if not file.exists():
        return None
    with file.open(newline="", encoding="utf-8") as stream:
        return max(sum(1 for _ in csv.reader(stream)) - 1, 0)


def in_store_time(shop: Shop, moment: str | None) -> str | None:
    """Return an ISO moment as the store's clocks show it, with their offset."""
    if moment is None:
        return None
    return as_store_time(shop, datetime.fromisoformat(moment))


def as_store_time(shop: Shop, moment: datetime) -> str:
    """Return a moment as the store's clocks show it, with their offset."""
    return moment.astimezone(shop.zone).isoformat(timespec="seconds")
