"""``customers``: what changed since the last time, upserted by version."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256

import pandas as pd

from analytics_pipeline.assets.catch_ups import record_catch_up
from analytics_pipeline.assets.sales_feed import refuse_poisoned_cursor
from analytics_pipeline.assets.shared_checks import check_rejections, walk_began
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.anomalies.people import (
    check_contacts,
    count_contacts,
    live_records,
)
from analytics_pipeline.domain.contacts import ContactKeys, check_addresses
from analytics_pipeline.domain.feed_versions import highest_plausible
from analytics_pipeline.model import text
from analytics_pipeline.model.checks import Candidate, CheckResult, Rejection
from analytics_pipeline.model.ids import check_ids, is_among, plain_id, plain_ids
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sources import Customers
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.protocol import PointOfSale
from analytics_pipeline.sources.values import FAR_VERSION, frame_of
from analytics_pipeline.tables import CUSTOMERS


def read_customers(
    shop: Shop,
    client: PointOfSale,
    outlets: pd.DataFrame,
    *,
    full_resync: bool = False,
    replay: bool = False,
) -> Candidate:
    """Read the customers that changed since the last time, and put them in.

    With *replay* the records in quarantine are tried again, one by one.  Where
    the keys of contacts are now made in another way (another phone region,
    another list of placeholders, a new hash key), every record is read again.
    """
    keys = shop.contact_keys(next(iter(outlets["store_country"].dropna()), None))
    made_with = _fingerprint(keys, shop.policy)
    notes = {} if full_resync else shop.warehouse.notes("customers")
    before = _read_on_from(shop) if notes.get("keys") == made_with else None
    rejections = [] if before is None else _read_rejections(notes)
    cursor = 0 if before is None else int(notes["cursor"])
    old = frame_of([], Customers) if before is None else before
    below = old["version"][old["version"] < cursor]
    refuse_poisoned_cursor("customers", cursor, int(below.max()) if len(below) else 0)
    walk = _walk_customers(shop, client, keys, cursor)
    replayed = _replay(shop, client, keys, rejections, walk.cursor) if replay else []
    frame = _latest([old, *walk.rows, *replayed])
    old_ones = [e for e in rejections if not _is_made_good(e, [*walk.rows, *replayed])]
    new_ones = [e for e in walk.rejections if not _is_made_good(e, replayed)]
    standing = _still_standing([*old_ones, *new_ones], frame)
    kept = _without(frame, standing)
    results = [_check_rejected(shop, walk, standing), *_check_kept(shop, kept)]
    figures: dict[str, int | str] = {
        "read": walk.read,
        "began_at": walk.began_at.isoformat(),
        "cursor": walk.cursor,
    }
    if replay:
        figures |= {"replayed": len(rejections), "fixed": sum(map(len, replayed))}
    notes = {
        "cursor": str(walk.cursor),
        "keys": made_with,
        "rejections": json.dumps([asdict(rejection) for rejection in standing]),
    }
    store = partial(store_customers, shop, standing, walk)
    return Candidate(kept, results, notes=notes, figures=figures, store=store)


def _read_on_from(shop: Shop) -> pd.DataFrame | None:
    """Return the stored records, unless an earlier release kept ids in any case."""
    stored = shop.warehouse.read("customers", Customers)
    ids = stored["customer_id"]
    return stored if plain_ids(ids).equals(ids) else None


@dataclass(frozen=True, slots=True)
class CustomersWalk:
    """A walk of the customers' feed to its end: what it read, and where it ended."""

    rows: Sequence[pd.DataFrame]
    rejections: Sequence[Rejection]
    read: int
    cursor: int
    began_at: datetime


def _walk_customers(
    shop: Shop, client: PointOfSale, keys: ContactKeys, cursor: int
) -> CustomersWalk:
    """Read every page from *cursor* to the end of the feed."""
    asked_at, first_page = client.server_now, None
    frames: list[pd.DataFrame] = []
    rejections: list[Rejection] = []
    read = 0
    for page in client.pages("customers", cursor):
        first_page = first_page or page
        rows, rejected = client.customers_rows(
            page.records,
            keys,
            shop.policy,
            page=page.number,
            highest_version=page.highest_version,
        )
        frames.append(rows)
        rejections = [each for each in rejections if not _is_made_good(each, [rows])]
        rejections += rejected
        read, cursor = read + len(page.records), page.version_max
        shop.progress("customers", read, None)
    began = walk_began(asked_at, first_page, client)
    return CustomersWalk(frames, rejections, read, cursor, began)


def _replay(
    shop: Shop,
    client: PointOfSale,
    keys: ContactKeys,
    rejections: Sequence[Rejection],
    cursor: int,
) -> list[pd.DataFrame]:
    """Return the records in quarantine that can be read now."""
    named = sorted({each.record_id for each in rejections if each.record_id})
    records = [found for each in named if (found := client.customer(each)) is not None]
    highest = highest_plausible(cursor)
    rows, _still_bad = client.customers_rows(
        records, keys, shop.policy, page=1, highest_version=highest
    )
    return [rows]


def _fingerprint(keys: ContactKeys, policy: Policy) -> str:
    """Return a text that changes when a record would be stored in another way."""
    walk_in = [policy.walk_in_customer_id, policy.walk_in_customer_code]
    choices = [keys.fingerprint(), *walk_in, text.VERSION]
    return sha256(json.dumps(choices).encode()).hexdigest()


def store_customers(
    shop: Shop,
    standing: Sequence[Rejection],
    walk: CustomersWalk,
    candidate: Candidate,
) -> None:
    """Store the records; then keep that the *walk* of the customers reached its end.

    What contacts they have is noted too, for later runs to be compared with.
    """
    shop.store_as("customers", Customers)(candidate)
    contacts = count_contacts(candidate.rows)
    shop.warehouse.record_run("customers", shop.today, contacts)
    shop.quarantine.write("customers", standing)
    record_catch_up(shop, "customers", walk.began_at, walk.cursor)


def _latest(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the latest version of each record of all *frames*."""
    records = pd.concat(frames, ignore_index=True)
    newest = records.sort_values(["customer_id", "version"], kind="stable")
    return newest.drop_duplicates("customer_id", keep="last", ignore_index=True)


def _read_rejections(notes: dict[str, str]) -> list[Rejection]:
    stored = json.loads(notes.get("rejections", "[]"))
    entries = [Rejection(**entry) for entry in stored]
    return [replace(each, record_id=plain_id(each.record_id)) for each in entries]


def _check_rejected(
    shop: Shop, walk: CustomersWalk, standing: Sequence[Rejection]
) -> CheckResult:
    """Check what was rejected; what was in quarantine before is not news."""
    stood = _read_rejections(shop.warehouse.notes("customers"))
    known = {each.record_id for each in stood} - {None}
    fresh = sum(each.record_id not in known for each in walk.rejections)
    return check_rejections(fresh, walk.read, shop.policy.max_quarantined, standing)


def _check_kept(shop: Shop, frame: pd.DataFrame) -> list[CheckResult]:
    """Check the spelling of ids; compare the contacts with earlier days'.

    Fields with several addresses are counted.
    """
    before = shop.warehouse.runs_before("customers", shop.today)
    live = live_records(frame)
    return [
        check_ids(frame["customer_id"], "customer record", "customer records"),
        check_contacts(count_contacts(frame), before, shop.anomaly_limits),
        check_addresses(live["email"], live["customer_id"], "customer record"),
    ]


def _is_made_good(rejection: Rejection, later: Sequence[pd.DataFrame]) -> bool:
    """Say whether a record rejected without a version was delivered well since."""
    return rejection.version is None and any(
        (rows["customer_id"] == rejection.record_id).any() for rows in later
    )


def _still_standing(
    rejections: list[Rejection], frame: pd.DataFrame
) -> list[Rejection]:
    """Return the latest rejection of each record that no later good version replaces.

    One without id and version is a record of its own each time, unless its
    version is far above the others: that one stays at the end of the feed.  Where on
    which page it was is left out: a walk from the start would find it at another
    place, and the table must not differ.
    """
    versions = dict(zip(frame["customer_id"], frame["version"], strict=True))
    latest: dict[tuple[str | int | None, ...], Rejection] = {}
    for place, rejection in enumerate(sorted(rejections, key=_lateness)):
        known, version = rejection.record_id, rejection.version
        if known is None or version is None or versions.get(known, 0) < version:
            key: tuple[str | int | None, ...] = (known,) if known else (None, version)
            if not (known or version or rejection.rule == FAR_VERSION):
                key = (None, None, place)
            latest[key] = replace(rejection, position="")
    return sorted(
        latest.values(), key=lambda each: (each.record_id or "", *_lateness(each))
    )


def _lateness(rejection: Rejection) -> tuple[bool, int]:
    """Order rejections as their versions, those without one last."""
    return rejection.version is None, rejection.version or 0


def _without(frame: pd.DataFrame, rejections: list[Rejection]) -> pd.DataFrame:
    """Return the records whose latest version was not rejected.

    The last good version would show contacts that the record may no longer hold.
    """
    away = [rejection.record_id for rejection in rejections if rejection.record_id]
    return frame[~is_among(frame["customer_id"], away)].reset_index(drop=True)


@table(CUSTOMERS)
def customers(
    run: TableRun, lightspeed: PointOfSale, outlets: pd.DataFrame
) -> Candidate:
    """Read the customer records that changed; of deleted ones keep hashed keys only."""
    return read_customers(run.shop, lightspeed, outlets, **run.options)
