"""Find the days whose stored sales are not what the log says now.

Both sides are compared as they are, so that a day is found whatever interrupted an
earlier run.  Where they were found to agree before, only what is new on either side
since is compared: the segments appended, and the days stored again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.domain.feed import (
    changed_sales,
    falls_around,
    latest_versions,
    versions_of,
)
from analytics_pipeline.engine import lend, lend_columns
from analytics_pipeline.errors import GateFailed
from analytics_pipeline.schemas.sources import Outlets
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.agreement import (
    Agreement,
    note_agreement,
    read_agreement,
)
from analytics_pipeline.storage.sales_log import SalesLog

MOST_SUSPECT_DAYS = 62
"""Where more days than these were stored again, everything is compared."""

_REJECTION = {"record_id": "string", "version": "int64", "segment": "int64"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of holding the stored days against the log.

    Attributes:
        stale_days: those to be cut again.
        repeated_sales: how many sales stand in more than one of the stored days.
    """

    stale_days: Sequence[str]
    repeated_sales: int


@dataclass(frozen=True, slots=True)
class _Sides:
    """What is compared: every version in the log, and the sales as they are stored."""

    log: SalesLog
    feed: ir.Table
    stored: ir.Table

    def only(self, sales: ir.Table) -> "_Sides":
        """Return both sides of those *sales* alone."""
        return replace(
            self,
            feed=versions_of(self.feed, sales),
            stored=self.stored.semi_join(sales, "sale_id"),
        )


def compare_with_log(shop: Shop, last: date) -> Comparison:
    """Compare the stored days up to *last* with the log, and note it if they agree.

    Stale are days never cut, days that a sale left or entered, days whose outlet has
    another zone now, days with a sale that another ``paid_tolerance`` counts or leaves
    out, and days whose last attempt failed.

    Raises:
        GateFailed: the log failed its gate, or a walk of the feed was cut short.
    """
    every = shop.days_until(last)
    states = shop.warehouse.states("raw_sales")
    stored = {day: states[day] for day in every if day in states}
    stale = set(every) - stored.keys() | set(shop.warehouse.failures("raw_sales"))
    repeated, agreement = 0, None
    if stored:
        log = open_whole_log(shop)
        outlets = shop.load("outlets", Outlets)
        places = _fingerprint_places(shop, outlets, log)
        agreement = Agreement(log.generation, len(log.segments()), places, stored)
        sides = _choose_sides(shop, log, agreement)
        if sides is not None:
            stale |= _changed_days(shop, sides, outlets)
            repeated = 0 if stale else _count_repeated(shop, sides)
    days = sorted({max(day, every[0]) for day in stale if day <= every[-1]})
    if agreement is not None and not days and not repeated:
        note_agreement(shop.warehouse.root / "raw_sales", agreement)
    return Comparison(days, repeated)


def open_whole_log(shop: Shop) -> SalesLog:
    """Return the log, if it was read to its end.

    Raises:
        GateFailed: the log failed its gate, or a walk of the feed was cut short.
    """
    shop.refuse_failed("sales_feed", [""])
    log = shop.sales_log()
    if log.judged_segments() < log.next_number():
        raise GateFailed(
            "The feed of sales was not read to its end: the log is half read.",
            "Run: analytics-pipeline update",
        )
    return log


def latest_sales(log: SalesLog, feed: ir.Table) -> ir.Table:
    """Return the latest version of each sale of *feed*, which is (part of) *log*."""
    known = log.rejections().dropna(subset=["record_id"])
    return latest_versions(feed, lend_columns(known, _REJECTION))


def _choose_sides(shop: Shop, log: SalesLog, now: Agreement) -> _Sides | None:
    """Return what has to be compared; nothing, if all of it was before."""
    before = read_agreement(shop.warehouse.root / "raw_sales")
    known = before.days if before else {}
    again = [day for day, state in now.days.items() if known.get(day) != state]
    goes_on = before is not None and _goes_on(before, now)
    if before is not None and goes_on and before.segments == now.segments and not again:
        return None
    sides = _Sides(log, shop.open_feed(log), shop.open_sales(now.days))
    if before is None or not goes_on or len(again) > MOST_SUSPECT_DAYS:
        return sides
    return sides.only(_list_suspects(shop, log, before.segments, again))


def _goes_on(before: Agreement, now: Agreement) -> bool:
    """Say whether what agreed *before* still does, but for what is new since."""
    return (
        (before.generation, before.places) == (now.generation, now.places)
        and before.segments <= now.segments
        and before.days.keys() <= now.days.keys()
    )


def _list_suspects(
    shop: Shop, log: SalesLog, first_segment: int, days: Sequence[str]
) -> ir.Table:
    """Return the sales that segments since brought, or that *days* hold or should.

    One row a sale: ``sale_id``.
    """
    feed = shop.open_feed(log)
    is_suspect = feed["segment"] >= first_segment
    for day in days:
        since = "1900-01-01" if day == shop.first_day else day
        is_suspect |= falls_around(feed, since, day)
    parts = [feed.filter(is_suspect).select("sale_id")]
    away = log.rejections().dropna(subset=["record_id"])
    away = away[away["segment"] >= first_segment]
    if len(away):
        named = away.rename(columns={"record_id": "sale_id"})
        parts.append(lend_columns(named, {"sale_id": "string"}))
    if days:
        parts.append(shop.open_sales(days).select("sale_id"))
    return parts[0] if len(parts) == 1 else ibis.union(*parts, distinct=False)


def _fingerprint_places(shop: Shop, outlets: pd.DataFrame, log: SalesLog) -> str:
    """Return what tells apart all that a day is cut by beside the log.

    The zones that date sales, the first day, when a waiting sale is paid, and whether
    ids of the log are spelled otherwise now than an earlier release cut them.
    """
    zones = sorted(zip(outlets["outlet_id"], outlets["time_zone"], strict=True))
    tolerance = shop.policy.paid_tolerance_cents
    told = repr((zones, shop.settings.time_zone, shop.first_day, tolerance))
    if shop.has_other_spellings(log):
        told += "ids in one spelling"
    return sha256(told.encode()).hexdigest()


def _changed_days(shop: Shop, sides: _Sides, outlets: pd.DataFrame) -> set[str]:
    """Return the days that sales have left or entered, by log and stored rows."""
    changed = shop.engine.to_pandas(
        changed_sales(
            latest_sales(sides.log, sides.feed),
            sides.stored,
            lend(outlets, Outlets),
            shop.settings.time_zone,
            shop.policy.paid_tolerance_cents,
        )
    )
    now = _business_dates(shop, changed.dropna(subset=["sale_date"]), outlets)
    return {
        day
        for moments in (changed["business_date"].dropna(), now)
        for day in moments.dt.strftime("%Y-%m-%d")
    }


def _count_repeated(shop: Shop, sides: _Sides) -> int:
    """Count the sales that stand in more than one of the stored days."""
    sales = sides.stored
    counts = sales.aggregate(rows=sales.count(), sales=sales["sale_id"].nunique())
    row = shop.engine.to_pandas(counts).iloc[0]
    return int(row["rows"] - row["sales"])


def _business_dates(
    shop: Shop, changed: pd.DataFrame, outlets: pd.DataFrame
) -> pd.Series:
    """Return the days on which changed sales fall now."""
    zones = changed["outlet_id"].map(outlets.set_index("outlet_id")["time_zone"])
    zones = zones.fillna(shop.settings.time_zone)
    parts = [
        moments.dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
        for zone, moments in changed["sale_date"].groupby(zones)
    ]
    return pd.concat(parts) if parts else pd.Series(dtype="datetime64[us]")
