"""``sales_feed``: tail the feed into the log, compare it, repair it."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir
import pandas as pd
from pandera.errors import SchemaErrors

from analytics_pipeline.assets.catch_ups import record_catch_up
from analytics_pipeline.assets.raw_sales import latest_sales
from analytics_pipeline.assets.shared_checks import check_rejections, walk_began
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.business_days import end_of
from analytics_pipeline.domain.feed import (
    SEEN,
    Difference,
    find_differences,
    find_news,
    newest_versions,
    standing_rejections,
    versions_of,
)
from analytics_pipeline.domain.feed_versions import (
    NEVER_FAR,
    highest_plausible,
    is_poisoned,
)
from analytics_pipeline.domain.sales import check_dated_after_today, classify_sales
from analytics_pipeline.engine.duckdb import columns_to_ibis
from analytics_pipeline.model.checks import (
    SCHEMA_CHECK,
    Candidate,
    CheckResult,
    OwnersList,
    Rejection,
    Severity,
    name_some,
)
from analytics_pipeline.model.errors import LightspeedRefused, LocalFailure
from analytics_pipeline.model.ids import is_among
from analytics_pipeline.model.policy import MoneyBasis
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.soundness import is_sound
from analytics_pipeline.model.schemas.sources import Outlets, SalesFeed
from analytics_pipeline.model.text import say
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.protocol import PointOfSale, SalesSearch
from analytics_pipeline.sources.values import frame_of
from analytics_pipeline.storage.feed_log import REPAIR, FeedLog
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import SALES_FEED

# ----------------------------------------------------------------------------------
# Where a walk of a feed may begin.


def refuse_poisoned_cursor(what: str, cursor: int, highest_below: int) -> None:
    """Make sure that the walk of a feed does not begin beyond all that will come.

    Args:
        what: the collection.
        cursor: the version to read on from.
        highest_below: the highest version read that is below it; 0 if there is none.

    Raises:
        LightspeedRefused: the cursor is far above every other version.
    """
    if cursor and is_poisoned(cursor, highest_below):
        raise LightspeedRefused(
            f"Lightspeed once delivered one of the {what} with version {cursor}, far "
            "above all others: no later change is above it.",
            "Read everything again: analytics-pipeline update --full",
        )


def refuse_poisoned_log(shop: Shop, log: FeedLog) -> None:
    """Make sure that the cursor of the log is near the versions that it holds.

    Raises:
        LightspeedRefused: it is far above every other version.
    """
    cursor = log.cursor()
    if cursor <= NEVER_FAR:
        return
    feed = shop.open_feed(log)
    below = feed.filter(feed["version"] < cursor)["version"].max()
    found = shop.engine.to_pandas(below)
    refuse_poisoned_cursor("sales", cursor, 0 if pd.isna(found) else int(found))


# ----------------------------------------------------------------------------------
# Fetch single sales, and put into the log what it does not hold already.


AT_ONCE = 200
"""How many fetched sales are put into one segment."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of sales that were fetched singly, each by its id.

    ``repaired`` are in the log now as they were not before; ``rejected`` are in
    quarantine; ``unknown`` to the store are those that it does not find.
    """

    repaired: Sequence[str]
    rejected: Sequence[str]
    unknown: Sequence[str]


def fetch_sales(
    shop: Shop,
    client: PointOfSale,
    log: FeedLog,
    sales: Sequence[str],
) -> Fetched:
    """Fetch *sales* into segments that move no cursor.

    What the log holds already is not put in again.
    """
    parts = [
        _fetch_some(shop, client, log, sales[start : start + AT_ONCE], start)
        for start in range(0, len(sales), AT_ONCE)
    ]
    return Fetched(
        [sale for part in parts for sale in part.repaired],
        [sale for part in parts for sale in part.rejected],
        [sale for part in parts for sale in part.unknown],
    )


def _fetch_some(
    shop: Shop,
    client: PointOfSale,
    log: FeedLog,
    sales: Sequence[str],
    done: int,
) -> Fetched:
    records, unknown = [], []
    for count, sale in enumerate(sales, start=done + 1):
        record = client.sale(sale)
        records += [] if record is None else [record]
        unknown += [sale] if record is None else []
        shop.progress("single sales", count, None)
    number, cursor = log.next_number(), log.cursor()
    rows, rejections = client.sales_rows(
        records, segment=number, page=1, highest_version=highest_plausible(cursor)
    )
    news = rows[find_news(rows, _held(shop, log, sales))].reset_index(drop=True)
    away = _not_yet_known(log, rejections)
    if len(news) or away:
        log.append(news, away, number=number, cursor=cursor, origin=REPAIR)
    rejected = [each.record_id for each in rejections if each.record_id]
    return Fetched(sorted(set(news["sale_id"])), rejected, unknown)


def _held(shop: Shop, log: FeedLog, sales: Sequence[str]) -> pd.DataFrame:
    """Return what the log holds of *sales*, as ``comparison.SEEN``."""
    asked = pd.DataFrame({"sale_id": list(sales)}, dtype="str")
    wanted = columns_to_ibis(asked, {"sale_id": "string"})
    newest = newest_versions(versions_of(shop.open_feed(log), wanted))
    frame: pd.DataFrame = shop.engine.to_pandas(newest.select(*SEEN))
    return frame.astype(SEEN)


def _not_yet_known(log: FeedLog, rejections: list[Rejection]) -> list[Rejection]:
    """Return the rejections that are not in the log already."""
    if not rejections:
        return []
    stored = log.rejections()
    known = {
        (record_id, None if pd.isna(version) else int(version))
        for record_id, version in stored[["record_id", "version"]].itertuples(
            index=False, name=None
        )
    }
    return [each for each in rejections if (each.record_id, each.version) not in known]


# ----------------------------------------------------------------------------------
# What is in quarantine: rejected sales of which no good version has come since.
#
# A sale whose latest version is here is out of every figure. Its
# last readable value is reported with the law of conservation (rule 7.1).


NOT_REPLAYED: Mapping[str, int | str] = {}
"""The figures of a run that tries nothing again."""


def list_quarantine(shop: Shop, log: FeedLog) -> pd.DataFrame:
    """Return the rejected records that no later good version has replaced.

    One row a record: a sale that was rejected again and again is one sale.  One
    without an id is known by its version; without that too, by its place.
    """
    rejections = log.rejections()
    if rejections.empty:
        return rejections
    feed = shop.open_feed(log)
    known = rejections.dropna(subset=["record_id"])
    lent_table = columns_to_ibis(
        known, {"record_id": "string", "version": "int64", "segment": "int64"}
    )
    standing = shop.engine.to_pandas(standing_rejections(feed, lent_table))
    kept = rejections["record_id"].isna() | rejections["record_id"].isin(
        standing["record_id"]
    )
    ordered = rejections.sort_values(["version", "segment"], kind="stable")
    latest = ~_names(ordered).duplicated(keep="last")
    return rejections[kept & latest].reset_index(drop=True)


def _names(rejections: pd.DataFrame) -> pd.Series:
    """Return how each rejected record is identified; no id holds a blank."""
    version, place = rejections["version"], rejections.index.to_series()
    by_version = "version " + version.astype("str")
    unnamed = by_version.where(version.notna(), "place " + place.astype("str"))
    return rejections["record_id"].fillna(unnamed)


def as_rejections(standing: pd.DataFrame) -> list[Rejection]:
    """Return the rows of :func:`list_quarantine` as the list for people has them."""
    columns = ["rule", "record_id", "version", "position"]
    return [
        Rejection(
            "sales_feed",
            rule,
            None if pd.isna(record_id) else record_id,
            None if pd.isna(version) else int(version),
            position,
        )
        for rule, record_id, version, position in standing[columns].itertuples(
            index=False, name=None
        )
    ]


def replay_sales(
    shop: Shop, client: PointOfSale, log: FeedLog
) -> Mapping[str, int | str]:
    """Read every sale in quarantine again, by its id; return how many are good now.

    One that was delivered without an id cannot be asked for.
    """
    standing = list_quarantine(shop, log)
    named = sorted(standing["record_id"].dropna())
    fetch_sales(shop, client, log, named)
    left = list_quarantine(shop, log)
    return {"replayed": len(standing), "fixed": len(standing) - len(left)}


@dataclass(frozen=True, slots=True)
class QuarantinedSales:
    """The sales in quarantine: how many, and the last good version of some of them."""

    count: int
    last_good: pd.DataFrame

    def worth(self, day: date, basis: MoneyBasis) -> dict[str, int]:
        """Return what they counted for up to *day*, when they could last be read."""
        rows = self.last_good
        counted = rows[
            rows["is_completed"] & (rows["business_date"] <= pd.Timestamp(day))
        ]
        with_tax = basis is MoneyBasis.INCL_TAX
        column = "total_incl_cents" if with_tax else "total_excl_cents"
        return {
            "quarantined_sales": self.count,
            "quarantined_last_good_cents": int(counted[column].sum()),
            "quarantined_unknown": self.count - len(rows),
        }


def find_quarantined_sales(shop: Shop) -> QuarantinedSales:
    """Return the sales in quarantine, with what was last known of them."""
    log = shop.sales_log()
    standing = list_quarantine(shop, log)
    last_good = classify_sales(
        _newest(shop, log, standing["record_id"].dropna().tolist()),
        shop.load("outlets", Outlets),
        shop.settings.time_zone,
        shop.policy.paid_tolerance_cents,
    )
    return QuarantinedSales(len(standing), last_good)


def _newest(shop: Shop, log: FeedLog, sales: list[str]) -> pd.DataFrame:
    """Return the newest good version of those of *sales* that ever had one."""
    if not sales:
        return frame_of([], SalesFeed)
    feed = shop.open_feed(log)
    newest = newest_versions(feed.filter(feed["sale_id"].isin(sales)))
    return shape(shop.engine.to_pandas(newest), SalesFeed)


# ----------------------------------------------------------------------------------
# What was known stays known: one store to a log, and no sale lost by a full read.


KNOWN_SALES_CHECK = "no_known_sale_is_lost"

MOST_FETCHED = 100
"""A full read that lacks more than these, and more than 1 %, is not believed."""


def skip_known_sales() -> CheckResult:
    """Return the check result of a run that reads the feed on from its cursor."""
    return CheckResult(
        KNOWN_SALES_CHECK, True, "Only a full read could lose a sale that was known."
    )


def keep_known_sales(
    shop: Shop, client: PointOfSale, old: FeedLog, new: FeedLog
) -> CheckResult:
    """Fetch into the *new* log what the *old* one holds and the full read lacks.

    A sale that the store no longer knows is reported, and leaves the figures. A read
    that lacks many is not believed: the old log stays.
    """
    if not old.segments():
        return skip_known_sales()
    try:
        old.sound_segments()
        shop.versions.refuse_log(old)
    except LocalFailure as error:
        # A full read is what repairs a damaged or outdated log, so it must go on.
        sentence = f"What the log held cannot be compared: {error.cause}"
        return CheckResult(KNOWN_SALES_CHECK, False, sentence, Severity.WARN)
    lost, known = _lost_sales(shop, old, new)
    if len(lost) > max(MOST_FETCHED, known // 100):
        return CheckResult(
            KNOWN_SALES_CHECK,
            False,
            f"The full read lacks {len(lost)} of the {known} sales that the log holds. "
            "The log is kept as it was.",
            evidence={"known": known, "lacking": len(lost), "sales": name_some(lost)},
            subject="\n".join(sorted(lost)),
            offenders=_list_sales(lost),
        )
    gone = sorted(fetch_sales(shop, client, new, lost).unknown)
    return CheckResult(
        KNOWN_SALES_CHECK,
        not gone,
        f"{say(len(gone), 'sale that the log held is', 'sales that the log held are')} "
        "unknown to Lightspeed now, and in no figure any more."
        if gone
        else f"Each of the {known} sales that the log held is in the new one.",
        Severity.WARN,
        {
            "known": known,
            "lacking": len(lost),
            "gone": len(gone),
            "sales": name_some(gone),
        },
        offenders=_list_sales(gone),
    )


def _list_sales(sales: Sequence[str]) -> OwnersList:
    """List every one of *sales*, where evidence names only some."""
    return OwnersList(["sale_id"], [[sale] for sale in sorted(sales)])


def _lost_sales(shop: Shop, old: FeedLog, new: FeedLog) -> tuple[list[str], int]:
    """Return the sales of *old* that *new* lacks, and how many *old* holds."""
    held = shop.open_feed(old).select("sale_id").distinct()
    away = new.rejections().dropna(subset=["record_id"])
    lent_table = columns_to_ibis(away, {"record_id": "string"})
    lost = held.anti_join(shop.open_feed(new), "sale_id")
    lost = lost.anti_join(lent_table, lost["sale_id"] == lent_table["record_id"])
    names = sorted(shop.engine.to_pandas(lost)["sale_id"])
    return names, int(shop.engine.to_pandas(held.count()))


# ----------------------------------------------------------------------------------
# Find the sales that are dated after today, and so are in no figure (rule 1.5).


def check_later_sales(shop: Shop, log: FeedLog) -> CheckResult:
    """Report the sales of *log* that are dated after today."""
    return check_dated_after_today(find_later_sales(shop, log), shop.today, shop.policy)


def find_later_sales(shop: Shop, log: FeedLog) -> pd.DataFrame:
    """Return the completed sales of *log* that are dated after today.

    ``RawSales`` rows with ``register_id``; their days are those of the store's zone,
    in which no true moment is after today, wherever the outlet is.
    """
    ended = end_of(shop.today, [shop.settings.time_zone]).astimezone(UTC)
    tomorrow = ibis.timestamp(f"{ended:%Y-%m-%d %H:%M:%S}")
    feed = shop.open_feed(log)
    # A sale whose date was corrected since has a version of today or before.
    dated_later = feed.filter(feed["sale_date"] >= tomorrow)
    if not shop.engine.to_pandas(dated_later.count()):  # as on almost every day
        return _with_registers(frame_of([], SalesFeed), frame_of([], RawSales))
    latest = latest_sales(log, versions_of(feed, dated_later))
    found = shop.engine.to_pandas(latest.filter(latest["sale_date"] >= tomorrow))
    sales = shape(found, SalesFeed)
    rows = classify_sales(
        sales,
        frame_of([], Outlets),
        shop.settings.time_zone,
        shop.policy.paid_tolerance_cents,
    )
    return _with_registers(sales, rows[rows["is_completed"]])


def _with_registers(sales: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return *rows*, which are ``RawSales``, with the registers of the *sales*."""
    return rows.merge(sales[["sale_id", "register_id"]], on="sale_id")


# ----------------------------------------------------------------------------------
# Compare the log's last days with the search, sale by sale, and repair it.


SEARCH_CHECK = "agrees_with_search"

Period = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of comparing the log with the search: how many sales were repaired."""

    result: CheckResult
    repaired: int = 0


def skip_comparison() -> Compared:
    """Return what comes of a run that does not compare."""
    sentence = "Nothing was compared with the search in this run."
    return Compared(CheckResult(SEARCH_CHECK, True, sentence))


def compare_with_search(
    shop: Shop, client: PointOfSale, log: FeedLog, period: Period, days: int
) -> Compared:
    """Fetch what the search has for the *period* of the last *days* and the log lacks.

    The search may lag behind the feed: what only the log has is counted, no more.
    """
    search = client.search_sales()
    highest = highest_plausible(log.cursor())
    searched = _search(shop, client, search, period, highest)
    held = _held_of_period(shop, log, searched, period)
    differing = _differences(shop, log, searched, held)
    fetched = fetch_sales(shop, client, log, list(differing.index))
    left = differing
    if len(differing):
        left = _differences(
            shop, log, searched, _held_of_period(shop, log, searched, period)
        )
    # At the same version the single sale decides, whatever the index says.
    missing = sorted(left.index[left != Difference.CONTRADICTING])
    only_held = held["is_within"] & ~is_among(held["sale_id"], searched["sale_id"])
    counts = {
        "days": days,
        "windows": search.windows,
        "compared": len(searched),
        "differed": len(differing),
        "repaired": len(fetched.repaired),
        "missing": len(missing),
        "not_shown_by_search": search.unseen,
        "only_in_the_log": int(only_held.sum()),
    }
    result = CheckResult(
        SEARCH_CHECK,
        not missing,
        f"{len(searched)} sales of the last {days} days were compared with the search; "
        f"{len(differing)} differed, {len(fetched.repaired)} have been repaired, "
        f"{len(missing)} could not be.",
        evidence={**counts, "sales": name_some(missing)},
    )
    return Compared(result, len(fetched.repaired))


def _differences(
    shop: Shop, log: FeedLog, searched: pd.DataFrame, held: pd.DataFrame
) -> pd.Series:
    """Return in what way the log differs from the search, by sale."""
    away = list_quarantine(shop, log).rename(columns={"record_id": "sale_id"})
    named = away[["sale_id", "version"]].dropna(subset=["sale_id"])
    return find_differences(searched, held[list(SEEN)], named)


def _period(shop: Shop, zones: Set[str], as_of: date, days: int) -> Period:
    """Return from when to when the last *days* last, in all *zones* of the shop."""
    start = datetime.combine(as_of - timedelta(days=days - 1), time())
    zones = zones | {shop.settings.time_zone}
    first = min(start.replace(tzinfo=ZoneInfo(zone)) for zone in zones)
    return first.astimezone(UTC), end_of(as_of, zones).astimezone(UTC)


def _search(
    shop: Shop, client: PointOfSale, search: SalesSearch, period: Period, highest: int
) -> pd.DataFrame:
    """Return what the search shows of the period, the latest of each sale.

    A version above *highest* is not believed.
    """
    found: list[pd.DataFrame] = []
    count = 0
    for records in search.pages(*period):
        found.append(_seen(client, records, highest))
        count += len(records)
        shop.progress("search", count, None)
    if not found:
        return pd.DataFrame(columns=list(SEEN)).astype(SEEN)
    every = pd.concat(found, ignore_index=True)
    every = every.sort_values("version", kind="stable", na_position="first")
    return every.drop_duplicates("sale_id", keep="last", ignore_index=True)


def _seen(client: PointOfSale, records: list[Any], highest: int) -> pd.DataFrame:
    """Return what is compared of each record."""
    rows, rejections = client.sales_rows(
        records, segment=0, page=1, highest_version=highest
    )
    away = [(r.record_id, r.version) for r in rejections if r.record_id is not None]
    unreadable = pd.DataFrame(away, columns=["sale_id", "version"]).reindex(
        columns=list(SEEN)
    )
    parts = [rows[list(SEEN)].astype(SEEN), unreadable.astype(SEEN)]
    return pd.concat(parts, ignore_index=True)


def _held_of_period(
    shop: Shop, log: FeedLog, searched: pd.DataFrame, period: Period
) -> pd.DataFrame:
    """Return the latest version in the log of each sale found, or of the period."""
    feed = shop.open_feed(log)
    wanted = columns_to_ibis(
        searched.rename(columns={"sale_id": "wanted"}), {"wanted": "string"}
    )
    asked = feed.filter(
        _is_within(feed, period) | feed["sale_id"].isin(wanted["wanted"])
    )
    newest = newest_versions(versions_of(feed, asked))
    newest = newest.mutate(is_within=_is_within(newest, period))
    found = newest.filter(
        newest["is_within"] | newest["sale_id"].isin(wanted["wanted"])
    )
    frame: pd.DataFrame = shop.engine.to_pandas(found.select(*SEEN, "is_within"))
    return frame.astype({**SEEN, "is_within": "bool"})


def _is_within(feed: ir.Table, period: Period) -> ir.BooleanValue:
    first, last = (ibis.timestamp(m.replace(tzinfo=None).isoformat()) for m in period)
    return (feed["sale_date"] >= first) & (feed["sale_date"] < last)


# ----------------------------------------------------------------------------------
# Tail the feed of sales into the log.


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk of the feed: into which log, when it began, how many records it read.

    Segments from ``first_segment`` on have not been checked yet: those of this walk,
    and those of an earlier one that was killed or stopped by its gate.
    """

    log: FeedLog
    began_at: datetime
    first_segment: int
    read: int


class _ContractBroken(Exception):
    """Rows as read break the contract of the log, which only the reader can do."""

    def __init__(self, check_result: CheckResult) -> None:
        super().__init__(check_result.sentence)
        self.check_result = check_result


def read_sales_feed(
    shop: Shop,
    client: PointOfSale,
    zones: Set[str],
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
    the sales in quarantine are tried again, one by one.  The last *days* are those of
    every one of the *zones* of the outlets.
    """
    shop.refuse_another_store(client.store().store_id)
    log = shop.sales_log()
    full_resync |= shop.versions.is_log_older(log)  # it cannot be continued
    is_compared = not full_resync and bool(log.segments()) and days > 0
    target = log.start_generation() if full_resync else log
    refuse_poisoned_log(shop, target)
    try:
        walk = _walk(shop, client, target)
    except _ContractBroken as broken:
        return Candidate(None, [broken.check_result])
    replayed = replay_sales(shop, client, walk.log) if replay else NOT_REPLAYED
    kept = (
        keep_known_sales(shop, client, log, walk.log)
        if full_resync
        else skip_known_sales()
    )
    compared = (
        compare_with_search(shop, client, log, _period(shop, zones, as_of, days), days)
        if is_compared
        else skip_comparison()
    )
    checked = (*_check_walk(shop, walk, log), compared.result, kept)
    # A walk whose fault a person has accepted is as complete as any other.
    honour = shop.warehouse.acceptances.honour
    results = [honour("sales_feed", None, result) for result in checked]
    if not any(result.blocks for result in results):
        _finish(shop, walk, full_resync)
    figures = {**_figures(walk, client), "repaired": compared.repaired, **replayed}
    return Candidate(None, results, figures=figures)


def _figures(walk: Walk, client: PointOfSale) -> dict[str, int | str]:
    """Return what the UI plots of a walk."""
    return {
        "records_read": walk.read,
        "requests": client.requests,
        "rows_in_log": walk.log.row_count(),
        "cursor": walk.log.cursor(),
    }


def _check_walk(shop: Shop, walk: Walk, before: FeedLog) -> list[CheckResult]:
    """Check what the walk has read, and the log that it leaves."""
    return [
        _as_the_contract_says(walk),
        _check_rejected(shop, walk, before),
        check_later_sales(shop, walk.log),
    ]


def _as_the_contract_says(walk: Walk) -> CheckResult:
    """Return the schema's result: every page was checked before it was appended."""
    sentence = "Every row read is as the contract says."
    return CheckResult(SCHEMA_CHECK, True, sentence, evidence={"rows": walk.read})


def _walk(shop: Shop, client: PointOfSale, log: FeedLog) -> Walk:
    """Append every page from the log's cursor to the end of the feed."""
    asked_at, first_page = client.server_now, None
    first, number, read = log.checked_segments(), log.next_number(), 0
    cursor = log.cursor()
    for page in client.pages("sales", cursor):
        first_page = first_page or page
        rows, rejections = client.sales_rows(
            page.records,
            segment=number,
            page=page.number,
            highest_version=page.highest_version,
        )
        _check(rows)
        if page.version_max == cursor and _are_in_quarantine(shop, log, rejections):
            continue  # a version far above the others stays at the end of the feed
        log.append(rows, rejections, number=number, cursor=page.version_max)
        number, read = number + 1, read + len(page.records)
        cursor = page.version_max
        shop.progress("sales", read, None)
    return Walk(log, walk_began(asked_at, first_page, client), first, read)


def _are_in_quarantine(
    shop: Shop, log: FeedLog, rejections: Sequence[Rejection]
) -> bool:
    """Say whether all of *rejections* are in quarantine already, by the same rule."""
    standing = Counter(map(_named, as_rejections(list_quarantine(shop, log))))
    return Counter(map(_named, rejections)) <= standing


def _named(rejection: Rejection) -> tuple[str | None, str]:
    return rejection.record_id, rejection.rule


def _check(rows: pd.DataFrame) -> None:
    """Check the rows of a page against the contract of the log, before appending them.

    Raises:
        _ContractBroken: a row breaks it; the columns are named, never the values.
    """
    if is_sound(rows, SalesFeed):
        return
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
            CheckResult(SCHEMA_CHECK, False, sentence, evidence=evidence)
        ) from None


def _check_rejected(shop: Shop, walk: Walk, before: FeedLog) -> CheckResult:
    """Check the records rejected since the last sound walk.

    What was in quarantine *before* is not news: it was checked in its time.
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
    return check_rejections(len(fresh), read, shop.policy.max_quarantined, entries)


def _finish(shop: Shop, walk: Walk, full_resync: bool) -> None:
    """Record the complete walk; make a new generation the log."""
    walk.log.mark_checked()
    walk.log.bundle()
    if full_resync:
        walk.log.make_current()
        shop.versions.note_log(walk.log)
    record_catch_up(shop, "sales_feed", walk.began_at, walk.log.cursor(), walk.log)


@table(SALES_FEED)
def sales_feed(
    run: TableRun, lightspeed: PointOfSale, outlets: pd.DataFrame | None
) -> Candidate:
    """Read on in the feed of sales; each page is appended to the log as it is read."""
    zones = set() if outlets is None else set(outlets["time_zone"])
    candidate = read_sales_feed(
        run.shop, lightspeed, zones, as_of=run.as_of, **run.options
    )
    return replace(candidate, store=_is_stored)


def _is_stored(_candidate: Candidate) -> None:
    """Store nothing: the log was appended to while it was read."""
