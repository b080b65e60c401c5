"""When a business day is over (rule 1.2)."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def end_of(day: date, zones: Iterable[str]) -> datetime:
    """Return when *day* has ended in each of *zones*."""
    midnight = datetime.combine(day + timedelta(days=1), time())
    return max(midnight.replace(tzinfo=ZoneInfo(zone)) for zone in zones)
