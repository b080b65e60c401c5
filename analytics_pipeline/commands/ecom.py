"""Check an export of the web shop and put it in place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.domain.export_changes import compare_exports
from analytics_pipeline.domain.findings import name_some
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.domain.order_matching import counts_unsynced
from analytics_pipeline.domain.order_words import judge_order_words
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, hold_directory, open_shop
from analytics_pipeline.sources.ecom_export import EcomExport
from analytics_pipeline.steps.ecom_orders import (
    brought_in,
    export_path,
    judge_orders,
    open_export,
)
from analytics_pipeline.steps.known_numbers import refuse_changed_numbers


def import_ecom(settings: Settings, terminal: Terminal, export: Path) -> None:
    """Check *export*, show what it holds and changes, and put it in place whole.

    One that lacks what the last good one had is put in place too, with a warning.

    Raises:
        WrongUse: it cannot be used; the export in place stays.
    """
    with (
        hold_directory(settings.data_dir, wait=False),
        terminal.working(f"checking {export.name}", is_brief=True),
    ):
        shop = open_shop(settings)
        shop.versions.refuse_newer()
        target = export_path(shop)
        with brought_in(shop, export) as copy:
            read = open_export(shop, copy)
            not_compared = refuse_changed_numbers(shop, export.name, read)
            if not_compared:
                terminal.warn(not_compared)
            changes = _changes(shop, target, read)
            complete = judge_orders(shop, read.orders, read.columns)
            for finding in (complete, judge_order_words(read.orders)):
                if not finding.passed:
                    terminal.warn(finding.sentence)
            copy.replace(target)
    facts = {**_contents(read), **changes, "file": target}
    terminal.facts |= facts
    terminal.summary("Export put in place", _in_words(facts))


def _contents(export: EcomExport) -> dict[str, Any]:
    """Return what an export holds."""
    orders = export.orders
    first, last = (
        (None, None)
        if orders.empty
        else (str(day)[:10] for day in orders["order_date"].agg(["min", "max"]))
    )
    return {
        "orders": len(orders),
        "first_order_date": first,
        "last_order_date": last,
        "total_cents": int(orders["total_cents"].sum()),
        "counted_if_no_sale": int(counts_unsynced(orders).sum()),
        "without_email": int(orders["email_key"].isna().sum()),
    }


def _changes(shop: Shop, in_place: Path, export: EcomExport) -> dict[str, Any]:
    """Return what differs from the export in place, or why nothing can be said."""
    not_compared: dict[str, Any] = {"new_orders": None, "changed_orders": None}
    not_compared["gone_orders"] = None
    if not in_place.exists():
        return {**not_compared, "not_compared": "there was none"}
    try:
        before = open_export(shop, in_place)
    except WrongUse as error:
        why = f"that cannot be read: {error.cause}"
        return {**not_compared, "not_compared": why}
    changes = compare_exports(before.orders, export.orders)
    return {
        "new_orders": changes.new,
        "changed_orders": changes.changed,
        "gone_orders": changes.gone,
        "not_compared": None,
    }


def _in_words(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the lines of the summary."""
    kinds = ("new", "changed", "gone")
    return {
        "orders": f"{facts['orders']:,}",
        "from, to": f"{facts['first_order_date']} to {facts['last_order_date']}"
        if facts["orders"]
        else "–",
        "total of all": format_cents(facts["total_cents"]),
        "that count if they are no sale yet": f"{facts['counted_if_no_sale']:,}",
        "without a usable e-mail": f"{facts['without_email']:,}",
        **(
            {"against the one in place": facts["not_compared"]}
            if facts["not_compared"]
            else {f"{kind} orders": _count(facts[f"{kind}_orders"]) for kind in kinds}
        ),
        "file": str(facts["file"]),
        "next": "analytics-pipeline update",
    }


def _count(orders: list[str]) -> str:
    """Count *orders*, and name some of them."""
    return f"{len(orders):,} ({name_some(orders)})" if orders else "0"
