"""A store on two days, and where the pipeline ends there when nothing goes wrong.

On the second day sales and customers were changed late, one sale's fault was fixed
and another came, and the log lacks two sales that only the search can show.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import httpx
import pandas as pd
import pyarrow.parquet as pq
from pydantic import SecretStr
from upath import UPath

from analytics_pipeline.settings import Engine, load_settings
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.faults import FaultPlan
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.records import Sale
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline.storage.feed_log import FeedLog
from analytics_pipeline.tables import PRODUCTS, SALES_FEED, TableSpec
from analytics_pipeline_tests import light_run
from analytics_pipeline_tests.light_run import PatientLightspeed, run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop

TOKEN = "token-that-no-one-may-see"
NEXT_DAY = FIRST_DAY + timedelta(days=1)
OPENED_ON = FIRST_DAY - timedelta(days=11)
SEED, CUSTOMERS = 3, 40
UNCHANGED_ON_FAILURE = ("*.csv", ".*.json", ".last_update_timestamp", "archive/*")
EXPORT = "ecom_orders_export.csv"
SOURCES = ("ecom_orders", "outlets", "sales_feed", "customers", "products")
TABLES = light_run.UP_TO_REPORTING
"""All but the report, which asks no source and which nothing is built on."""

SOURCE_FILES = ("customers", "outlets", "ecom_orders")

Version = tuple[Any, ...]


class Asked(NamedTuple):
    """What one request asked for."""

    path: str
    after: int

    @property
    def is_feed(self) -> bool:
        return self.path in {
            *("sales", "customers", "customer_groups", "products"),
            *("outlets", "registers"),
        }


class Wire(httpx.BaseTransport):
    """One set of connections for all runs, which remembers what was asked."""

    def __init__(self) -> None:
        self._sockets = httpx.HTTPTransport(verify=False)
        self.asked: list[Asked] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.split("/", 3)[3]
        self.asked.append(Asked(path, int(request.url.params.get("after", 0))))
        return self._sockets.handle_request(request)

    def close(self) -> None:
        """Stay open: the next client goes on with the same connections."""

    def close_at_last(self) -> None:
        self._sockets.close()


@dataclass(frozen=True)
class SourcesState:
    """What a data directory holds of the sources, whatever way it came there."""

    files: Mapping[str, str]
    products: frozenset[Version]
    sales: Mapping[str, Version]
    quarantine: Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Ends:
    """Where a run ends when nothing goes wrong, and what it stores on the way."""

    sources: SourcesState
    versions: frozenset[Version]
    stored: Mapping[str, str]
    reproducible: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """Some tables that are about to be run, on a data directory as it is then."""

    name: str
    shop: SimulatedShop
    start: Path
    day: date
    wire: Wire
    tables: Sequence[str]

    def copy_to(self, folder: Path) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.start, folder)
        return folder

    def go(
        self, data: Path, plan: FaultPlan, tables: Sequence[str] | None = None
    ) -> tuple[dg.Failure | None, int]:
        """Run under *plan*; return how it failed, if it did, and how much it asked."""
        settings = self.shop.settings.model_copy(update={"data_dir": data})
        lightspeed = PatientLightspeed(settings, {"transport": self.wire})
        self.shop.simulator.use_faults(plan)
        try:
            run_light(
                settings, self.day, tables=tables or self.tables, lightspeed=lightspeed
            )
        except dg.Failure as failure:
            return failure, lightspeed.requests
        return None, lightspeed.requests

    def find_the_end(self, folder: Path) -> tuple[tuple[Asked, ...], Ends]:
        """Run without faults in *folder*; return what was asked and where it ends."""
        self.copy_to(folder)
        self.wire.asked.clear()
        failure, _ = self.go(folder, FaultPlan())
        assert failure is None, failure.metadata
        return tuple(self.wire.asked), self.end_in(folder)

    def end_in(self, data: Path) -> Ends:
        settings = self.shop.settings.model_copy(update={"data_dir": data})
        shop = SimulatedShop(self.shop.store, self.shop.simulator, settings)
        return Ends(
            sources_in(data),
            versions_in(data) | versions_in(self.start),
            fingerprints(data),
            shop.reproducible(self.day) if self.tables == TABLES else {},
        )


@dataclass(frozen=True)
class Situation:
    """A first load or a daily update: the whole of it, and each table by itself.

    Each table that is read over HTTP starts from where the one before it ended, so
    that a fault in it can be tried without those before it.
    """

    whole: Run
    asked: Sequence[Asked]
    ends: Ends
    parts: Sequence[tuple[Run, Sequence[Asked], Ends]]


# What a data directory holds ------------------------------------------------------


def log_of(data: Path, table: TableSpec = SALES_FEED) -> FeedLog:
    return FeedLog(UPath(data / "warehouse" / table.name), table)


def rows_of(log: FeedLog) -> list[dict[str, Any]]:
    """Return every row of the log, in the order in which it came."""
    return [
        {**row, "segment": each.number}
        for each in log.segments()
        for row in pq.ParquetFile(each.path).read().to_pylist()
    ]


def versions_in(data: Path) -> frozenset[Version]:
    """Return every version of a sale in the log, without the place where it is."""
    return frozenset(map(_as_version, rows_of(log_of(data))))


def _as_version(row: Mapping[str, Any]) -> Version:
    return tuple(value for name, value in row.items() if name != "segment")


def sources_in(data: Path) -> SourcesState:
    """Return the sources, read by simple means: the last version counts."""
    log = log_of(data)
    in_order = sorted(rows_of(log), key=lambda row: (row["version"], row["segment"]))
    latest = {row["sale_id"]: row for row in in_order}
    away: dict[str, tuple[Any, ...]] = {}
    for entry in log.rejections().sort_values("version").to_dict("records"):
        sale, version, rule = (entry[name] for name in ("record_id", "version", "rule"))
        if pd.isna(version):  # made good by whatever came later
            if latest.get(sale, {"segment": -1})["segment"] < entry["segment"]:
                away[sale] = (sale, None, rule)
        elif version > latest.get(sale, {"version": 0})["version"]:
            away[sale] = (sale, version, rule)
    return SourcesState(
        files=fingerprints(data, SOURCE_FILES),
        products=frozenset(map(_as_version, rows_of(log_of(data, PRODUCTS)))),
        sales={
            sale: _as_version(row) for sale, row in latest.items() if sale not in away
        },
        quarantine=sorted(away.values()),
    )


def fingerprints(data: Path, tables: Sequence[str] | None = None) -> dict[str, str]:
    """Fingerprint the stored tables, all but the log by default."""
    root = data / "warehouse"
    return {
        path.relative_to(root).as_posix(): _digest(path)
        for path in sorted(root.glob("*/*.parquet"))
        if tables is None or path.parent.name in tables
    }


def published_in(data: Path) -> dict[str, str]:
    """Fingerprint what people use: the published files and the archive."""
    return {
        path.relative_to(data).as_posix(): _digest(path)
        for pattern in UNCHANGED_ON_FAILURE
        for path in data.glob(pattern)
    }


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


# The store ------------------------------------------------------------------------


@contextmanager
def open_two_days(
    folder: Path, api_version: str, tables: tuple[str, ...]
) -> Iterator[list[Situation]]:
    """Yield a first load and the update of the next day, ready to be tried."""
    wire = Wire()
    with ExitStack() as stack:
        stack.callback(wire.close_at_last)
        first = stack.enter_context(_served(folder / "first", api_version, 40))
        break_sales(first, 1, 2)
        hide_sales(first, 3, 4)
        whole = Run("first load", first, folder / "first", FIRST_DAY, wire, tables)
        load = _situation(whole, folder / "loaded")

        second = stack.enter_context(_served(folder / "second", api_version, 10))
        totals = break_sales(second, 1, 2)
        second.live_until(NEXT_DAY)
        change_late(second, totals)
        start = folder / "loaded"
        shutil.copy(second.data / EXPORT, start)
        whole = Run("daily update", second, start, NEXT_DAY, wire, tables)
        yield [load, _situation(whole, folder / "updated")]


def _situation(whole: Run, folder: Path) -> Situation:
    """Find where the whole ends, in *folder*, and where each of its parts does."""
    asked, ends = whole.find_the_end(folder)
    parts, start = [], whole.start
    for table in SOURCES:
        part = replace(
            whole, name=f"{whole.name}, {table}", start=start, tables=(table,)
        )
        start = folder.with_name(f"{folder.name}-{table}")
        parts.append((part, *part.find_the_end(start)))
    return Situation(whole, asked, ends, parts)


@contextmanager
def _served(data: Path, api_version: str, page_limit: int) -> Iterator[SimulatedShop]:
    """Serve the store as it is on the first day; its history is the same each time."""
    store = Store(SEED, customers=CUSTOMERS, opened_on=OPENED_ON)
    app = build_app(
        store, token=TOKEN, page_limit=page_limit, search_limit=40, rate_limit=10**6
    )
    with serve(app) as origin:
        settings = load_settings(
            _env_file=None,
            data_dir=data,
            start_date=OPENED_ON,
            domain_prefix="demo",
            token=SecretStr(TOKEN),
            api_url=origin,
            api_version=api_version,
            time_zone="America/New_York",
            engine=Engine.DUCKDB,
            store=None,
        )
        shop = SimulatedShop(store, app.state.simulator, settings)
        shop.live_until(FIRST_DAY)
        (data / ".identity_key").write_text("5a" * 32 + "\n", encoding="ascii")
        yield shop


# What happens late ----------------------------------------------------------------


def some_sale(shop: SimulatedShop, n: int) -> Sale:
    """Return the n-th sale of the last days before the first day, always the same."""
    since = datetime.combine(FIRST_DAY - timedelta(days=4), time(), UTC)
    plain = [
        sale
        for sale in shop.store.state.sales.values()
        if sale.sale_date >= since
        and sale.state == "closed"
        and sale.return_for is None
        and not sale.return_ids
        and not sale.source_id
        and sale.deleted_at is None
    ]
    return sorted(plain, key=lambda sale: (sale.sale_date, sale.id))[n]


def timeline_of(shop: SimulatedShop) -> Any:
    """The hand that writes the store's history, so that versions stay true."""
    return shop.store._shop.timeline


def break_sales(shop: SimulatedShop, *which: int) -> dict[str, Decimal]:
    """Take the total from these sales; return what it was."""
    sales = [some_sale(shop, n) for n in which]
    totals = {sale.id: sale.total_price_incl for sale in sales}
    for sale in sales:
        sale.total_price_incl = None  # type: ignore[assignment]
        timeline_of(shop).edit(sale, shop.store.state.now)
    return totals


def hide_sales(shop: SimulatedShop, *which: int) -> None:
    """Show these sales in no feed, as if it had left them out when it was read."""
    for sale in [some_sale(shop, n) for n in which]:
        del shop.store.state.sales[sale.id]


def change_late(shop: SimulatedShop, totals: Mapping[str, Decimal]) -> None:
    """Fix a sale, break one, move, delete and hand over others; change customers."""
    timeline, state = timeline_of(shop), shop.store.state
    fixed = next(iter(totals))
    state.sales[fixed].total_price_incl = totals[fixed]
    timeline.edit(state.sales[fixed], state.now)
    broken, moved, deleted, handed_over = (some_sale(shop, n) for n in (5, 6, 7, 8))
    broken.total_price_incl = None  # type: ignore[assignment]
    timeline.edit(broken, state.now)
    moved.sale_date -= timedelta(days=3)
    timeline.edit(moved, state.now)
    timeline.delete(deleted, state.now)
    people = sorted(
        (p for p in state.customers.values() if p.id != state.default_customer_id),
        key=lambda person: person.version,
    )
    timeline.hand_over(handed_over, people[0].id, state.now)
    people[1].email = "moved.away@example.com"
    timeline.edit(people[1], state.now)
    timeline.delete(people[2], state.now)
