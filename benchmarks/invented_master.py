"""A master of people who do not exist, with the cells that make a CSV hard."""

from pathlib import Path

import numpy as np
import pandas as pd

from analytics_pipeline.model.schemas.exports import CustomerAnalyticsMaster
from analytics_pipeline.model.vocabulary import InactiveSegment, Tier
from analytics_pipeline.storage.parquet import encode, shape
from benchmarks.analytics_result import LAST
from benchmarks.invented_customers import invent_customers
from benchmarks.worker import Stopwatch

FILE = "master.parquet"
HARD_NAMES = ("Ada, Countess", 'Bob "Bobby" Roe', "=HYPERLINK()", "@handle", "+1 (555)")


def write_master(_stopwatch: Stopwatch, folder: str, count: int) -> None:
    """Write a master of *count* people as the product stores tables."""
    content = encode(invent_master(count), CustomerAnalyticsMaster)
    (Path(folder) / FILE).write_bytes(content)


def invent_master(count: int, seed: int = 3) -> pd.DataFrame:
    """Return ``CustomerAnalyticsMaster`` of *count* invented people."""
    rng = np.random.default_rng(seed)
    people = invent_customers(count, seed)
    cents = np.exp(rng.normal(9, 1.4, count)).astype("int64") - 2_000
    orders = rng.poisson(2, count)
    days = rng.integers(0, 900, count)
    last = pd.Series(pd.Timestamp(LAST) - pd.to_timedelta(days, unit="D"))
    first = last - pd.to_timedelta(rng.integers(0, 400, count), unit="D")
    has_order = orders > 0
    ecom = rng.binomial(orders, 0.2)
    names = people["name"].mask(rng.random(count) < 0.01, rng.choice(HARD_NAMES, count))
    merged = rng.random(count) < 0.1
    frame = pd.DataFrame(
        {
            "customer_id": people["customer_id"],
            "customer_code": [f"C-{n:06X}" for n in range(count)],
            "name": names,
            "email": people["email"],
            "phone": people["phone"],
            "lifetime_value_cents": cents,
            "rolling_90_day_value_cents": cents * (days < 90),
            "order_count": orders,
            "rolling_90_day_order_count": orders * (days < 90),
            "average_order_value_cents": pd.array(cents // np.maximum(orders, 1)),
            "first_order_date": first.where(has_order),
            "last_order_date": last.where(has_order),
            "days_since_last_order": pd.array(days),
            "is_vip": cents >= 100_000,
            "is_high_value": (cents >= 50_000) & (cents < 100_000),
            "inactive_segment": rng.choice(list(InactiveSegment), count),
            "tier": rng.choice(list(Tier), count),
            "ecom_order_count": ecom,
            "retail_order_count": orders - ecom,
            "refunded_value_cents": (cents * (rng.random(count) < 0.05)).clip(0),
            "duplicate_ids": people["customer_id"].where(merged),
            "note": pd.Series("Merged 1 duplicate records", people.index).where(merged),
        }
    )
    for name in ("average_order_value_cents", "days_since_last_order"):
        frame[name] = frame[name].mask(~has_order)
    return shape(frame, CustomerAnalyticsMaster)
