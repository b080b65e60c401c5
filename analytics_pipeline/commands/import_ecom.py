"""Check an export of the web shop and put it in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from analytics_pipeline.assets.export_in_place import export_path
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.commands.update import (
    accept_check_result,
    refuse_what_cannot_be_accepted,
)
from analytics_pipeline.lazy import lazily
from analytics_pipeline.model.checks import Candidate, CheckResult, name_some
from analytics_pipeline.model.errors import GateFailed, WrongUse
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, hold_for_run, open_shop
from analytics_pipeline.sources.web_shop.export_file import is_placed, refuse_unreadable
from analytics_pipeline.tables import ECOM_ORDERS

if TYPE_CHECKING:
    import pandas as pd

    from analytics_pipeline.assets import ecom_orders
    from analytics_pipeline.domain import web_orders
    from analytics_pipeline.orchestration import gate
else:
    ecom_orders = lazily("analytics_pipeline.assets.ecom_orders")
    gate = lazily("analytics_pipeline.orchestration.gate")
    web_orders = lazily("analytics_pipeline.domain.web_orders")


def import_ecom(
    settings: Settings,
    terminal: Terminal,
    export: Path,
    *,
    accept: str | None = None,
    reason: str | None = None,
) -> None:
    """Check *export*, show what it holds and changes, and put it in place whole.

    One that lacks a few orders of the last good one is put in place with a warning;
    one that its gate stops only if a person accepts that by *accept* and *reason*.
    The export that was in place is kept.

    Raises:
        WrongUse: it cannot be used, or what was found cannot be accepted.
        GateFailed: its gate stops it.  In either case the export in place stays.
    """
    if accept is not None:
        refuse_what_cannot_be_accepted(accept, ["ecom_orders"])
    refuse_unreadable(export)
    with (
        hold_for_run(settings, "analytics-pipeline import-ecom"),
        terminal.working(f"checking {export.name}", is_brief=True),
    ):
        shop = open_shop(settings)
        shop.versions.refuse_newer()
        target = export_path(shop)
        with ecom_orders.brought_in(shop, export) as copy:
            candidate = ecom_orders.take_in_export(
                shop, copy, ecom_orders.open_sold_order_numbers(shop)
            )
            facts = {**_contents(candidate.rows), **_changes(shop, candidate.rows)}
            nothing_yet = {"file": None, "previous": None, "accepted": None}
            terminal.facts |= facts | nothing_yet
            results = _check_export(shop, candidate)
            if accept is not None and reason is not None:
                accepted = accept_check_result(
                    shop, "ecom_orders", results, accept, reason
                )
                terminal.facts["accepted"] = accepted
                results = _check_export(shop, candidate)
            listed = [
                gate.list_offenders(shop, "ecom_orders", each) for each in results
            ]
            _print_warnings(listed, export, terminal)
            previous = ecom_orders.put_in_place(shop, copy)
    terminal.facts |= {"file": target, "previous": previous}
    terminal.summary("Export put in place", _in_words(terminal.facts))


def _check_export(shop: Shop, candidate: Candidate) -> list[CheckResult]:
    """Check an export as the gate of the next update will."""
    return gate.evaluate(shop, ECOM_ORDERS, candidate)


def _print_warnings(
    check_results: Sequence[CheckResult], export: Path, terminal: Terminal
) -> None:
    """Print what is worth a warning.

    Raises:
        GateFailed: something that was found stops the export.
    """
    blocking = [result for result in check_results if result.blocks]
    for result in check_results:
        if not (result.passed or result.blocks):
            terminal.warn(result.sentence)
    if not blocking:
        return
    first = blocking[0]
    again = "Export the orders again, all of them."
    typed = f"import-ecom {quote(str(export))} --accept {first.check} --reason TEXT"
    raise GateFailed(
        f"{export.name} was not put in place ({first.check}). {first.sentence}",
        f"{again} If it is right so: analytics-pipeline {typed}"
        if first.fingerprint is not None
        else again,
    )


def _contents(orders: pd.DataFrame) -> dict[str, Any]:
    """Return what an export holds."""
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
        "counted_if_no_sale": int(web_orders.counts_unsynced(orders).sum()),
        "without_email": int(orders["email_key"].isna().sum()),
    }


def _changes(shop: Shop, orders: pd.DataFrame) -> dict[str, Any]:
    """Return what differs from the export in place, or why nothing can be said."""
    not_compared: dict[str, Any] = {"new_orders": None, "changed_orders": None}
    not_compared["gone_orders"] = None
    in_place = export_path(shop)
    if not is_placed(in_place):
        return {**not_compared, "not_compared": "there was none"}
    try:
        before = ecom_orders.open_export(shop, in_place)
    except WrongUse as error:
        why = f"that cannot be read: {error.cause}"
        return {**not_compared, "not_compared": why}
    changes = web_orders.compare_exports(before.orders, orders)
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
        **({"before it": str(facts["previous"])} if facts["previous"] else {}),
        "next": "analytics-pipeline update",
    }


def _count(orders: list[str]) -> str:
    """Count *orders*, and name some of them."""
    return f"{len(orders):,} ({name_some(orders)})" if orders else "0"
