"""Business days (rule 1.2): when one is over, whether there was one, which is first."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
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


def has_moments(day: date, zone: str) -> bool:
    """Say whether *day* was there in *zone*, where the clocks may have left one out.

    Samoa had no 2011-12-30: it moved to the other side of the date line.  Noon of a day
    that was there comes back from UTC on the same day.
    """
    noon = datetime.combine(day, time(12), ZoneInfo(zone))
    return noon.astimezone(UTC).astimezone(ZoneInfo(zone)).date() == day
