"""The figures of the daily report, from which its page and its plots are drawn."""

from typing import Any

import pandera.pandas as pa

from analytics_pipeline.model.money import LARGEST_AMOUNT
from analytics_pipeline.model.schemas.table import Day, Table, day
from analytics_pipeline.model.vocabulary import ReportFigure, ReportUnit


def _named(description: str) -> Any:
    return pa.Field(str_length={"min_value": 1}, description=description)


class CustomerReport(Table):
    """One number of the report of a day: of people together, never of one of them."""

    as_of: Day = day("the day D that the report is as of")
    figure: str = pa.Field(
        isin=list(ReportFigure), description="which list or plot the number is part of"
    )
    label: str = _named("the row or bar: a month, a tier, a class, a name")
    series: str = _named("the colour or column within it: whose, which, when")
    amount: int = pa.Field(
        in_range={"min_value": -LARGEST_AMOUNT, "max_value": LARGEST_AMOUNT},
        description="the number, in its unit",
    )
    unit: str = pa.Field(isin=list(ReportUnit), description="what the number counts")
    made_from: str = _named("the columns that it is made from, joined by `, `")

    class Config(Table.Config):
        """A number appears once."""

        unique = ["figure", "label", "series"]  # noqa: RUF012 (pandera's own form)
