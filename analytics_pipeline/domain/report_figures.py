"""The report's numbers put together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import pandas as pd

from analytics_pipeline.domain.policy import Policy
from analytics_pipeline.domain.report_people import (
    count_standings,
    divide_lifetime_values,
)
from analytics_pipeline.domain.report_purchases import NEW, RETURNING, name_month
from analytics_pipeline.domain.report_rows import ORDERS, VALUE, Row, row, tabulate
from analytics_pipeline.vocabulary import ReportFigure, ReportUnit

WEB, TILL = "web shop", "tills"
AGAIN, LATER, ONCE = "again in 90 days", "later", "not so far"


class Headline(StrEnum):
    """The numbers at the top of the report."""

    PEOPLE = "people"
    BUYERS = "people with an order"
    FIRST_TIME = "first-time buyers"
    VIPS = "VIPs"
    LIFETIME = "lifetime value"
    ORDERS = "orders"
    DAY = "the day"
    LAST = "last 30 days"
    BEFORE = "30 days before"


@dataclass(frozen=True, slots=True)
class Measured:
    """What the engine and the stored tables say, before it is told.

    Attributes:
        analytics: ``customer_analytics`` of the day.
        then: the same people's tier and segment a month before.
        months: what ``report_purchases.add_up_months`` returns.
        cohorts: what ``count_cohorts`` returns.
        second: what ``count_second_orders`` returns.
        recent: the row of ``add_up_recent_days``.
        changes: ``customer_changes`` of the day.
        sides: both sides of the conservation law: value and orders of people, of
            nobody, of sales and of added web orders.
        web_orders: how many orders of the web shop stand how against the sales, where
            they were held against those of this day.
        days: how old the latest purchase and web order are, and the like.
    """

    analytics: pd.DataFrame
    then: pd.DataFrame
    months: pd.DataFrame
    cohorts: pd.DataFrame
    second: pd.DataFrame
    recent: Mapping[str, int]
    changes: pd.DataFrame
    sides: Mapping[str, int]
    web_orders: Mapping[str, int]
    days: Mapping[str, int]


def tell_figures(measured: Measured, policy: Policy, as_of: date) -> pd.DataFrame:
    """Return ``CustomerReport``: every number that the page of *as_of* shows."""
    rows = [
        *_headline(measured),
        *_months(measured.months),
        *_buyers(measured.cohorts),
        *_second(measured.second),
        *_retention(measured.cohorts),
        *count_standings(measured.analytics, measured.then),
        *divide_lifetime_values(measured.analytics, policy),
        *_changes(measured.changes),
        *_reconciliation(measured.sides),
        *(
            row(ReportFigure.WEB_ORDERS, category, "orders", count)
            for category, count in measured.web_orders.items()
        ),
        *_freshness(measured.days),
    ]
    return tabulate(rows, as_of)


def _headline(measured: Measured) -> list[Row]:
    """Return the numbers that an owner looks at first."""
    people = measured.analytics
    counts = {
        Headline.PEOPLE: (len(people), "customer_id"),
        Headline.BUYERS: ((people["order_count"] > 0).sum(), "order_count"),
        Headline.FIRST_TIME: ((people["order_count"] == 1).sum(), "order_count"),
        Headline.VIPS: (people["is_vip"].sum(), "is_vip"),
    }
    figure, cents, orders = ReportFigure.HEADLINE, ReportUnit.CENTS, ReportUnit.ORDERS
    table, recent = "customer_analytics", measured.recent
    lifetime = people["lifetime_value_cents"].sum(), people["order_count"].sum()
    return [
        *(
            Row(figure, name, "people", int(n), ReportUnit.PEOPLE, f"{table}.{column}")
            for name, (n, column) in counts.items()
        ),
        Row(figure, Headline.LIFETIME, "value", int(lifetime[0]), cents,
            f"{table}.lifetime_value_cents"),
        Row(figure, Headline.ORDERS, "orders", int(lifetime[1]), orders,
            f"{table}.order_count"),
        *(
            Row(figure, name, series, recent[f"{key}_{series}"], unit, made_from)
            for name, key in (
                (Headline.DAY, "day"),
                (Headline.LAST, "last"),
                (Headline.BEFORE, "before"),
            )
            for series, unit, made_from in (
                ("cents", cents, VALUE),
                ("orders", orders, ORDERS),
            )
        ),
    ]  # fmt: skip


def _months(months: pd.DataFrame) -> list[Row]:
    """Return value by whose it is, and value and orders by where they were made."""
    named = months.assign(channel=months["is_ecom"].map({True: WEB, False: TILL}))
    wanted = (
        (ReportFigure.REVENUE, "standing", "value_cents"),
        (ReportFigure.CHANNEL_REVENUE, "channel", "value_cents"),
        (ReportFigure.CHANNEL_ORDERS, "channel", "orders"),
    )
    return [
        row(figure, name_month(int(month)), str(series), amount)
        for figure, by, column in wanted
        for month, series, amount in named.groupby(["month", by], as_index=False)[
            column
        ]
        .sum()
        .itertuples(index=False, name=None)
    ]


def _buyers(cohorts: pd.DataFrame) -> list[Row]:
    """Return how many people ordered in each month: new ones and returning ones."""
    is_new = cohorts["cohort"] == cohorts["month"]
    standing = is_new.map({True: NEW, False: RETURNING})
    sums = (
        cohorts.assign(standing=standing)
        .groupby(["month", "standing"], as_index=False)["people"]
        .sum()
    )
    return [
        row(ReportFigure.BUYERS, name_month(int(month)), str(series), people)
        for month, series, people in sums.itertuples(index=False, name=None)
    ]


def _second(second: pd.DataFrame) -> list[Row]:
    """Return of each month's new customers how many ordered again, and when."""
    series = {"again": AGAIN, "later": LATER, "once": ONCE}
    return [
        row(
            ReportFigure.SECOND_PURCHASE,
            name_month(int(each["cohort"])),
            name,
            each[key],
        )
        for each in second.sort_values("cohort").to_dict("records")
        for key, name in series.items()
    ]


def _retention(cohorts: pd.DataFrame) -> list[Row]:
    """Return how many of each month's new customers ordered so many months later."""
    ordered = cohorts.sort_values(["cohort", "month"])
    return [
        row(
            ReportFigure.RETENTION,
            name_month(int(each["cohort"])),
            f"{int(each['month'] - each['cohort'])} months later",
            each["people"],
        )
        for each in ordered.to_dict("records")
    ]


def _changes(changes: pd.DataFrame) -> list[Row]:
    """Count what changed since the master before, by what changed and what did it."""
    counts = changes.groupby(["change", "cause"]).size().reset_index()
    return [
        row(ReportFigure.CHANGES, str(change), str(cause), count)
        for change, cause, count in counts.itertuples(index=False, name=None)
    ]


def _reconciliation(sides: Mapping[str, int]) -> list[Row]:
    """Return both sides of the conservation law (rule 7.1)."""
    made_from = {
        "people": (
            "customer_analytics.lifetime_value_cents",
            "customer_analytics.order_count",
        ),
        "unattributed": (VALUE, ORDERS),
        "sales": ("raw_sales.total_incl_cents", "raw_sales.is_order"),
        "web_orders": (
            "ecom_reconciliation.counted_value_cents",
            "ecom_reconciliation.category",
        ),
    }
    units = (ReportUnit.CENTS, ReportUnit.ORDERS)
    return [
        Row(
            ReportFigure.RECONCILIATION,
            part.replace("_", " "),
            unit.value,
            sides[f"{part}_{unit.value}"],
            unit,
            columns,
        )
        for part, both in made_from.items()
        for unit, columns in zip(units, both, strict=True)
    ]


def _freshness(days: Mapping[str, int]) -> list[Row]:
    """Return how old the latest purchase and web order are, in days before the day."""
    made_from = {
        "latest purchase": (ReportUnit.DAYS, ORDERS),
        "latest web order": (ReportUnit.DAYS, "ecom_orders.order_date"),
    }
    return [
        Row(ReportFigure.FRESHNESS, name, unit.value, days[name], unit, columns)
        for name, (unit, columns) in made_from.items()
        if name in days
    ]
