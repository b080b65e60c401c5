"""Whether a day's sales hold tax, happen at hours, and stand once, as usual."""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from statistics import median

import pandas as pd

from analytics_pipeline.domain.findings import Finding, Severity, name_some
from analytics_pipeline.domain.usual_days import DayProfile
from analytics_pipeline.domain.usual_policy import (
    DAYS_REMEMBERED,
    Usual,
    pick_recent,
    still_learning,
)

Days = Mapping[date, DayProfile]

FEWEST_SALES_FOR_A_SHARE = 5
"""A day of fewer sales says nothing about their usual share with tax."""

FEWEST_SALES_FOR_HOURS = 100
"""Fewer sales do not tell at which hours a shop sells."""

_ALIKE = ["sale_date", "outlet_id", "customer_id", "total_incl_cents"]


def judge_tax(day: date, days: Days, usual: Usual) -> Finding:
    """Compare the share of sales that hold tax with that of the days before."""
    check, now = "tax_is_usual", days[day]
    told = {
        other: each
        for other, each in days.items()
        if each.valued_sales >= FEWEST_SALES_FOR_A_SHARE
    }
    known = pick_recent(told, day, DAYS_REMEMBERED)
    evidence: dict[str, int | str] = {
        "sales": now.valued_sales,
        "with_tax": now.taxed_sales,
        "days_known": len(known),
    }
    if len(known) < usual.learning_days:
        sentence = still_learning(len(known), usual.learning_days, "days with sales")
        return Finding(check, True, sentence, Severity.WARN, evidence)
    if now.valued_sales < max(usual.tax_floor, 1):
        sentence = f"{now.valued_sales} sales with a price: too few to compare."
        return Finding(check, True, sentence, Severity.WARN, evidence)
    expected = median(
        told[other].taxed_sales / told[other].valued_sales for other in known
    )
    share = now.taxed_sales / now.valued_sales
    return Finding(
        check,
        expected < usual.tax_usual or share >= usual.tax_low * expected,
        f"{now.taxed_sales} of {now.valued_sales} sales hold tax; usually "
        f"{expected:.0%} do.",
        Severity.WARN,
        evidence,
    )


def judge_hours(day: date, days: Days, usual: Usual) -> Finding:
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
        "days with sales": (len(known), usual.learning_days),
        "sales": (before.total(), FEWEST_SALES_FOR_HOURS),
    }
    for what, (has, needed) in learned.items():
        if has < needed:
            sentence = still_learning(has, needed, what)
            return Finding(check, True, sentence, Severity.WARN, evidence)
    rare = usual.hours_rare * before.total()
    odd = sorted(hour for hour in at_hour if before[hour] < rare)
    count = sum(at_hour[hour] for hour in odd)
    few = count < max(usual.hours_floor, 1) or count < usual.hours_share * sales
    when = ", ".join(f"{hour}:00" for hour in odd)
    return Finding(
        check,
        few,
        "The shop sold at its usual hours."
        if few
        else f"{count} of {sales} sales are at hours at which the shop hardly ever "
        f"sells ({when}): see whether the outlet's time zone and clocks are right.",
        Severity.WARN,
        evidence | {"at_odd_hours": count, "hours": when},
    )


def judge_repeats(rows: pd.DataFrame, usual: Usual) -> Finding:
    """Report sales of a day that agree in moment, outlet, customer and total.

    Args:
        rows: ``RawSales`` of the day.
        usual: how many may be alike.
    """
    sales = rows[rows["is_completed"]].sort_values("sale_id")
    again = sales.loc[sales.duplicated(_ALIKE), "sale_id"]
    count = len(again)
    is_much = count >= max(
        usual.repeated_floor, 1
    ) and count >= usual.repeated_share * len(sales)
    return Finding(
        "sales_stand_once",
        not is_much,
        f"{count} of {len(sales)} sales repeat another one: the same moment, outlet, "
        "customer and total under another id."
        if is_much
        else "No more sales repeat another one than chance makes.",
        Severity.WARN,
        {"sales": len(sales), "repeated": count, "sale_ids": name_some(list(again))},
    )
