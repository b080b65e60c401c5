"""Tail the feed of sales into the log."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd
from pandera.errors import SchemaErrors

from analytics_pipeline.candidate import Candidate
from analytics_pipeline.domain.findings import SCHEMA_CHECK, Finding
from analytics_pipeline.domain.rejections import Rejection
from analytics_pipeline.schemas.sources import SalesFeed
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.lightspeed import LightspeedClient
from analytics_pipeline.sources.sale_payloads import sales_rows
from analytics_pipeline.steps.feed_ends import (
    refuse_empty_first_load,
    refuse_poisoned_log,
)
from analytics_pipeline.steps.judgements import (
    judge_rejections,
    walk_began,
)
from analytics_pipeline.steps.known_sales import (
    keep_known_sales,
    refuse_another_store,
    skip_known_sales,
)
from analytics_pipeline.steps.later_sales import judge_later
from analytics_pipeline.steps.quarantine import (
    NOT_REPLAYED,
    as_rejections,
    list_quarantine,
    replay_sales,
)
from analytics_pipeline.steps.search_comparison import (
    compare_with_search,
    skip_comparison,
)
from analytics_pipeline.storage.sales_log import SalesLog
from analytics_pipeline.storage.warehouse import CatchUp


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk of the feed: into which log, when it began, how many records it read.

    Segments from ``first_segment`` on have not been judged yet: those of this walk,
    and those of an earlier one that was killed or stopped by its gate.
    """

    log: SalesLog
    began_at: datetime
    first_segment: int
    read: int


class _ContractBroken(Exception):
    """Rows as read break the contract of the log, which only the reader can do."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.sentence)
        self.finding = finding


def read_sales_feed(
    shop: Shop,
    client: LightspeedClient,
    *,
    as_of: date,
    days: int,
    full_resync: bool,
    replay: bool,
) -> Candidate:
    """Append to the log what changed since its cursor; compare the last *days*.

    With *full_resync* the feed is read from its start into a new generation of the
    log, which takes the old one's place only when it is complete and sound; so it is
    too where the log is of an older version that no step leads from.  With *replay*
    the sales in quarantine are tried again, each by itself.
    """
    refuse_another_store(shop, client.retailer())
    log = shop.sales_log()
    full_resync |= shop.versions.is_log_older(log)  # nobody can read on from it
    is_compared = not full_resync and bool(log.segments()) and days > 0
    target = log.start_generation() if full_resync else log
    refuse_poisoned_log(shop, target)
    try:
        walk = _walk(shop, client, target)
    except _ContractBroken as broken:
        return Candidate(None, [broken.finding])
    replayed = replay_sales(shop, client, walk.log) if replay else NOT_REPLAYED
    kept = (
        keep_known_sales(shop, client, log, walk.log)
        if full_resync
        else skip_known_sales()
    )
    compared = (
        compare_with_search(shop, client, log, as_of, days)
        if is_compared
        else skip_comparison()
    )
    judged = (*_judge_walk(shop, walk, log), compared, kept)
    # A walk whose fault a person has accepted is as complete as any other.
    honour = shop.warehouse.acceptances.honour
    findings = [honour("sales_feed", None, finding) for finding in judged]
    if not any(finding.blocks for finding in findings):
        _finish(shop, walk, full_resync)
    repaired = compared.evidence.get("repaired", 0)
    figures = {**_figures(walk, client), "repaired": repaired, **replayed}
    return Candidate(None, findings, figures=figures)


def _figures(walk: Walk, client: LightspeedClient) -> dict[str, int | str]:
    """Return what the UI plots of a walk."""
    return {
        "records_read": walk.read,
        "requests": client.requests,
        "rows_in_log": walk.log.row_count(),
        "cursor": walk.log.cursor(),
    }


def _judge_walk(shop: Shop, walk: Walk, before: SalesLog) -> list[Finding]:
    """Judge what the walk has read, and the log that it leaves."""
    return [
        _as_the_contract_says(walk),
        _judge(shop, walk, before),
        judge_later(shop, walk.log),
    ]


def _as_the_contract_says(walk: Walk) -> Finding:
    """Return the schema's verdict: every page was judged before it was appended."""
    sentence = "Every row read is as the contract says."
    return Finding(SCHEMA_CHECK, True, sentence, evidence={"rows": walk.read})


def _walk(shop: Shop, client: LightspeedClient, log: SalesLog) -> Walk:
    """Append every page from the log's cursor to the end of the feed."""
    asked_at, first_page = client.server_now, None
    first, number, read = log.judged_segments(), log.next_number(), 0
    cursor = log.cursor()
    for page in client.pages("sales", after=cursor, confirm_end=True):
        first_page = first_page or page
        rows, rejections = sales_rows(
            page.records,
            segment=number,
            page=page.number,
            highest_version=page.highest_version,
        )
        _check(rows)
        if page.version_max == cursor and _stand(shop, log, rejections):
            continue  # a version far above the others stays at the end of the feed
        log.append(rows, rejections, number=number, cursor=page.version_max)
        number, read = number + 1, read + len(page.records)
        cursor = page.version_max
        shop.progress("sales", read, None)
    if first_page is None and not cursor:
        refuse_empty_first_load(client, "sales")
    return Walk(log, walk_began(asked_at, first_page, client), first, read)


def _stand(shop: Shop, log: SalesLog, rejections: Sequence[Rejection]) -> bool:
    """Say whether all of *rejections* stand in quarantine already, by the same rule."""
    standing = Counter(map(_named, as_rejections(list_quarantine(shop, log))))
    return Counter(map(_named, rejections)) <= standing


def _named(rejection: Rejection) -> tuple[str | None, str]:
    return rejection.record_id, rejection.rule


def _check(rows: pd.DataFrame) -> None:
    """Judge the rows of a page by the contract of the log, before they are appended.

    Raises:
        _ContractBroken: a row breaks it; the columns are named, never the values.
    """
    try:
        SalesFeed.validate(rows, lazy=True)
    except SchemaErrors as errors:
        columns = sorted(set(errors.failure_cases["column"].dropna().astype("str")))
        sentence = (
            f"{len(errors.failure_cases)} values break the contract of sales_feed. "
            "Nothing of that page was stored."
        )
        evidence: dict[str, int | str] = {
            "rows": len(rows),
            "faults": len(errors.failure_cases),
            "columns": ", ".join(columns),
        }
        raise _ContractBroken(
            Finding(SCHEMA_CHECK, False, sentence, evidence=evidence)
        ) from None


def _judge(shop: Shop, walk: Walk, before: SalesLog) -> Finding:
    """Judge the records turned away since the last walk that was sound.

    What stood in quarantine *before* is not news: it was judged in its time.
    """
    standing = list_quarantine(shop, walk.log)
    old = before.rejections()
    if before.generation == walk.log.generation:
        old = old[old["segment"] < walk.first_segment]
    is_news = ~standing["record_id"].isin(old["record_id"].dropna())
    fresh = standing[is_news & (standing["segment"] >= walk.first_segment)]
    read = walk.log.row_count(walk.first_segment) + len(fresh)
    entries = as_rejections(standing)
    shop.quarantine.write("sales_feed", entries)
    return judge_rejections(len(fresh), read, shop.policy.max_quarantined, entries)


def _finish(shop: Shop, walk: Walk, full_resync: bool) -> None:
    """Record the complete walk; make a new generation the log."""
    walk.log.mark_judged()
    walk.log.bundle()
    if full_resync:
        walk.log.make_current()
        shop.versions.note_log(walk.log)
    catch_up = CatchUp(walk.began_at, walk.log.cursor())
    shop.warehouse.record_catch_up("sales_feed", catch_up)
