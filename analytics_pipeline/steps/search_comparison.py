"""Compare the log's last days with the search, sale by sale, and repair it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from analytics_pipeline.domain.findings import Finding, name_some
from analytics_pipeline.engine import lend_columns, open_table
from analytics_pipeline.schemas.sources import SalesFeed
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.lightspeed import LightspeedClient
from analytics_pipeline.sources.sale_payloads import sales_rows
from analytics_pipeline.steps.judgements import placed
from analytics_pipeline.storage.sales_log import REPAIR, SalesLog

CHECK = "agrees_with_search"


def skip_comparison() -> Finding:
    """Return the finding of a run that does not compare."""
    return Finding(CHECK, True, "Nothing was compared with the search in this run.")


def compare_with_search(
    shop: Shop, client: LightspeedClient, log: SalesLog, as_of: date, days: int
) -> Finding:
    """Fetch what the search has for the last *days* and the log lacks.

    The search may lag behind the feed, so only what the log lacks, or holds in an
    older version, is a difference.
    """
    first, last = _window(shop, as_of, days)
    searched: dict[str, int] = {}
    for records in client.search_sales(first, last):
        searched |= _versions(records)
        shop.progress("search", len(searched), None)
    lacking = _lacking(shop, log, searched)
    repaired = _repair(client, log, lacking)
    missing = sorted(set(lacking) - repaired)
    return Finding(
        CHECK,
        not missing,
        f"{len(searched)} sales of the last {days} days were compared with the search; "
        f"{len(repaired)} were lacking and have been fetched, {len(missing)} could not "
        "be.",
        evidence={
            "days": days,
            "compared": len(searched),
            "repaired": len(repaired),
            "missing": len(missing),
            "sales": name_some(missing),
        },
    )


def _window(shop: Shop, as_of: date, days: int) -> tuple[datetime, datetime]:
    """Return from when to when the last *days* last, in all zones of the shop."""
    start = datetime.combine(as_of - timedelta(days=days - 1), time())
    first = min(start.replace(tzinfo=ZoneInfo(zone)) for zone in shop.zones())
    return first.astimezone(UTC), shop.end_of(as_of).astimezone(UTC)


def _versions(records: list[Any]) -> dict[str, int]:
    """Return the version of each sale found, in either shape."""
    rows, rejections = sales_rows(records, segment=0, page=1)
    found = dict(zip(rows["sale_id"], rows["version"], strict=True))
    for rejection in rejections:
        if rejection.record_id is not None and rejection.version is not None:
            found[rejection.record_id] = rejection.version
    return found


def _lacking(shop: Shop, log: SalesLog, searched: dict[str, int]) -> list[str]:
    """Return the sales that the log lacks, or holds in an older version.

    A sale that was turned away is not lacking: it is known, and in quarantine.
    """
    if not searched:
        return []
    paths = [str(segment.path) for segment in log.segments()]
    feed = open_table(shop.engine, paths, SalesFeed)
    wanted = lend_columns(
        pd.DataFrame({"wanted": list(searched)}), {"wanted": "string"}
    )
    held = feed.semi_join(wanted, feed["sale_id"] == wanted["wanted"])
    newest = shop.engine.to_pandas(
        held.group_by("sale_id").aggregate(version=held["version"].max())
    )
    away = log.rejections().rename(columns={"record_id": "sale_id"})
    known = pd.concat([newest, away[["sale_id", "version"]]]).groupby("sale_id")
    have = known["version"].max().to_dict()
    return [sale for sale, version in searched.items() if have.get(sale, 0) < version]


def _repair(client: LightspeedClient, log: SalesLog, lacking: list[str]) -> set[str]:
    """Fetch each lacking sale by itself into a segment that moves no cursor."""
    records = [record for sale in lacking if (record := client.sale(sale)) is not None]
    if not records:
        return set()
    number = log.next_number()
    rows, rejections = sales_rows(records, segment=number, page=1)
    cursor = log.cursor()
    away = [placed(rejection, cursor) for rejection in rejections]
    log.append(rows, away, number=number, cursor=cursor, origin=REPAIR)
    return set(rows["sale_id"]) | {r.record_id for r in rejections if r.record_id}
