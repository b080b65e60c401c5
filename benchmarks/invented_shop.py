"""Shops of invented tables, as the product writes them.

``write_shop`` writes a whole warehouse: the sales of each day go through the product's
own rules and writers, the log gets what happened on each day, and the persons come from
their own step.  The last day was just cut, and everything before it was compared with
the log on the night before: what the analytics of a night find.

``write_history`` writes the log of a shop that has updated every day for years, and
lets the product read the last days from the simulated store and cut every day, so that
what comes next is an ordinary daily update.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from analytics_pipeline.assets.customer_identities import store_identities
from analytics_pipeline.assets.inputs import make_candidates
from analytics_pipeline.assets.purchases import open_purchases
from analytics_pipeline.assets.raw_sales import compare_with_log
from analytics_pipeline.assets.table import function_of
from analytics_pipeline.domain.sales import classify_sales
from analytics_pipeline.domain.web_order_log import LAST_WORDS
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import (
    Customers,
    EcomOrders,
    Outlets,
    SalesFeed,
)
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.sources.web_shop.export import NOT_IN_EXPORT
from analytics_pipeline.storage.catch_ups import CatchUp
from analytics_pipeline.storage.feed_log import FeedLog
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline.tables import CUSTOMER_IDENTITIES, SALES_FEED
from benchmarks import LAST
from benchmarks.invented_people import draw_ids, invent_customers
from benchmarks.invented_sales import Till, TradingDay, trade
from benchmarks.own_steps import run_for, run_steps, settings_for
from benchmarks.worker import Stopwatch

TIME_ZONE = "America/New_York"


def shop_in(folder: str | Path, days: int) -> Shop:
    """Open the shop whose data directory is *folder* and that is *days* old."""
    settings = Settings(
        data_dir=Path(folder),
        start_date=LAST - timedelta(days=days - 1),
        time_zone=TIME_ZONE,
        _env_file=None,
    )
    return open_shop(settings, clock=the_morning_after)


def the_morning_after() -> datetime:
    """Return when the last day is over in every zone."""
    return datetime.combine(LAST + timedelta(days=1), time(12), UTC)


def invent_outlets() -> pd.DataFrame:
    """Return ``Outlets``: two shops in one zone."""
    ids = draw_ids(np.random.default_rng(5), 2)
    frame = pd.DataFrame(
        {
            "outlet_id": ids.to_pandas(),
            "name": ["High Street", "Station"],
            "time_zone": TIME_ZONE,
            "is_deleted": False,
            "register_count": 2,
            "store_time_zone": TIME_ZONE,
            "store_country": "US",
            "discount_product_id": None,
        }
    )
    return shape(frame, Outlets)


def open_till(records: pd.DataFrame) -> Till:
    """Return a till that sells to the customers of *records*."""
    buyers = pa.array(records.loc[~records["is_walk_in"], "customer_id"], pa.string())
    walk_in = records.loc[records["is_walk_in"], "customer_id"].iloc[0]
    return Till(buyers, walk_in, invent_outlets()["outlet_id"].tolist())


# ----------------------------------------------------------------------------------
# A whole warehouse, on the night after the last day.


def write_shop(
    _stopwatch: Stopwatch, folder: str, sales: int, customers: int, days: int
) -> None:
    """Write every table that the analytics are made from, and the checkpoints."""
    shop = shop_in(folder, days)
    records = invent_customers(customers)
    shop.warehouse.write("outlets", Outlets, invent_outlets())
    shop.warehouse.write("customers", Customers, shape(records, Customers))
    shares = np.diff(np.linspace(0, sales, days + 1).astype("int64")).tolist()
    trading = trade(open_till(records), shop.settings.start_date, shares)
    orders = _write_days(shop, trading)
    people = records[~records["is_walk_in"]].reset_index(drop=True)
    export = invent_export(orders, people)
    shop.warehouse.write("ecom_orders", EcomOrders, shape(export, EcomOrders))
    (identities,) = make_candidates(
        CUSTOMER_IDENTITIES, function_of(CUSTOMER_IDENTITIES), run_for(shop, [])
    )
    store_identities(shop, identities)
    make_checkpoints(shop, LAST - timedelta(days=1))


def make_checkpoints(shop: Shop, day: date) -> None:
    """Let there be the checkpoints that the analytics of *day* leave."""
    assert open_purchases(shop, day, day).special_sales is not None


def _write_days(shop: Shop, trading: Iterator[TradingDay]) -> pd.DataFrame:
    """Write the log and the days of sales; return the web orders of all days."""
    log = shop.sales_log()
    shop.warehouse.note_first_day("raw_sales", shop.settings.start_date.isoformat())
    orders = []
    for number, traded in enumerate(trading):
        if traded.day == LAST:
            _compare(shop, log)
        _append(log, number, traded.news)
        yesterday = traded.day - timedelta(days=1)
        if traded.before is not None:
            _write_day(shop, yesterday, traded.before)
        if traded.day >= LAST - timedelta(days=1):
            _write_day(shop, traded.day, traded.sales)
        orders.append(traded.orders.assign(order_date=pd.Timestamp(traded.day)))
    _close_log(shop, log)
    return pd.concat(orders, ignore_index=True)


def _append(log: FeedLog, number: int, rows: pd.DataFrame) -> None:
    """Append a segment, as a walk of the feed does."""
    numbered = shape(rows.assign(segment=number), SalesFeed)
    log.append(numbered, (), number=number, cursor=int(rows["version"].max()))


def _write_day(shop: Shop, day: date, sales: pd.DataFrame) -> None:
    rows = classify_sales(
        shape(sales, SalesFeed), invent_outlets(), TIME_ZONE, Policy()
    )
    shop.warehouse.write("raw_sales", RawSales, shape(rows, RawSales), day.isoformat())


def _close_log(shop: Shop, log: FeedLog) -> None:
    """Note that the feeds were read to their end, and bundle what has many files."""
    log.mark_checked()
    log.bundle()
    shop.warehouse.bundle("raw_sales")
    for table in ("sales_feed", "customers"):
        shop.warehouse.catch_ups.record(table, CatchUp(shop.clock(), log.cursor()))


def _compare(shop: Shop, log: FeedLog) -> None:
    """Compare the days so far with the log, as each night does, which notes it.

    Raises:
        ValueError: a day is not what the log says.
    """
    _close_log(shop, log)
    compared = compare_with_log(shop, log, invent_outlets(), LAST - timedelta(days=1))
    if compared.stale_days or compared.repeated_sales:
        raise ValueError(f"The days are not what the log says: {compared}")


# ----------------------------------------------------------------------------------
# The web shop's export.


ONLY_IN_THE_EXPORT, STRANGERS = 0.1, 0.1
"""How many web orders have no sale, as a share of those that have one, and the share of
them that strangers placed."""

NAMES_ITS_SALE, NAMES_ANOTHER, NAMES_NONE = 0.6, 0.01, 0.002
"""Shares of the orders that name their own sale, another order's, and none there is."""

PAID = np.array(["ACCEPTED", "AWAITING_PAYMENT"])


def invent_export(orders: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """Return ``EcomOrders``: those with a sale, and some that no sale knows.

    Args:
        orders: ``Sold.orders`` with ``order_date``.
        people: ``Customers`` without the walk-in.
    """
    rng = np.random.default_rng(17)
    who = people.iloc[orders["buyer"]]
    known = orders.assign(
        sale_id=_name_sales(orders, rng),
        name=who["name"].to_numpy(),
        email=who["email"].to_numpy(),
        email_key=who["email_key"].to_numpy(),
    )
    every = pd.concat([known, _invent_unsynced(known, rng)], ignore_index=True)
    return every.assign(
        order_number=every["number"].astype("str"),
        ordered_at=every["order_date"] + pd.Timedelta(hours=12),
        payment_status=PAID[(rng.random(len(every)) < 0.3).astype("int64")],
        fulfillment_status="SHIPPED",
        tax_cents=every["total_cents"] - np.round(every["total_cents"] / 1.08),
        ecom_customer_id=(
            "ecom-" + every["email_key"].str[0] + every["email_key"].str[-15:]
        ),
        **dict(zip(LAST_WORDS, NOT_IN_EXPORT, strict=True)),
    ).sort_values("order_number", ignore_index=True)


def _name_sales(orders: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
    """Return the sale that each order names: its own, another, one that is not there.

    An order that only the export ties to its sale names it, or one that is not there.
    """
    drawn = rng.random(len(orders))
    own = orders["sale_id"]
    named = own.where(orders["is_exported"] | (drawn < NAMES_ITS_SALE))
    named = named.mask(drawn > 1 - NAMES_ANOTHER, own.shift())
    absent = draw_ids(rng, len(orders)).to_pandas()
    return named.mask(rng.random(len(orders)) < NAMES_NONE, absent)


def _invent_unsynced(known: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return orders like some that are known, with numbers that no sale names.

    Some are by strangers; those that name a sale claim one that is another's.
    """
    alone = known[rng.random(len(known)) < ONLY_IN_THE_EXPORT].copy()
    alone["number"] = np.arange(len(alone)) + known["number"].max() + 1
    unknown = rng.random(len(alone)) < STRANGERS
    keys = pd.Series([f"f{n:031x}" for n in range(len(alone))], index=alone.index)
    alone["email_key"] = alone["email_key"].mask(unknown, keys)
    return alone


# ----------------------------------------------------------------------------------
# The data directory of a shop that has updated every day for years.
#
# The first load brought the sales of the first days in pages; each day after that is
# one small segment of the log.


FIRST_LOAD_DAYS, PAGE = 90, 1_000
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
    first, end = date.fromisoformat(start), date.fromisoformat(opened_on)
    rng = np.random.default_rng(29)
    counts = rng.poisson(sales_per_day, (end - first).days).clip(1).tolist()
    trading = trade(open_till(invent_customers(older_customers)), first, counts)
    news = [traded.news for traded in trading]
    load = pd.concat(news[:FIRST_LOAD_DAYS], ignore_index=True)
    pages = [load[n : n + PAGE] for n in range(0, len(load), PAGE)]
    log = FeedLog(Warehouse(str(data / "warehouse")).root / "sales_feed", SALES_FEED)
    for number, rows in enumerate([*pages, *news[FIRST_LOAD_DAYS:]]):
        _append(log, number, rows)
    log.mark_checked()
    run_steps(settings_for(str(data), origin, start), updated, days=0)
