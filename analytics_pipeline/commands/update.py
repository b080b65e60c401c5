"""The daily update: read what changed, publish the master of a day."""

import time
from collections.abc import Mapping
from datetime import date
from typing import Any

from analytics_pipeline.commands.acceptance import accept_failure
from analytics_pipeline.commands.running import Outcome, run_job
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.jobs import DAILY_UPDATE, update_config
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, hold_directory, open_shop
from analytics_pipeline.steps.changes import CHANGES
from analytics_pipeline.steps.reconciliation import RECONCILIATION
from analytics_pipeline.storage.publication import (
    FIRST_TIME_BUYERS,
    MASTER,
    Published,
)
from analytics_pipeline.vocabulary import ChangeKind, ReconciliationCategory

ACCEPTED_TAG = "analytics/accepted"
"""The tag of a run that names the failure which a person accepted with it."""

LOOK_AT: Mapping[str, str] = {
    ReconciliationCategory.CONTRADICTING: "contradicting",
    ReconciliationCategory.AMOUNT_DIFFERS: "unlike their sale",
    ReconciliationCategory.UNATTRIBUTED: "of nobody",
}
"""The web orders that a person should look at, and how a summary calls them."""


def choose_day(shop: Shop, as_of: date | None) -> date:
    """Return the day to publish: the wanted one, else yesterday in the store.

    Raises:
        WrongUse: it lies in the future, or before the first day.
    """
    day = as_of or shop.yesterday
    if day > shop.today:
        raise WrongUse(
            f"{day} is later than today ({shop.today}) in the store.",
            f"Give --as-of a day up to {shop.today}.",
        )
    first = shop.settings.start_date
    if day < first:
        raise WrongUse(
            f"{day} is earlier than ANALYTICS_START_DATE ({first}).",
            f"Give --as-of a day from {first} on, or set an earlier start date.",
        )
    return day


def update(
    settings: Settings,
    terminal: Terminal,
    *,
    as_of: date | None = None,
    days: int = 7,
    full: bool = False,
    accept: str | None = None,
    reason: str | None = None,
) -> None:
    """Run the daily job for a day and tell what came out.

    Raises:
        PipelineError: it failed; what was published stays.
    """
    started = time.monotonic()
    day = choose_day(open_shop(settings), as_of)
    with hold_directory(settings.data_dir, wait=False):
        accepted = _accept(settings, accept, reason, day, terminal)
        config = update_config(days=0 if full else days, full_resync=full)
        with terminal.working(f"updating to {day}"):
            outcome = run_job(
                settings, DAILY_UPDATE, day, config, terminal, tags=accepted
            )
    for sentence in outcome.warnings:
        terminal.warn(sentence)
    if outcome.failure is not None:
        raise outcome.failure
    shop = open_shop(settings)
    tell(shop, outcome, day, time.monotonic() - started, terminal)


def _accept(
    settings: Settings,
    check: str | None,
    reason: str | None,
    day: date,
    terminal: Terminal,
) -> dict[str, str]:
    """Accept what failed *check*, if one is named; return the tags of the run.

    Raises:
        WrongUse: check and reason are not both given, or nothing can be accepted.
    """
    if check is None and reason is None:
        return {}
    if not check or not (reason or "").strip():
        raise WrongUse(
            "--accept CHECK and --reason TEXT go together.",
            'For example: --accept no_person_vanished --reason "Old records were '
            'cleared in Lightspeed"',
        )
    accepted = accept_failure(open_shop(settings), check, str(reason), day)
    terminal.err.print(f"accepted: {accepted}", markup=False)
    return {ACCEPTED_TAG: accepted}


def tell(
    shop: Shop, outcome: Outcome, day: date, seconds: float, terminal: Terminal
) -> None:
    """Print what a run read, re-opened and published."""
    feed = outcome.figures.get("sales_feed", {})
    master = outcome.figures.get("customer_analytics_master", {})
    customers = outcome.figures.get("customers", {})
    recut = outcome.days.get("raw_sales", 0)
    published = shop.publication.published()
    lines = {
        "read": f"{feed.get('records_read', 0):,} sales, "
        f"{customers.get('read', 0):,} customer records",
        "days cut": f"{recut:,} ({max(recut - 1, 0):,} beside {day})",
        "people": f"{master.get('dagster/partition_row_count', 0):,}",
        "lifetime value": f"{master.get('lifetime_value', 0):.2f}",
        "orders": f"{master.get('orders', 0):,}",
        "first-time buyers": f"{master.get('first_time_buyers', 0):,}",
        **_repairs(feed),
        **_quarantine(outcome.figures.get("customer_analytics", {})),
        **_changes(outcome.figures.get("customer_changes", {})),
        **_web_orders(outcome.figures.get("ecom_reconciliation", {})),
        "warnings": str(len(outcome.warnings)),
        "time": f"{seconds:.1f} s",
        **_places(shop, day, published),
    }
    terminal.summary(f"As of {day}", lines)


def _repairs(feed: Mapping[str, Any]) -> dict[str, str]:
    """Say what the comparison with the search has put right, if anything."""
    repaired = int(feed.get("repaired", 0))
    return {"repaired": f"{repaired:,} sales, found by the search"} if repaired else {}


def _quarantine(analytics: Mapping[str, Any]) -> dict[str, str]:
    """Say what stands in quarantine, if anything does."""
    count = int(analytics.get("quarantined_sales", 0))
    if not count:
        return {}
    worth = f"{analytics['quarantined_last_good_value']:.2f}"
    unknown = int(analytics["quarantined_unknown"])
    told = f"{count:,} sales, in no figure; last good value {worth}, {unknown} unknown"
    return {"in quarantine": told}


def _changes(changes: Mapping[str, Any]) -> dict[str, str]:
    """Say of how many people something changed since the master before."""
    people = int(changes.get("people", 0))
    if not people:
        return {}
    kinds = [kind.value for kind in ChangeKind if changes.get(kind.value)]
    told = ", ".join(f"{int(changes[kind]):,} {kind}" for kind in kinds)
    return {"changed": f"{people:,} people ({told}): see {CHANGES}"}


def _web_orders(reconciliation: Mapping[str, Any]) -> dict[str, str]:
    """Say in one line which web orders a person should look at, if any."""
    told = [
        f"{count:,} {words}"
        for category, words in LOOK_AT.items()
        if (count := int(reconciliation.get(category, 0)))
    ]
    return {"web orders": f"{', '.join(told)}: see {RECONCILIATION}"} if told else {}


def _places(shop: Shop, day: date, published: Published | None) -> dict[str, str]:
    """Say where the files are; an older day goes to the archive only."""
    folder = shop.publication.folder
    if published is None or published.as_of != day.isoformat():
        newest = published.as_of if published else "none"
        return {
            "archived": str(folder / "archive" / f"customer_analytics_{day}.csv"),
            "published": f"stays as of {newest}, which is newer",
        }
    note = " (provisional: the day is not over)" if published.provisional else ""
    return {
        "master": f"{folder / MASTER}{note}",
        "buyers": str(folder / FIRST_TIME_BUYERS),
    }
