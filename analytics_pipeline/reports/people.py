"""The sections of the report on people: tiers, segments, lifetime value."""

import pandas as pd

from analytics_pipeline.domain.report_people import A_MONTH_AGO, NOT_YET, NOW
from analytics_pipeline.reports import charts
from analytics_pipeline.reports.numbers import money, share
from analytics_pipeline.reports.section import MONEY, Grid, Section, columns_of, of
from analytics_pipeline.vocabulary import ReportFigure


def tell_ladder(
    report: pd.DataFrame,
    figures: tuple[ReportFigure, ReportFigure],
    title: str,
    sentence: str,
    words: list[str],
) -> Section:
    """Tell how many people stand on each rung, and who moved since a month ago.

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
        f"{sentence} {total - stayed:,} of {total:,} people stand elsewhere than a "
        "month ago; the table tells how many went from which row to which column.",
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


def tell_lifetime_values(report: pd.DataFrame) -> Section:
    """Tell how many people have spent how much, and what they come to together."""
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
