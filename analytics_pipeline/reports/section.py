"""What a section of the report is: a sentence, a plot, and a table of its numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analytics_pipeline.vocabulary import ReportFigure

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
    chart: Mapping[str, Any]
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
