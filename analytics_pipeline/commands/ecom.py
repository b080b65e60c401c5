"""Check an export of the web shop and put it in place."""

import shutil
from pathlib import Path

from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.domain.export_changes import compare_exports
from analytics_pipeline.domain.findings import name_some
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.domain.order_matching import counts_unsynced
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, hold_directory, open_shop
from analytics_pipeline.sources.ecom_export import EcomExport
from analytics_pipeline.steps.ecom_orders import (
    export_path,
    judge_orders,
    open_export,
)
from analytics_pipeline.storage.files import PARTIAL, replace_bytes


def import_ecom(settings: Settings, terminal: Terminal, export: Path) -> None:
    """Check *export*, show what it holds and changes, and put it in place whole.

    One that lacks what the last good one had is put in place too, with a warning.

    Raises:
        WrongUse: it cannot be used; the export in place stays.
    """
    with hold_directory(settings.data_dir, wait=False):
        shop = open_shop(settings)
        shop.versions.refuse_newer()
        target = export_path(shop)
        scratch = target.parent / f".incoming{PARTIAL}" / export.name
        try:
            # What is put in place is what was checked, whatever happens to the file.
            replace_bytes(scratch, _content(export))
            read = open_export(shop, scratch)
            changes = _changes(shop, target, read)
            complete = judge_orders(shop, read.orders, read.columns)
            if not complete.passed:
                terminal.warn(complete.sentence)
            scratch.replace(target)
        finally:
            shutil.rmtree(scratch.parent, ignore_errors=True)
    terminal.summary(
        "Export put in place",
        {
            **_contents(read),
            **changes,
            "file": str(target),
            "next": "analytics-pipeline update",
        },
    )


def _contents(export: EcomExport) -> dict[str, str]:
    """Say what an export holds."""
    orders = export.orders
    counted = orders[counts_unsynced(orders)]
    dates = orders["order_date"]
    return {
        "orders": f"{len(orders):,}",
        "from, to": "–"
        if orders.empty
        else f"{str(dates.min())[:10]} to {str(dates.max())[:10]}",
        "total of all": format_cents(int(orders["total_cents"].sum())),
        "that count if they are no sale yet": f"{len(counted):,}",
        "without a usable e-mail": f"{int(orders['email_key'].isna().sum()):,}",
    }


def _changes(shop: Shop, in_place: Path, export: EcomExport) -> dict[str, str]:
    """Say what differs from the export in place, if there is one."""
    if not in_place.exists():
        return {"against the one in place": "there was none"}
    try:
        before = open_export(shop, in_place)
    except WrongUse as error:
        return {"against the one in place": f"that cannot be read: {error.cause}"}
    changes = compare_exports(before.orders, export.orders)
    return {
        "new orders": _count(changes.new),
        "changed orders": _count(changes.changed),
        "gone orders": _count(changes.gone),
    }


def _count(orders: list[str]) -> str:
    """Count *orders*, and name some of them."""
    return f"{len(orders):,} ({name_some(orders)})" if orders else "0"


def _content(export: Path) -> bytes:
    """Read the file that was named.

    Raises:
        WrongUse: it is not there, or is no file that can be read.
    """
    try:
        return export.read_bytes()
    except OSError as error:
        raise WrongUse(
            f"{export} cannot be read: {error.strerror}.",
            "Name the order export of the web shop, a CSV file.",
        ) from error
