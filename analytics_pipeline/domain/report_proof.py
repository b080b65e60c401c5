"""Whether the report is right: every list of it, held against the stored figures."""

from collections.abc import Mapping

import pandas as pd

from analytics_pipeline.domain.findings import Finding
from analytics_pipeline.domain.report_figures import ONCE
from analytics_pipeline.domain.report_people import NOW
from analytics_pipeline.vocabulary import ReportFigure


def judge_report(
    report: pd.DataFrame, analytics: pd.DataFrame, sides: Mapping[str, int]
) -> Finding:
    """Judge whether every list of the report adds up to what is stored.

    Args:
        report: ``CustomerReport`` of one day.
        analytics: ``customer_analytics`` of that day.
        sides: both sides of the conservation law, added up anew.
    """
    pairs = _pairs(report, analytics, sides)
    wrong = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    told = "; ".join(
        f"{name} {here} ≠ {there}" for name, (here, there) in wrong.items()
    )
    return Finding(
        "figures_add_up",
        not wrong,
        f"The report does not add up to the stored figures: {told}."
        if wrong
        else "Every list of the report adds up to the stored figures.",
        evidence={
            key: number
            for name, (here, there) in pairs.items()
            for key, number in (
                (f"{name}, reported", here),
                (f"{name}, stored", there),
            )
        },
    )


def _pairs(
    report: pd.DataFrame, analytics: pd.DataFrame, sides: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """Return each sum twice: as the report has it, and as it is stored."""
    is_now = report["series"] == NOW

    def total(*figures: ReportFigure) -> int:
        return int(report.loc[report["figure"].isin(figures), "amount"].sum())

    def total_of(within: "pd.Series[bool]", figure: ReportFigure) -> int:
        chosen = within & (report["figure"] == figure)
        return int(report.loc[chosen, "amount"].sum())

    people = len(analytics)
    value = int(analytics["lifetime_value_cents"].sum()) + sides["unattributed_cents"]
    orders = int(analytics["order_count"].sum()) + sides["unattributed_orders"]
    buyers = int((analytics["order_count"] > 0).sum())
    once = int((analytics["order_count"] == 1).sum())
    return {
        "value by month": (total(ReportFigure.REVENUE), value),
        "value by channel": (total(ReportFigure.CHANNEL_REVENUE), value),
        "orders by channel": (total(ReportFigure.CHANNEL_ORDERS), orders),
        "sales and web orders": (
            sides["sales_cents"] + sides["web_orders_cents"],
            value,
        ),
        "people who ordered": (total(ReportFigure.SECOND_PURCHASE), buyers),
        "first-time buyers": (
            total_of(report["series"] == ONCE, ReportFigure.SECOND_PURCHASE),
            once,
        ),
        "people by tier": (total_of(is_now, ReportFigure.TIERS), people),
        "people by segment": (total_of(is_now, ReportFigure.SEGMENTS), people),
        "moves between tiers": (total(ReportFigure.TIER_MOVES), people),
        "moves between segments": (total(ReportFigure.SEGMENT_MOVES), people),
        "people by value": (total(ReportFigure.LIFETIME_PEOPLE), people),
    }
