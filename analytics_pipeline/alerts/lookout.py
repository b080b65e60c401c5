"""What is wrong by what runs have said so far, and by the clock; without Dagster."""

from collections.abc import Iterator
from dataclasses import replace

from analytics_pipeline.alerts.texts import Sender
from analytics_pipeline.domain.incidents import (
    CheckStatus,
    Incidents,
    forget_old,
    longest_failing,
    observe,
)
from analytics_pipeline.orchestration.record_files import AskDagster, RecordFiles
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.state import AlertBook, AlertMemory

STALENESS = ("customer_analytics_master", "is_published", "")
"""The check of the clock: yesterday's master should be out by now."""


def look_at_the_clock(shop: Shop, incidents: Incidents) -> Iterator[CheckStatus]:
    """Say whether the master that people may expect is there; a new shop has none.

    Where something else has failed, that is why it is late.
    """
    published, due = shop.publication.published(), shop.due_day.isoformat()
    if published is None:
        return
    is_late = published.as_of < due
    sentence = (
        f"The master of {due} is not published: what people read is as of "
        f"{published.as_of}."
        if is_late
        else f"The master as of {published.as_of} is published."
    )
    remedy = "See why, then run: analytics-pipeline update"
    others = {name: each for name, each in incidents.items() if name != STALENESS}
    yield CheckStatus(
        STALENESS,
        shop.clock(),
        is_late,
        sentence=sentence,
        remedy=remedy,
        follows=longest_failing(others),
    )


def take_in_the_clock(shop: Shop, incidents: Incidents) -> Incidents:
    """Return what is wrong by what runs have said, and by the clock."""
    now = observe(incidents, look_at_the_clock(shop, incidents))
    return forget_old(now, shop.today)


def open_book(shop: Shop) -> AlertBook:
    """Open the memory; it stays with the data, wherever Dagster's home is."""
    return AlertBook(shop.settings.data_dir / ".dagster")


def look_into_files(shop: Shop, files: RecordFiles) -> AlertMemory:
    """Return what is wrong now, where no run has ended since the last look.

    Raises:
        AskDagster: one has; only Dagster can read what it said.
        LocalFailure: the memory of the alerts is damaged.
    """
    memory = open_book(shop).read() or AlertMemory()
    known = memory.cursors if files.name() == memory.records else {}
    if files.has_ended_since(known):
        raise AskDagster
    return replace(memory, incidents=take_in_the_clock(shop, memory.incidents))


def sender_of(shop: Shop) -> Sender:
    """Return who speaks in an alert of *shop*."""
    published = shop.publication.published()
    return Sender(
        shop.settings.shop_name or shop.settings.domain_prefix or "shop",
        shop.zone,
        published.as_of if published else None,
        shop.settings.shop_name,
    )
