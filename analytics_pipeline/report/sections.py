"""The sections of the report, in the order in which they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from analytics_pipeline.domain.report import (
    A_MONTH_AGO,
    AGAIN,
    LATER,
    NEW,
    NOT_YET,
    NOW,
    ONCE,
    RETURNING,
    SECOND_WITHIN_DAYS,
    TILL,
    UNATTRIBUTED,
    WEB,
    month_of,
    name_month,
)
from analytics_pipeline.model.vocabulary import (
    InactiveSegment,
    ReportFigure,
    ReportUnit,
    Tier,
)
from analytics_pipeline.report import charts

# ----------------------------------------------------------------------------------
# What a section of the report is: a sentence, a plot, and a table of its numbers.


MONEY = "in shop currency"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of the page: its headers, and its rows as people read them."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Section:
    """One plot of the page, what it says, its numbers, and where they are from."""

    key: str
    title: str
    sentence: str
    svg: str
    grid: Grid
    made_from: str


def of(report: pd.DataFrame, figure: ReportFigure) -> pd.DataFrame:
    """Return the numbers of one figure."""
    return report[report["figure"] == figure]


def by_label(rows: pd.DataFrame, series: Sequence[str]) -> pd.DataFrame:
    """Return a row a label and a column a series; what is not there is none."""
    table = rows.pivot_table(
        index="label", columns="series", values="amount", fill_value=0, aggfunc="sum"
    )
    return table.reindex(columns=list(series), fill_value=0).sort_index()


def columns_of(rows: pd.DataFrame) -> str:
    """Return the columns that the rows are made from."""
    return ", ".join(dict.fromkeys(rows["made_from"]))


# ----------------------------------------------------------------------------------
# Numbers as people read them, with their unit.


def money(cents: int) -> str:
    """Return cents as shop currency: ``249,733.16``, ``−5.00``."""
    units, rest = divmod(abs(cents), 100)
    return f"{'−' if cents < 0 else ''}{units:,}.{rest:02d}"


def amount(number: int, unit: str) -> str:
    """Return a number in its unit; money has no other unit than its decimals."""
    if unit == ReportUnit.CENTS:
        return money(number)
    return f"{number:,}".replace("-", "−")


def share(part: int, whole: int) -> str:
    """Return a part of a whole in per cent; of nothing there is none."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def difference(now: int, before: int) -> str:
    """Say by how much *now* is more or less than *before*, in per cent."""
    if before <= 0:
        return "nothing to compare with"
    change = 100 * (now - before) / before
    return f"{'+' if change >= 0 else '−'}{abs(change):.0f} %"


def has_had_days(cohort: str, days: int, as_of: date) -> bool:
    """Say whether everybody who came in the month *cohort* has had so many days."""
    year, month = (int(part) for part in cohort.split("-"))
    first = date(year, month, 1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return last + timedelta(days=days) <= as_of


# ----------------------------------------------------------------------------------
# The sections of the report that go by month: revenue, buyers, web shop and tills.


def revenue_section(report: pd.DataFrame, as_of: date) -> Section:
    """Show the value of each month, by customer group."""
    rows = of(report, ReportFigure.REVENUE)
    series = [RETURNING, NEW, UNATTRIBUTED]
    month = as_of.strftime("%Y-%m")
    this = int(rows.loc[rows["label"] == month, "amount"].sum())
    return _months(
        ReportFigure.REVENUE,
        "Revenue by month",
        f"{money(this)} so far in {as_of:%B %Y}. New are people in the month of their "
        "first order. Unattributed: sales with no known customer.",
        rows,
        series,
        charts.stacked_months(rows, series, f"value, {MONEY}", divide=100),
    )


def buyers_section(report: pd.DataFrame) -> Section:
    """Show how many people bought in each month: new ones and returning ones."""
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


def channels_section(report: pd.DataFrame) -> Section:
    """Show what the web shop sold, and what the tills did."""
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
    svg: str,
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
        svg,
        Grid(["month", *series, "all"], lines),
        columns_of(rows),
    )


# ----------------------------------------------------------------------------------
# The sections of the report that follow new customers: second orders, retention.


COHORTS_SHOWN = 12


def second_purchases_section(report: pd.DataFrame, as_of: date) -> Section:
    """Show how many of each month's new customers bought again, and when."""
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
    sentence = (
        f"{share(again, whole)} of those who first bought between {ready[0]} and "
        f"{ready[-1]} bought again within {SECOND_WITHIN_DAYS} days."
        if ready
        else f"No month is {SECOND_WITHIN_DAYS} days old yet."
    )
    return Section(
        ReportFigure.SECOND_PURCHASE,
        "First-time buyers, and who bought again",
        sentence,
        charts.stacked_months(rows, series, "people, by month of first order"),
        Grid(["first order in", "people", *series, "rate"], lines),
        columns_of(rows),
    )


def retention_section(report: pd.DataFrame, as_of: date) -> Section:
    """Show which share of new customers bought in each of the months after."""
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
        values = [share(came[n], whole) if n in came else "" for n in range(1, 13)]
        lines.append([cohort, f"{whole:,}", *values])
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


# ----------------------------------------------------------------------------------
# The sections of the report on people: tiers, segments, lifetime value.


def ladder_section(
    report: pd.DataFrame,
    figures: tuple[ReportFigure, ReportFigure],
    title: str,
    sentence: str,
    words: list[str],
) -> Section:
    """Show how many people are in each tier or segment, and who moved within a month.

    Args:
        report: the numbers.
        figures: that of the counts, and that of the moves.
        title: of the section.
        sentence: what the rungs are.
        words: the rungs, in the order in which they are shown.
    """
    counts, moved = (of(report, figure) for figure in figures)
    table = moved.pivot_table(
        index="label", columns="series", values="amount", fill_value=0
    ).reindex(index=[NOT_YET, *words], columns=words, fill_value=0)
    total = int(moved["amount"].sum())
    stayed = int(moved.loc[moved["label"] == moved["series"], "amount"].sum())
    return Section(
        figures[0],
        title,
        f"{sentence} {total - stayed:,} of {total:,} people changed "
        f"{'tier' if figures[0] is ReportFigure.TIERS else 'segment'} in a month; "
        "the table shows how many went from which row to which column.",
        charts.compared_bars(counts, words, [A_MONTH_AGO, NOW], "people"),
        Grid(
            ["a month ago ↓ now →", *words],
            [
                [start, *(f"{int(n):,}" for n in table.loc[start])]
                for start in table.index
            ],
        ),
        columns_of(counts),
    )


def lifetime_values_section(report: pd.DataFrame) -> Section:
    """Show how many people have spent how much, and what they come to together."""
    people = of(report, ReportFigure.LIFETIME_PEOPLE)
    value = of(report, ReportFigure.LIFETIME_VALUE)
    worth = {
        label: int(cents) for label, cents in value[["label", "amount"]].to_numpy()
    }
    total = sum(worth.values())
    lines = [
        [label, f"{count:,}",
         *([money(worth[label]), share(worth[label], total)] if label in worth
           else ["", ""])]
        for label, count in people[["label", "amount"]].to_numpy()
    ]  # fmt: skip
    return Section(
        ReportFigure.LIFETIME_PEOPLE,
        "Lifetime value",
        f"How many people have spent how much ever, {MONEY}, returns taken off. A "
        "class begins at its lower number and ends below the next one.",
        charts.classes(people, "people"),
        Grid(["lifetime value", "people", "value", "of all value"], lines),
        columns_of(people),
    )


# ----------------------------------------------------------------------------------
# The sections of the report, in the order in which they are read.


def build_sections(report: pd.DataFrame, as_of: date) -> list[Section]:
    """Return the sections of a report.

    Args:
        report: ``CustomerReport`` of one day.
        as_of: that day.
    """
    return [
        revenue_section(report, as_of),
        buyers_section(report),
        channels_section(report),
        second_purchases_section(report, as_of),
        retention_section(report, as_of),
        ladder_section(
            report,
            (ReportFigure.TIERS, ReportFigure.TIER_MOVES),
            "Customers by tier",
            "The loyalty ladder, highest first.",
            [tier.value for tier in reversed(Tier)],
        ),
        ladder_section(
            report,
            (ReportFigure.SEGMENTS, ReportFigure.SEGMENT_MOVES),
            "Customers by days since the last order",
            "Who becomes inactive, and who came back.",
            [segment.value for segment in InactiveSegment],
        ),
        lifetime_values_section(report),
    ]
