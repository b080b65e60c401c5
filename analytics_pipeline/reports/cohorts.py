"""The sections of the report that follow new customers: second orders, retention."""

from datetime import date

import pandas as pd

from analytics_pipeline.domain.report_figures import AGAIN, LATER, ONCE
from analytics_pipeline.domain.report_purchases import (
    SECOND_WITHIN_DAYS,
    month_of,
    name_month,
)
from analytics_pipeline.reports import charts
from analytics_pipeline.reports.numbers import has_had_days, share
from analytics_pipeline.reports.section import Grid, Section, by_label, columns_of, of
from analytics_pipeline.vocabulary import ReportFigure

COHORTS_SHOWN = 12


def tell_second_purchases(report: pd.DataFrame, as_of: date) -> Section:
    """Tell how many of each month's new customers bought again, and when."""
    rows = of(report, ReportFigure.SECOND_PURCHASE)
    series = [AGAIN, LATER, ONCE]
    table = by_label(rows, series)
    ready = [m for m in table.index if has_had_days(m, SECOND_WITHIN_DAYS, as_of)][-12:]
    again, whole = int(table.loc[ready, AGAIN].sum()), int(table.loc[ready].sum().sum())
    lines = [
        [month, f"{int(table.loc[month].sum()):,}",
         *(f"{int(n):,}" for n in table.loc[month]),
         share(int(table.loc[month, AGAIN]), int(table.loc[month].sum()))
         if month in ready or month < min(ready, default="") else "not known yet"]
        for month in table.index[::-1][: charts.MONTHS_SHOWN]
    ]  # fmt: skip
    told = (
        f"{share(again, whole)} of those who first bought between {ready[0]} and "
        f"{ready[-1]} bought again within {SECOND_WITHIN_DAYS} days."
        if ready
        else f"No month is {SECOND_WITHIN_DAYS} days old yet."
    )
    return Section(
        ReportFigure.SECOND_PURCHASE,
        "First-time buyers, and who bought again",
        told,
        charts.stacked_months(rows, series, "people, by month of first order"),
        Grid(["first order in", "people", *series, "rate"], lines),
        columns_of(rows),
    )


def tell_retention(report: pd.DataFrame, as_of: date) -> Section:
    """Tell which share of new customers bought in each of the months after."""
    rows = of(report, ReportFigure.RETENTION)
    later = rows["series"].str.split(" ").str[0].astype("int64")
    table = rows.assign(later=later).pivot_table(
        index="label", columns="later", values="amount", fill_value=0
    )
    cells, lines = [], []
    for cohort in table.index[-COHORTS_SHOWN:]:
        over = [n for n in range(1, COHORTS_SHOWN + 1) if _month_over(cohort, n, as_of)]
        whole = int(table.loc[cohort].get(0, 0))
        came = {n: int(table.loc[cohort].get(n, 0)) for n in over}
        cells += [
            {"cohort": cohort, "later": n, "share": count / whole if whole else 0}
            for n, count in came.items()
        ]
        told = [share(came[n], whole) if n in came else "" for n in range(1, 13)]
        lines.append([cohort, f"{whole:,}", *told])
    return Section(
        ReportFigure.RETENTION,
        "Who comes back",
        "Of the people who first bought in a month, the share that bought in each of "
        "the months after it. Months that are not over are left out.",
        charts.retention_map(cells),
        Grid(["first order in", "people", *(f"+{n}" for n in range(1, 13))], lines),
        columns_of(rows),
    )


def _month_over(cohort: str, later: int, as_of: date) -> bool:
    """Say whether the month so much later than *cohort* had ended by *as_of*."""
    month = month_of(date.fromisoformat(f"{cohort}-01")) + later
    return has_had_days(name_month(month), 0, as_of)
