"""The web shop's export in the data directory: where it is, and how old.

Apart from what makes a table of it, so that ``doctor`` can say so without a frame.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from analytics_pipeline.model.checks import CheckResult, Severity
from analytics_pipeline.model.text import say
from analytics_pipeline.shop import Shop

EXPORT_FILE = "ecom_orders_export.csv"

STALE_EXPORT = timedelta(days=7)
"""How old the web shop's export may be before it is called stale."""


def export_path(shop: Shop) -> Path:
    """Return where the web shop's export is put."""
    return shop.settings.data_dir / EXPORT_FILE


def age_of(shop: Shop, path: Path) -> timedelta:
    """Return how long ago the file at *path* was written."""
    return shop.clock() - datetime.fromtimestamp(path.stat().st_mtime, UTC)


def check_export_age(age: timedelta | None, name: str) -> CheckResult:
    """Say whether the export is recent enough."""
    fresh = age is None or age <= STALE_EXPORT
    days = 0 if age is None else age.days
    return CheckResult(
        "export_is_fresh",
        fresh,
        "The export is recent enough."
        if fresh
        else f"{name} is {say(days, 'day', 'days')} old: newer web orders are missing.",
        Severity.WARN,
        {"days": days},
    )
