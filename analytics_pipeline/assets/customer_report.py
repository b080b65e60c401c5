"""``customer_report``: the daily report: its numbers, its proof, its page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.assets.customer_analytics import (
    add_up_sides,
    list_people,
    load_analytics,
)
from analytics_pipeline.assets.customer_identities import load_identities
from analytics_pipeline.assets.purchases import Ledger, materialize_if_small, open_day
from analytics_pipeline.assets.shared_checks import CatchUpCheck
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.analytics import measure_people
from analytics_pipeline.domain.changes import no_changes
from analytics_pipeline.domain.report import (
    FIRST_ORDER,
    Measured,
    Row,
    add_up_months,
    add_up_recent_days,
    check_report,
    count_cohorts,
    count_second_orders,
    join_first_orders,
    list_largest_changes,
    month_before,
    report_figures,
    rows_of,
)
from analytics_pipeline.engine.duckdb import columns_to_ibis
from analytics_pipeline.model.checks import Candidate, LastResult
from analytics_pipeline.model.policy import MoneyBasis
from analytics_pipeline.model.schemas.changes import CustomerChanges
from analytics_pipeline.model.schemas.reconciliation import EcomReconciliation
from analytics_pipeline.model.schemas.report import CustomerReport
from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline.model.vocabulary import (
    ReconciliationCategory,
    ReportFigure,
    ReportUnit,
)
from analytics_pipeline.report.page import (
    Page,
    draw_plots,
    render_page,
)
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.files import ReportFiles
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import CUSTOMER_REPORT


def report_customers(shop: Shop, day: date) -> Candidate:
    """Collect the figures of *day*, and prove that they add up to the stored ones.

    Raises:
        GateFailed: the master of the day failed its gate, or its people are older
            than the identities.
    """
    key = day.isoformat()
    shop.refuse_failed("outlets", [""])  # amounts of a refused currency (rule 1.6)
    shop.refuse_failed("customer_analytics_master", [key])
    analytics = load_analytics(shop, day)
    ledger = open_day(shop, load_identities(shop), day)
    sides = add_up_sides(shop, ledger, analytics)
    measured = _measure(shop, ledger, analytics, sides, day)
    report = shape(report_figures(measured, shop.policy, day), CustomerReport)
    result = check_report(report, analytics, sides)
    return Candidate(
        report,
        [result],
        key,
        figures=_plotted(report),
        places={"report": f"reports/customer_report_{key}.html"},
    )


def _is_published(shop: Shop, day: date) -> bool:
    """Say whether the published master is that of *day*."""
    published = shop.publication.published()
    return published is not None and published.as_of == day.isoformat()


def _measure(
    shop: Shop,
    ledger: Ledger,
    analytics: pd.DataFrame,
    sides: Mapping[str, int],
    day: date,
) -> Measured:
    """Ask the engine for the report's numbers."""
    ask = shop.engine.to_pandas
    firsts = columns_to_ibis(analytics[list(FIRST_ORDER)], FIRST_ORDER)
    # Several questions are asked of them: the long way to them is gone once.
    joined = materialize_if_small(shop, join_first_orders(ledger.purchases, firsts))
    recent = ask(add_up_recent_days(joined, day)).iloc[0]
    return Measured(
        analytics=analytics,
        then=_standings(shop, joined, month_before(day)),
        months=ask(add_up_months(joined)),
        cohorts=ask(count_cohorts(joined)),
        second=ask(count_second_orders(joined)),
        # The sum of nothing is zero.
        recent=recent.drop("latest").fillna(0).astype("int64").to_dict(),
        changes=_changes(shop, day),
        sides=sides,
        web_orders=_web_orders(shop, day),
        days=_ages(shop, recent["latest"], day),
    )


def _standings(shop: Shop, purchases: ir.Table, day: date) -> pd.DataFrame:
    """Return tier and segment of today's people on an earlier day, as known now."""
    until = purchases.filter(purchases["day"] <= ibis.timestamp(day.isoformat()))
    people = list_people(load_identities(shop))
    stood = measure_people(until, people, shop.policy, day)
    chosen = stood.select("customer_id", "tier", "inactive_segment")
    found: pd.DataFrame = shop.engine.to_pandas(chosen)
    return found


def _changes(shop: Shop, day: date) -> pd.DataFrame:
    """Return what changed on *day*; nothing is known of a day that was not published.

    Raises:
        GateFailed: the changes of the day failed their gate.
    """
    key = day.isoformat()
    if not shop.warehouse.exists("customer_changes", key):
        return no_changes()
    return shop.load("customer_changes", CustomerChanges, key)


def _web_orders(shop: Shop, day: date) -> dict[str, int]:
    """Count the web shop's orders by category, if they were reconciled as of *day*."""
    notes = shop.warehouse.notes("ecom_reconciliation")
    if notes.get("as_of") != day.isoformat():
        return {}
    orders = shop.load("ecom_reconciliation", EcomReconciliation)
    return {
        category.value: int((orders["category"] == category).sum())
        for category in ReconciliationCategory
    }


def _ages(shop: Shop, latest: pd.Timestamp, day: date) -> dict[str, int]:
    """Return how many days before *day* the latest purchase and web order are."""
    orders = shop.load("ecom_orders", EcomOrders)["order_date"]
    last = {
        "latest purchase": latest,
        "latest web order": orders[orders <= pd.Timestamp(day)].max(),
    }
    return {
        name: (day - pd.Timestamp(moment).date()).days
        for name, moment in last.items()
        if not pd.isna(moment)
    }


def _plotted(report: pd.DataFrame) -> dict[str, int | str]:
    """Return what the UI plots over the days: the numbers at the top of the page."""
    return {
        _plot_name(each): each.amount for each in rows_of(report, ReportFigure.HEADLINE)
    }


def _plot_name(number: Row) -> str:
    """Name a number as other tables name theirs: what it counts comes last."""
    name = number.label.replace(" ", "_").replace("-", "_").lower()
    is_named_so = number.unit == ReportUnit.PEOPLE or name == number.unit
    return name if is_named_so else f"{name}_{number.unit}"


def store_report(
    shop: Shop, candidate: Candidate, last_results: Sequence[LastResult]
) -> None:
    """Store the numbers of a day, and draw its page."""
    shop.store_as("customer_report", CustomerReport)(candidate)
    day = date.fromisoformat(str(candidate.partition))
    page = Page(
        as_of=day,
        report=candidate.rows,
        plots=draw_plots(candidate.rows, day),
        changes=list_largest_changes(_changes(shop, day)),
        last_results=last_results,
        with_tax=shop.policy.money_basis is MoneyBasis.INCL_TAX,
        provisional=CatchUpCheck(shop).is_provisional(day),
        shop=shop.settings.shop_name or "",
    )
    files = ReportFiles(shop.settings.data_dir, shop.policy.archive_keep_days)
    files.store(day, render_page(page), is_published=_is_published(shop, day))


@table(CUSTOMER_REPORT)
def customer_report(run: TableRun) -> Iterator[Candidate]:
    """Draw the page of each day, with the last result of every check."""
    results = run.last_results()
    for day in run.days:
        candidate = report_customers(run.shop, day)
        yield replace(
            candidate, store=partial(store_report, run.shop, last_results=results)
        )
