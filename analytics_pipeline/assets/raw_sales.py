"""``raw_sales``: business days cut from the log, and which are stale."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property, partial
from hashlib import sha256

import holidays
import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from analytics_pipeline.assets.shared_checks import CatchUpCheck
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.anomalies.days import (
    LONGEST_LOOK_BACK,
    PRICES,
    PROFILED,
    VOLUME,
    DayProfile,
    check_hours,
    check_prices,
    check_repeats,
    check_tax,
    check_volume,
    profile_days,
)
from analytics_pipeline.domain.business_days import (
    MOST_EMPTY_DAYS,
    leave_out_empty_years,
)
from analytics_pipeline.domain.feed import (
    changed_sales,
    falls_around,
    latest_versions,
    versions_of,
)
from analytics_pipeline.domain.sales import (
    check_short_sales,
    classify_sales,
    find_short_sales,
)
from analytics_pipeline.engine.duckdb import columns_to_ibis, materialize, to_ibis
from analytics_pipeline.model.checks import Candidate, CheckResult, Severity
from analytics_pipeline.model.errors import GateFailed
from analytics_pipeline.model.ids import check_ids, is_not_lower
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Outlets, SalesFeed
from analytics_pipeline.model.schemas.table import Table
from analytics_pipeline.model.text import say
from analytics_pipeline.settings import EARLIEST_START
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.feed_log import FeedLog
from analytics_pipeline.storage.parquet import shape, to_rows, write_rows
from analytics_pipeline.storage.state import Agreement, note_agreement, read_agreement
from analytics_pipeline.tables import RAW_SALES

# ----------------------------------------------------------------------------------
# Find the days whose stored sales are not what the log says now.
#
# Both sides are compared as they are, so that a day is found whatever interrupted an
# earlier run. Where they were found to agree before, only what is new on either side
# since is compared: the segments appended, and the days stored again.


COMPARED_TOGETHER = 4_000_000
"""How many versions of sales are compared in one query, so that it fits in memory."""

MOST_SUSPECT_DAYS = 62
"""Where more days than these were stored again, everything is compared."""

_REJECTION = {"record_id": "string", "version": "int64", "segment": "int64"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of holding the stored days against the log.

    Attributes:
        stale_days: those to be cut again.
        repeated_sales: how many sales are in more than one of the stored days.
    """

    stale_days: Sequence[str]
    repeated_sales: int


@dataclass(frozen=True, slots=True)
class _Sides:
    """What is compared: every version in the log, and the sales as they are stored.

    Attributes:
        log: the log of sales.
        feed: its versions.
        stored: the sales as they are stored.
        copies: ``sale_id`` of each stored row of theirs, in whatever day it is.
        is_whole: they are all sales, and not only some.
    """

    log: FeedLog
    feed: ir.Table
    stored: ir.Table
    copies: ir.Table
    is_whole: bool = True

    def parts(self) -> Iterator["_Sides"]:
        """Yield the sides of some of the sales at a time, by a hash of their ids.

        Each sale is in one part, which is so small that the engine need not put the
        comparison of all columns on disk.
        """
        parts = 1 + self.log.row_count() // COMPARED_TOGETHER
        if parts == 1 or not self.is_whole:
            yield self
            return
        for part in range(parts):
            feed, stored, copies = (
                rows.filter((rows["sale_id"].hash() % parts + parts) % parts == part)
                for rows in (self.feed, self.stored, self.copies)
            )
            yield replace(self, feed=feed, stored=stored, copies=copies)

    def of_log(self, sales: ir.Table, version: int) -> "_Sides":
        """Return what the log has of those *sales* alone, from *version* on.

        That is, from where each of them has a version: what was before is not its
        latest, and a file of the log that ends before it is not read.
        """
        feed = self.feed
        if version:
            feed = feed.filter(feed["version"] >= version)
        return replace(self, feed=versions_of(feed, sales))


def compare_with_log(
    shop: Shop, log: FeedLog, outlets: pd.DataFrame, last: date
) -> Comparison:
    """Compare the stored days up to *last* with the log, and note it if they agree.

    Stale are days never cut, days that a sale left or entered, days whose outlet has
    another zone now, days with a sale that another policy counts otherwise, and days
    whose last attempt failed.
    """
    every = shop.days_until(last)
    states = shop.warehouse.states("raw_sales")
    stored = {day: states[day] for day in every if day in states}
    stale = set(every) - stored.keys() | set(shop.warehouse.failures("raw_sales"))
    repeated, agreement = 0, None
    if stored:
        places = _fingerprint_places(shop, outlets)
        agreement = Agreement(log.generation, len(log.segments()), places, stored)
        sides = _choose_sides(shop, log, agreement)
        if sides is not None:
            stale = stale.union(
                *(_changed_days(shop, part, outlets) for part in sides.parts())
            )
            parts = () if stale else sides.parts()
            repeated = sum(_count_repeated(shop, part) for part in parts)
    days = sorted({max(day, every[0]) for day in stale if day <= every[-1]})
    if agreement is not None and not days and not repeated:
        note_agreement(shop.warehouse.root / "raw_sales", agreement)
    return Comparison(days, repeated)


def open_whole_log(shop: Shop) -> FeedLog:
    """Return the log, if it was read to its end.

    Raises:
        GateFailed: the log failed its gate, or a walk of the feed was cut short.
    """
    shop.refuse_failed("sales_feed", [""])
    log = shop.sales_log()
    if log.checked_segments() < log.next_number():
        raise GateFailed(
            "The feed of sales was not read to its end: the log is half read.",
            "Run: analytics-pipeline update",
        )
    return log


def latest_sales(log: FeedLog, feed: ir.Table) -> ir.Table:
    """Return the latest version of each sale of *feed*, which is (part of) *log*."""
    known = log.rejections().dropna(subset=["record_id"])
    return latest_versions(feed, columns_to_ibis(known, _REJECTION))


def _choose_sides(shop: Shop, log: FeedLog, now: Agreement) -> _Sides | None:
    """Return what has to be compared; nothing, if all of it was before."""
    before = read_agreement(shop.warehouse.root / "raw_sales")
    known = before.days if before else {}
    again = [day for day, state in now.days.items() if known.get(day) != state]
    goes_on = before is not None and _goes_on(before, now)
    if before is not None and goes_on and before.segments == now.segments and not again:
        return None
    stored = shop.open_sales(now.days)
    sides = _Sides(log, shop.open_feed(log), stored, stored.select("sale_id"))
    if before is None or not goes_on or len(again) > MOST_SUSPECT_DAYS:
        return sides
    listed = _list_suspects(shop, log, before.segments, again)
    suspects = materialize(shop.engine, listed)
    copies = materialize(shop.engine, _find_copies(stored, suspects))
    days = {*again, *(_days_of(shop, copies) & now.days.keys())}
    rows = shop.open_sales(days).semi_join(suspects, "sale_id")
    news = sides.of_log(suspects, _lowest_version(shop, suspects))
    return replace(news, stored=rows, copies=copies, is_whole=False)


def _find_copies(stored: ir.Table, wanted: ir.Table) -> ir.Table:
    """Return ``sale_id, business_date`` of each stored row of the sales *wanted*.

    To look for ids alone takes a quarter of reading all columns of all days.
    """
    places = stored.select("sale_id", "business_date")
    return places.semi_join(wanted, "sale_id")


def _days_of(shop: Shop, sales: ir.Table) -> set[str]:
    """Return the stored days that *sales* are in by their dates."""
    found = shop.engine.to_pandas(sales.select("business_date").distinct())
    days = found["business_date"].dt.strftime("%Y-%m-%d")
    return {max(day, shop.first_day) for day in days}


def _lowest_version(shop: Shop, suspects: ir.Table) -> int:
    """Return a version that none of the *suspects* has its latest one before.

    That is 0 where the log may have no version of one of them as high as was seen.
    """
    each = suspects.group_by("sale_id").aggregate(
        version=suspects["version"].fill_null(0).max()
    )
    lowest = shop.engine.to_pandas(each.aggregate(version=each["version"].min()))
    version = lowest["version"].iloc[0]
    return 0 if pd.isna(version) else int(version)


def _goes_on(before: Agreement, now: Agreement) -> bool:
    """Say whether what agreed *before* still does, but for what is new since."""
    return (
        (before.generation, before.places) == (now.generation, now.places)
        and before.segments <= now.segments
        and before.days.keys() <= now.days.keys()
    )


def _list_suspects(
    shop: Shop, log: FeedLog, first_segment: int, days: Sequence[str]
) -> ir.Table:
    """Return the sales that segments since brought, or that *days* hold or should.

    ``sale_id``, and a ``version`` of it that the log has; none where that is not known.
    """
    feed = shop.open_feed(log)
    is_suspect = feed["segment"] >= first_segment
    for day in days:
        since = "1900-01-01" if day == shop.first_day else day
        is_suspect |= falls_around(feed, since, day)
    parts = [feed.filter(is_suspect).select("sale_id", "version")]
    away = log.rejections().dropna(subset=["record_id"])
    away = away[away["segment"] >= first_segment]
    if len(away):
        named = away.rename(columns={"record_id": "sale_id"}).assign(version=None)
        parts.append(columns_to_ibis(named, {"sale_id": "string", "version": "int64"}))
    if days:
        stored = shop.open_sales(days)
        unknown = ibis.null("int64")
        parts.append(stored.select("sale_id", version=unknown))
    return parts[0] if len(parts) == 1 else ibis.union(*parts, distinct=False)


def _fingerprint_places(shop: Shop, outlets: pd.DataFrame) -> str:
    """Return a fingerprint of all that a day is cut by, other than the log.

    The zones that date sales, the first day, when a waiting sale is paid, and when
    gift cards count.
    """
    zones = sorted(zip(outlets["outlet_id"], outlets["time_zone"], strict=True))
    policy, zone = shop.policy, shop.settings.time_zone
    choices = policy.paid_tolerance_cents, policy.gift_cards.value
    text = repr((zones, zone, shop.first_day, *choices))
    return sha256(text.encode()).hexdigest()


def _changed_days(shop: Shop, sides: _Sides, outlets: pd.DataFrame) -> set[str]:
    """Return the days that sales have left or entered, by log and stored rows."""
    changed = shop.engine.to_pandas(
        changed_sales(
            latest_sales(sides.log, sides.feed),
            sides.stored,
            to_ibis(outlets, Outlets),
            shop.settings.time_zone,
            shop.policy,
        )
    )
    now = _business_dates(shop, changed.dropna(subset=["sale_date"]), outlets)
    return {
        day
        for moments in (changed["business_date"].dropna(), now)
        for day in moments.dt.strftime("%Y-%m-%d")
    }


def _count_repeated(shop: Shop, sides: _Sides) -> int:
    """Count the sales that are in more than one of the stored days."""
    sales = sides.copies
    counts = sales.aggregate(rows=sales.count(), sales=sales["sale_id"].nunique())
    row = shop.engine.to_pandas(counts).iloc[0]
    return int(row["rows"] - row["sales"])


def _business_dates(
    shop: Shop, changed: pd.DataFrame, outlets: pd.DataFrame
) -> pd.Series:
    """Return the days on which changed sales fall now."""
    zones = changed["outlet_id"].map(outlets.set_index("outlet_id")["time_zone"])
    zones = zones.fillna(shop.settings.time_zone)
    parts = [
        moments.dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
        for zone, moments in changed["sale_date"].groupby(zones)
    ]
    return pd.concat(parts) if parts else pd.Series(dtype="datetime64[us]")


# ----------------------------------------------------------------------------------
# Where the days of sales begin: empty years before the first sale are left out.
#
# A start date of long ago costs nothing then. The first day depends on the latest
# versions of the sales alone, not on the way to them (rule 7.3).


CANDIDATES = 1000
"""The earliest versions that are looked at before all of the log is."""


def find_first_day(shop: Shop, log: FeedLog, wanted: date) -> date:
    """Return the first partition; it also holds every earlier sale.

    That is ANALYTICS_START_DATE.  If more than ``MOST_EMPTY_DAYS`` empty days would
    follow it, it is the first day of the year before that of the first sale, or of the
    *wanted* day if that is earlier: early enough in every time zone.
    """
    start = shop.settings.start_date
    if wanted - start <= MOST_EMPTY_DAYS:
        return start
    first = min(_find_first_sale(shop, log) or wanted, wanted)
    return leave_out_empty_years(start, date(first.year - 1, 1, 1))


def _find_first_sale(shop: Shop, log: FeedLog) -> date | None:
    """Return the day of the first sale in UTC; none without a sale."""
    feed = shop.open_feed(log)
    early = feed.order_by("sale_date").limit(CANDIDATES).select("sale_id", "sale_date")
    few = shop.engine.to_pandas(early)
    ids = columns_to_ibis(few[["sale_id"]], {"sale_id": "string"})
    found = _earliest(shop, log, versions_of(feed, ids))
    if len(few) == CANDIDATES and (found is None or found > few["sale_date"].max()):
        found = _earliest(shop, log, feed)
    return None if found is None else found.date()


def _earliest(shop: Shop, log: FeedLog, feed: ir.Table) -> pd.Timestamp | None:
    """Return the date of the earliest sale of *feed*, as it is now."""
    sales = latest_sales(log, feed)
    earliest = sales.aggregate(moment=sales["sale_date"].min())
    moment: pd.Timestamp = shop.engine.to_pandas(earliest)["moment"].iloc[0]
    return None if pd.isna(moment) else moment


# ----------------------------------------------------------------------------------
# Checks of the sales of one business day that look at that day alone.


def check_words(rows: pd.DataFrame) -> CheckResult:
    """Report sales whose state, status or attributes are not known words."""
    if not rows["is_unknown"].any():
        return CheckResult("words_are_known", True, "Every word is known.")
    unknown = rows[rows["is_unknown"]]
    words = unknown[["state", "status", "attributes"]].fillna("-").agg("/".join, axis=1)
    return CheckResult(
        "words_are_known",
        False,
        f"{say(len(unknown), 'sale has', 'sales have')} a state, status or attribute "
        "that is not known.",
        Severity.WARN,
        {"sales": len(unknown), "words": ", ".join(sorted(set(words))[:10])},
    )


def check_start(shop: Shop, rows: pd.DataFrame) -> CheckResult:
    """Report sales from before the first day: they count, but have no day of theirs."""
    start = shop.settings.start_date
    early = rows[rows["business_date"] < pd.Timestamp(start)]
    earliest = "" if early.empty else str(early["business_date"].min())[:10]
    return CheckResult(
        "starts_with_the_first_sale",
        early.empty,
        "No sale is earlier than ANALYTICS_START_DATE."
        if early.empty
        else f"{say(len(early), 'sale is', 'sales are')} earlier than "
        f"ANALYTICS_START_DATE and kept on the first day; {_advise(earliest, start)}.",
        Severity.WARN,
        {"sales": len(early), "earliest": earliest},
    )


def _advise(earliest: str, start: date) -> str:
    """Say what to do about sales before the *start*, from the *earliest* day on."""
    if start == EARLIEST_START:
        return f"the first is of {earliest}: see whether the clock of a till is wrong"
    first = max(date.fromisoformat(earliest), EARLIEST_START)
    return f"set it to {first} to give earlier sales days of their own"


# ----------------------------------------------------------------------------------
# Hold the last days of a run against the days before them.
#
# A day that the run cuts is known by the rows just cut, any other by those stored.


DAYS_CHECKED = 14
"""Of a run of many days only the last ones are news to anybody."""

CHECKS = (
    VOLUME,
    PRICES,
    "tax_is_usual",
    "hours_are_usual",
    "sales_stand_once",
)


class DayAnomalies:
    """Says for the last days of a run whether each one is like those before it."""

    def __init__(self, shop: Shop, outlets: pd.DataFrame, days: Sequence[str]) -> None:
        """Prepare to check the last of *days*, which are all that the run cuts."""
        self._shop = shop
        self._outlets = outlets
        self._cut = frozenset(days)
        self._last = date.fromisoformat(max(days))
        self._checked_from = self._last - timedelta(days=DAYS_CHECKED - 1)
        self._since = self._checked_from - timedelta(days=LONGEST_LOOK_BACK)
        self._profiles: dict[date, DayProfile] = {}
        self._is_stored_known = False

    def learn(self, days: Sequence[str], rows: pd.DataFrame) -> None:
        """Take in *days* as they were just cut; *rows* are those of all of them."""
        known = self._reach_back(days)
        if known:
            recent = rows[rows["business_date"] >= pd.Timestamp(self._since)]
            self._profiles |= known | profile_days(recent)

    def evaluate(
        self, day: str, rows: pd.DataFrame, *, is_whole: bool, is_provisional: bool
    ) -> list[CheckResult]:
        """Check *day*, which was learned; one too long ago is skipped.

        Nor is anything said of a day that was not read to its end, which fails its
        gate for that.
        """
        checked = date.fromisoformat(day)
        if checked < self._checked_from or not (is_whole or is_provisional):
            return []
        if is_provisional:
            sentence = "The day is not over."
            return [
                CheckResult(check, True, sentence, Severity.WARN) for check in CHECKS
            ]
        self._learn_stored_days()
        results = self._compare(checked, rows)
        if any(result.blocks for result in results):
            del self._profiles[checked]  # it is not stored, and says nothing of others
        return results

    def _compare(self, day: date, rows: pd.DataFrame) -> list[CheckResult]:
        """Compare a *day* that is over with all that is known of others."""
        days, anomaly_limits = self._profiles, self._shop.anomaly_limits
        on_day = rows[rows["business_date"] == pd.Timestamp(day)]
        totals = on_day.loc[
            on_day["is_order"] & (on_day["total_incl_cents"] > 0), "total_incl_cents"
        ].tolist()
        orders = {other: profile.orders for other, profile in days.items()}
        return [
            check_volume(
                day, orders, self._outlet_orders(), self._apart, anomaly_limits
            ),
            check_prices(
                day, days, totals, anomaly_limits, self._prices_accepted_since(day)
            ),
            check_tax(day, days, anomaly_limits),
            check_hours(day, days, anomaly_limits),
            check_repeats(on_day, anomaly_limits),
        ]

    def _reach_back(self, days: Sequence[str]) -> dict[date, DayProfile]:
        """Return the recent ones among *days*, without sales as yet.

        The first day of all holds every earlier sale too, so with it those days are
        known as well.
        """
        known = {date.fromisoformat(day) for day in days}
        if self._shop.first_day in days:
            first = date.fromisoformat(self._shop.first_day)
            earlier = (first - self._since).days
            known |= {first - timedelta(days=n + 1) for n in range(earlier)}
        return {day: DayProfile() for day in known if self._since <= day <= self._last}

    def _learn_stored_days(self) -> None:
        """Take in the recent days that the run does not cut, all by one query."""
        if self._is_stored_known:
            return
        self._is_stored_known = True
        shop, since = self._shop, self._since.isoformat()
        recent = max(since, shop.first_day)
        stored = [
            day
            for day in shop.warehouse.partitions("raw_sales")
            if recent <= day < self._last.isoformat() and day not in self._cut
        ]
        if not stored:
            return
        sales = shop.open_sales(stored).select(*PROFILED)
        sales = sales.filter(sales["business_date"] >= ibis.timestamp(since))
        rows: pd.DataFrame = shop.engine.to_pandas(sales)
        moments = rows["sale_date"].astype("datetime64[us]").dt.tz_localize("UTC")
        self._profiles |= self._reach_back(stored) | profile_days(
            rows.assign(sale_date=moments)
        )

    def _outlet_orders(self) -> dict[str, dict[date, int]]:
        """Return the orders of each open outlet on every known day."""
        days = self._profiles
        outlets = {outlet for each in days.values() for outlet in each.outlet_orders}
        return {
            outlet: {
                day: each.outlet_orders.get(outlet, 0) for day, each in days.items()
            }
            for outlet in outlets - self._closed_outlets
        }

    @cached_property
    def _closed_outlets(self) -> set[str]:
        outlets = self._outlets
        return set(outlets.loc[outlets["is_deleted"], "outlet_id"])

    @cached_property
    def _apart(self) -> Mapping[date, str]:
        """Return the days that are like no other: public holidays, and closed ones."""
        country = self._outlets["store_country"].dropna()
        years = range(self._since.year, self._last.year + 1)
        closed = dict.fromkeys(
            self._shop.anomaly_limits.closed_days, "one of closed_days"
        )
        return _list_holidays(next(iter(country), ""), years) | closed

    @cached_property
    def _accepted(self) -> list[date]:
        accepted = self._shop.warehouse.acceptances.days("raw_sales", PRICES)
        return sorted(date.fromisoformat(day) for day in accepted)

    def _prices_accepted_since(self, day: date) -> date | None:
        """Return the last day before *day* whose prices a person has accepted."""
        return max((each for each in self._accepted if each < day), default=None)


def _list_holidays(country: str, years: Sequence[int]) -> dict[date, str]:
    """Return the public holidays of *country*; of one that is not known, none."""
    try:
        found = holidays.country_holidays(country, years=years)
    except NotImplementedError:
        return {}
    return {day: f"a public holiday ({name})" for day, name in found.items()}


# ----------------------------------------------------------------------------------
# Cut business days from the log of sales.


FEW_DAYS = 31
"""Up to so many days are cut in one pass; the sales of more are counted first."""

SALES_AT_ONCE = 100_000
"""How many sales are cut in one pass, so that memory does not grow with history."""

DAYS_TOGETHER = 128
"""How many of the days of a pass are stored together."""

EARLIEST = "1900-01-01"
"""A day before any sale."""


@dataclass(frozen=True)
class CutDays:
    """Some days of a table as the log has them now, and the rows of all.

    The rows are in the order of their business date.
    """

    days: Sequence[str]
    rows: pd.DataFrame
    table: type[Table] = RawSales

    def split(self) -> Iterator[tuple[str, slice]]:
        """Yield each day with the places of its rows; the first one has all earlier.

        A first day among the days brought earlier rows with it; another brought none.
        """
        later = pd.to_datetime(list(self.days[1:]))
        begins = self.rows["business_date"].searchsorted(later)
        edges = [0, *begins.tolist(), len(self.rows)]
        for day, start, end in zip(self.days, edges, edges[1:], strict=False):
            yield day, slice(start, end)

    def encode(self, places: slice) -> bytes:
        """Return the rows in those *places* as a stored day."""
        return write_rows(self._stored[places])

    @cached_property
    def _stored(self) -> pa.Table:
        """All rows as they are stored; made once, where rows of many days are."""
        return to_rows(self.rows, self.table).combine_chunks()


def choose_days(
    shop: Shop,
    log: FeedLog,
    outlets: pd.DataFrame,
    wanted: Sequence[str],
    *,
    refresh_late_days: bool,
    recut_all_days: bool,
) -> list[str]:
    """Return the days to cut: those asked for, the late ones as well, or all."""
    last = date.fromisoformat(max(wanted))
    shop.begins = find_first_day(shop, log, date.fromisoformat(min(wanted)))
    if recut_all_days:
        return shop.days_until(last)
    late = (
        compare_with_log(shop, log, outlets, last).stale_days
        if refresh_late_days
        else []
    )
    return sorted({*wanted, *late, *_moved_start(shop, last)})


def _moved_start(shop: Shop, last: date) -> set[str]:
    """Return the first day now and the one before, if the start date was changed.

    The first day holds all earlier sales, so both hold other rows than they did.
    """
    noted, first = shop.warehouse.first_day("raw_sales"), shop.first_day
    if noted in (None, first):
        return set()
    return {noted, first} & set(shop.days_until(last))


@table(RAW_SALES)
def raw_sales(
    run: TableRun, sales_feed: FeedLog, outlets: pd.DataFrame
) -> Iterator[Candidate]:
    """Cut the days asked for from the log, and those that late changes touched."""
    wanted = [day.isoformat() for day in run.days]
    # What is made from scratch is made from the sales themselves.
    run.shop.uses_checkpoints = not run.options["recut_all_days"]
    days = choose_days(run.shop, sales_feed, outlets, wanted, **run.options)
    run.expected = len(days)
    yield from recut_days(run.shop, sales_feed, outlets, days, run.catch_up)


def recut_days(
    shop: Shop,
    log: FeedLog,
    outlets: pd.DataFrame,
    days: Sequence[str],
    caught_up: CatchUpCheck,
) -> Iterator[Candidate]:
    """Yield each of *days* as the log has it now, with its check results.

    The schema is checked for many days at once, and the offending days named.
    """
    first = shop.first_day
    start = None if first in days else _stored_start(shop, first)
    anomalies = DayAnomalies(shop, outlets, days)
    for cut in cut_days(shop, log, outlets, days):
        anomalies.learn(cut.days, cut.rows)
        schema, faulty = RAW_SALES.audit(cut.rows)
        checks = DayChecks(cut.rows, shop.policy)
        figures = _RunningTotals(cut.rows)
        for number, (day, places) in enumerate(cut.split(), start=1):
            rows = cut.rows.iloc[places]
            if day == first:
                start = check_start(shop, rows)
            results = [
                _result_of_day(schema, rows, faulty),
                *_compare_day(day, rows, caught_up, checks.evaluate(places), anomalies),
                start,
            ]
            is_last = number == len(cut.days) or number % DAYS_TOGETHER == 0
            yield Candidate(
                rows,
                [result for result in results if result is not None],
                day,
                figures=figures.of(places),
                is_audited=True,
                goes_with_next=not is_last,
                encode=partial(cut.encode, places),
            )
    if first in days:
        _forget_empty_years(shop, first)
        shop.warehouse.note_first_day("raw_sales", first)
    shop.warehouse.bundle("raw_sales")


class DayChecks:
    """The checks that look at one day alone, prepared for many days at once.

    Most days have no sale that any of them is about.  Of such a day they say what they
    say of a day without sales.
    """

    def __init__(self, rows: pd.DataFrame, policy: Policy) -> None:
        """Find the sales that a check is about; *rows* are those of all days."""
        self._rows, self._policy = rows, policy
        short = find_short_sales(rows, policy.paid_tolerance_cents)
        about = rows["is_unknown"] | is_not_lower(rows["sale_id"])
        about |= rows.index.isin(short.index)
        self._about = about.to_numpy(dtype=bool)
        self._silent = self._check(rows.iloc[:0])

    def evaluate(self, places: slice) -> list[CheckResult]:
        """Check the day whose rows are in those *places*."""
        if self._about[places].any():
            return self._check(self._rows.iloc[places])
        return self._silent

    def _check(self, rows: pd.DataFrame) -> list[CheckResult]:
        return [
            check_words(rows),
            check_short_sales(rows, self._policy),
            check_ids(rows["sale_id"], "sale", "sales"),
        ]


def _compare_day(
    day: str,
    rows: pd.DataFrame,
    caught_up: CatchUpCheck,
    alone: Sequence[CheckResult],
    anomalies: DayAnomalies,
) -> list[CheckResult]:
    """Add to what was found of a day *alone* what its end and other days say."""
    date_of_day = date.fromisoformat(day)
    read_to_end = caught_up.evaluate(date_of_day)
    return [
        read_to_end,
        *alone,
        *anomalies.evaluate(
            day,
            rows,
            is_whole=read_to_end.passed,
            is_provisional=caught_up.is_provisional(date_of_day),
        ),
    ]


def _forget_empty_years(shop: Shop, first: str) -> None:
    """Remove the days before the *first* one, which holds all of them now, if any."""
    if (
        first == shop.settings.start_date.isoformat()
        or first in shop.warehouse.failures("raw_sales")
    ):
        return
    for day in shop.warehouse.partitions("raw_sales"):
        if day < first:
            shop.warehouse.remove("raw_sales", day)


def _result_of_day(
    schema_result: CheckResult, rows: pd.DataFrame, faulty: pd.Index
) -> CheckResult:
    """Return the schema's result for one of the days checked together.

    A fault that no row is named for, such as a missing column, is every day's.
    """
    elsewhere = len(faulty) > 0 and not rows.index.isin(faulty).any()
    if not (schema_result.passed or elsewhere):
        return schema_result
    sentence = "Every row is as the contract says."
    return CheckResult(
        schema_result.check, True, sentence, evidence={"rows": len(rows)}
    )


def _stored_start(shop: Shop, first: str) -> CheckResult | None:
    """Check the first day as it is stored."""
    if not shop.warehouse.exists("raw_sales", first):
        return None
    return check_start(shop, shop.warehouse.read("raw_sales", RawSales, first))


class _RunningTotals:
    """What the UI plots over days, of the rows of many days added up once."""

    def __init__(self, rows: pd.DataFrame) -> None:
        """Add up the rows of all days."""
        value = rows["value_incl_cents"].where(rows["is_completed"], 0)
        self._orders = [0, *rows["is_order"].cumsum().tolist()]
        self._value = [0, *value.cumsum().tolist()]

    def of(self, places: slice) -> dict[str, int | str]:
        """Return the figures of the rows in those *places*."""
        start, end = places.start, places.stop
        return {
            "orders": self._orders[end] - self._orders[start],
            "value_cents": self._value[end] - self._value[start],
        }


def cut_days(
    shop: Shop, log: FeedLog, outlets: pd.DataFrame, days: Sequence[str]
) -> Iterator[CutDays]:
    """Yield the wanted *days*, cut from the log, some at a time."""
    first = shop.first_day
    feed = shop.open_feed(log)
    around = versions_of(feed, sales_of(feed, days, first))
    latest = sales_of(latest_sales(log, around), days, first)
    if len(days) > FEW_DAYS:  # so that versions are ranked once
        latest = materialize(shop.engine, latest)
    for wanted in in_passes(shop, latest, days):
        found = shop.engine.to_pandas(sales_of(latest, wanted, first))
        sales = shape(found, SalesFeed)
        rows = classify_sales(sales, outlets, shop.settings.time_zone, shop.policy)
        yield CutDays(wanted, shape(_on(rows, wanted, first), RawSales))


def sales_of(sales: ir.Table, days: Sequence[str], first: str) -> ir.Table:
    """Return the sales that may fall on *days*, the first of which has all earlier.

    Of few days those between them are left out; of many they are left in.
    """
    runs = list_runs(days) if len(days) <= FEW_DAYS else [(days[0], days[-1])]
    near = [
        falls_around(sales, EARLIEST if start == first else start, end)
        for start, end in runs
    ]
    return sales.filter(ibis.or_(*near))


def list_runs(days: Sequence[str]) -> list[tuple[str, str]]:
    """Return the first and last of *days* that follow one another without a gap."""
    runs: list[tuple[str, str]] = []
    for day in days:
        before = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
        start = runs.pop()[0] if runs and runs[-1][1] == before else day
        runs.append((start, day))
    return runs


def in_passes(
    shop: Shop, sales: ir.Table, days: Sequence[str]
) -> Iterator[Sequence[str]]:
    """Yield *days* in groups of few or not too many *sales*."""
    if len(days) <= FEW_DAYS:
        yield days
        return
    dates = sales.select(day=sales["sale_date"].strftime("%Y-%m-%d"))
    counted = shop.engine.to_pandas(dates.group_by("day").count())
    counts = sorted(zip(counted.iloc[:, 0], counted.iloc[:, 1], strict=True))
    yield from group_days(days, counts, SALES_AT_ONCE)


def group_days(
    days: Sequence[str], counts: Sequence[tuple[str, int]], most: int
) -> Iterator[list[str]]:
    """Yield *days* in groups of about *most* sales, or of one day with more.

    Args:
        days: in their order.
        counts: how many sales there are by their date, in the same order.
        most: how many sales a group has.
    """
    group: list[str] = []
    left, room = deque(counts), most
    for day in days:
        count = 0
        while left and left[0][0] <= day:
            count += left.popleft()[1]
        if group and count and count > room:
            yield group
            group, room = [], most
        group.append(day)
        room -= count
    if group:
        yield group


def _on(rows: pd.DataFrame, wanted: Sequence[str], first: str) -> pd.DataFrame:
    """Return the rows whose partition is one of *wanted*."""
    partition = rows["business_date"].mask(
        rows["business_date"] < pd.Timestamp(first), pd.Timestamp(first)
    )
    on: pd.DataFrame = rows[partition.isin(pd.to_datetime(list(wanted)))]
    return on.reset_index(drop=True)
