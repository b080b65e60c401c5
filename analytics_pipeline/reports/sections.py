"""The sections of the report, in the order in which they are read."""

from datetime import date

import pandas as pd

from analytics_pipeline.reports.cohorts import tell_retention, tell_second_purchases
from analytics_pipeline.reports.months import (
    tell_buyers,
    tell_channels,
    tell_revenue,
)
from analytics_pipeline.reports.people import tell_ladder, tell_lifetime_values
from analytics_pipeline.reports.section import Section
from analytics_pipeline.vocabulary import InactiveSegment, ReportFigure, Tier


def build_sections(report: pd.DataFrame, as_of: date) -> list[Section]:
    """Return the sections of a report.

    Args:
        report: ``CustomerReport`` of one day.
        as_of: that day.
    """
    return [
        tell_revenue(report, as_of),
        tell_buyers(report),
        tell_channels(report),
        tell_second_purchases(report, as_of),
        tell_retention(report, as_of),
        tell_ladder(
            report,
            (ReportFigure.TIERS, ReportFigure.TIER_MOVES),
            "Customers by tier",
            "The loyalty ladder, highest first.",
            [tier.value for tier in reversed(Tier)],
        ),
        tell_ladder(
            report,
            (ReportFigure.SEGMENTS, ReportFigure.SEGMENT_MOVES),
            "Customers by days since the last order",
            "Who becomes inactive, and who came back.",
            [segment.value for segment in InactiveSegment],
        ),
        tell_lifetime_values(report),
    ]
