"""What came out of a run: the facts, and the summary that tells the same to people."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from analytics_pipeline.commands.activity import Waits
from analytics_pipeline.commands.running import Outcome
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.domain.money import format_cents, round_half_away
from analytics_pipeline.domain.wording import say
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.changes import CHANGES
from analytics_pipeline.steps.reconciliation import RECONCILIATION
from analytics_pipeline.storage.publication import FIRST_TIME_BUYERS, MASTER
from analytics_pipeline.storage.report_files import ReportFiles
from analytics_pipeline.vocabulary import ChangeKind, ReconciliationCategory

LOOK_AT: Mapping[str, str] = {
    ReconciliationCategory.REFUNDED_IN_WEB_SHOP: "refunded in the web shop",
    ReconciliationCategory.CONTRADICTING: "contradicting",
    ReconciliationCategory.AMOUNT_DIFFERS: "unlike their sale",
    ReconciliationCategory.UNATTRIBUTED: "of nobody",
}
"""The web orders that a person should look at, and how a summary calls them."""

WORTH_TELLING = 2.0
"""Seconds of waiting from which a summary tells of it."""


def tell_checks(outcome: Outcome, terminal: Terminal) -> None:
    """Print what the checks of a run warn of, and what a person has accepted."""
    terminal.warn_of_all(outcome.warnings)
    for sentence in outcome.accepted:
        terminal.note(f"accepted: {sentence}")


def tell(
    shop: Shop, outcome: Outcome, day: date, seconds: float, terminal: Terminal
) -> None:
    """Print what a run read, re-opened and published, and keep it for the document."""
    facts = {
        **_read(outcome, day),
        **_published(shop, day),
        "waits": {reason: vars(waits) for reason, waits in terminal.waits.items()},
        "seconds": round(seconds, 1),
    }
    terminal.facts |= facts
    lines = _in_words(facts, terminal.waits, _count_warnings(outcome))
    terminal.summary(f"As of {day}", lines)


def _read(outcome: Outcome, day: date) -> dict[str, Any]:
    """Return what a run read and made, as figures."""
    of: dict[str, Mapping[str, Any]] = {
        table: outcome.figures.get(table, {})
        for table in (
            "sales_feed",
            "customers",
            "customer_analytics_master",
            "customer_analytics",
            "customer_changes",
            "ecom_reconciliation",
        )
    }
    feed, master = of["sales_feed"], of["customer_analytics_master"]
    quarantined, changes = of["customer_analytics"], of["customer_changes"]
    orders = of["ecom_reconciliation"]
    return {
        "as_of": day,
        "sales_read": int(feed.get("records_read", 0)),
        "customer_records_read": int(of["customers"].get("read", 0)),
        "days_cut": outcome.days.get("raw_sales", 0),
        "people": int(master["dagster/partition_row_count"]),
        "lifetime_value_cents": _cents(master["lifetime_value"]),
        "orders": int(master["orders"]),
        "first_time_buyers": int(master["first_time_buyers"]),
        "repaired_sales": int(feed.get("repaired", 0)),
        "quarantined_sales": {
            "count": int(quarantined["quarantined_sales"]),
            "last_good_cents": _cents(quarantined["quarantined_last_good_value"]),
            "unknown": int(quarantined["quarantined_unknown"]),
        },
        "people_changed": int(changes.get("people", 0)),
        "changes": {kind.value: int(changes.get(kind.value, 0)) for kind in ChangeKind},
        "web_orders": {
            each.value: int(orders.get(each.value, 0))
            for each in ReconciliationCategory
        },
    }


def _cents(amount: float) -> int:
    """Return an amount that Dagster keeps in currency, exactly as it was told."""
    return round_half_away(Decimal(repr(amount)))


def _published(shop: Shop, day: date) -> dict[str, Any]:
    """Return what people have before them, and where the files of *day* are."""
    folder, published = shop.publication.folder, shop.publication.published()
    is_newest = published is not None and published.as_of == day.isoformat()
    reports = ReportFiles(folder, shop.policy.archive_keep_days)
    archived = folder / "archive" / f"customer_analytics_{day}.csv"
    return {
        "published": published.as_of if published else None,
        "provisional": bool(is_newest and published and published.provisional),
        "files": {
            "master": folder / MASTER if is_newest else None,
            "first_time_buyers": folder / FIRST_TIME_BUYERS if is_newest else None,
            "archived": None if is_newest else archived,
            "report": reports.latest if is_newest else reports.of(day),
        },
    }


def _count_warnings(outcome: Outcome) -> str:
    """Say how many warnings there are now, those of earlier runs among them."""
    earlier = outcome.standing - len(outcome.warnings)
    if earlier <= 0:
        return str(outcome.standing)
    return f"{outcome.standing} ({earlier} of earlier runs): analytics-pipeline status"


def _in_words(
    facts: Mapping[str, Any], waits: Mapping[str, Waits], warnings: str
) -> dict[str, str]:
    """Return the lines of the summary."""
    recut = facts["days_cut"]
    return {
        "read": f"{facts['sales_read']:,} sales, "
        f"{facts['customer_records_read']:,} customer records",
        "days cut": f"{recut:,} ({max(recut - 1, 0):,} beside {facts['as_of']})",
        "people": f"{facts['people']:,}",
        "lifetime value": format_cents(facts["lifetime_value_cents"]),
        "orders": f"{facts['orders']:,}",
        "first-time buyers": f"{facts['first_time_buyers']:,}",
        **_repairs(facts["repaired_sales"]),
        **_quarantine(facts["quarantined_sales"]),
        **_changes(facts["people_changed"], facts["changes"]),
        **_web_orders(facts["web_orders"]),
        "warnings": warnings,
        **_waits(waits),
        "time": f"{facts['seconds']:.1f} s",
        **_places(facts),
    }


def _repairs(repaired: int) -> dict[str, str]:
    """Say what the comparison with the search has put right, if anything."""
    return (
        {"repaired": f"{say(repaired, 'sale', 'sales')}, found by the search"}
        if repaired
        else {}
    )


def _quarantine(quarantined: Mapping[str, int]) -> dict[str, str]:
    """Say what stands in quarantine, if anything does."""
    if not quarantined["count"]:
        return {}
    told = (
        f"{say(quarantined['count'], 'sale', 'sales')}, in no figure; last good value "
        f"{format_cents(quarantined['last_good_cents'])}, "
        f"{quarantined['unknown']} unknown"
    )
    return {"in quarantine": told}


def _changes(people: int, changes: Mapping[str, int]) -> dict[str, str]:
    """Say of how many people something changed since the master before."""
    if not people:
        return {}
    told = ", ".join(f"{count:,} {kind}" for kind, count in changes.items() if count)
    return {"changed": f"{say(people, 'person', 'people')} ({told}): see {CHANGES}"}


def _web_orders(orders: Mapping[str, int]) -> dict[str, str]:
    """Say in one line which web orders a person should look at, if any."""
    told = [
        f"{orders[category]:,} {words}"
        for category, words in LOOK_AT.items()
        if orders[category]
    ]
    return {"web orders": f"{', '.join(told)}: see {RECONCILIATION}"} if told else {}


def _waits(waits: Mapping[str, Waits]) -> dict[str, str]:
    """Say how long the run waited for Lightspeed, and why, if it was long."""
    total = sum(each.seconds for each in waits.values())
    if total < WORTH_TELLING:
        return {}
    told = ", ".join(f"{reason} ({each.times}×)" for reason, each in waits.items())
    return {"waited": f"{total:.0f} s for Lightspeed: {told}"}


def _places(facts: Mapping[str, Any]) -> dict[str, str]:
    """Say where the files are; an older day goes to the archive only."""
    files = facts["files"]
    if files["archived"]:
        newest = facts["published"] or "none"
        return {
            "archived": str(files["archived"]),
            "report": str(files["report"]),
            "published": f"stays as of {newest}, which is newer",
        }
    note = " (provisional: the day is not over)" if facts["provisional"] else ""
    return {
        "master": f"{files['master']}{note}",
        "buyers": str(files["first_time_buyers"]),
        "report": str(files["report"]),
    }
