"""A number of the report: which it is, what it counts, and what it is made from."""

from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import NamedTuple, SupportsInt

import pandas as pd

from analytics_pipeline.schemas.report import CustomerReport
from analytics_pipeline.vocabulary import ReportFigure, ReportUnit

VALUE = (
    "raw_sales.total_incl_cents, ecom_orders.total_cents, raw_sales.is_completed, "
    "raw_sales.business_date, ecom_orders.order_date"
)
ORDERS = "raw_sales.is_order, raw_sales.business_date, ecom_orders.order_date"
CHANNEL = "raw_sales.source, ecom_reconciliation.sale_ids"
FIRST = "customer_analytics.first_order_date"

_CENTS, _PEOPLE = ReportUnit.CENTS, ReportUnit.PEOPLE
MADE_FROM: Mapping[ReportFigure, tuple[ReportUnit, str]] = MappingProxyType(
    {
        ReportFigure.REVENUE: (_CENTS, f"{VALUE}, {FIRST}"),
        ReportFigure.BUYERS: (_PEOPLE, f"{ORDERS}, {FIRST}"),
        ReportFigure.CHANNEL_REVENUE: (_CENTS, f"{VALUE}, {CHANNEL}"),
        ReportFigure.CHANNEL_ORDERS: (ReportUnit.ORDERS, f"{ORDERS}, {CHANNEL}"),
        ReportFigure.SECOND_PURCHASE: (_PEOPLE, f"{ORDERS}, {FIRST}"),
        ReportFigure.RETENTION: (_PEOPLE, f"{ORDERS}, {FIRST}"),
        ReportFigure.TIERS: (_PEOPLE, "customer_analytics.tier"),
        ReportFigure.TIER_MOVES: (_PEOPLE, "customer_analytics.tier"),
        ReportFigure.SEGMENTS: (_PEOPLE, "customer_analytics.inactive_segment"),
        ReportFigure.SEGMENT_MOVES: (_PEOPLE, "customer_analytics.inactive_segment"),
        ReportFigure.LIFETIME_VALUE: (
            _CENTS,
            "customer_analytics.lifetime_value_cents",
        ),
        ReportFigure.LIFETIME_PEOPLE: (
            _PEOPLE,
            "customer_analytics.lifetime_value_cents, customer_analytics.order_count",
        ),
        ReportFigure.WEB_ORDERS: (ReportUnit.ORDERS, "ecom_reconciliation.category"),
        ReportFigure.CHANGES: (
            ReportUnit.CHANGES,
            "customer_changes.change, customer_changes.cause",
        ),
    }
)
"""What the numbers of a figure count and are made from, where all do the same."""


class Row(NamedTuple):
    """One number of the report."""

    figure: ReportFigure
    label: str
    series: str
    amount: int
    unit: ReportUnit
    made_from: str


def row(figure: ReportFigure, label: str, series: str, amount: SupportsInt) -> Row:
    """Return a number of a figure whose numbers are all made from the same."""
    unit, made_from = MADE_FROM[figure]
    return Row(figure, label, series, int(amount), unit, made_from)


def tabulate(rows: Iterable[Row], as_of: date) -> pd.DataFrame:
    """Return ``CustomerReport``: the numbers in the order of the report."""
    frame = pd.DataFrame([*rows], columns=list(Row._fields))
    frame.insert(0, "as_of", pd.Timestamp(as_of).as_unit("us"))
    order = list(ReportFigure)
    place = frame["figure"].map({figure: n for n, figure in enumerate(order)})
    ordered = frame.iloc[place.argsort(kind="stable")].reset_index(drop=True)
    return ordered[list(CustomerReport.to_schema().columns)]


def rows_of(report: pd.DataFrame, figure: ReportFigure) -> list[Row]:
    """Return the numbers of one figure of ``CustomerReport``."""
    rows = report.loc[report["figure"] == figure, list(Row._fields)]
    return [Row(*each) for each in rows.itertuples(index=False, name=None)]
