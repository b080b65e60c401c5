"""What stands in quarantine: sales turned away that nothing has made good since.

A sale whose latest version stands here is out of every figure.  What it was worth
when it could last be read is told beside the law of conservation (rule 7.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from analytics_pipeline.domain.feed import newest_versions, standing_rejections
from analytics_pipeline.domain.policy import MoneyBasis
from analytics_pipeline.domain.rejections import Rejection
from analytics_pipeline.domain.sales import classify_sales
from analytics_pipeline.engine import lend_columns
from analytics_pipeline.schemas.sources import Outlets, SalesFeed
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.frames import frame_of
from analytics_pipeline.sources.lightspeed import LightspeedClient
from analytics_pipeline.steps.repairs import fetch_sales
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.storage.sales_log import SalesLog

NOT_REPLAYED: Mapping[str, int | str] = {}
"""The figures of a run that tries nothing again."""


def list_quarantine(shop: Shop, log: SalesLog) -> pd.DataFrame:
    """Return the records turned away that no later good version has made good.

    One row a record: a sale that was turned away again and again is one sale.  One
    without an id is known by its version; without that too, by where it stood.
    """
    rejections = log.rejections()
    if rejections.empty:
        return rejections
    feed = shop.open_feed(log)
    known = rejections.dropna(subset=["record_id"])
    lent = lend_columns(
        known, {"record_id": "string", "version": "int64", "segment": "int64"}
    )
    standing = shop.engine.to_pandas(standing_rejections(feed, lent))
    kept = rejections["record_id"].isna() | rejections["record_id"].isin(
        standing["record_id"]
    )
    ordered = rejections.sort_values(["version", "segment"], kind="stable")
    latest = ~_names(ordered).duplicated(keep="last")
    return rejections[kept & latest].reset_index(drop=True)


def _names(rejections: pd.DataFrame) -> pd.Series:
    """Return by what each record turned away is known; no id holds a blank."""
    version, place = rejections["version"], rejections.index.to_series()
    by_version = "version " + version.astype("str")
    unnamed = by_version.where(version.notna(), "place " + place.astype("str"))
    return rejections["record_id"].fillna(unnamed)


def as_rejections(standing: pd.DataFrame) -> list[Rejection]:
    """Return the rows of :func:`list_quarantine` as the list for people has them."""
    columns = ["rule", "record_id", "version", "position"]
    return [
        Rejection(
            "sales_feed",
            rule,
            None if pd.isna(record_id) else record_id,
            None if pd.isna(version) else int(version),
            position,
        )
        for rule, record_id, version, position in standing[columns].itertuples(
            index=False, name=None
        )
    ]


def replay_sales(
    shop: Shop, client: LightspeedClient, log: SalesLog
) -> Mapping[str, int | str]:
    """Read every sale in quarantine again, by its id; return how many are good now.

    One that was delivered without an id cannot be asked for.
    """
    standing = list_quarantine(shop, log)
    named = sorted(standing["record_id"].dropna())
    fetch_sales(shop, client, log, named)
    left = list_quarantine(shop, log)
    return {"replayed": len(standing), "mended": len(standing) - len(left)}


@dataclass(frozen=True, slots=True)
class QuarantinedSales:
    """The sales in quarantine: how many, and the last good version of some of them."""

    count: int
    last_good: pd.DataFrame

    def worth(self, day: date, basis: MoneyBasis) -> dict[str, int]:
        """Return what they counted for up to *day*, when they could last be read."""
        rows = self.last_good
        counted = rows[
            rows["is_completed"] & (rows["business_date"] <= pd.Timestamp(day))
        ]
        with_tax = basis is MoneyBasis.INCL_TAX
        column = "total_incl_cents" if with_tax else "total_excl_cents"
        return {
            "quarantined_sales": self.count,
            "quarantined_last_good_cents": int(counted[column].sum()),
            "quarantined_unknown": self.count - len(rows),
        }


def find_quarantined_sales(shop: Shop) -> QuarantinedSales:
    """Return the sales in quarantine, with what was last known of them."""
    log = shop.sales_log()
    standing = list_quarantine(shop, log)
    last_good = classify_sales(
        _newest(shop, log, standing["record_id"].dropna().tolist()),
        shop.load("outlets", Outlets),
        shop.settings.time_zone,
        shop.policy.paid_tolerance_cents,
    )
    return QuarantinedSales(len(standing), last_good)


def _newest(shop: Shop, log: SalesLog, sales: list[str]) -> pd.DataFrame:
    """Return the newest good version of those of *sales* that ever had one."""
    if not sales:
        return frame_of([], SalesFeed)
    feed = shop.open_feed(log)
    newest = newest_versions(feed.filter(feed["sale_id"].isin(sales)))
    return shape(shop.engine.to_pandas(newest), SalesFeed)
