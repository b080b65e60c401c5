"""A simulated store on a real socket, and the pipeline pointed at it."""

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from rich.console import Console

from analytics_pipeline.commands.running import Outcome, run_job
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.orchestration.records import (
    DAILY_UPDATE,
    FULL_REBUILD,
    update_config,
)
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.export import write_export
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.serving import serve

TOKEN = "simulated"
OPENED = date(2026, 5, 1)
LONG_AGO = date(2026, 2, 20)  # so that windows of 90 days and a clock change are in
FIRST_DAY = date(2026, 6, 20)
NOON = time(12, tzinfo=UTC)
PUBLISHED = ("customer_analytics_master.csv", "first_time_buyers.csv")
SNAPSHOTS = (
    *("customer_analytics", "tier_outlook", "customer_rfm"),
    *("prediction_models", "customer_predictions"),
    *("customer_cohorts", "outlet_analytics", "product_analytics"),
)
REPRODUCED = (
    "customers",
    "customer_identities",
    "ecom_orders",
    "raw_sales",
    "sale_lines",
    "ecom_reconciliation",
)


def silent_terminal() -> Terminal:
    """A terminal that shows nothing."""
    return Terminal(out=Console(quiet=True), err=Console(quiet=True))


@dataclass
class SimulatedShop:
    """A store that can be moved through time, and the pipeline's view of it."""

    store: Store
    simulator: Any
    settings: Settings

    @property
    def data(self) -> Path:
        return self.settings.data_dir

    @property
    def local(self) -> Shop:
        return open_shop(self.settings)

    def live_until(self, day: date) -> None:
        """Let the store live until the noon after *day*, and export its web shop."""
        moment = datetime.combine(day + timedelta(days=1), NOON)
        self.simulator.advance_to(moment)
        self.data.mkdir(parents=True, exist_ok=True)
        write_export(self.store.state, self.data / "ecom_orders_export.csv")

    def update(
        self, day: date, *, days: int = 7, job: str = DAILY_UPDATE, full: bool = False
    ) -> Outcome:
        """Run the daily job for *day*."""
        config = update_config(
            days=days, full_resync=full, recut_all_days=job == FULL_REBUILD
        )
        return run_job(self.settings, job, day, config, silent_terminal())

    def rebuild(self, day: date) -> Outcome:
        """Run the rebuild for *day*."""
        return self.update(day, days=0, job=FULL_REBUILD, full=True)

    def rows(self, name: str) -> list[dict[str, str]]:
        """Read a published file as a spreadsheet would."""
        with (self.data / name).open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))

    def with_data(self, folder: Path) -> "SimulatedShop":
        """Return the same store with another data directory, and its hash key."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in (".identity_key", "ecom_orders_export.csv"):
            (folder / name).write_bytes((self.data / name).read_bytes())
        settings = self.settings.model_copy(update={"data_dir": folder})
        return SimulatedShop(self.store, self.simulator, settings)

    def reproducible(self, day: date) -> Mapping[str, str]:
        """Fingerprint every file that rule 7.3 names, for the snapshot of *day*."""
        files = {name: self.data / name for name in PUBLISHED}
        for table in SNAPSHOTS:
            files[table] = self.data / f"warehouse/{table}/{day}.parquet"
        for table in REPRODUCED:
            for path in (self.data / "warehouse" / table).glob("*.parquet"):
                files[f"{table}/{path.name}"] = path
        return {
            name: sha256(path.read_bytes()).hexdigest() for name, path in files.items()
        }


@contextmanager
def open_simulated_shop(
    data: Path,
    *,
    seed: int,
    customers: int,
    opened_on: date = OPENED,
    day: date = FIRST_DAY,
    **settings: Any,
) -> Iterator[SimulatedShop]:
    """Open a store that has lived until *day*, and serve it on loopback."""
    store = Store(seed, customers=customers, opened_on=opened_on)
    app = build_app(store, token=TOKEN, rate_limit=1_000_000)
    with serve(app) as origin:
        ours = load_settings(
            data_dir=data,
            start_date=opened_on,
            domain_prefix="demo",
            token=SecretStr(TOKEN),
            api_url=origin,
            **settings,
        )
        simulated = SimulatedShop(store, app.state.simulator, ours)
        simulated.live_until(day)
        yield simulated
