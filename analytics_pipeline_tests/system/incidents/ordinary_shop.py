"""An ordinary shop, lived day by day, and everything that the checks say of it.

The store is asked without a socket, and every run is made at six in the morning after
the day, as the nightly schedule's would be.
"""

import csv
import pickle
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import httpx
from pydantic import SecretStr

from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.simulator.export import write_export
from analytics_pipeline.simulator.faults import FaultPlan
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.records import Sale, StoreState, WebOrder
from analytics_pipeline.simulator.trading_days import ORDINARY
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.light_run import TABLES, PatientLightspeed, run_light
from analytics_pipeline_tests.system.histories.in_process import InProcess

ZONE = ZoneInfo("America/New_York")
EARLIER_SALES = timedelta(days=5)
"""A till without network says days later what it sold, and dates are corrected."""
EXPORT = "ecom_orders_export.csv"
MASTER = "customer_analytics_master.csv"
CHECKS = dg.AssetCheckEvaluation
SHORTEST_WORD = 3


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one check said of one table, or of one day of it, in one run."""

    day: date
    table: str
    check: str
    partition: str | None
    passed: bool
    severity: str
    sentence: str
    evidence: Mapping[str, Any]

    @property
    def words(self) -> str:
        """Everything that it says, as one text."""
        return " ".join([self.sentence, *map(str, self.evidence.values())])


@dataclass
class OrdinaryShop:
    """A store that trades as most shops do, and the pipeline's data directory.

    ``full`` reads everything again; ``plan`` lets requests fail; ``wrap`` may change
    what the store answers; ``tables`` are those of the next run.
    """

    store: Store
    settings: Settings
    tables: Sequence[str] = TABLES
    full: bool = False
    plan: FaultPlan = field(default_factory=FaultPlan)
    wrap: Callable[[InProcess], httpx.BaseTransport] = lambda asked: asked
    failure: dg.Failure | None = None

    @property
    def state(self) -> StoreState:
        return self.store.state

    @property
    def now(self) -> datetime:
        return self.store.state.now

    @property
    def data(self) -> Path:
        return self.settings.data_dir

    @property
    def published(self) -> bytes:
        return (self.data / MASTER).read_bytes()

    def live_through(self, day: date) -> None:
        """Let the store live until six in the morning after *day*, and export."""
        morning = datetime.combine(day + timedelta(days=1), time(6), ZONE)
        self.store.advance_to(morning.astimezone(UTC))
        self.export()

    def export(self) -> None:
        """Export the web shop's orders, as of now."""
        path = self.data / EXPORT
        path.parent.mkdir(parents=True, exist_ok=True)
        write_export(self.state, path)
        self.date_export(self.now)

    def date_export(self, moment: datetime) -> None:
        """Let the export have been written at *moment*."""
        clock.set_modified(self.data / EXPORT, moment)

    def update(
        self, day: date, tables: Sequence[str] | None = None
    ) -> list[Evaluation]:
        """Run the daily update for *day*; a failure is kept in ``failure``."""
        asked = InProcess(self, plan=self.plan)  # type: ignore[arg-type]
        options = {"transport": self.wrap(asked), "now": lambda: self.now}
        parts: list[Any] = []
        self.failure = None
        try:
            run_light(
                self.settings,
                day,
                full_resync=self.full,
                recut_all_days=self.full,
                tables=self.tables if tables is None else tables,
                lightspeed=PatientLightspeed(self.settings, options),
                clock=lambda: self.now,
                reported=parts,
            )
        except dg.Failure as failure:
            self.failure = failure
        return list(_evaluations(day, parts))

    def sales_of(self, day: date) -> list[Sale]:
        """Return the sales that fall on *day* at their outlet."""
        zones = {
            key: ZoneInfo(one.time_zone) for key, one in self.state.outlets.items()
        }
        return [
            sale
            for sale in self.state.sales.values()
            if sale.sale_date.astimezone(zones[sale.outlet_id]).date() == day
        ]

    def change(self, record: Any, **values: Any) -> None:
        """Change a record of the store, as a new version of it."""
        for name, value in values.items():
            setattr(record, name, value)
        record.version = self.next_version()

    def change_order(self, order: WebOrder, **values: Any) -> None:
        """Change an order of the web shop, and export it."""
        for name, value in values.items():
            setattr(order, name, value)
        self.export()

    def next_version(self) -> int:
        """Return a version that is later than every one there is."""
        state = self.state
        kinds = (
            *(state.sales, state.customers, state.products),
            *(state.outlets, state.registers),
        )
        return 1 + max(each.version for kind in kinds for each in kind.values())

    def kept(self, table: str, day: date) -> Mapping[str, object]:
        """Return what a failed gate of *table*, or of its *day*, must leave as it is.

        The stored rows, how much of the log counts, and every file for people but the
        lists of what a check has found, ``TABLE.CHECK.csv``.
        """
        stored = (f"warehouse/{table}/{name}.parquet" for name in (table, day))
        paths = [self.data / name for name in stored]
        paths += [path for path in self.data.iterdir() if path.suffix == ".csv"]
        paths += (self.data / "archive").iterdir()
        reports = (self.data / "reports").iterdir()
        paths += [path for path in reports if path.name.count(".") == 1]
        kept: dict[str, object] = {
            str(path): path.read_bytes() for path in paths if path.exists()
        }
        if table == "sales_feed":
            log = open_shop(self.settings).sales_log()
            kept["log"] = (log.generation, log.checked_segments())
        return kept

    def personal_words(self) -> "re.Pattern[str]":
        """Return what finds any personal value of the store in a text."""
        found: set[str] = set()
        for record in self.state.customers.values():
            typed = (
                record.customer_code, record.first_name, record.last_name,
                record.company_name, record.email, record.phone, record.mobile,
            )  # fmt: skip
            found |= {str(value).strip() for value in typed if value}
        for order in self.state.web_orders.values():
            found |= {
                value for value in (order.email, order.name, order.phone) if value
            }
        words = sorted(re.escape(word) for word in found if len(word) >= SHORTEST_WORD)
        return re.compile(rf"(?<!\w)({'|'.join(words)})(?!\w)|ecom-|@")

    def pack(self) -> bytes:
        """Return the store as it is now, to be opened again."""
        return pickle.dumps(self.store)


def _evaluations(day: date, events: Sequence[Any]) -> Iterator[Evaluation]:
    for event in events:
        if isinstance(event, CHECKS):
            assert event.asset_key is not None
            assert event.check_name is not None
            yield Evaluation(
                day,
                event.asset_key.to_user_string(),
                event.check_name,
                getattr(event, "partition", None),
                event.passed,
                event.severity.value,
                str(event.description),
                {name: entry.value for name, entry in event.metadata.items()},
            )


def found_shop(data: Path, opened_on: date, *, seed: int = 2) -> OrdinaryShop:
    """Found a shop with some 130 customer records, and an empty data directory."""
    store = Store(
        seed, customers=330, opened_on=opened_on, sales_per_day=62, trade=ORDINARY
    )
    settings = load_settings(
        data_dir=data,
        start_date=opened_on - EARLIER_SALES,
        domain_prefix="demo",
        token=SecretStr("ordinary"),
        api_url="http://127.0.0.1:9",
    )
    return OrdinaryShop(store, settings)


def reopen_shop(packed: bytes, kept: Path, data: Path) -> OrdinaryShop:
    """Open a copy of a shop: its store as it was packed, its data as it was *kept*."""
    shutil.copytree(kept, data)
    store = pickle.loads(packed)
    shop = found_shop(data, store._opened_on)
    return OrdinaryShop(store, shop.settings)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a published file as a spreadsheet would."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
