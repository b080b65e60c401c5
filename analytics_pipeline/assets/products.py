"""``products``: what the store sells, every version; the current ones are derived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pandas as pd

from analytics_pipeline.assets.catch_ups import record_catch_up
from analytics_pipeline.assets.log_quarantine import (
    find_standing,
    name_of,
    not_yet_known,
    stand_now,
)
from analytics_pipeline.assets.sales_feed import refuse_poisoned_cursor
from analytics_pipeline.assets.shared_checks import check_rejections, walk_began
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.product_versions import (
    check_known_products,
    check_replay,
    find_news,
    latest_products,
    latest_read,
)
from analytics_pipeline.model.checks import Candidate, Rejection
from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.model.schemas.sources import Products
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.protocol import PointOfSale
from analytics_pipeline.sources.values import frame_of
from analytics_pipeline.storage.catch_ups import put_log_back
from analytics_pipeline.storage.feed_log import FeedLog
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import PRODUCTS


@dataclass(frozen=True, slots=True)
class KnownProducts:
    """What is known of the products.

    Attributes:
        log: every version.
        number: of the segment to append next.
        cursor: where to read the feed on from; 0 before anything was read.
        versions: ``Products``, as the log has them.
        latest: the latest version of each, deleted ones too.
        standing: the rejected ones of which no good version has come since, by name.
    """

    log: FeedLog
    number: int
    cursor: int
    versions: pd.DataFrame
    latest: pd.DataFrame
    standing: Mapping[str, Rejection]


def open_known_products(shop: Shop) -> KnownProducts:
    """Return what is known of the products.

    Raises:
        LocalFailure: a segment is lost or damaged; what was known is nowhere else.
    """
    log, number = _open_log(shop)
    cursor = log.cursor()
    versions = read_versions(shop, log, number)
    latest = latest_products(versions)
    good = dict(zip(latest["product_id"], latest["segment"], strict=True))
    standing = find_standing(log, number - 1, good)
    return KnownProducts(log, number, cursor, versions, latest, standing)


def _open_log(shop: Shop) -> tuple[FeedLog, int]:
    """Return the log, proved sound, and how many segments it has.

    Raises:
        LocalFailure: a segment is lost or damaged.
    """
    log = shop.log(PRODUCTS)
    try:
        return log, len(log.sound_segments())
    except LocalFailure as error:
        raise LocalFailure(error.cause, put_log_back(log.root)) from error


def read_versions(shop: Shop, log: FeedLog, segments: int) -> pd.DataFrame:
    """Return the versions in the first *segments* of *log*."""
    if not segments:
        return frame_of([], Products)
    return shape(shop.engine.to_pandas(shop.open_log(log, segments)), Products)


def current_products(shop: Shop) -> pd.DataFrame:
    """Return the latest version of each product, deleted ones too; none before any.

    Raises:
        LocalFailure: a segment of the log is lost or damaged.
    """
    return latest_products(read_versions(shop, *_open_log(shop)))


# ----------------------------------------------------------------------------------
# A walk of the feed: one segment, put into the log when all of it is there.


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk: what it brought, when it began, and where the next one reads on."""

    read: pd.DataFrame
    rejections: Sequence[Rejection]
    count: int
    cursor: int
    began_at: datetime
    is_full: bool


def read_products(
    shop: Shop, client: PointOfSale, *, full_resync: bool = False
) -> Candidate:
    """Read the products that changed; all of them by the first run of a week.

    A brand or category that is renamed changes no product that is known of, and what
    one walk has missed the next does not see: a walk of all finds both.
    """
    known = open_known_products(shop)
    walk = _walk(shop, client, known, is_full=full_resync or _is_new_week(shop))
    good = known.latest
    news = find_news(good, walk.read, known.standing, is_full=walk.is_full)
    every = pd.concat([known.versions, news], ignore_index=True)
    standing = stand_now(known.standing, walk.rejections, walk.read["product_id"])
    fresh = sum(name_of(each) not in known.standing for each in walk.rejections)
    away = [each.record_id for each in standing if each.record_id]
    limit, is_full = shop.policy.max_quarantined, walk.is_full
    results = [
        check_rejections(
            fresh, walk.count, limit, standing, are_then="as last known, if ever"
        ),
        check_replay(every, good, walk.read, is_full=is_full),
        check_known_products(good, walk.read, away, is_full=is_full),
    ]
    figures: dict[str, int | str] = {
        "records_read": walk.count,
        "appended": len(news),
        "rows_in_log": len(every),
        "began_at": walk.began_at.isoformat(),
        "cursor": walk.cursor,
    }
    if is_full:
        tried = len(known.standing)
        fixed = len(known.standing.keys() - set(map(name_of, standing)))
        figures |= {"replayed": tried, "fixed": fixed}
    store = partial(_store, shop, known, walk, standing)
    return Candidate(news, results, figures=figures, store=store)


def _is_new_week(shop: Shop) -> bool:
    """Say whether no walk of this calendar week has reached its end yet."""
    last = shop.warehouse.catch_ups.last(PRODUCTS.name)
    if last is None:
        return True
    then = (last.ended_at or last.began_at).astimezone(shop.zone)
    return then.isocalendar()[:2] != shop.today.isocalendar()[:2]


def _walk(
    shop: Shop, client: PointOfSale, known: KnownProducts, *, is_full: bool
) -> _Walk:
    """Read every page from where the log ends, or from the start of the feed."""
    is_full |= not known.cursor
    cursor = 0 if is_full else known.cursor
    below = known.latest["version"][known.latest["version"] < cursor]
    highest = int(below.max()) if len(below) else 0
    refuse_poisoned_cursor("products", cursor, highest)
    asked_at, first_page, count = client.server_now, None, 0
    frames, rejections = [frame_of([], Products)], list[Rejection]()
    for page in client.pages("products", cursor):
        first_page = first_page or page
        rows, rejected = client.products_rows(
            page.records,
            segment=known.number,
            page=page.number,
            highest_version=page.highest_version,
        )
        frames.append(rows)
        rejections = [each for each in rejections if not _is_made_good(each, rows)]
        rejections += rejected
        count, cursor = count + len(page.records), page.version_max
        shop.progress("products", count, None)
    began = walk_began(asked_at, first_page, client)
    return _Walk(latest_read(frames), rejections, count, cursor, began, is_full)


def _is_made_good(rejection: Rejection, later: pd.DataFrame) -> bool:
    """Say whether a rejected product was delivered well in a *later* version.

    One whose version was not believed is delivered again in its true one.
    """
    rows = later.loc[later["product_id"] == rejection.record_id, "version"]
    return bool((rows > (rejection.version or 0)).any())


def _store(
    shop: Shop,
    known: KnownProducts,
    walk: _Walk,
    standing: Sequence[Rejection],
    candidate: Candidate,
) -> None:
    """Append what is new, if anything is; then keep that the walk reached its end."""
    log, news, held = known.log, candidate.rows, known.number
    rejections = not_yet_known(known.standing, walk.rejections)
    has_new = any(
        each.record_id or name_of(each) not in known.standing for each in rejections
    )
    if len(news) or has_new or walk.cursor != known.cursor:
        log.append(news, rejections, number=held, cursor=walk.cursor)
        held += 1
    if log.checked_segments() < held:
        log.mark_checked(held)
        log.bundle()
    shop.quarantine.write(PRODUCTS.name, standing)
    record_catch_up(shop, PRODUCTS.name, walk.began_at, walk.cursor, log)


@table(PRODUCTS)
def products(run: TableRun, lightspeed: PointOfSale) -> Candidate:
    """Read the products that changed, and append what is not as it was known."""
    return read_products(run.shop, lightspeed, **run.options)
