"""Hold the last days of a run against the days before them.

A day that the run cuts is known by the rows just cut, any other by those stored.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property

import holidays
import ibis
import pandas as pd

from analytics_pipeline.domain.findings import Finding, Severity
from analytics_pipeline.domain.usual_days import PROFILED, DayProfile, profile_days
from analytics_pipeline.domain.usual_prices import PRICES, judge_prices
from analytics_pipeline.domain.usual_sales import (
    judge_hours,
    judge_repeats,
    judge_tax,
)
from analytics_pipeline.domain.usual_volume import (
    LONGEST_LOOK_BACK,
    VOLUME,
    judge_volume,
)
from analytics_pipeline.schemas.sources import Outlets
from analytics_pipeline.shop import Shop

DAYS_JUDGED = 14
"""Of a run of many days only the last ones are news to anybody."""

CHECKS = (
    VOLUME,
    PRICES,
    "tax_is_usual",
    "hours_are_usual",
    "sales_stand_once",
)


class UsualDays:
    """Says of the last days of a run whether each one is like those before it."""

    def __init__(self, shop: Shop, days: Sequence[str]) -> None:
        """Prepare to judge the last of *days*, which are all that the run cuts."""
        self._shop = shop
        self._cut = frozenset(days)
        self._last = date.fromisoformat(max(days))
        self._judged_from = self._last - timedelta(days=DAYS_JUDGED - 1)
        self._since = self._judged_from - timedelta(days=LONGEST_LOOK_BACK)
        self._profiles: dict[date, DayProfile] = {}
        self._is_stored_known = False

    def learn(self, days: Sequence[str], rows: pd.DataFrame) -> None:
        """Take in *days* as they were just cut; *rows* are those of all of them."""
        known = self._reach_back(days)
        if known:
            recent = rows[rows["business_date"] >= pd.Timestamp(self._since)]
            self._profiles |= known | profile_days(recent)

    def judge(
        self, day: str, rows: pd.DataFrame, is_caught_up: Finding
    ) -> list[Finding]:
        """Judge *day*, which was learned; nothing is said of one too long ago.

        Nor is anything said of a day that was not read to its end, which fails its
        gate for that.
        """
        judged = date.fromisoformat(day)
        if judged < self._judged_from or not is_caught_up.passed:
            return []
        if is_caught_up.evidence["provisional"] == "yes":
            sentence = "The day is not over."
            return [Finding(check, True, sentence, Severity.WARN) for check in CHECKS]
        self._learn_stored_days()
        findings = self._compare(judged, rows)
        if any(finding.blocks for finding in findings):
            del self._profiles[judged]  # it is not stored, and says nothing of others
        return findings

    def _compare(self, day: date, rows: pd.DataFrame) -> list[Finding]:
        """Judge a *day* that is over by all that is known of others."""
        days, usual = self._profiles, self._shop.usual
        on_day = rows[rows["business_date"] == pd.Timestamp(day)]
        totals = on_day.loc[
            on_day["is_order"] & (on_day["total_incl_cents"] > 0), "total_incl_cents"
        ].tolist()
        orders = {other: profile.orders for other, profile in days.items()}
        return [
            judge_volume(day, orders, self._outlet_orders(), self._apart, usual),
            judge_prices(day, days, totals, usual, self._new_usual_since(day)),
            judge_tax(day, days, usual),
            judge_hours(day, days, usual),
            judge_repeats(on_day, usual),
        ]

    def _reach_back(self, days: Sequence[str]) -> dict[date, DayProfile]:
        """Return the recent ones among *days*, without sales as yet.

        The first day of all holds every earlier sale too, so with it those days are
        known as well.
        """
        known = {date.fromisoformat(day) for day in days}
        if self._shop.first_day in days:
            first = date.fromisoformat(self._shop.first_day)
            earlier = (first - self._since).days
            known |= {first - timedelta(days=n + 1) for n in range(earlier)}
        return {day: DayProfile() for day in known if self._since <= day <= self._last}

    def _learn_stored_days(self) -> None:
        """Take in the recent days that the run does not cut, all by one query."""
        if self._is_stored_known:
            return
        self._is_stored_known = True
        shop, since = self._shop, self._since.isoformat()
        recent = max(since, shop.first_day)
        stored = [
            day
            for day in shop.warehouse.partitions("raw_sales")
            if recent <= day < self._last.isoformat() and day not in self._cut
        ]
        if not stored:
            return
        sales = shop.open_sales(stored).select(*PROFILED)
        sales = sales.filter(sales["business_date"] >= ibis.timestamp(since))
        rows: pd.DataFrame = shop.engine.to_pandas(sales)
        moments = rows["sale_date"].astype("datetime64[us]").dt.tz_localize("UTC")
        self._profiles |= self._reach_back(stored) | profile_days(
            rows.assign(sale_date=moments)
        )

    def _outlet_orders(self) -> dict[str, dict[date, int]]:
        """Return the orders of each open outlet on every known day."""
        days = self._profiles
        outlets = {outlet for each in days.values() for outlet in each.outlet_orders}
        return {
            outlet: {
                day: each.outlet_orders.get(outlet, 0) for day, each in days.items()
            }
            for outlet in outlets - self._closed_outlets
        }

    @cached_property
    def _closed_outlets(self) -> set[str]:
        outlets = self._shop.load("outlets", Outlets)
        return set(outlets.loc[outlets["is_deleted"], "outlet_id"])

    @cached_property
    def _apart(self) -> Mapping[date, str]:
        """Return the days that are like no other: public holidays, and closed ones."""
        country = self._shop.load("outlets", Outlets)["store_country"].dropna()
        years = range(self._since.year, self._last.year + 1)
        closed = dict.fromkeys(self._shop.usual.closed_days, "one of closed_days")
        return _list_holidays(next(iter(country), ""), years) | closed

    @cached_property
    def _accepted(self) -> list[date]:
        accepted = self._shop.warehouse.acceptances.days("raw_sales", PRICES)
        return sorted(date.fromisoformat(day) for day in accepted)

    def _new_usual_since(self, day: date) -> date | None:
        """Return the last day before *day* whose prices a person has accepted."""
        return max((each for each in self._accepted if each < day), default=None)


def _list_holidays(country: str, years: Sequence[int]) -> dict[date, str]:
    """Return the public holidays of *country*; of one that is not known, none."""
    try:
        found = holidays.country_holidays(country, years=years)
    except NotImplementedError:
        return {}
    return {day: f"a public holiday ({name})" for day, name in found.items()}
