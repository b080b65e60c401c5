"""What is asked of order days that are sorted already."""

from datetime import date, timedelta

import pandas as pd

from analytics_pipeline.domain.order_days import OrderDays, from_days
from analytics_pipeline.domain.rhythm import CameBack, count_came_back


def came_back(
    days: OrderDays, as_of: date, lapse_days: int, horizon_days: int
) -> CameBack:
    """Count who had passed the lapse point *horizon_days* before, and came back."""
    then = as_of - timedelta(days=horizon_days)
    moments = pd.Series(from_days(days.day))
    last = moments.groupby(days.person).max()
    known = moments <= pd.Timestamp(then)
    before = moments[known].groupby(days.person[known]).max().reindex(last.index)
    return count_came_back(before, last, then, lapse_days)
