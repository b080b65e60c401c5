"""Read the web shop's export."""

from datetime import UTC, datetime, timedelta

from analytics_pipeline.candidate import Candidate
from analytics_pipeline.domain.findings import Finding, Severity
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.schemas.sources import EcomOrders
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.ecom_export import read_ecom_export
from analytics_pipeline.sources.frames import frame_of

STALE_EXPORT = timedelta(days=7)
"""How old the web shop's export may be before it is called stale."""


def read_ecom_orders(shop: Shop) -> Candidate:
    """Read the web shop's export; without the file there are no web orders."""
    path = shop.settings.data_dir / "ecom_orders_export.csv"
    if not path.exists():
        found = Finding(
            "export_is_readable", True, "There is no export: no web orders."
        )
        return Candidate(frame_of([], EcomOrders), [found, _judge_age(None, path.name)])
    try:
        frame = read_ecom_export(path, shop.contact_keys(None), shop.settings.time_zone)
    except WrongUse as error:
        sentence = f"{error.cause} {error.remedy}"
        return Candidate(None, [Finding("export_is_readable", False, sentence)])
    readable = Finding("export_is_readable", True, "The export could be read.")
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    age = shop.clock() - modified
    return Candidate(frame, [readable, _judge_age(age, path.name)])


def _judge_age(age: timedelta | None, name: str) -> Finding:
    """Say whether the export is recent enough."""
    fresh = age is None or age <= STALE_EXPORT
    days = 0 if age is None else age.days
    return Finding(
        "export_is_fresh",
        fresh,
        "The export is recent enough."
        if fresh
        else f"{name} is {days} days old: newer web orders are missing.",
        Severity.WARN,
        {"days": days},
    )
