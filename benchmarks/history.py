"""The data directory of a shop that has updated every day for years.

The first load brought the sales of the first days in pages; each day after that is one
small segment of the log, with what was sold and what was changed late.  The last days,
from the simulated store's opening on, were read from it by the product itself, which
also cut every day, so that what comes next is an ordinary daily update.
"""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.storage.sales_log import SalesLog
from analytics_pipeline.storage.tables import Warehouse
from benchmarks.invented_customers import invent_customers
from benchmarks.invented_sales import Till
from benchmarks.invented_shop import invent_outlets
from benchmarks.own_steps import run_steps, settings_for
from benchmarks.worker import Stopwatch

FIRST_LOAD_DAYS = 90
PAGE = 1_000
LATE_CHANGES = 2
"""How many sales of the day before change again each day: some two in a hundred."""

DATA = "data"


def write_history(
    _stopwatch: Stopwatch,
    folder: str,
    start: str,
    opened_on: str,
    updated: str,
    sales_per_day: int,
    older_customers: int,
    origin: str,
    export: str,
) -> None:
    """Write the log from *start* to *opened_on*; let the product update *updated*."""
    data = Path(folder) / DATA
    data.mkdir()
    (data / "ecom_orders_export.csv").write_bytes(Path(export).read_bytes())
    log = SalesLog(Warehouse(str(data / "warehouse")).root / "sales_feed")
    _fill_log(log, start, opened_on, sales_per_day, older_customers)
    run_steps(settings_for(str(data), origin, start), updated, days=0)


def _fill_log(
    log: SalesLog, start: str, opened_on: str, sales_per_day: int, customers: int
) -> None:
    """Append the pages of the first load, then a segment for every day."""
    first, end = date.fromisoformat(start), date.fromisoformat(opened_on)
    frames = _sell_daily(first, (end - first).days, sales_per_day, customers)
    load, daily = frames[:FIRST_LOAD_DAYS], frames[FIRST_LOAD_DAYS:]
    first_load = pd.concat(load, ignore_index=True)
    pages = [first_load[n : n + PAGE] for n in range(0, len(first_load), PAGE)]
    for number, rows in enumerate([*pages, *daily]):
        numbered = shape(rows.assign(segment=number), SalesFeed)
        log.append(numbered, (), number=number, cursor=int(rows["version"].max()))
    log.mark_checked()


def _sell_daily(
    first: date, days: int, sales_per_day: int, customers: int
) -> list[pd.DataFrame]:
    """Return what the log gets each day: new sales, then late changes of old ones."""
    records = invent_customers(customers)
    people = records.loc[~records["is_walk_in"], "customer_id"]
    walk_in = records.loc[records["is_walk_in"], "customer_id"].iloc[0]
    outlets = invent_outlets()["outlet_id"].tolist()
    till = Till(pa.array(people, pa.string()), walk_in, outlets)
    counts = np.random.default_rng(29).poisson(sales_per_day, days).clip(LATE_CHANGES)
    frames: list[pd.DataFrame] = []
    for number, count in enumerate(counts.tolist()):
        sold = till.sell(first + timedelta(days=number), count).sales
        late = frames[-1].head(LATE_CHANGES) if frames else sold[:0]
        versions = np.arange(till.version, till.version + len(late))
        till.version += len(late)
        changed = late.assign(version=versions, state="closed", is_deleted=False)
        frames.append(pd.concat([sold, changed], ignore_index=True))
    return frames
