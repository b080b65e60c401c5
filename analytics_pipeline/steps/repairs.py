"""Fetch single sales, and put into the log what it does not hold already."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analytics_pipeline.domain.comparison import SEEN, find_news
from analytics_pipeline.domain.feed import newest_versions, versions_of
from analytics_pipeline.domain.feed_versions import highest_plausible
from analytics_pipeline.domain.rejections import Rejection
from analytics_pipeline.engine import lend_columns
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.lightspeed import LightspeedClient
from analytics_pipeline.sources.sale_payloads import sales_rows
from analytics_pipeline.storage.sales_log import REPAIR, SalesLog

AT_ONCE = 200
"""How many fetched sales are put into one segment."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of sales that were fetched singly, each by its id.

    ``repaired`` are in the log now as they were not before; ``turned_away`` are in
    quarantine; ``unknown`` to the store are those that it does not find.
    """

    repaired: Sequence[str]
    turned_away: Sequence[str]
    unknown: Sequence[str]


def fetch_sales(
    shop: Shop,
    client: LightspeedClient,
    log: SalesLog,
    sales: Sequence[str],
) -> Fetched:
    """Fetch *sales* into segments that move no cursor.

    What the log holds already is not put in again.
    """
    parts = [
        _fetch_some(shop, client, log, sales[start : start + AT_ONCE], start)
        for start in range(0, len(sales), AT_ONCE)
    ]
    return Fetched(
        [sale for part in parts for sale in part.repaired],
        [sale for part in parts for sale in part.turned_away],
        [sale for part in parts for sale in part.unknown],
    )


def _fetch_some(
    shop: Shop,
    client: LightspeedClient,
    log: SalesLog,
    sales: Sequence[str],
    done: int,
) -> Fetched:
    records, unknown = [], []
    for count, sale in enumerate(sales, start=done + 1):
        record = client.sale(sale)
        records += [] if record is None else [record]
        unknown += [sale] if record is None else []
        shop.progress("single sales", count, None)
    number, cursor = log.next_number(), log.cursor()
    rows, rejections = sales_rows(
        records, segment=number, page=1, highest_version=highest_plausible(cursor)
    )
    news = rows[find_news(rows, _held(shop, log, sales))].reset_index(drop=True)
    away = _not_yet_known(log, rejections)
    if len(news) or away:
        log.append(news, away, number=number, cursor=cursor, origin=REPAIR)
    turned_away = [each.record_id for each in rejections if each.record_id]
    return Fetched(sorted(set(news["sale_id"])), turned_away, unknown)


def _held(shop: Shop, log: SalesLog, sales: Sequence[str]) -> pd.DataFrame:
    """Return what the log holds of *sales*, as ``comparison.SEEN``."""
    asked = pd.DataFrame({"sale_id": list(sales)}, dtype="str")
    wanted = lend_columns(asked, {"sale_id": "string"})
    newest = newest_versions(versions_of(shop.open_feed(log), wanted))
    frame: pd.DataFrame = shop.engine.to_pandas(newest.select(*SEEN))
    return frame.astype(SEEN)


def _not_yet_known(log: SalesLog, rejections: list[Rejection]) -> list[Rejection]:
    """Return the rejections that are not in the log already."""
    if not rejections:
        return []
    stored = log.rejections()
    known = {
        (record_id, None if pd.isna(version) else int(version))
        for record_id, version in stored[["record_id", "version"]].itertuples(
            index=False, name=None
        )
    }
    return [each for each in rejections if (each.record_id, each.version) not in known]
