"""Cut business days from the log of sales."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from analytics_pipeline.candidate import Candidate
from analytics_pipeline.domain.feed import sales_around, versions_of
from analytics_pipeline.domain.findings import Finding
from analytics_pipeline.domain.ids import judge_ids
from analytics_pipeline.domain.left_out_sales import judge_short_sales
from analytics_pipeline.domain.sales import classify_sales
from analytics_pipeline.schemas.sales import RawSales
from analytics_pipeline.schemas.sources import Outlets, SalesFeed
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.day_findings import judge_start, judge_words
from analytics_pipeline.steps.first_day import find_first_day
from analytics_pipeline.steps.judgements import CatchUpJudge
from analytics_pipeline.steps.stale_days import (
    compare_with_log,
    latest_sales,
    open_whole_log,
)
from analytics_pipeline.steps.usual_days import UsualDays
from analytics_pipeline.storage.parquet import shape

Audit = tuple[Finding, pd.Index]
"""A verdict on rows, and the index of those that break the contract."""

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
    shop: Shop, wanted: Sequence[str], *, refresh_late_days: bool, recut_all_days: bool
) -> list[str]:
    """Return the days to cut: those asked for, the late ones as well, or all."""
    last = date.fromisoformat(max(wanted))
    shop.begins = find_first_day(shop, date.fromisoformat(min(wanted)))
    if recut_all_days:
        return shop.days_until(last)
    late = compare_with_log(shop, last).stale_days if refresh_late_days else []
    return sorted({*wanted, *late, *_moved_start(shop, last)})


def _moved_start(shop: Shop, last: date) -> set[str]:
    """Return the first day now and the one before, if the start date was changed.

    The first day holds all earlier sales, so both hold other rows than they did.
    """
    noted, first = shop.warehouse.first_day("raw_sales"), shop.first_day
    if noted in (None, first):
        return set()
    return {noted, first} & set(shop.days_until(last))


def recut_days(
    shop: Shop, days: Sequence[str], audit: Callable[[pd.DataFrame], Audit]
) -> Iterator[Candidate]:
    """Yield each of *days* as the log has it now, with its findings.

    The schema is judged for many days at once, and the offending days named.
    """
    caught_up = CatchUpJudge(shop)
    first = shop.first_day
    start = None if first in days else _stored_start(shop, first)
    usual = UsualDays(shop, days)
    for cut in cut_days(shop, days):
        usual.learn(cut.days, cut.rows)
        verdict, faulty = audit(cut.rows)
        partitions = cut.partitions()
        rows_of = dict(list(cut.rows.groupby(partitions)))
        for day in cut.days:
            rows = rows_of.get(day, cut.rows.iloc[:0])
            if day == first:
                start = judge_start(shop, rows)
            is_whole = caught_up.judge(date.fromisoformat(day))
            findings = [
                _verdict_on(verdict, rows, faulty),
                is_whole,
                judge_words(rows),
                start,
                judge_short_sales(rows, shop.policy),
                judge_ids(rows["sale_id"], "sale", "sales"),
                *usual.judge(day, rows, is_whole),
            ]
            yield Candidate(
                rows.reset_index(drop=True),
                [finding for finding in findings if finding is not None],
                day,
                figures=_figures(rows),
                is_audited=True,
            )
    if first in days:
        _forget_empty_years(shop, first)
        shop.warehouse.note_first_day("raw_sales", first)
    shop.warehouse.bundle("raw_sales")


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


def _verdict_on(verdict: Finding, rows: pd.DataFrame, faulty: pd.Index) -> Finding:
    """Return the schema's verdict on one day out of those judged together.

    A fault that no row is named for, such as a missing column, is every day's.
    """
    elsewhere = len(faulty) > 0 and not rows.index.isin(faulty).any()
    if not (verdict.passed or elsewhere):
        return verdict
    sentence = "Every row is as the contract says."
    return Finding(verdict.check, True, sentence, evidence={"rows": len(rows)})


def _stored_start(shop: Shop, first: str) -> Finding | None:
    """Judge the first day as it is stored."""
    if not shop.warehouse.exists("raw_sales", first):
        return None
    return judge_start(shop, shop.warehouse.read("raw_sales", RawSales, first))


def _figures(rows: pd.DataFrame) -> dict[str, int | str]:
    """Return what the UI plots over days, in shop currency where it is money."""
    value = int(rows.loc[rows["is_completed"], "total_incl_cents"].sum())
    return {"orders": int(rows["is_order"].sum()), "value_cents": value}


def cut_days(shop: Shop, days: Sequence[str]) -> Iterator[CutDays]:
    """Yield the wanted *days*, cut from the log, some at a time."""
    outlets = shop.load("outlets", Outlets)
    first = shop.first_day
    log = open_whole_log(shop)
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
