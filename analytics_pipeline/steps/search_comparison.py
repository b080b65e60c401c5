"""Compare the log's last days with the search, sale by sale, and repair it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.domain.business_days import end_of
from analytics_pipeline.domain.comparison import SEEN, Difference, find_differences
from analytics_pipeline.domain.feed import newest_versions, versions_of
from analytics_pipeline.domain.feed_versions import highest_plausible
from analytics_pipeline.domain.findings import Finding, name_some
from analytics_pipeline.domain.membership import is_among
from analytics_pipeline.engine import lend_columns
from analytics_pipeline.schemas.sources import Outlets
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.lightspeed import LightspeedClient
from analytics_pipeline.sources.sale_payloads import sales_rows
from analytics_pipeline.sources.search import SalesSearch
from analytics_pipeline.steps.quarantine import list_quarantine
from analytics_pipeline.steps.repairs import fetch_sales
from analytics_pipeline.storage.sales_log import SalesLog

CHECK = "agrees_with_search"

Period = tuple[datetime, datetime]


def skip_comparison() -> Finding:
    """Return the finding of a run that does not compare."""
    return Finding(CHECK, True, "Nothing was compared with the search in this run.")


def compare_with_search(
    shop: Shop, client: LightspeedClient, log: SalesLog, as_of: date, days: int
) -> Finding:
    """Fetch what the search has for the last *days* and the log lacks.

    The search may lag behind the feed: what only the log has is counted, no more.
    """
    period = _period(shop, as_of, days)
    search = client.search_sales()
    searched = _search(shop, search, period, highest_plausible(log.cursor()))
    held = _held(shop, log, searched, period)
    differing = _differences(shop, log, searched, held)
    fetched = fetch_sales(shop, client, log, list(differing.index))
    left = differing
    if len(differing):
        left = _differences(shop, log, searched, _held(shop, log, searched, period))
    # At the same version the single sale decides, whatever the index says.
    missing = sorted(left.index[left != Difference.CONTRADICTING])
    only_held = held["is_within"] & ~is_among(held["sale_id"], searched["sale_id"])
    counts = {
        "days": days,
        "windows": search.windows,
        "compared": len(searched),
        "differed": len(differing),
        "repaired": len(fetched.repaired),
        "missing": len(missing),
        "not_shown_by_search": search.unseen,
        "only_in_the_log": int(only_held.sum()),
    }
    return Finding(
        CHECK,
        not missing,
        f"{len(searched)} sales of the last {days} days were compared with the search; "
        f"{len(differing)} differed, {len(fetched.repaired)} have been repaired, "
        f"{len(missing)} could not be.",
        evidence={**counts, "sales": name_some(missing)},
    )


def _differences(
    shop: Shop, log: SalesLog, searched: pd.DataFrame, held: pd.DataFrame
) -> pd.Series:
    """Return in what way the log differs from the search, by sale."""
    away = list_quarantine(shop, log).rename(columns={"record_id": "sale_id"})
    named = away[["sale_id", "version"]].dropna(subset=["sale_id"])
    return find_differences(searched, held[list(SEEN)], named)


def _period(shop: Shop, as_of: date, days: int) -> Period:
    """Return from when to when the last *days* last, in all zones of the shop."""
    start = datetime.combine(as_of - timedelta(days=days - 1), time())
    zones = {shop.settings.time_zone}
    if shop.warehouse.exists("outlets"):
        # The last good ones, whatever became of the last attempt to read them.
        zones |= set(shop.warehouse.read("outlets", Outlets)["time_zone"])
    first = min(start.replace(tzinfo=ZoneInfo(zone)) for zone in zones)
    return first.astimezone(UTC), end_of(as_of, zones).astimezone(UTC)


def _search(
    shop: Shop, search: SalesSearch, period: Period, highest: int
) -> pd.DataFrame:
    """Return what the search shows of the period, the latest of each sale.

    A version above *highest* is not believed.
    """
    found: list[pd.DataFrame] = []
    count = 0
    for records in search.pages(*period):
        found.append(_seen(records, highest))
        count += len(records)
        shop.progress("search", count, None)
    if not found:
        return pd.DataFrame(columns=list(SEEN)).astype(SEEN)
    every = pd.concat(found, ignore_index=True)
    every = every.sort_values("version", kind="stable", na_position="first")
    return every.drop_duplicates("sale_id", keep="last", ignore_index=True)


def _seen(records: list[Any], highest: int) -> pd.DataFrame:
    """Return what is compared of each record, in either shape."""
    rows, rejections = sales_rows(records, segment=0, page=1, highest_version=highest)
    away = [(r.record_id, r.version) for r in rejections if r.record_id is not None]
    unreadable = pd.DataFrame(away, columns=["sale_id", "version"]).reindex(
        columns=list(SEEN)
    )
    parts = [rows[list(SEEN)].astype(SEEN), unreadable.astype(SEEN)]
    return pd.concat(parts, ignore_index=True)


def _held(
    shop: Shop, log: SalesLog, searched: pd.DataFrame, period: Period
) -> pd.DataFrame:
    """Return the latest version in the log of each sale found, or of the period."""
    feed = shop.open_feed(log)
    wanted = lend_columns(
        searched.rename(columns={"sale_id": "wanted"}), {"wanted": "string"}
    )
    asked = feed.filter(
        _is_within(feed, period) | feed["sale_id"].isin(wanted["wanted"])
    )
    newest = newest_versions(versions_of(feed, asked))
    newest = newest.mutate(is_within=_is_within(newest, period))
    found = newest.filter(
        newest["is_within"] | newest["sale_id"].isin(wanted["wanted"])
    )
    frame: pd.DataFrame = shop.engine.to_pandas(found.select(*SEEN, "is_within"))
    return frame.astype({**SEEN, "is_within": "bool"})


def _is_within(feed: ir.Table, period: Period) -> ir.BooleanValue:
    first, last = (ibis.timestamp(m.replace(tzinfo=None).isoformat()) for m in period)
    return (feed["sale_date"] >= first) & (feed["sale_date"] < last)
