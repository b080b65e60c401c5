"""``customer_log``: what was known of the customer records, catch-up by catch-up."""

from functools import partial

import pandas as pd

from analytics_pipeline.assets.catch_ups import record_catch_up
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.known_records import as_versions, find_news, held_of
from analytics_pipeline.model.checks import Candidate, CheckResult
from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.model.schemas.sources import CustomerLog
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.values import frame_of
from analytics_pipeline.storage.catch_ups import put_log_back
from analytics_pipeline.storage.feed_log import FeedLog
from analytics_pipeline.storage.parquet import UPDATE, shape
from analytics_pipeline.tables import CUSTOMER_LOG, CUSTOMERS


@table(CUSTOMER_LOG)
def customer_log(run: TableRun, customers: pd.DataFrame) -> Candidate:
    """Append what is not as it was known; nothing that was appended is changed."""
    shop, log = run.shop, open_customer_log(run.shop)
    number, versions = log.next_number(), read_versions(run.shop, log)
    now = as_versions(customers, number)
    news = find_news(versions, now, number)
    every = pd.concat([versions, news], ignore_index=True)
    return Candidate(
        news,
        [_check_replay(every, now)],
        figures={"appended": len(news), "rows_in_log": len(every)},
        store=partial(_append, shop, log, number),
    )


def open_customer_log(shop: Shop) -> FeedLog:
    """Return the log, proved sound.

    Raises:
        LocalFailure: a segment is lost or damaged; nothing can make it again.
    """
    log = shop.log(CUSTOMER_LOG)
    try:
        log.sound_segments()
    except LocalFailure as error:
        raise LocalFailure(error.cause, put_log_back(log.root)) from error
    return log


def read_versions(
    shop: Shop, log: FeedLog, segments: int | None = None
) -> pd.DataFrame:
    """Return the versions in *log*, or in its first *segments*."""
    if not log.segments():
        return frame_of([], CustomerLog)
    return shape(shop.engine.to_pandas(shop.open_log(log, segments)), CustomerLog)


def _check_replay(versions: pd.DataFrame, now: pd.DataFrame) -> CheckResult:
    """Check that all *versions* come to the records as they were read."""
    known = held_of(versions)
    wanted = held_of(now)
    both = pd.concat([known, wanted], ignore_index=True)
    differing = int((~both.duplicated(keep=False)).sum())
    return CheckResult(
        "log_is_what_was_read",
        not differing,
        f"The log comes to the {len(wanted)} records as they were read."
        if not differing
        else "The log does not come to the records as they were read.",
        evidence={"records": len(wanted), "differing": differing},
    )


def _append(shop: Shop, log: FeedLog, number: int, candidate: Candidate) -> None:
    """Append the versions, if there are any; keep which catch-up they are of.

    Raises:
        LocalFailure: the customers were never read to their end.
    """
    catch_ups = shop.warehouse.catch_ups
    end, known = catch_ups.last(CUSTOMERS.name), catch_ups.last(CUSTOMER_LOG.name)
    if end is None:
        raise LocalFailure("The customers were never read to their end.", UPDATE)
    if len(candidate.rows):
        log.append(candidate.rows, [], number=number, cursor=end.cursor)
    held = log.next_number()
    if log.checked_segments() < held:
        log.mark_checked(held)
        log.bundle()
    now = (end.began_at, end.cursor, held)
    if known is None or (known.began_at, known.cursor, known.segments) != now:
        record_catch_up(shop, CUSTOMER_LOG.name, end.began_at, end.cursor, log)
