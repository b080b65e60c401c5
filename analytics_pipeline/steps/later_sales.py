"""Find the sales that are dated after today, and so are in no figure (rule 1.5)."""

from datetime import UTC

import ibis
import pandas as pd

from analytics_pipeline.domain.business_days import end_of
from analytics_pipeline.domain.feed import versions_of
from analytics_pipeline.domain.findings import Finding
from analytics_pipeline.domain.left_out_sales import judge_later_sales
from analytics_pipeline.domain.sales import classify_sales
from analytics_pipeline.schemas.sources import Outlets, SalesFeed
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.frames import frame_of
from analytics_pipeline.steps.stale_days import latest_sales
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.storage.sales_log import SalesLog


def judge_later(shop: Shop, log: SalesLog) -> Finding:
    """Report the sales of *log* that are dated after today."""
    return judge_later_sales(find_later_sales(shop, log), shop.today, shop.policy)


def find_later_sales(shop: Shop, log: SalesLog) -> pd.DataFrame:
    """Return the completed sales of *log* that are dated after today.

    ``RawSales`` rows with ``register_id``; their days are those of the store's zone,
    in which no true moment is after today, wherever the outlet is.
    """
    ended = end_of(shop.today, [shop.settings.time_zone]).astimezone(UTC)
    tomorrow = ibis.timestamp(f"{ended:%Y-%m-%d %H:%M:%S}")
    feed = shop.open_feed(log)
    # A sale whose date was corrected since has a version of today or before.
    dated_later = feed.filter(feed["sale_date"] >= tomorrow)
    latest = latest_sales(log, versions_of(feed, dated_later))
    found = shop.engine.to_pandas(latest.filter(latest["sale_date"] >= tomorrow))
    sales = shape(found, SalesFeed)
    rows = classify_sales(
        sales,
        frame_of([], Outlets),
        shop.settings.time_zone,
        shop.policy.paid_tolerance_cents,
    )
    registers = sales[["sale_id", "register_id"]]
    return rows[rows["is_completed"]].merge(registers, on="sale_id")
