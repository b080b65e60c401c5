"""When a business day is over (rule 1.2), and from which one on days are kept."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MOST_EMPTY_DAYS = timedelta(days=3653)
"""If more days than these are empty before the first sale, they are not kept."""


def leave_out_empty_years(start: date, begins: date | None) -> date:
    """Return the first day to keep: *begins*, if that is very long after *start*."""
    if begins is not None and begins - start > MOST_EMPTY_DAYS:
        return begins
    return start


def end_of(day: date, zones: Iterable[str]) -> datetime:
    """Return when *day* has ended in each of *zones*."""
    midnight = datetime.combine(day + timedelta(days=1), time())
    return max(midnight.replace(tzinfo=ZoneInfo(zone)) for zone in zones)
