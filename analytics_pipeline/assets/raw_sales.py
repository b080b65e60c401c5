"""``raw_sales``: business days cut from the log, and which are stale."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from hashlib import sha256

import holidays
import ibis
import ibis.expr.types as ir
import pandas as pd

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
    sales_around,
    versions_of,
)
from analytics_pipeline.domain.sales import check_short_sales, classify_sales
from analytics_pipeline.engine.duckdb import columns_to_ibis, to_ibis
from analytics_pipeline.model.checks import Candidate, CheckResult, Severity
from analytics_pipeline.model.errors import GateFailed
from analytics_pipeline.model.ids import check_ids
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Outlets, SalesFeed
from analytics_pipeline.model.text import say
from analytics_pipeline.settings import EARLIEST_START
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.storage.sales_log import SalesLog
from analytics_pipeline.storage.state import Agreement, note_agreement, read_agreement
from analytics_pipeline.tables import RAW_SALES

# ----------------------------------------------------------------------------------
# Find the days whose stored sales are not what the log says now.
#
# Both sides are compared as they are, so that a day is found whatever interrupted an
# earlier run. Where they were found to agree before, only what is new on either side
# since is compared: the segments appended, and the days stored again.


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
    """What is compared: every version in the log, and the sales as they are stored."""

    log: SalesLog
    feed: ir.Table
    stored: ir.Table

    def only(self, sales: ir.Table) -> "_Sides":
        """Return both sides of those *sales* alone."""
        return replace(
            self,
            feed=versions_of(self.feed, sales),
            stored=self.stored.semi_join(sales, "sale_id"),
        )


def compare_with_log(
    shop: Shop, log: SalesLog, outlets: pd.DataFrame, last: date
) -> Comparison:
    """Compare the stored days up to *last* with the log, and note it if they agree.

    Stale are days never cut, days that a sale left or entered, days whose outlet has
    another zone now, days with a sale that another ``paid_tolerance`` counts or leaves
    out, and days whose last attempt failed.
    """
    every = shop.days_until(last)
    states = shop.warehouse.states("raw_sales")
    stored = {day: states[day] for day in every if day in states}
    stale = set(every) - stored.keys() | set(shop.warehouse.failures("raw_sales"))
    repeated, agreement = 0, None
    if stored:
        places = _fingerprint_places(shop, outlets, log)
        agreement = Agreement(log.generation, len(log.segments()), places, stored)
        sides = _choose_sides(shop, log, agreement)
        if sides is not None:
            stale |= _changed_days(shop, sides, outlets)
            repeated = 0 if stale else _count_repeated(shop, sides)
    days = sorted({max(day, every[0]) for day in stale if day <= every[-1]})
    if agreement is not None and not days and not repeated:
        note_agreement(shop.warehouse.root / "raw_sales", agreement)
    return Comparison(days, repeated)


def open_whole_log(shop: Shop) -> SalesLog:
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


def latest_sales(log: SalesLog, feed: ir.Table) -> ir.Table:
    """Return the latest version of each sale of *feed*, which is (part of) *log*."""
    known = log.rejections().dropna(subset=["record_id"])
    return latest_versions(feed, columns_to_ibis(known, _REJECTION))


def _choose_sides(shop: Shop, log: SalesLog, now: Agreement) -> _Sides | None:
    """Return what has to be compared; nothing, if all of it was before."""
    before = read_agreement(shop.warehouse.root / "raw_sales")
    known = before.days if before else {}
    again = [day for day, state in now.days.items() if known.get(day) != state]
    goes_on = before is not None and _goes_on(before, now)
    if before is not None and goes_on and before.segments == now.segments and not again:
        return None
    sides = _Sides(log, shop.open_feed(log), shop.open_sales(now.days))
    if before is None or not goes_on or len(again) > MOST_SUSPECT_DAYS:
        return sides
    return sides.only(_list_suspects(shop, log, before.segments, again))


def _goes_on(before: Agreement, now: Agreement) -> bool:
    """Say whether what agreed *before* still does, but for what is new since."""
    return (
        (before.generation, before.places) == (now.generation, now.places)
        and before.segments <= now.segments
        and before.days.keys() <= now.days.keys()
    )


def _list_suspects(
    shop: Shop, log: SalesLog, first_segment: int, days: Sequence[str]
) -> ir.Table:
    """Return the sales that segments since brought, or that *days* hold or should.

    One row a sale: ``sale_id``.
    """
    feed = shop.open_feed(log)
    is_suspect = feed["segment"] >= first_segment
    for day in days:
        since = "1900-01-01" if day == shop.first_day else day
        is_suspect |= falls_around(feed, since, day)
    parts = [feed.filter(is_suspect).select("sale_id")]
    away = log.rejections().dropna(subset=["record_id"])
    away = away[away["segment"] >= first_segment]
    if len(away):
        named = away.rename(columns={"record_id": "sale_id"})
        parts.append(columns_to_ibis(named, {"sale_id": "string"}))
    if days:
        parts.append(shop.open_sales(days).select("sale_id"))
    return parts[0] if len(parts) == 1 else ibis.union(*parts, distinct=False)


def _fingerprint_places(shop: Shop, outlets: pd.DataFrame, log: SalesLog) -> str:
    """Return a fingerprint of all that a day is cut by, other than the log.

    The zones that date sales, the first day, when a waiting sale is paid, and whether
    ids of the log are spelled otherwise now than an earlier release cut them.
    """
    zones = sorted(zip(outlets["outlet_id"], outlets["time_zone"], strict=True))
    tolerance = shop.policy.paid_tolerance_cents
    text = repr((zones, shop.settings.time_zone, shop.first_day, tolerance))
    if shop.has_other_spellings(log):
        text += "ids in one spelling"
    return sha256(text.encode()).hexdigest()


def _changed_days(shop: Shop, sides: _Sides, outlets: pd.DataFrame) -> set[str]:
    """Return the days that sales have left or entered, by log and stored rows."""
    changed = shop.engine.to_pandas(
        changed_sales(
            latest_sales(sides.log, sides.feed),
            sides.stored,
            to_ibis(outlets, Outlets),
            shop.settings.time_zone,
            shop.policy.paid_tolerance_cents,
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
    sales = sides.stored
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


def find_first_day(shop: Shop, log: SalesLog, wanted: date) -> date:
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


def _find_first_sale(shop: Shop, log: SalesLog) -> date | None:
    """Return the day of the first sale in UTC; none without a sale."""
    feed = shop.open_feed(log)
    early = feed.order_by("sale_date").limit(CANDIDATES).select("sale_id", "sale_date")
    few = shop.engine.to_pandas(early)
    ids = columns_to_ibis(few[["sale_id"]], {"sale_id": "string"})
    found = _earliest(shop, log, versions_of(feed, ids))
    if len(few) == CANDIDATES and (found is None or found > few["sale_date"].max()):
        found = _earliest(shop, log, feed)
    return None if found is None else found.date()


def _earliest(shop: Shop, log: SalesLog, feed: ir.Table) -> pd.Timestamp | None:
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


DAYS_AT_ONCE = 366
"""How many days are cut in one pass, so that memory does not grow with history."""


@dataclass(frozen=True, slots=True)
class CutDays:
    """Some days as the log has them now: the rows of all, and which days they are."""

    days: Sequence[str]
    rows: pd.DataFrame

    def partitions(self) -> pd.Series:
        """Return the day that each row is kept under: the first one holds all earlier.

        A first day among the days brought earlier rows with it; another brought none.
        """
        partition: pd.Series = self.rows["business_date"].dt.strftime("%Y-%m-%d")
        return partition.where(partition >= self.days[0], self.days[0])


def choose_days(
    shop: Shop,
    log: SalesLog,
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
    run: TableRun, sales_feed: SalesLog, outlets: pd.DataFrame
) -> Iterator[Candidate]:
    """Cut the days asked for from the log, and those that late changes touched."""
    wanted = [day.isoformat() for day in run.days]
    days = choose_days(run.shop, sales_feed, outlets, wanted, **run.options)
    run.expected = len(days)
    yield from recut_days(run.shop, sales_feed, outlets, days, run.catch_up)


def recut_days(
    shop: Shop,
    log: SalesLog,
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
        rows_of = dict(list(cut.rows.groupby(cut.partitions())))
        for day in cut.days:
            rows = rows_of.get(day, cut.rows.iloc[:0])
            if day == first:
                start = check_start(shop, rows)
            results = [
                _result_of_day(schema, rows, faulty),
                *_check_day(shop, day, rows, caught_up, anomalies),
                start,
            ]
            yield Candidate(
                rows.reset_index(drop=True),
                [result for result in results if result is not None],
                day,
                figures=_figures(rows),
                is_audited=True,
            )
    if first in days:
        _forget_empty_years(shop, first)
        shop.warehouse.note_first_day("raw_sales", first)
    shop.warehouse.bundle("raw_sales")


def _check_day(
    shop: Shop,
    day: str,
    rows: pd.DataFrame,
    caught_up: CatchUpCheck,
    anomalies: DayAnomalies,
) -> list[CheckResult]:
    """Check one day by itself, and by the days before it."""
    date_of_day = date.fromisoformat(day)
    read_to_end = caught_up.evaluate(date_of_day)
    return [
        read_to_end,
        check_words(rows),
        check_short_sales(rows, shop.policy),
        check_ids(rows["sale_id"], "sale", "sales"),
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


def _figures(rows: pd.DataFrame) -> dict[str, int | str]:
    """Return what the UI plots over days, in shop currency where it is money."""
    value = int(rows.loc[rows["is_completed"], "total_incl_cents"].sum())
    return {"orders": int(rows["is_order"].sum()), "value_cents": value}


def cut_days(
    shop: Shop, log: SalesLog, outlets: pd.DataFrame, days: Sequence[str]
) -> Iterator[CutDays]:
    """Yield the wanted *days*, cut from the log, some at a time."""
    first = shop.first_day
    feed = shop.open_feed(log)
    for start in range(0, len(days), DAYS_AT_ONCE):
        wanted = list(days[start : start + DAYS_AT_ONCE])
        since = "1900-01-01" if wanted[0] == first else wanted[0]
        around = sales_around(feed, since, wanted[-1])
        latest = latest_sales(log, versions_of(feed, around))
        sales = shape(
            shop.engine.to_pandas(sales_around(latest, since, wanted[-1])), SalesFeed
        )
        tolerance = shop.policy.paid_tolerance_cents
        rows = classify_sales(sales, outlets, shop.settings.time_zone, tolerance)
        yield CutDays(wanted, shape(_on(rows, wanted, first), RawSales))


def _on(rows: pd.DataFrame, wanted: list[str], first: str) -> pd.DataFrame:
    """Return the rows whose partition is one of *wanted*."""
    partition: pd.Series = rows["business_date"].dt.strftime("%Y-%m-%d")
    is_wanted: pd.Series = partition.where(partition >= first, first).isin(wanted)
    return rows[is_wanted]
