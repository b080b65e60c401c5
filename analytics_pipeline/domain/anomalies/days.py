"""Whether a business day is like the days before it: volume, prices, tax, hours."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from statistics import median, median_low, variance
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from analytics_pipeline.model.checks import CheckResult, Severity, name_some
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.policy import (
    DAYS_REMEMBERED,
    WEEKS_REMEMBERED,
    AnomalyLimits,
    pick_recent,
    still_learning,
)
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import WEB_SOURCE

# ----------------------------------------------------------------------------------
# What a business day was like, in a few numbers that days are compared by.


PROFILED = [
    "business_date",
    "sale_date",
    "time_zone",
    "outlet_id",
    "source",
    "is_completed",
    "is_order",
    "total_incl_cents",
    "total_excl_cents",
]
"""The columns of ``RawSales`` that a day's profile is made from."""


@dataclass(frozen=True, slots=True)
class DayProfile:
    """One day's sales in numbers.

    Attributes:
        orders: orders of the whole shop (rule 2.3).
        outlet_orders: those of each outlet that is known by id.
        priced_orders: orders whose total with tax is more than nothing.
        median_cents: the median total of those, the lower of two middle ones.
        worthless_orders: orders whose total is nothing.
        valued_sales: completed sales with a total, returns too.
        taxed_sales: those of them that hold tax.
        hour_sales: completed sales at the till by the hour of the outlet's clocks.
    """

    orders: int = 0
    outlet_orders: Mapping[str, int] = field(default_factory=dict)
    priced_orders: int = 0
    median_cents: int = 0
    worthless_orders: int = 0
    valued_sales: int = 0
    taxed_sales: int = 0
    hour_sales: Mapping[int, int] = field(default_factory=dict)


def profile_days(rows: pd.DataFrame) -> dict[date, DayProfile]:
    """Return the profile of each day that has sales.

    Args:
        rows: ``RawSales``, at least its columns ``PROFILED``.
    """
    orders = rows[rows["is_order"]]
    sales = rows[rows["is_completed"]]
    valued = sales[sales["total_incl_cents"] != 0]
    priced = orders[orders["total_incl_cents"] > 0]
    totals = priced.groupby("business_date")["total_incl_cents"]
    counted: dict[str, Any] = {
        "orders": _count(orders),
        "outlet_orders": _count_by(orders, "outlet_id"),
        "priced_orders": _count(priced),
        "median_cents": totals.quantile(0.5, interpolation="lower").astype("int64"),
        "worthless_orders": _count(orders[orders["total_incl_cents"] == 0]),
        "valued_sales": _count(valued),
        "taxed_sales": _count(
            valued[valued["total_incl_cents"] != valued["total_excl_cents"]]
        ),
        "hour_sales": _count_by(_with_hours(sales), "hour"),
    }
    figures: dict[Any, dict[str, Any]] = {
        day: {} for day in rows["business_date"].unique()
    }
    for name, values in counted.items():
        for day, value in values.items():
            figures[day][name] = value if isinstance(value, dict) else int(value)
    return {
        pd.Timestamp(day).date(): DayProfile(**each) for day, each in figures.items()
    }


def _count(rows: pd.DataFrame) -> "pd.Series[int]":
    return rows.groupby("business_date").size()


def _count_by(rows: pd.DataFrame, column: str) -> dict[Any, dict[Any, int]]:
    """Count the rows of each day by the value in *column*, where it is filled."""
    groups = rows.groupby(["business_date", column]).size().reset_index(name="count")
    counts: dict[Any, dict[Any, int]] = {}
    for day, value, count in groups.itertuples(index=False, name=None):
        counts.setdefault(day, {})[value] = int(count)
    return counts


def _with_hours(sales: pd.DataFrame) -> pd.DataFrame:
    """Return the sales made at a till with the hour that its clock showed."""
    is_web = sales["source"].str.startswith(WEB_SOURCE).fillna(False).astype("bool")
    till = sales[~is_web]
    hour = pd.Series(0, index=till.index, dtype="int64")
    for zone in till["time_zone"].unique():
        here = till["time_zone"] == zone
        hour[here] = till["sale_date"][here].dt.tz_convert(ZoneInfo(zone)).dt.hour
    return till.assign(hour=hour)


# ----------------------------------------------------------------------------------
# Whether a day has as many orders as normal; only too few are reported.
#
# A day is compared with the same weekday of the last weeks. A weekday on which the
# shop sells little or nothing says nothing alone, so then the week up to the day
# is compared with the weeks before.


VOLUME = "volume_is_usual"

LONGEST_LOOK_BACK = 7 * (WEEKS_REMEMBERED + 2)
"""How many days before one can matter: some weekdays are holidays and left out."""

_WEEK = timedelta(days=7)
_MIDDLE_TO_DEVIATION = 1.4826
"""The standard deviation by the middle absolute difference, of a normal spread."""
_MOST_OUTLETS_NAMED = 3

Counts = Mapping[date, int]
"""Orders of each day that is known, also where there were none."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a day is compared with, or why with nothing.

    Attributes:
        orders: of the day, or of the week up to it.
        normal: the median of those before.
        spread: variance by mean of those before; 1 is mere chance.
        known: how many before are known.
        span: the weekday's name, or ``week``.
        silent: why nothing is compared, if so.
    """

    orders: int
    normal: float
    spread: float
    known: int
    span: str
    silent: str = ""

    @property
    def sentence(self) -> str:
        """Say both sides."""
        within = " in the week up to this day" if self.span == "week" else ""
        orders = say(self.orders, "order", "orders")
        return f"{orders}{within}; a normal {self.span} has {self.normal:g}."


def check_volume(
    day: date,
    shop: Counts,
    outlets: Mapping[str, Counts],
    apart: Mapping[date, str],
    anomaly_limits: AnomalyLimits,
) -> CheckResult:
    """Compare the orders of *day*, of the shop and of each outlet.

    Args:
        day: the day to check.
        shop: the orders of every known day, *day* among them.
        outlets: the same of each outlet that is open.
        apart: days that are like no other, with the reason.
        anomaly_limits: the limits from which a day is an anomaly.
    """
    if day in apart:
        return _not_compared(shop[day], apart[day])
    whole = expect_orders(day, shop, apart, anomaly_limits)
    each = {
        outlet: expected
        for outlet, counts in (outlets.items() if len(outlets) > 1 else ())
        if not (expected := expect_orders(day, counts, apart, anomaly_limits)).silent
    }
    is_low = not whole.silent and _is_low(
        whole, anomaly_limits, anomaly_limits.max_luck
    )
    luck = anomaly_limits.max_luck / max(len(each), 1)
    low = sorted(
        outlet for outlet in each if _is_low(each[outlet], anomaly_limits, luck)
    )
    values = {outlet: each[outlet] for outlet in low[:_MOST_OUTLETS_NAMED]}
    sentence = _describe_volume(None if low and not is_low else whole, values)
    evidence: dict[str, int | str] = {
        "orders": whole.orders,
        "usual": "" if whole.silent else f"{whole.normal:g}",
        "span": whole.span,
        "known": whole.known,
        "outlets_judged": len(each),
        "outlets": name_some(low),
    }
    return CheckResult(VOLUME, not (is_low or low), sentence, Severity.WARN, evidence)


def _not_compared(count: int, why: str) -> CheckResult:
    """Return what is said of a day that is like no other."""
    sentence = f"{say(count, 'order', 'orders')}; it is {why}, so nothing is compared."
    return CheckResult(VOLUME, True, sentence, Severity.WARN, {"orders": count})


def _describe_volume(
    whole: Expectation | None, outlets: Mapping[str, Expectation]
) -> str:
    """Say what was expected of the shop, if it is reported, and of some outlets."""
    shop = [] if whole is None else [whole.silent or whole.sentence]
    each = [f"Outlet {name}: {found.sentence}" for name, found in outlets.items()]
    return " ".join([*shop, *each])


def expect_orders(
    day: date, counts: Counts, apart: Mapping[date, str], anomaly_limits: AnomalyLimits
) -> Expectation:
    """Say what *day* is compared with: its weekday, else its week, else nothing."""
    ordinary = _since_the_first_sale(counts, day, apart)
    weekday = f"{day:%A}"
    same = _same_weekday(ordinary, day.weekday(), day)
    orders, needed = counts[day], anomaly_limits.learning_weeks
    if len(same) < needed:
        silent = still_learning(len(same), needed, f"{weekday}s")
        return Expectation(orders, 0, 1, len(same), weekday, silent)
    if median(same) and median(same) >= anomaly_limits.orders_floor:
        spread = _spread_over_weekdays(ordinary, day)
        return Expectation(orders, median(same), spread, len(same), weekday)
    return _expect_week(day, {**ordinary, day: orders}, anomaly_limits)


def _expect_week(
    day: date, ordinary: Counts, anomaly_limits: AnomalyLimits
) -> Expectation:
    """Compare the week up to *day* with those before that hold ordinary days only."""
    now = _week_up_to(day, ordinary)
    ends = (day - n * _WEEK for n in range(1, WEEKS_REMEMBERED + 1))
    weeks = [
        orders for end in ends if (orders := _week_up_to(end, ordinary)) is not None
    ]
    known, needed = len(weeks), anomaly_limits.learning_weeks
    if known < needed:
        silent = still_learning(known, needed, "weeks without a holiday")
    elif now is None:
        silent = "This week holds a day that is like no other: nothing is compared."
    elif not median(weeks) or median(weeks) < anomaly_limits.orders_floor:
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

    Over all weekdays together, because eight days say little about it, and by the
    middle difference, so that a season's peak or one odd day does not hide a later
    drop.
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


def _is_low(expected: Expectation, anomaly_limits: AnomalyLimits, luck: float) -> bool:
    """Say whether there are far too few orders, and mere chance hardly explains it.

    Where days differ more than by chance, as many orders as make one of chance's count
    as one (a quasi-Poisson tail).
    """
    if expected.orders > round(anomaly_limits.orders_low * expected.normal, 9):
        return False
    spread = max(1.0, expected.spread)
    return poisson_tail(expected.orders / spread, expected.normal / spread) < luck


def poisson_tail(most: float, mean: float) -> float:
    """Return the chance of at most *most* where *mean* are expected."""
    return math.fsum(
        math.exp(n * math.log(mean) - mean - math.lgamma(n + 1))
        for n in range(math.floor(most) + 1)
    )


# ----------------------------------------------------------------------------------
# Whether a day's prices are in their normal range.
#
# A price list that is somewhat dearer is the shop's business. Totals twenty times as
# large or as small, or worth nothing, are what a source says that took cents for
# dollars: no table is built on them before somebody has looked.


PRICES = "prices_are_usual"

Days = Mapping[date, DayProfile]


def check_prices(
    day: date,
    days: Days,
    totals: Sequence[int],
    anomaly_limits: AnomalyLimits,
    prices_accepted_since: date | None = None,
) -> CheckResult:
    """Compare the median order total of *day* with that of the days before.

    Args:
        day: the day to check.
        days: the profile of every known day, *day* among them.
        totals: cents of each order of *day* whose total is more than nothing.
        anomaly_limits: the limits from which prices are an anomaly.
        prices_accepted_since: the last day whose anomalous prices a person has
            accepted; the days before it are no history any more.
    """
    first = prices_accepted_since or date.min
    before = {other: days[other] for other in days if first <= other < day}
    return _check_worthless(day, days[day], before, anomaly_limits) or _check_size(
        day, totals, before, anomaly_limits
    )


def _check_worthless(
    day: date, now: DayProfile, before: Days, anomaly_limits: AnomalyLimits
) -> CheckResult | None:
    """Report that nearly all orders are worth nothing, where few ever are."""
    sold = {other: each for other, each in before.items() if each.orders}
    known = pick_recent(sold, day, DAYS_REMEMBERED)
    if len(known) < anomaly_limits.learning_days or now.orders < max(
        anomaly_limits.prices_floor, 1
    ):
        return None
    if now.worthless_orders < anomaly_limits.worthless_stop * now.orders:
        return None
    share = median(sold[other].worthless_orders / sold[other].orders for other in known)
    if share >= anomaly_limits.worthless_usual:
        return None
    return CheckResult(
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


def _check_size(
    day: date, totals: Sequence[int], before: Days, anomaly_limits: AnomalyLimits
) -> CheckResult:
    """Compare the median total with the median of the last days."""
    sold = {other: each for other, each in before.items() if each.priced_orders}
    known = pick_recent(sold, day, DAYS_REMEMBERED)
    evidence: dict[str, int | str] = {"orders": len(totals), "days_known": len(known)}
    if len(known) < anomaly_limits.learning_days:
        sentence = still_learning(
            len(known), anomaly_limits.learning_days, "days with orders"
        )
        return CheckResult(PRICES, True, sentence, Severity.WARN, evidence)
    if len(totals) < max(anomaly_limits.prices_floor, 1):
        sentence = f"{len(totals)} orders with a price: too few to compare."
        return CheckResult(PRICES, True, sentence, Severity.WARN, evidence)
    expected = median_low(sold[other].median_cents for other in known)
    middle = median_low(totals)
    ratio = middle / expected
    factor = max(ratio, 1 / ratio)
    is_refused = factor >= anomaly_limits.prices_stop_factor
    is_reported = factor >= anomaly_limits.prices_warn_factor and not _may_be_luck(
        totals, expected, is_dearer=ratio > 1, max_luck=anomaly_limits.max_luck
    )
    return CheckResult(
        PRICES,
        not (is_refused or is_reported),
        f"The median order value is {format_cents(middle)}; normally it is "
        f"{format_cents(expected)}.",
        Severity.ERROR if is_refused else Severity.WARN,
        evidence | {"middle_cents": middle, "usual_cents": expected},
        subject=_name_shift(ratio) if is_refused else None,
    )


def _may_be_luck(
    totals: Sequence[int], expected: int, *, is_dearer: bool, max_luck: float
) -> bool:
    """Say whether so many orders on one side of the normal median may be mere luck.

    Where prices are normal, an order is as likely above it as below (a sign test).
    """
    count = len(totals)
    beyond = sum(t > expected if is_dearer else t < expected for t in totals)
    ways = sum(math.comb(count, n) for n in range(beyond, count + 1))
    return Fraction(ways, 2**count) >= max_luck


def _name_shift(ratio: float) -> str:
    """Name a shift by its power of ten: a late edit of the day leaves that as it is."""
    power = round(math.log10(ratio))
    return f"×{10**power}" if power >= 0 else f"÷{10**-power}"


# ----------------------------------------------------------------------------------
# Whether a day's tax, hours and repeated sales are normal.


FEWEST_SALES_FOR_A_SHARE = 5
"""A day of fewer sales says nothing about their usual share with tax."""

FEWEST_SALES_FOR_HOURS = 100
"""Fewer sales do not show at which hours a shop sells."""

_ALIKE = ["sale_date", "outlet_id", "customer_id", "total_incl_cents"]


def check_tax(day: date, days: Days, anomaly_limits: AnomalyLimits) -> CheckResult:
    """Compare the share of sales that hold tax with that of the days before."""
    check, now = "tax_is_usual", days[day]
    values = {
        other: each
        for other, each in days.items()
        if each.valued_sales >= FEWEST_SALES_FOR_A_SHARE
    }
    known = pick_recent(values, day, DAYS_REMEMBERED)
    evidence: dict[str, int | str] = {
        "sales": now.valued_sales,
        "with_tax": now.taxed_sales,
        "days_known": len(known),
    }
    if len(known) < anomaly_limits.learning_days:
        sentence = still_learning(
            len(known), anomaly_limits.learning_days, "days with sales"
        )
        return CheckResult(check, True, sentence, Severity.WARN, evidence)
    if now.valued_sales < max(anomaly_limits.tax_floor, 1):
        sentence = f"{now.valued_sales} sales with a price: too few to compare."
        return CheckResult(check, True, sentence, Severity.WARN, evidence)
    expected = median(
        values[other].taxed_sales / values[other].valued_sales for other in known
    )
    share = now.taxed_sales / now.valued_sales
    return CheckResult(
        check,
        expected < anomaly_limits.tax_usual
        or share >= anomaly_limits.tax_low * expected,
        f"{now.taxed_sales} of {now.valued_sales} sales hold tax; usually "
        f"{expected:.0%} do.",
        Severity.WARN,
        evidence,
    )


def check_hours(day: date, days: Days, anomaly_limits: AnomalyLimits) -> CheckResult:
    """Report sales at the till at hours at which the shop hardly ever sells.

    Hours are those of the outlet's clocks, so a change of the clocks moves none.
    """
    check = "hours_are_usual"
    open_days = {other: each for other, each in days.items() if each.hour_sales}
    known = pick_recent(open_days, day, DAYS_REMEMBERED)
    before: Counter[int] = Counter()
    for other in known:
        before.update(open_days[other].hour_sales)
    at_hour = days[day].hour_sales
    sales = sum(at_hour.values())
    evidence: dict[str, int | str] = {"sales": sales, "days_known": len(known)}
    learned = {
        "days with sales": (len(known), anomaly_limits.learning_days),
        "sales": (before.total(), FEWEST_SALES_FOR_HOURS),
    }
    for what, (has, needed) in learned.items():
        if has < needed:
            sentence = still_learning(has, needed, what)
            return CheckResult(check, True, sentence, Severity.WARN, evidence)
    rare = anomaly_limits.hours_rare * before.total()
    odd = sorted(hour for hour in at_hour if before[hour] < rare)
    count = sum(at_hour[hour] for hour in odd)
    few = (
        count < max(anomaly_limits.hours_floor, 1)
        or count < anomaly_limits.hours_share * sales
    )
    when = ", ".join(f"{hour}:00" for hour in odd)
    return CheckResult(
        check,
        few,
        "The shop sold at its normal hours."
        if few
        else f"{count} of {sales} sales are at hours at which the shop hardly ever "
        f"sells ({when}): see whether the outlet's time zone and clocks are right.",
        Severity.WARN,
        evidence | {"at_odd_hours": count, "hours": when},
    )


def check_repeats(rows: pd.DataFrame, anomaly_limits: AnomalyLimits) -> CheckResult:
    """Report sales of a day that agree in moment, outlet, customer and total.

    Args:
        rows: ``RawSales`` of the day.
        anomaly_limits: how many may be alike.
    """
    sales = rows[rows["is_completed"]].sort_values("sale_id")
    again = sales.loc[sales.duplicated(_ALIKE), "sale_id"]
    count = len(again)
    is_much = count >= max(
        anomaly_limits.repeated_floor, 1
    ) and count >= anomaly_limits.repeated_share * len(sales)
    return CheckResult(
        "sales_stand_once",
        not is_much,
        f"{count} of {len(sales)} sales repeat another one: the same moment, outlet, "
        "customer and total under another id."
        if is_much
        else "No more sales repeat another one than chance makes.",
        Severity.WARN,
        {"sales": len(sales), "repeated": count, "sale_ids": name_some(list(again))},
    )
