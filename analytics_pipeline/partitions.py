"""The business days that daily tables are divided into."""

import dagster as dg

from analytics_pipeline.settings import Settings


def business_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the days from the start date to today, in store time.

    Today is one of them, because it may be published provisionally.
    """
    return dg.DailyPartitionsDefinition(
        start_date=settings.start_date.isoformat(),
        timezone=settings.time_zone,
        end_offset=1,
    )
