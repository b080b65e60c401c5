"""The sections of the report that go by month: revenue, buyers, web shop and tills."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

from analytics_pipeline.domain.report_figures import TILL, WEB
from analytics_pipeline.domain.report_purchases import NEW, NOBODY, RETURNING
from analytics_pipeline.reports import charts
from analytics_pipeline.reports.numbers import amount, money, share
from analytics_pipeline.reports.section import (
    MONEY,
    Grid,
    Section,
    by_label,
    columns_of,
    of,
)
from analytics_pipeline.vocabulary import ReportFigure


def tell_revenue(report: pd.DataFrame, as_of: date) -> Section:
    """Tell the value of each month, by whose it is."""
    rows = of(report, ReportFigure.REVENUE)
    series = [RETURNING, NEW, NOBODY]
    month = as_of.strftime("%Y-%m")
    this = int(rows.loc[rows["label"] == month, "amount"].sum())
    return _months(
        ReportFigure.REVENUE,
        "Revenue by month",
        f"{money(this)} so far in {as_of:%B %Y}. New are people in the month of their "
        "first order; unattributed is what nobody is known for.",
        rows,
        series,
        charts.stacked_months(rows, series, f"value, {MONEY}", divide=100),
    )


def tell_buyers(report: pd.DataFrame) -> Section:
    """Tell how many people bought in each month: new ones and returning ones."""
    rows = of(report, ReportFigure.BUYERS)
    series = [RETURNING, NEW]
    total = int(rows["amount"].sum())
    new = int(rows.loc[rows["series"] == NEW, "amount"].sum())
    return _months(
        ReportFigure.BUYERS,
        "Customers by month: new and returning",
        f"{share(total - new, total)} of all customers of a month, on average, had "
        "bought in an earlier one.",
        rows,
        series,
        charts.stacked_months(rows, series, "people with an order"),
    )


def tell_channels(report: pd.DataFrame) -> Section:
    """Tell what the web shop sold, and what the tills did."""
    rows = of(report, ReportFigure.CHANNEL_REVENUE)
    orders = of(report, ReportFigure.CHANNEL_ORDERS)
    total = int(orders["amount"].sum())
    web = int(orders.loc[orders["series"] == WEB, "amount"].sum())
    series = [TILL, WEB]
    return _months(
        ReportFigure.CHANNEL_REVENUE,
        "Web shop against tills",
        f"{web:,} of {total:,} orders were made in the web shop "
        f"({share(web, total)}), each counted once.",
        rows,
        series,
        charts.stacked_months(rows, series, f"value, {MONEY}", divide=100),
    )


def _months(
    key: ReportFigure,
    title: str,
    sentence: str,
    rows: pd.DataFrame,
    series: Sequence[str],
    chart: Mapping[str, Any],
) -> Section:
    """Return a section with a line of numbers for each month, the latest first."""
    table = by_label(rows, series)
    unit = str(rows["unit"].iloc[0]) if len(rows) else ""
    latest = list(table.index[::-1][: charts.MONTHS_SHOWN])
    lines = [
        [month, *(amount(int(n), unit) for n in table.loc[month]),
         amount(int(table.loc[month].sum()), unit)]
        for month in latest
    ]  # fmt: skip
    return Section(
        key,
        title,
        sentence,
        chart,
        Grid(["month", *series, "all"], lines),
        columns_of(rows),
    )
