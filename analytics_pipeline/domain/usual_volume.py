"""Whether a day has as many orders as usual; only too few are told.

A day is compared with the same weekday of the last weeks.  A weekday on which the shop
sells little or nothing says nothing by itself, so then the week up to the day is
compared with the weeks before.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median, variance

from analytics_pipeline.domain.findings import Finding, Severity, name_some
from analytics_pipeline.domain.usual_policy import (
    WEEKS_REMEMBERED,
    Usual,
    still_learning,
)
from analytics_pipeline.domain.wording import say

VOLUME = "volume_is_usual"

LONGEST_LOOK_BACK = 7 * (WEEKS_REMEMBERED + 2)
"""How many days before one can matter: some weekdays are holidays and left out."""

_WEEK = timedelta(days=7)
_MIDDLE_TO_DEVIATION = 1.4826
"""The standard deviation by the middle absolute difference, of a normal spread."""
_MOST_OUTLETS_TOLD = 3

Counts = Mapping[date, int]
"""Orders of each day that is known, also where there were none."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a day is compared with, or why with nothing.

    Attributes:
        orders: of the day, or of the week up to it.
        usual: the middle one of those before.
        spread: variance by mean of those before; 1 is mere chance.
        known: how many before are known.
        span: the weekday's name, or ``week``.
        silent: why nothing is compared, if so.
    """

    orders: int
    usual: float
    spread: float
    known: int
    span: str
    silent: str = ""

    @property
    def sentence(self) -> str:
        """Say both sides."""
        within = " in the week up to this day" if self.span == "week" else ""
        orders = say(self.orders, "order", "orders")
        return f"{orders}{within}; a usual {self.span} has {self.usual:g}."


def judge_volume(
    day: date,
    shop: Counts,
    outlets: Mapping[str, Counts],
    apart: Mapping[date, str],
    usual: Usual,
) -> Finding:
    """Compare the orders of *day*, of the shop and of each outlet.

    Args:
        day: the day to judge.
        shop: the orders of every known day, *day* among them.
        outlets: the same of each outlet that is open.
        apart: days that are like no other, with the reason.
        usual: from when on a day is unusual.
    """
    if day in apart:
        orders = say(shop[day], "order", "orders")
        sentence = f"{orders}; it is {apart[day]}, so nothing is compared."
        return Finding(VOLUME, True, sentence, Severity.WARN, {"orders": shop[day]})
    whole = expect_orders(day, shop, apart, usual)
    each = {
        outlet: expected
        for outlet, counts in (outlets.items() if len(outlets) > 1 else ())
        if not (expected := expect_orders(day, counts, apart, usual)).silent
    }
    is_low = not whole.silent and _is_low(whole, usual, usual.max_luck)
    luck = usual.max_luck / max(len(each), 1)
    low = sorted(outlet for outlet in each if _is_low(each[outlet], usual, luck))
    told = {outlet: each[outlet] for outlet in low[:_MOST_OUTLETS_TOLD]}
    return Finding(
        VOLUME,
        not (is_low or low),
        _tell(None if low and not is_low else whole, told),
        Severity.WARN,
        {
            "orders": whole.orders,
            "usual": "" if whole.silent else f"{whole.usual:g}",
            "span": whole.span,
            "known": whole.known,
            "outlets_judged": len(each),
            "outlets": name_some(low),
        },
    )


def _tell(whole: Expectation | None, outlets: Mapping[str, Expectation]) -> str:
    """Say what was expected of the shop, if it is told of, and of some outlets."""
    shop = [] if whole is None else [whole.silent or whole.sentence]
    each = [f"Outlet {name}: {found.sentence}" for name, found in outlets.items()]
    return " ".join([*shop, *each])


def expect_orders(
    day: date, counts: Counts, apart: Mapping[date, str], usual: Usual
) -> Expectation:
    """Say what *day* is compared with: its weekday, else its week, else nothing."""
    ordinary = _since_the_first_sale(counts, day, apart)
    weekday = f"{day:%A}"
    same = _same_weekday(ordinary, day.weekday(), day)
    orders, needed = counts[day], usual.learning_weeks
    if len(same) < needed:
        silent = still_learning(len(same), needed, f"{weekday}s")
        return Expectation(orders, 0, 1, len(same), weekday, silent)
    if median(same) and median(same) >= usual.orders_floor:
        spread = _spread_over_weekdays(ordinary, day)
        return Expectation(orders, median(same), spread, len(same), weekday)
    return _expect_week(day, {**ordinary, day: orders}, usual)


def _expect_week(day: date, ordinary: Counts, usual: Usual) -> Expectation:
    """Compare the week up to *day* with those before that hold ordinary days only."""
    now = _week_up_to(day, ordinary)
    ends = (day - n * _WEEK for n in range(1, WEEKS_REMEMBERED + 1))
    weeks = [
        orders for end in ends if (orders := _week_up_to(end, ordinary)) is not None
    ]
    known, needed = len(weeks), usual.learning_weeks
    if known < needed:
        silent = still_learning(known, needed, "weeks without a holiday")
    elif now is None:
        silent = "This week holds a day that is like no other: nothing is compared."
    elif not median(weeks) or median(weeks) < usual.orders_floor:
        silent = (
            f"{say(now, 'order', 'orders')} in the week up to this day: too few ever "
            "to compare."
        )
    else:
        spread = variance(weeks) * known / sum(weeks) if known > 1 else 1
        return Expectation(now, median(weeks), spread, known, "week")
    return Expectation(now or 0, 0, 1, known, "week", silent)


def _since_the_first_sale(
    counts: Counts, day: date, apart: Mapping[date, str]
) -> dict[date, int]:
    """Return the ordinary days before *day*, from the first one with an order on."""
    sold = [other for other, orders in counts.items() if orders and other < day]
    first = min(sold, default=day)
    return {
        other: orders
        for other, orders in counts.items()
        if first <= other < day and other not in apart
    }


def _same_weekday(ordinary: Counts, weekday: int, day: date) -> list[int]:
    """Return the orders of the last ordinary days of *weekday* before *day*."""
    since = day - timedelta(days=LONGEST_LOOK_BACK)
    same = [
        other for other in ordinary if other >= since and other.weekday() == weekday
    ]
    return [ordinary[other] for other in sorted(same)[-WEEKS_REMEMBERED:]]


def _spread_over_weekdays(ordinary: Counts, day: date) -> float:
    """Return how much more than by chance days differ from their weekday's mean.

    Over all weekdays together, because eight days tell little of it, and by the middle
    difference, so that a season's peak or one odd day does not hide a later drop.
    """
    differences: list[float] = []
    for weekday in range(7):
        same = _same_weekday(ordinary, weekday, day)
        if len(same) > 1 and any(same):
            mean, freedom = sum(same) / len(same), (len(same) - 1) / len(same)
            chance = math.sqrt(mean * freedom)
            differences += [abs(orders - mean) / chance for orders in same]
    return (_MIDDLE_TO_DEVIATION * median(differences)) ** 2 if differences else 1


def _week_up_to(day: date, ordinary: Counts) -> int | None:
    """Return the orders of the seven days up to *day*, if all are ordinary."""
    days = [day - timedelta(days=n) for n in range(7)]
    if not all(each in ordinary for each in days):
        return None
    return sum(ordinary[each] for each in days)


def _is_low(expected: Expectation, usual: Usual, luck: float) -> bool:
    """Say whether there are far too few orders, and mere chance hardly explains it.

    Where days differ more than by chance, as many orders as make one of chance's count
    as one (a quasi-Poisson tail).
    """
    if expected.orders > round(usual.orders_low * expected.usual, 9):
        return False
    spread = max(1.0, expected.spread)
    return poisson_tail(expected.orders / spread, expected.usual / spread) < luck


def poisson_tail(most: float, mean: float) -> float:
    """Return the chance of at most *most* where *mean* are expected."""
    return math.fsum(
        math.exp(n * math.log(mean) - mean - math.lgamma(n + 1))
        for n in range(math.floor(most) + 1)
    )
