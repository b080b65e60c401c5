"""A shop's whole warehouse of invented tables, written as the product writes it.

The sales of each day go through the product's own rules and writer, and the persons
come from its own step, so the files are those that a shop would have.
"""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from analytics_pipeline.assets.customer_identities import (
    resolve_customers,
    store_identities,
)
from analytics_pipeline.domain.sales import classify_sales
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import (
    Customers,
    EcomOrders,
    Outlets,
    SalesFeed,
)
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.storage.parquet import shape
from benchmarks.analytics_result import LAST
from benchmarks.invented_customers import invent_customers
from benchmarks.invented_ids import draw_ids
from benchmarks.invented_sales import Sold, Till
from benchmarks.worker import Stopwatch

TIME_ZONE = "America/New_York"
ONLY_IN_THE_EXPORT = 0.1
"""The share of web orders, of those with a sale, that have none."""

STRANGERS = 0.1
PAID = np.array(["ACCEPTED", "AWAITING_PAYMENT"])


def shop_in(folder: str | Path, days: int) -> Shop:
    """Open the shop whose data directory is *folder* and that is *days* old."""
    settings = Settings(
        data_dir=Path(folder),
        start_date=LAST - timedelta(days=days - 1),
        time_zone=TIME_ZONE,
        _env_file=None,
    )
    return open_shop(settings)


def write_shop(
    _stopwatch: Stopwatch, folder: str, sales: int, customers: int, days: int
) -> None:
    """Write outlets, customers, web orders, identities and a file of sales a day."""
    shop = shop_in(folder, days)
    outlets = invent_outlets()
    shop.warehouse.write("outlets", Outlets, outlets)
    records = invent_customers(customers)
    shop.warehouse.write("customers", Customers, shape(records, Customers))
    people = records[~records["is_walk_in"]].reset_index(drop=True)
    walk_in = records.loc[records["is_walk_in"], "customer_id"].iloc[0]
    buyers = pa.array(people["customer_id"], pa.string())
    till = Till(buyers, walk_in, outlets["outlet_id"].tolist())
    orders = []
    share = np.diff(np.linspace(0, sales, days + 1).astype("int64"))
    for day, count in zip(shop.days_until(LAST), share.tolist(), strict=True):
        sold = till.sell(date.fromisoformat(day), count)
        rows = classify_sales(shape(sold.sales, SalesFeed), outlets, TIME_ZONE, 1)
        shop.warehouse.write("raw_sales", RawSales, shape(rows, RawSales), day)
        orders.append(_orders_of(sold, pd.Timestamp(day), people))
    every = _with_unsynced(pd.concat(orders, ignore_index=True))
    shop.warehouse.write("ecom_orders", EcomOrders, shape(every, EcomOrders))
    store_identities(shop, resolve_customers(shop))
    shop.warehouse.bundle("raw_sales")


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
        }
    )
    return shape(frame, Outlets)


def _orders_of(sold: Sold, day: pd.Timestamp, people: pd.DataFrame) -> pd.DataFrame:
    """Return the web shop's orders behind a day's sales, by what it knows of them."""
    who = people.iloc[sold.order_buyers]
    return pd.DataFrame(
        {
            "number": sold.order_numbers,
            "ordered_at": day + pd.Timedelta(hours=12),
            "order_date": day,
            "total_cents": sold.order_cents,
            "name": who["name"].to_numpy(),
            "email": who["email"].to_numpy(),
            "email_key": who["email_key"].to_numpy(),
        }
    )


def _with_unsynced(orders: pd.DataFrame) -> pd.DataFrame:
    """Add orders that no sale knows, some by strangers, and what all have alike."""
    rng = np.random.default_rng(17)
    alone = orders[rng.random(len(orders)) < ONLY_IN_THE_EXPORT].copy()
    alone["number"] = np.arange(len(alone)) + orders["number"].max() + 1
    unknown = rng.random(len(alone)) < STRANGERS
    keys = pd.Series([f"f{n:031x}" for n in range(len(alone))], index=alone.index)
    alone["email_key"] = alone["email_key"].mask(unknown, keys)
    every = pd.concat([orders, alone], ignore_index=True)
    first_ids = "ecom-" + every["email_key"].str[0] + every["email_key"].str[-15:]
    return every.assign(
        order_number=every["number"].astype("str"),
        payment_status=PAID[(rng.random(len(every)) < 0.3).astype("int64")],
        fulfillment_status="SHIPPED",
        tax_cents=every["total_cents"] - np.round(every["total_cents"] / 1.08),
        sale_id=None,
        ecom_customer_id=first_ids,
    ).sort_values("order_number", ignore_index=True)
