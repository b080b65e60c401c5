"""Days that a time zone left out: nothing can be asked for as of one (rules 1.1, 1.2).

The daily tables have a place for every day of the calendar, also for such a day, which
holds no sale.
"""

from datetime import date, timedelta

from analytics_pipeline.domain.business_days import has_moments
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.schemas.sources import Outlets
from analytics_pipeline.shop import Shop


def is_missing(shop: Shop, day: date) -> bool:
    """Say whether *day* was never there, neither in the store nor at an outlet.

    The outlets are looked up only where the store's own zone has left the day out.
    """
    if has_moments(day, shop.settings.time_zone):
        return False
    if not shop.warehouse.exists("outlets"):
        return True
    outlets = shop.warehouse.read("outlets", Outlets)
    return not any(has_moments(day, zone) for zone in set(outlets["time_zone"]))


def refuse_missing_day(shop: Shop, day: date) -> None:
    """Make sure that there was such a *day*.

    Raises:
        WrongUse: the clocks have left it out.
    """
    if is_missing(shop, day):
        before, after = (day + timedelta(days=days) for days in (-1, 1))
        raise WrongUse(
            f"There was no {day} in {shop.settings.time_zone}: the calendar there went "
            f"from {before} to {after}.",
            f"Choose one of these two days: --as-of {before} or --as-of {after}",
        )
