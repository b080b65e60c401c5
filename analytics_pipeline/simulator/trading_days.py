"""How a store trades from day to day: weekdays, holidays, growth, and its oddities.

The default is a store that is never closed and meets something odd every day.  An
ordinary shop is closed on Sundays and public holidays, grows a little, is busy before
Christmas, and meets nothing that anybody would have to be warned of.
"""

from dataclasses import dataclass
from datetime import date

import holidays

WEEKDAYS = (0.8, 0.8, 0.9, 1.0, 1.2, 1.4, 0.9)
CLOSED_ON_SUNDAYS = (0.9, 0.9, 1.0, 1.0, 1.1, 1.4, 0.0)
BUSY_BEFORE_CHRISTMAS = range(11, 25)
"""The days of December on which people buy presents."""


@dataclass(frozen=True, slots=True)
class Trade:
    """How a store trades.

    Attributes:
        weekdays: how busy Monday to Sunday are; 1 is usual, 0 closed.
        growth: by which share every day has more sales than the one before.
        christmas: how busy the days before Christmas are; 1 is as usual.
        closes_on_holidays: whether the tills are closed on public holidays.
        walk_in_share: the share of sales to somebody who is not asked for a name.
        outlets: how many shops the store has, two or three.
        oddities: whether what is rare in a real shop happens here every day: unknown
            words, orders of the web shop without their sale or hinted at wrongly, a
            till that is closed, people of every odd kind, sales while clocks change.
        mishaps: whether the shop has mishaps of the kinds in ``mishaps.MISHAPS``.
        currency: in which the store and its outlets sell, as an ISO code.
        far_outlet: whether one outlet is in another time zone than the store.
        web_changes: whether the web shop edits, refunds and deletes its orders later.
        web_numbers: the prefix and suffix of the number of a web order; without
            it they are plain numbers.
        random_web_ids: whether web orders are named by random letters and digits.
    """

    weekdays: tuple[float, ...] = WEEKDAYS
    growth: float = 0.0
    christmas: float = 1.0
    closes_on_holidays: bool = False
    walk_in_share: float = 0.18
    outlets: int = 2
    oddities: bool = True
    mishaps: bool = False
    currency: str = "USD"
    far_outlet: bool = True
    web_changes: bool = False
    web_numbers: tuple[str, str] | None = None
    random_web_ids: bool = False

    def busyness(self, day: date, number: int) -> float:
        """Return how busy *day* is, the *number*-th of the store; 1 is usual."""
        presents = day.month == 12 and day.day in BUSY_BEFORE_CHRISTMAS
        season = self.christmas if presents else 1.0
        weekday = self.weekdays[day.weekday()] or 1.0  # the web shop never closes
        return weekday * (1 + self.growth) ** number * season

    def is_open(self, day: date, country: str) -> bool:
        """Say whether the tills are open on *day* in *country*."""
        if not self.weekdays[day.weekday()]:
            return False
        return not (
            self.closes_on_holidays
            and day in holidays.country_holidays(country, years=day.year)
        )


ORDINARY = Trade(
    weekdays=CLOSED_ON_SUNDAYS,
    growth=0.002,
    christmas=1.5,
    closes_on_holidays=True,
    walk_in_share=0.75,
    outlets=3,
    oddities=False,
)
"""An ordinary shop, whose days should cause no warning."""
