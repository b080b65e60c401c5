"""What is published, as of when, what failed, and what a person should do next."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

import dagster as dg

from analytics_pipeline.catalogue import Catalogue
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.instance import open_instance
from analytics_pipeline.partitions import business_days
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.storage.publication import MASTER

EXPORTS = ("first_time_buyers", "customer_analytics_master")


@dataclass(frozen=True, slots=True)
class TableState:
    """One table: how much it holds, until which day, and whether its gate is open."""

    table: str
    rows: int | None
    as_of: str | None
    materialized: str | None
    gate: str


@dataclass(frozen=True, slots=True)
class State:
    """The shop's tables, what is published, and what to do next."""

    published: str | None
    provisional: bool
    updated: str | None
    fresh: bool
    tables: list[TableState]
    advice: list[str]

    @property
    def is_good(self) -> bool:
        """Whether the published master is fresh and no gate is closed."""
        return self.fresh and all(table.gate != "failed" for table in self.tables)


def status(settings: Settings, terminal: Terminal, *, as_json: bool) -> bool:
    """Print the state of the shop; return whether all is well."""
    state = read_state(open_shop(settings), open_instance(settings))
    if as_json:
        content = {**asdict(state), "good": state.is_good}
        terminal.out.print_json(json.dumps(content))
    else:
        _show(state, terminal)
    return state.is_good


def read_state(shop: Shop, instance: dg.DagsterInstance) -> State:
    """Gather the state from the stored tables and from Dagster's records."""
    published = shop.publication.published()
    fresh = published is not None and published.as_of >= shop.yesterday.isoformat()
    names = [table.name for table in Catalogue(business_days(shop.settings)).all]
    tables = [_read_table(shop, instance, name) for name in names]
    return State(
        published.as_of if published else None,
        published.provisional if published else False,
        shop.publication.stamp(),
        fresh,
        tables,
        _advise(shop, fresh, tables),
    )


def _read_table(shop: Shop, instance: dg.DagsterInstance, name: str) -> TableState:
    event = instance.get_latest_materialization_event(dg.AssetKey(name))
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
        return shop.sales_log().row_count(), walk.began_at.isoformat() if walk else None
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


def _advise(shop: Shop, fresh: bool, tables: list[TableState]) -> list[str]:
    """Say what a person should do next, the most urgent first."""
    advice = []
    for table in tables:
        advice.extend(_failures(shop, table.table))
    if shop.publication.published() is None:
        advice.append("Master CSV not found. Run: analytics-pipeline update")
    elif not fresh:
        advice.append("Data seems outdated. Run: analytics-pipeline update")
    if not advice and _no_recent_sales(shop):
        advice.append(
            "No recent sales found in the last seven days. That is no error; if the "
            "shop was open, see whether its tills are online."
        )
    return advice or ["Nothing: all is well."]


def _failures(shop: Shop, table: str) -> list[str]:
    """Say what failed, days that failed the same check together."""
    days_of: dict[str, list[str]] = {}
    rules: dict[str, str] = {}
    for day, failure in sorted(shop.warehouse.failures(table).items()):
        days_of.setdefault(failure["check"], []).append(day)
        rules[failure["check"]] = failure["rule"]
    told = []
    for check, days in days_of.items():
        of = f" of {days[0]}" if days[0] else ""
        more = f" (and {len(days) - 1} more days)" if len(days) > 1 else ""
        told.append(f"{table}{of}{more} failed {check}: {rules[check]}")
    return told


def _no_recent_sales(shop: Shop) -> bool:
    """Say whether the last seven stored days hold no sale."""
    days = shop.warehouse.partitions("raw_sales")[-7:]
    return not any(shop.warehouse.row_count("raw_sales", day) for day in days)


def _show(state: State, terminal: Terminal) -> None:
    """Print the state as one screen."""
    day = state.published or "nothing yet"
    note = " (provisional)" if state.provisional else ""
    lines = {
        MASTER: f"as of {day}{note}",
        "updated": state.updated or "never",
        "fresh": "yes" if state.fresh else "no",
    }
    terminal.summary("Published", lines)
    terminal.rows(
        ("table", "rows", "as of", "materialized", "gate"),
        [
            (
                table.table,
                "" if table.rows is None else f"{table.rows:,}",
                table.as_of or "",
                table.materialized or "",
                table.gate,
            )
            for table in state.tables
        ],
    )
    terminal.out.print("\nWhat to do")
    for sentence in state.advice:
        terminal.out.print(f"  {sentence}", markup=False, soft_wrap=True)
