"""``ecom_feed``: what the web shop delivered of its orders, every version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import pandas as pd

from analytics_pipeline.assets.catch_ups import record_catch_up
from analytics_pipeline.assets.log_quarantine import (
    find_standing,
    name_of,
    not_yet_known,
    stand_now,
)
from analytics_pipeline.assets.shared_checks import check_rejections
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.order_numbers import comparable
from analytics_pipeline.domain.web_order_log import (
    FullWalk,
    check_known_orders,
    find_gone,
    find_lost,
    find_news,
    forms_of,
    from_export,
    latest_orders,
)
from analytics_pipeline.model.checks import Candidate, CheckResult, Rejection
from analytics_pipeline.model.ids import is_among
from analytics_pipeline.model.schemas.sources import EcomContacts, EcomFeed
from analytics_pipeline.model.vocabulary import OrderOrigin
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.protocol import WebOrderWalk, WebShop
from analytics_pipeline.sources.values import frame_of
from analytics_pipeline.sources.web_shop.delivered_orders import (
    DeliveredOrders,
    read_delivered,
)
from analytics_pipeline.storage.feed_log import FEED, FeedLog
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import ECOM_FEED

FULL_EVERY = timedelta(days=6, hours=12)
"""A walk through all orders comes so often: once a week, as nights are not on time."""

OVERLAP = timedelta(minutes=10)
"""How far a walk reaches back before the last change that was stored: whether bounds
are included is not documented, and servers may lag."""

FULL_AT = "full_at"
"""The note of a segment that says when all orders were last walked."""

EXPORT = "export"
"""The origin of a segment that came from an export."""

CONTACTS, NOW = "ecom_feed/contacts", "now"
"""Where it is kept who placed the orders that there are."""


@dataclass(frozen=True, slots=True)
class KnownOrders:
    """What is known of the web orders.

    Attributes:
        log: every version.
        latest: ``EcomFeed``, the latest version of each, deleted ones too.
        contacts: ``EcomContacts``; nothing where the API was never read.
    """

    log: FeedLog
    latest: pd.DataFrame
    contacts: pd.DataFrame | None


def open_known_orders(shop: Shop) -> KnownOrders:
    """Return what is known of the web orders.

    Raises:
        LocalFailure: the log, or the file of contacts, is damaged.
    """
    log = shop.log(ECOM_FEED)
    feed = frame_of([], EcomFeed)
    if log.sound_segments():
        feed = shape(shop.engine.to_pandas(shop.open_log(log)), EcomFeed)
    contacts = None
    if shop.warehouse.exists(CONTACTS, NOW):
        contacts = shop.warehouse.read(CONTACTS, EcomContacts, NOW)
    return KnownOrders(log, latest_orders(feed), contacts)


# ----------------------------------------------------------------------------------
# A walk of the web shop's API: one segment, put into the log when all of it is there.


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk, what it brought, and where the next one begins.

    ``full_at`` is when all orders were last walked, this walk included; ``before`` is
    what was in quarantine before it.
    """

    walked: WebOrderWalk
    delivered: DeliveredOrders
    news: pd.DataFrame
    cursor: int
    full_at: datetime
    is_full: bool
    before: Mapping[str, Rejection]


def read_web_orders(
    shop: Shop,
    web_shop: WebShop,
    stored: pd.DataFrame | None,
    full_resync: bool = False,
) -> Candidate:
    """Read the orders that changed since the last walk, or all of them once a week.

    Args:
        shop: whose.
        web_shop: the way to its web shop.
        stored: the ``EcomOrders`` of an earlier run, if there are any.
        full_resync: read all of them now.
    """
    known = open_known_orders(shop)
    walk = _walk(shop, web_shop, known, full_resync)
    frame = _as_rows(walk.news)
    audited, _offending = ECOM_FEED.audit(frame)
    standing = _stand_now(walk)
    shown = frame_of(walk.delivered.rows, EcomFeed)
    results = [
        audited,
        _check_rejected(shop, walk, standing),
        check_known_orders(_what_is_lost(known, walk, shown)),
    ]
    figures: dict[str, int | str] = {
        "records_read": len(walk.walked.orders),
        "requests": web_shop.requests,
        "new_versions": len(frame),
        "rows_in_log": known.log.row_count() + len(frame),
        "began_at": walk.walked.began_at.isoformat(),
    }
    store = partial(_store, shop, known, walk, standing, _contacts(known, walk, stored))
    return Candidate(None, results, figures=figures, store=store)


def _walk(
    shop: Shop, web_shop: WebShop, known: KnownOrders, full_resync: bool
) -> _Walk:
    """Walk the orders that changed since the last walk, or all of them."""
    log, now = known.log, shop.clock()
    full_at = _last_full(log) if known.contacts is not None else None
    cursor = log.cursor()
    is_due = full_at is None or now - full_at >= FULL_EVERY
    is_full = full_resync or is_due or not cursor
    since = max(cursor - int(OVERLAP.total_seconds()), 0)
    deleted_since = since if len(known.latest) else None
    walked = web_shop.walk(None if is_full else since, deleted_since)
    number = log.next_number()
    delivered = read_delivered(
        walked.orders, shop.contact_keys(None), shop.zone, segment=number
    )
    rows = frame_of(delivered.rows, EcomFeed)
    gone = find_gone(known.latest, rows, walked.deleted).assign(segment=number)
    before = find_standing_orders(known)
    seen = rows["changed_at"].dropna().max()
    reached = 0 if pd.isna(seen) else min(int(seen.timestamp()), walked.until)
    return _Walk(
        walked,
        delivered,
        _find_all_news(known.latest, rows, gone, before),
        max(cursor, reached),
        now if is_full or full_at is None else full_at,
        is_full,
        before,
    )


def _find_all_news(
    latest: pd.DataFrame,
    rows: pd.DataFrame,
    gone: pd.DataFrame,
    before: Mapping[str, Rejection],
) -> pd.DataFrame:
    """Return the orders to put into the log: new versions, and deleted ones.

    One that is good now and was rejected *before* is put in whatever it was then.
    """
    there = rows[~is_among(forms_of(rows), forms_of(gone))]
    other = latest[~is_among(forms_of(latest), before)]
    return pd.concat(
        [find_news(other, there, OrderOrigin.API), gone], ignore_index=True
    )


def _last_full(log: FeedLog) -> datetime | None:
    """Return when all orders were last walked; nothing if an export came since."""
    segments = log.segments()
    if not segments:
        return None
    noted = segments[-1].notes()
    return datetime.fromisoformat(noted[FULL_AT]) if FULL_AT in noted else None


def _as_rows(news: pd.DataFrame) -> pd.DataFrame:
    """Return new versions in the order of their numbers, however pages were sorted."""
    ordered = news.sort_values("order_number", kind="stable")
    return shape(ordered.reset_index(drop=True), EcomFeed)


def _what_is_lost(
    known: KnownOrders, walk: _Walk, shown: pd.DataFrame
) -> FullWalk | None:
    """Return the orders that a full walk lacks; those rejected are there."""
    if not walk.is_full:
        return None
    rejected = {each.record_id for each in walk.delivered.rejections if each.record_id}
    deleted = {**walk.walked.deleted, **dict.fromkeys(rejected, 0)}
    live = int((~known.latest["is_deleted"]).sum())
    return FullWalk(find_lost(known.latest, shown, deleted), live)


def _contacts(
    known: KnownOrders, walk: _Walk, stored: pd.DataFrame | None
) -> pd.DataFrame:
    """Return who placed the orders: as delivered now, else as known before."""
    before = known.contacts
    if before is None:
        columns = list(EcomContacts.to_schema().columns)
        before = frame_of([], EcomContacts) if stored is None else stored[columns]
    every = pd.concat(
        [before, frame_of(walk.delivered.contacts, EcomContacts)], ignore_index=True
    )
    forms = forms_of(every)
    gone = forms_of(walk.news[walk.news["is_deleted"]])
    kept = every[~forms.duplicated(keep="last") & ~is_among(forms, gone)]
    ordered = kept.sort_values("order_number", kind="stable", ignore_index=True)
    return shape(ordered, EcomContacts)


def _store(
    shop: Shop,
    known: KnownOrders,
    walk: _Walk,
    standing: Sequence[Rejection],
    contacts: pd.DataFrame,
    _candidate: Candidate,
) -> None:
    """Keep the contacts, then the versions, then that the walk reached its end.

    The contacts come first: of an order in the log, they are never missing.
    """
    log = known.log
    shop.warehouse.write(CONTACTS, EcomContacts, contacts, NOW)
    rejections = not_yet_known(walk.before, walk.delivered.rejections, comparable)
    is_news = len(walk.news) or rejections or walk.cursor != log.cursor()
    if is_news or walk.is_full:
        log.append(
            _as_rows(walk.news),
            rejections,
            number=log.next_number(),
            cursor=walk.cursor,
            origin=FEED,
            more={FULL_AT: walk.full_at.isoformat()},
        )
        log.mark_checked()
        log.bundle()
    shop.quarantine.write("ecom_feed", standing)
    record_catch_up(shop, "ecom_feed", walk.walked.began_at, walk.cursor, log)


# ----------------------------------------------------------------------------------
# What is in quarantine: rejected orders of which no good version has come since.


def find_standing_orders(known: KnownOrders) -> dict[str, Rejection]:
    """Return the rejected orders of which no good version has come since, by name."""
    good = dict(zip(forms_of(known.latest), known.latest["segment"], strict=True))
    segments = known.log.segments()
    last = segments[-1].number if segments else 0
    return find_standing(known.log, last, good, comparable)


def _stand_now(walk: _Walk) -> list[Rejection]:
    """Return what is in quarantine after a walk."""
    good = [row[0] for row in walk.delivered.rows]
    return stand_now(walk.before, walk.delivered.rejections, good, comparable)


def _check_rejected(
    shop: Shop, walk: _Walk, standing: Sequence[Rejection]
) -> CheckResult:
    """Check what was rejected; what was in quarantine before is not news."""
    fresh = sum(
        name_of(each, comparable) not in walk.before
        for each in walk.delivered.rejections
    )
    read, limit = len(walk.walked.orders), shop.policy.max_quarantined
    return check_rejections(fresh, read, limit, standing)


# ----------------------------------------------------------------------------------
# An export that was taken in: its orders are versions too.


def append_export(known: KnownOrders, orders: pd.DataFrame) -> None:
    """Put into the log what an export, whose ``EcomOrders`` are stored now, says new.

    An order that it has no more was deleted in the web shop.  The next walk of the API
    begins from the start, for an export has no moment up to which it is complete.
    """
    log, number = known.log, known.log.next_number()
    every = from_export(orders, known.latest).assign(segment=number)
    news = find_news(known.latest, every, OrderOrigin.EXPORT)
    if len(news):
        log.append(
            _as_rows(news), [], number=number, cursor=log.cursor(), origin=EXPORT
        )
        log.mark_checked()
        log.bundle()


@table(ECOM_FEED)
def ecom_feed(
    run: TableRun, web_shop: WebShop | None, ecom_orders: pd.DataFrame | None
) -> Candidate:
    """Read the web shop's API; without its settings, exports alone are put in."""
    if web_shop is not None:
        return read_web_orders(run.shop, web_shop, ecom_orders, **run.options)
    known, limit = open_known_orders(run.shop), run.policy.max_quarantined
    audited, _offending = ECOM_FEED.audit(_as_rows(frame_of([], EcomFeed)))
    results = [audited, check_rejections(0, 0, limit, []), check_known_orders(None)]
    figures: dict[str, int | str] = {"rows_in_log": known.log.row_count()}
    return Candidate(None, results, figures=figures, store=_nothing_to_store)


def _nothing_to_store(_candidate: Candidate) -> None:
    """Store nothing: an export is put in with the table that is made from it."""
