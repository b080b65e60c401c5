"""Where a walk of a feed may begin, and when one that found nothing is believed."""

import pandas as pd

from analytics_pipeline.domain.feed_versions import NEVER_FAR, is_poisoned
from analytics_pipeline.errors import LightspeedRefused
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.feed_pages import nothing_at_all
from analytics_pipeline.sources.lightspeed import LightspeedClient
from analytics_pipeline.storage.sales_log import SalesLog


def refuse_poisoned_cursor(what: str, cursor: int, highest_below: int) -> None:
    """Make sure that the walk of a feed does not begin beyond all that will come.

    Args:
        what: the collection.
        cursor: the version to read on from.
        highest_below: the highest version read that is below it; 0 if there is none.

    Raises:
        LightspeedRefused: the cursor is far above every other version.
    """
    if cursor and is_poisoned(cursor, highest_below):
        raise LightspeedRefused(
            f"Lightspeed once delivered one of the {what} with version {cursor}, far "
            "above all others: no later change is above it.",
            "Read everything again: analytics-pipeline update --full",
        )


def refuse_poisoned_log(shop: Shop, log: SalesLog) -> None:
    """Make sure that the cursor of the log is near the versions that it holds.

    Raises:
        LightspeedRefused: it is far above every other version.
    """
    cursor = log.cursor()
    if cursor <= NEVER_FAR:
        return
    feed = shop.open_feed(log)
    below = feed.filter(feed["version"] < cursor)["version"].max()
    found = shop.engine.to_pandas(below)
    refuse_poisoned_cursor("sales", cursor, 0 if pd.isna(found) else int(found))


def refuse_empty_first_load(client: LightspeedClient, kind: str) -> None:
    """Make sure that a store whose feed shows nothing at all has nothing.

    Raises:
        LightspeedUnavailable: a search finds something.
    """
    if client.finds_any(kind):
        raise nothing_at_all(kind)
