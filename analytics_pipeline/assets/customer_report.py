"""``customer_report``: the daily report: its numbers, its proof, its page."""

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.assets.customer_analytics import (
    add_up_sides,
    list_people,
)
from analytics_pipeline.assets.purchases import Ledger, materialize_if_small
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
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.policy import MoneyBasis
from analytics_pipeline.model.schemas.report import CustomerReport
from analytics_pipeline.model.vocabulary import (
    ReconciliationCategory,
    ReportFigure,
    ReportUnit,
)
from analytics_pipeline.report.page import Page, render_page
from analytics_pipeline.report.sections import build_sections
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.files_for_people import ReportFiles
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import CUSTOMER_REPORT


@table(CUSTOMER_REPORT)
def customer_report(
    run: TableRun,
    customer_analytics: pd.DataFrame,
    purchases: Ledger,
    customer_identities: pd.DataFrame,
    ecom_orders: pd.DataFrame,
    customer_changes: pd.DataFrame | None,
    reconciled_orders: pd.DataFrame | None,
) -> Candidate:
    """Collect the figures of the day, prove them, and draw the page.

    Of a day that was never published no changes are known, and of another than the
    published one no reconciliation.
    """
    day = run.day
    changes = no_changes() if customer_changes is None else customer_changes
    sides = add_up_sides(purchases, customer_analytics)
    asked = _ask(purchases, customer_analytics, list_people(customer_identities))
    recent = asked.recent.drop("latest").fillna(0)  # the sum of nothing is zero
    measured = Measured(
        analytics=customer_analytics,
        then=asked.then,
        months=asked.months,
        cohorts=asked.cohorts,
        second=asked.second,
        recent={str(name): int(count) for name, count in recent.items()},
        changes=changes,
        sides=sides,
        web_orders=_count_categories(reconciled_orders),
        days=_ages(ecom_orders["order_date"], asked.recent["latest"], day),
    )
    report = shape(report_figures(measured, run.policy, day), CustomerReport)
    return Candidate(
        report,
        [check_report(report, customer_analytics, sides)],
        figures=_plotted(report),
        places={"report": f"reports/customer_report_{day}.html"},
        store=partial(store_report, run, changes),
    )


def _is_published(shop: Shop, day: date) -> bool:
    """Say whether the published master is that of *day*."""
    published = shop.publication.published()
    return published is not None and published.as_of == day.isoformat()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the engine is asked for, as its queries name it."""

    then: pd.DataFrame
    months: pd.DataFrame
    cohorts: pd.DataFrame
    second: pd.DataFrame
    recent: "pd.Series[Any]"


def _ask(ledger: Ledger, analytics: pd.DataFrame, people: ir.Table) -> Asked:
    """Ask the engine for the report's numbers."""
    shop, day = ledger.shop, ledger.day
    ask = shop.engine.to_pandas
    firsts = columns_to_ibis(analytics[list(FIRST_ORDER)], FIRST_ORDER)
    # Several questions are asked of them: the long way to them is gone once.
    joined = materialize_if_small(
        shop,
        join_first_orders(ledger.purchase_days, firsts),
        as_many_as=ledger.purchase_days,
    )
    return Asked(
        then=_standings(shop, joined, people, month_before(day)),
        months=ask(add_up_months(joined)),
        cohorts=ask(count_cohorts(joined)),
        second=ask(count_second_orders(joined)),
        recent=ask(add_up_recent_days(joined, day)).iloc[0],
    )


def _standings(
    shop: Shop, purchases: ir.Table, people: ir.Table, day: date
) -> pd.DataFrame:
    """Return tier and segment of today's people on an earlier day, as known now."""
    until = purchases.filter(purchases["day"] <= ibis.timestamp(day.isoformat()))
    stood = measure_people(until, people, shop.policy, day)
    chosen = stood.select("customer_id", "tier", "inactive_segment")
    found: pd.DataFrame = shop.engine.to_pandas(chosen)
    return found


def _count_categories(orders: pd.DataFrame | None) -> dict[str, int]:
    """Count the web shop's orders by category, if they were reconciled."""
    if orders is None:
        return {}
    return {
        category.value: int((orders["category"] == category).sum())
        for category in ReconciliationCategory
    }


def _ages(
    order_dates: "pd.Series[Any]", latest: pd.Timestamp, day: date
) -> dict[str, int]:
    """Return how many days before *day* the latest purchase and web order are."""
    last = {
        "latest purchase": latest,
        "latest web order": order_dates[order_dates <= pd.Timestamp(day)].max(),
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


def store_report(run: TableRun, changes: pd.DataFrame, candidate: Candidate) -> None:
    """Store the numbers of a day, and draw its page."""
    shop, day = run.shop, run.day
    shop.store_as("customer_report", CustomerReport)(candidate)
    page = Page(
        as_of=day,
        report=candidate.rows,
        sections=build_sections(candidate.rows, day),
        changes=list_largest_changes(changes),
        last_results=run.last_results(),
        with_tax=run.policy.money_basis is MoneyBasis.INCL_TAX,
        provisional=run.is_provisional,
        shop=shop.settings.shop_name or "",
    )
    files = ReportFiles(shop.settings.data_dir, run.policy.archive_keep_days)
    files.store(day, render_page(page), is_published=_is_published(shop, day))
