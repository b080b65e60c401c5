"""Read the sources that are small: outlets, customers and the web shop's export."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pandas as pd

from analytics_pipeline.candidate import Candidate
from analytics_pipeline.domain.findings import Finding, Severity
from analytics_pipeline.domain.rejections import Rejection
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.schemas.sources import Customers, EcomOrders, Outlets
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.customer_payloads import customers_rows
from analytics_pipeline.sources.ecom_export import read_ecom_export
from analytics_pipeline.sources.frames import frame_of
from analytics_pipeline.sources.lightspeed import LightspeedClient
from analytics_pipeline.sources.outlet_payloads import outlets_rows
from analytics_pipeline.steps.judgements import judge_rejections, walk_began
from analytics_pipeline.storage.warehouse import CatchUp

STALE_EXPORT = timedelta(days=7)
"""How old the web shop's export may be before it is called stale."""


def read_outlets(shop: Shop, client: LightspeedClient) -> Candidate:
    """Read the outlets, the registers and the store itself."""
    pages = {
        name: [
            record
            for page in client.pages(name, deleted=True)
            for record in page.records
        ]
        for name in ("outlets", "registers")
    }
    frame = outlets_rows(pages["outlets"], pages["registers"], client.retailer())
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
    return Candidate(frame, [finding])


def read_customers(
    shop: Shop, client: LightspeedClient, *, full_resync: bool = False
) -> Candidate:
    """Read the customers that changed since the last time, and put them in.

    Where the keys of contacts are now made in another way (another phone region,
    another list of placeholders, a new hash key), every record is read again.
    """
    outlets = shop.load("outlets", Outlets)
    keys = shop.contact_keys(next(iter(outlets["store_country"].dropna()), None))
    notes = shop.warehouse.notes("customers")
    known = notes.get("keys") == keys.fingerprint() and not full_resync
    cursor = int(notes["cursor"]) if known else 0
    frame = (
        shop.warehouse.read("customers", Customers)
        if known
        else frame_of([], Customers)
    )
    rejections = _read_rejections(notes) if known else []
    read, turned_away = 0, 0
    asked_at, first_page = client.server_now, None
    for page in client.pages("customers", after=cursor, deleted=True):
        first_page = first_page or page
        rows, rejected = customers_rows(
            page.records, keys, shop.policy, page=page.number
        )
        frame = _upsert(frame, rows)
        rejections = _still_standing([*rejections, *rejected], frame)
        read, turned_away = read + len(page.records), turned_away + len(rejected)
        cursor = page.version_max
        shop.progress("customers", read, None)
    finding = judge_rejections(
        turned_away, read, shop.policy.max_quarantined, rejections
    )
    frame = _without(frame, rejections)
    notes = {
        "cursor": str(cursor),
        "keys": keys.fingerprint(),
        "rejections": json.dumps([asdict(rejection) for rejection in rejections]),
    }
    began = walk_began(asked_at, first_page, client)
    figures: dict[str, int | str] = {
        "read": read,
        "began_at": began.isoformat(),
        "cursor": cursor,
    }
    return Candidate(frame, [finding], notes=notes, figures=figures)


def store_customers(shop: Shop, candidate: Candidate) -> None:
    """Store the records; then note that the walk of the customers reached its end."""
    shop.store_as("customers", Customers)(candidate)
    began = datetime.fromisoformat(str(candidate.figures["began_at"]))
    walk = CatchUp(began, int(candidate.figures["cursor"]))
    shop.warehouse.record_catch_up("customers", walk)


def _upsert(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Put *rows* in the place of older versions of the same records."""
    both = pd.concat([frame, rows], ignore_index=True)
    newest = both.sort_values(["customer_id", "version"], kind="stable")
    return newest.drop_duplicates("customer_id", keep="last", ignore_index=True)


def _read_rejections(notes: dict[str, str]) -> list[Rejection]:
    return [Rejection(**entry) for entry in json.loads(notes.get("rejections", "[]"))]


def _still_standing(
    rejections: list[Rejection], frame: pd.DataFrame
) -> list[Rejection]:
    """Return the rejections that no later good version has made good."""
    version = dict(zip(frame["customer_id"], frame["version"], strict=True))
    return [
        rejection
        for rejection in rejections
        if version.get(rejection.record_id or "", 0) <= (rejection.version or 0)
        or rejection.record_id is None
    ]


def _without(frame: pd.DataFrame, rejections: list[Rejection]) -> pd.DataFrame:
    """Return the records whose latest version was not turned away.

    The last good version would show contacts that the record may no longer hold.
    """
    away = [rejection.record_id for rejection in rejections if rejection.record_id]
    return frame[~frame["customer_id"].isin(away)].reset_index(drop=True)


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
