"""Whether a day's prices are of the usual size.

A price list that is somewhat dearer is the shop's business.  Totals twenty times as
large or as small, or worth nothing, are what a source says that took cents for dollars:
no table is built on them before somebody has looked.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from statistics import median, median_low

from analytics_pipeline.domain.findings import Finding, Severity
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.domain.usual_days import DayProfile
from analytics_pipeline.domain.usual_policy import (
    DAYS_REMEMBERED,
    Usual,
    pick_recent,
    still_learning,
)

PRICES = "prices_are_usual"

Days = Mapping[date, DayProfile]


def judge_prices(
    day: date,
    days: Days,
    totals: Sequence[int],
    usual: Usual,
    new_usual_since: date | None = None,
) -> Finding:
    """Compare the middle total of the orders of *day* with that of the days before.

    Args:
        day: the day to judge.
        days: the profile of every known day, *day* among them.
        totals: cents of each order of *day* whose total is more than nothing.
        usual: from when on prices are unusual.
        new_usual_since: the last day whose unusual prices a person has accepted; the
            days before it are no history any more.
    """
    first = new_usual_since or date.min
    before = {other: days[other] for other in days if first <= other < day}
    return _judge_worthless(day, days[day], before, usual) or _judge_size(
        day, totals, before, usual
    )


def _judge_worthless(
    day: date, now: DayProfile, before: Days, usual: Usual
) -> Finding | None:
    """Report that nearly all orders are worth nothing, where few ever are."""
    sold = {other: each for other, each in before.items() if each.orders}
    known = pick_recent(sold, day, DAYS_REMEMBERED)
    if len(known) < usual.learning_days or now.orders < max(usual.prices_floor, 1):
        return None
    if now.worthless_orders < usual.worthless_stop * now.orders:
        return None
    share = median(sold[other].worthless_orders / sold[other].orders for other in known)
    if share >= usual.worthless_usual:
        return None
    return Finding(
        PRICES,
        False,
        f"{now.worthless_orders} of {now.orders} orders are worth nothing; usually "
        f"{share:.0%} are.",
        Severity.ERROR,
        {
            "orders": now.orders,
            "worthless": now.worthless_orders,
            "days_known": len(known),
        },
        subject="worth nothing",
    )


def _judge_size(
    day: date, totals: Sequence[int], before: Days, usual: Usual
) -> Finding:
    """Compare the middle total with the middle one of the last days."""
    sold = {other: each for other, each in before.items() if each.priced_orders}
    known = pick_recent(sold, day, DAYS_REMEMBERED)
    evidence: dict[str, int | str] = {"orders": len(totals), "days_known": len(known)}
    if len(known) < usual.learning_days:
        sentence = still_learning(len(known), usual.learning_days, "days with orders")
        return Finding(PRICES, True, sentence, Severity.WARN, evidence)
    if len(totals) < max(usual.prices_floor, 1):
        sentence = f"{len(totals)} orders with a price: too few to compare."
        return Finding(PRICES, True, sentence, Severity.WARN, evidence)
    expected = median_low(sold[other].median_cents for other in known)
    middle = median_low(totals)
    ratio = middle / expected
    factor = max(ratio, 1 / ratio)
    is_refused = factor >= usual.prices_stop_factor
    is_told = factor >= usual.prices_warn_factor and not _may_be_luck(
        totals, expected, is_dearer=ratio > 1, max_luck=usual.max_luck
    )
    return Finding(
        PRICES,
        not (is_refused or is_told),
        f"The middle order is {format_cents(middle)}; usually it is "
        f"{format_cents(expected)}.",
        Severity.ERROR if is_refused else Severity.WARN,
        evidence | {"middle_cents": middle, "usual_cents": expected},
        subject=_name_shift(ratio) if is_refused else None,
    )


def _may_be_luck(
    totals: Sequence[int], expected: int, *, is_dearer: bool, max_luck: float
) -> bool:
    """Say whether so many orders on one side of the usual middle may be mere luck.

    Where prices are as usual, an order is as likely above it as below (a sign test).
    """
    count = len(totals)
    beyond = sum(t > expected if is_dearer else t < expected for t in totals)
    ways = sum(math.comb(count, n) for n in range(beyond, count + 1))
    return Fraction(ways, 2**count) >= max_luck


def _name_shift(ratio: float) -> str:
    """Name a shift by its power of ten: a late edit of the day leaves that as it is."""
    power = round(math.log10(ratio))
    return f"×{10**power}" if power >= 0 else f"÷{10**-power}"
