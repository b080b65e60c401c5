"""Check an export of the web shop and put it in place."""

import shutil
from pathlib import Path

from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.domain.order_matching import counts_unsynced
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import hold_directory, open_shop
from analytics_pipeline.sources.ecom_export import read_ecom_export
from analytics_pipeline.storage.files import PARTIAL, replace_bytes


def import_ecom(settings: Settings, terminal: Terminal, export: Path) -> None:
    """Check *export*, show what it holds, and put it in place whole.

    Raises:
        WrongUse: it cannot be used; the export in place stays.
    """
    with hold_directory(settings.data_dir, wait=False):
        shop = open_shop(settings)
        target = settings.data_dir / "ecom_orders_export.csv"
        scratch = target.parent / f".incoming{PARTIAL}" / export.name
        try:
            # What is put in place is what was checked, whatever happens to the file.
            replace_bytes(scratch, _content(export))
            keys = shop.contact_keys(None)
            orders = read_ecom_export(scratch, keys, settings.time_zone)
            scratch.replace(target)
        finally:
            shutil.rmtree(scratch.parent, ignore_errors=True)
    counted = orders[counts_unsynced(orders)]
    dates = orders["order_date"]
    terminal.summary(
        "Export put in place",
        {
            "orders": f"{len(orders):,}",
            "from, to": "–"
            if orders.empty
            else f"{str(dates.min())[:10]} to {str(dates.max())[:10]}",
            "total of all": format_cents(int(orders["total_cents"].sum())),
            "that count if they are no sale yet": f"{len(counted):,}",
            "without a usable e-mail": f"{int(orders['email_key'].isna().sum()):,}",
            "file": str(target),
            "next": "analytics-pipeline update",
        },
    )


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
