"""Sales as the log has them now, or had them when a master was published.

The log never forgets a version, so that no copy of the sales is needed.
"""

from collections.abc import Iterable
from datetime import date

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.domain.feed import latest_versions
from analytics_pipeline.domain.sales import classify_sales
from analytics_pipeline.engine import lend_columns
from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.schemas.sales import RawSales
from analytics_pipeline.schemas.sources import Outlets, SalesFeed
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.published_masters import MadeFrom
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.storage.sales_log import SalesLog

_REJECTION = {"record_id": "string", "version": "int64", "segment": "int64"}


def read_sales_now(shop: Shop, sale_ids: Iterable[str]) -> pd.DataFrame:
    """Return the latest version of each of those sales, on whatever day it is."""
    log = shop.sales_log()
    versions = _versions(shop, log, len(log.segments()), [], sale_ids)
    outlets = shop.load("outlets", Outlets)
    tolerance = shop.policy.paid_tolerance_cents
    return classify_sales(versions, outlets, shop.settings.time_zone, tolerance)


def read_sales_then(
    shop: Shop,
    made_from: MadeFrom,
    as_of: date,
    records: Iterable[str],
    sale_ids: Iterable[str],
) -> pd.DataFrame:
    """Return the sales of those records, and those sales, as they were then.

    Where that generation of the log is damaged or of an older version, or two full
    reads have replaced it since, they are taken as they are now; what they were is not
    known any more.
    """
    log = shop.sales_log(made_from.generation)
    if _is_whole(shop, log, made_from.segments):
        versions = _versions(shop, log, made_from.segments, records, sale_ids)
        zones = pd.DataFrame(
            made_from.zones.items(), columns=["outlet_id", "time_zone"], dtype="str"
        )
        # By the tolerance of now: what another one changes has the policy as its cause.
        tolerance = shop.policy.paid_tolerance_cents
        return classify_sales(versions, zones, made_from.store_time_zone, tolerance)
    sales = shop.sales_until(as_of)
    asked = _asked(sales, records, sale_ids)
    return shape(shop.engine.to_pandas(sales.semi_join(asked, "sale_id")), RawSales)


def _is_whole(shop: Shop, log: SalesLog, segments: int) -> bool:
    """Say whether the first *segments* of *log* are there, each as it was written."""
    try:
        # The current generation was proved whole before anything was cut from it.
        is_current = log.generation == shop.sales_log().generation
        held = log.segments() if is_current else log.sound_segments()
        shop.versions.refuse_log(log, shop.sales_log)
    except LocalFailure:
        return False
    return len(held) >= segments


def _versions(
    shop: Shop,
    log: SalesLog,
    segments: int,
    records: Iterable[str],
    sale_ids: Iterable[str],
) -> pd.DataFrame:
    """Return the latest versions of those sales in the first *segments* of *log*."""
    feed = shop.open_feed(log, segments)
    turned_away = log.rejections().dropna(subset=["record_id"])
    turned_away = turned_away[turned_away["segment"] < segments]
    asked = feed.semi_join(_asked(feed, records, sale_ids), "sale_id")
    latest = latest_versions(asked, lend_columns(turned_away, _REJECTION))
    return shape(shop.engine.to_pandas(latest), SalesFeed)


def _asked(
    sales: ir.Table, records: Iterable[str], sale_ids: Iterable[str]
) -> ir.Table:
    """Return the ids of the sales that any of *records* ever had, and of *sale_ids*."""
    own = sales.semi_join(_lend("customer_id", records), "customer_id")
    return ibis.union(own.select("sale_id"), _lend("sale_id", sale_ids), distinct=True)


def _lend(name: str, values: Iterable[str]) -> ir.Table:
    rows = pd.DataFrame({name: sorted(set(values))}, dtype="str")
    return lend_columns(rows, {name: "string"})
