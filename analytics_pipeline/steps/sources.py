"""Read the sources that are small: outlets, customers and the web shop's export."""

from datetime import UTC, datetime, timedelta

import pandas as pd

from analytics_pipeline.candidate import Candidate
from analytics_pipeline.domain.findings import Finding, Severity, name_some
from analytics_pipeline.errors import LightspeedUnavailable, WrongUse
from analytics_pipeline.schemas.sources import EcomOrders, Outlets
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.ecom_export import read_ecom_export
from analytics_pipeline.sources.frames import frame_of
from analytics_pipeline.sources.lightspeed import LightspeedClient
from analytics_pipeline.sources.outlet_payloads import outlets_rows
from analytics_pipeline.steps.known_sales import refuse_another_store

STALE_EXPORT = timedelta(days=7)
"""How old the web shop's export may be before it is called stale."""


def read_outlets(shop: Shop, client: LightspeedClient) -> Candidate:
    """Read the outlets, the registers and the store itself.

    Raises:
        LightspeedUnavailable: there are none, which no store has.
    """
    retailer = client.retailer()
    refuse_another_store(shop, retailer)
    pages = {
        name: [
            record
            for page in client.pages(name, deleted=True)
            for record in page.records
        ]
        for name in ("outlets", "registers")
    }
    for name, records in pages.items():
        if not records:
            raise LightspeedUnavailable(
                f"Lightspeed names no {name}, though every store has some.",
                "Try again later; nothing was replaced.",
            )
    frame = outlets_rows(pages["outlets"], pages["registers"], retailer)
    ours, theirs = shop.settings.time_zone, set(frame["store_time_zone"].dropna())
    agrees = theirs <= {ours}
    finding = Finding(
        "time_zone_agrees",
        agrees,
        "The store's time zone is the configured one."
        if agrees
        else f"ANALYTICS_TIMEZONE is {ours}, the store says {', '.join(theirs)}.",
        Severity.WARN,
        {"configured": ours, "store": ", ".join(sorted(theirs))},
    )
    return Candidate(frame, [finding, _keep_outlets(shop, frame)])


def _keep_outlets(shop: Shop, frame: pd.DataFrame) -> Finding:
    """Check that no outlet is gone: a closed one is deleted, and still delivered."""
    before: set[str] = set()
    if shop.warehouse.exists("outlets"):
        before = set(shop.warehouse.read("outlets", Outlets)["outlet_id"])
    gone = sorted(before - set(frame["outlet_id"]))
    passed = not frame.empty and not gone
    return Finding(
        "outlets_are_all_there",
        passed,
        "Every outlet known before is still there."
        if passed
        else f"Lightspeed names {len(frame)} outlets; {len(gone)} known ones are gone.",
        evidence={"outlets": len(frame), "gone": name_some(gone)},
    )


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
