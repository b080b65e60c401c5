"""The state of a shop: its tables, what failed and since when, what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from analytics_pipeline.catalogue import Catalogue
from analytics_pipeline.instance import open_instance
from analytics_pipeline.partitions import business_days
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.gate_notes import FailedCheck

EXPORTS = ("first_time_buyers", "customer_analytics_master")
SNAPSHOTS = ("customer_analytics", *EXPORTS, "customer_changes")
"""The tables made anew for every day, none of which stands on an earlier one."""


@dataclass(frozen=True, slots=True)
class TableState:
    """One table: how much it holds, until which day, and whether its gate is open."""

    table: str
    rows: int | None
    as_of: str | None
    materialized: str | None
    gate: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that stopped a table, or some days of it, and still does.

    ``is_past`` says that it stopped days before the published one, which no later day
    needs; ``can_be_accepted``, that a person may know better than the check.
    """

    table: str
    check: str
    days: list[str]
    since: str
    sentence: str
    can_be_accepted: bool
    is_past: bool

    @property
    def what(self) -> str:
        """The table and the days that failed, as a person would name them."""
        of = f" of {self.days[-1]}" if self.days else ""
        more = f" and {len(self.days) - 1} days before" if len(self.days) > 1 else ""
        return f"{self.table}{of}{more}"


@dataclass(frozen=True, slots=True)
class State:
    """The shop's tables, what is published, what failed, and what to do next."""

    published: str | None
    provisional: bool
    people: int | None
    updated: str | None
    fresh: bool
    due: str
    failures: list[Failure]
    tables: list[TableState]
    advice: list[str]

    @property
    def is_good(self) -> bool:
        """Whether the published master is fresh and nothing that matters failed."""
        return self.fresh and all(failure.is_past for failure in self.failures)


def read_state(shop: Shop) -> State:
    """Gather the state from the stored tables and from Dagster's records."""
    published = shop.publication.published()
    due = shop.due_day.isoformat()
    names = [table.name for table in Catalogue(business_days(shop.settings)).all]
    instance = open_instance(shop.settings)
    failures = [failure for name in names for failure in _failures(shop, name)]
    fresh = published is not None and published.as_of >= due
    return State(
        published.as_of if published else None,
        published.provisional if published else False,
        published.rows if published else None,
        _in_store_time(shop, shop.publication.stamp()),
        fresh,
        due,
        failures,
        [_read_table(shop, instance, name) for name in names],
        _advise(shop, due, failures),
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
        read_at = walk.began_at.isoformat() if walk else None
        return shop.sales_log().row_count(), _in_store_time(shop, read_at)
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


def _failures(shop: Shop, table: str) -> list[Failure]:
    """Return what failed at the last attempts, days that failed the same together."""
    together: dict[tuple[str, bool], list[tuple[str, FailedCheck]]] = {}
    for day, checks in sorted(shop.warehouse.failures(table).items()):
        is_past = _is_past(shop, table, day)
        for check in checks:
            together.setdefault((check.check, is_past), []).append((day, check))
    return [
        _failure(shop, table, is_past, found)
        for (_check, is_past), found in together.items()
    ]


def _failure(
    shop: Shop, table: str, is_past: bool, found: list[tuple[str, FailedCheck]]
) -> Failure:
    """Describe one check that some days of a table failed."""
    _day, last = found[-1]
    since = min(check.since for _, check in found)
    return Failure(
        table,
        last.check,
        [day for day, _ in found if day],
        _in_store_time(shop, since) or since,
        last.rule,
        last.fingerprint is not None,
        is_past,
    )


def _is_past(shop: Shop, table: str, day: str) -> bool:
    """Say whether a snapshot of that day is one that a later, sound one has passed."""
    published = shop.publication.published()
    return table in SNAPSHOTS and published is not None and day < published.as_of


def _in_store_time(shop: Shop, moment: str | None) -> str | None:
    """Return an ISO moment as the store's clocks show it, with their offset."""
    if moment is None:
        return None
    local = datetime.fromisoformat(moment).astimezone(shop.zone)
    return local.isoformat(timespec="seconds")


def _advise(shop: Shop, due: str, failures: Iterable[Failure]) -> list[str]:
    """Say what a person should do next, the most urgent first."""
    advice = [_remedy(failure) for failure in failures]
    published = shop.publication.published()
    if published is None:
        advice.append("Master CSV not found. Run: analytics-pipeline update")
    elif published.as_of < due:
        advice.append("Data seems outdated. Run: analytics-pipeline update")
    if not advice and _no_recent_sales(shop):
        advice.append(
            "No recent sales found in the last seven days. That is no error; if the "
            "shop was open, see whether its tills are online."
        )
    return advice or ["Nothing: all is well."]


def _remedy(failure: Failure) -> str:
    """Say what to do about *failure*."""
    if failure.is_past:
        return (
            f"{failure.what} was never made, which no later day needs. To make it: "
            f"analytics-pipeline update --as-of {failure.days[-1]}"
        )
    remedy = f"{failure.what}: mend the cause, then run: analytics-pipeline update"
    if failure.can_be_accepted:
        remedy += (
            f"\n    or, if it is as it should be: analytics-pipeline update --accept "
            f'{failure.table}.{failure.check} --reason "why it is right"'
        )
    return remedy


def _no_recent_sales(shop: Shop) -> bool:
    """Say whether the last seven stored days hold no sale."""
    days = shop.warehouse.partitions("raw_sales")[-7:]
    return not any(shop.warehouse.row_count("raw_sales", day) for day in days)
