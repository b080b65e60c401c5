"""Where the days of sales begin: empty years before the first sale are left out.

A start date of long ago costs nothing then.  The first day depends on the latest
versions of the sales alone, not on the way to them (rule 7.3).
"""

from datetime import date

import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.domain.business_days import (
    MOST_EMPTY_DAYS,
    leave_out_empty_years,
)
from analytics_pipeline.domain.feed import versions_of
from analytics_pipeline.engine import lend_columns
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.stale_days import latest_sales, open_whole_log
from analytics_pipeline.storage.sales_log import SalesLog

CANDIDATES = 1000
"""The earliest versions that are looked at before all of the log is."""


def find_first_day(shop: Shop, wanted: date) -> date:
    """Return the first day that is kept by itself; it also holds every earlier sale.

    That is ANALYTICS_START_DATE.  If more than ``MOST_EMPTY_DAYS`` empty days would
    follow it, it is the first day of the year before that of the first sale, or of the
    *wanted* day if that is earlier: early enough in every time zone.
    """
    start = shop.settings.start_date
    if wanted - start <= MOST_EMPTY_DAYS:
        return start
    first = min(_find_first_sale(shop) or wanted, wanted)
    return leave_out_empty_years(start, date(first.year - 1, 1, 1))


def _find_first_sale(shop: Shop) -> date | None:
    """Return the day of the first sale in UTC; none without a sale."""
    log = open_whole_log(shop)
    feed = shop.open_feed(log)
    early = feed.order_by("sale_date").limit(CANDIDATES).select("sale_id", "sale_date")
    few = shop.engine.to_pandas(early)
    ids = lend_columns(few[["sale_id"]], {"sale_id": "string"})
    found = _earliest(shop, log, versions_of(feed, ids))
    if len(few) == CANDIDATES and (found is None or found > few["sale_date"].max()):
        found = _earliest(shop, log, feed)
    return None if found is None else found.date()


def _earliest(shop: Shop, log: SalesLog, feed: ir.Table) -> pd.Timestamp | None:
    """Return when the earliest sale of *feed* is dated, as it stands now."""
    sales = latest_sales(log, feed)
    earliest = sales.aggregate(moment=sales["sale_date"].min())
    moment: pd.Timestamp = shop.engine.to_pandas(earliest)["moment"].iloc[0]
    return None if pd.isna(moment) else moment
