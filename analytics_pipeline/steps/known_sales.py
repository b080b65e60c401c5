"""What was known stays known: one store to a log, and no sale lost by a full read."""

from collections.abc import Sequence
from typing import Any

from analytics_pipeline.domain.findings import (
    Finding,
    OwnersList,
    Severity,
    name_some,
)
from analytics_pipeline.domain.ids import plain_id
from analytics_pipeline.domain.wording import say
from analytics_pipeline.engine import lend_columns
from analytics_pipeline.errors import LocalFailure, WrongUse
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.lightspeed import LightspeedClient
from analytics_pipeline.sources.payload_values import Unusable, identifier
from analytics_pipeline.steps.repairs import fetch_sales
from analytics_pipeline.storage.sales_log import SalesLog

CHECK = "no_known_sale_is_lost"

MOST_FETCHED = 100
"""A full read that lacks more than these, and more than 1 %, is not believed."""


def refuse_another_store(shop: Shop, retailer: dict[str, Any]) -> None:
    """Make sure that the data directory is that of the store which answers.

    Versions are no store's own, so another store's sales would go into the log as if
    they were news.

    Raises:
        WrongUse: it holds the sales of another store.
    """
    try:
        store = identifier(retailer.get("id"))
    except Unusable:  # without an id there is nothing to compare
        return
    noted = shop.warehouse.store_id()
    if noted is None:
        shop.warehouse.note_store_id(store)
    elif plain_id(noted) != store:
        raise WrongUse(
            f"{shop.settings.data_dir} holds the sales of another store than the one "
            "that answers.",
            "Set LIGHTSPEED_DOMAIN_PREFIX and LIGHTSPEED_TOKEN back to that store, or "
            "give this one an ANALYTICS_DATA_DIR of its own.",
        )


def skip_known_sales() -> Finding:
    """Return the finding of a run that reads the feed on from its cursor."""
    return Finding(CHECK, True, "Only a full read could lose a sale that was known.")


def keep_known_sales(
    shop: Shop, client: LightspeedClient, old: SalesLog, new: SalesLog
) -> Finding:
    """Fetch into the *new* log what the *old* one holds and the full read lacks.

    A sale that the store knows no more is told, and leaves the figures.  A read that
    lacks many is not believed: the old log stays.
    """
    if not old.segments():
        return skip_known_sales()
    try:
        old.sound_segments()
        shop.versions.refuse_log(old, shop.sales_log)
    except LocalFailure as error:
        # A full read is what mends a damaged or outdated log, so it must go on.
        sentence = f"What the log held cannot be compared: {error.cause}"
        return Finding(CHECK, False, sentence, Severity.WARN)
    lost, known = _lost_sales(shop, old, new)
    if len(lost) > max(MOST_FETCHED, known // 100):
        return Finding(
            CHECK,
            False,
            f"The full read lacks {len(lost)} of the {known} sales that the log holds. "
            "The log is kept as it was.",
            evidence={"known": known, "lacking": len(lost), "sales": name_some(lost)},
            subject="\n".join(sorted(lost)),
            offenders=_list_sales(lost),
        )
    gone = sorted(fetch_sales(shop, client, new, lost).unknown)
    return Finding(
        CHECK,
        not gone,
        f"{say(len(gone), 'sale that the log held is', 'sales that the log held are')} "
        "unknown to Lightspeed now, and in no figure any more."
        if gone
        else f"Each of the {known} sales that the log held is in the new one.",
        Severity.WARN,
        {
            "known": known,
            "lacking": len(lost),
            "gone": len(gone),
            "sales": name_some(gone),
        },
        offenders=_list_sales(gone),
    )


def _list_sales(sales: Sequence[str]) -> OwnersList:
    """List every one of *sales*, where evidence names only some."""
    return OwnersList(["sale_id"], [[sale] for sale in sorted(sales)])


def _lost_sales(shop: Shop, old: SalesLog, new: SalesLog) -> tuple[list[str], int]:
    """Return the sales of *old* that *new* lacks, and how many *old* holds."""
    held = shop.open_feed(old).select("sale_id").distinct()
    away = new.rejections().dropna(subset=["record_id"])
    lent = lend_columns(away, {"record_id": "string"})
    lost = held.anti_join(shop.open_feed(new), "sale_id")
    lost = lost.anti_join(lent, lost["sale_id"] == lent["record_id"])
    names = sorted(shop.engine.to_pandas(lost)["sale_id"])
    return names, int(shop.engine.to_pandas(held.count()))
