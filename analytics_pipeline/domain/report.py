"""The report's numbers: months, channels, cohorts, people, and their proof."""

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple, SupportsInt

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.domain.analytics import cents_from
from analytics_pipeline.model.checks import CheckResult
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.report import CustomerReport
from analytics_pipeline.model.vocabulary import (
    ChangeKind,
    InactiveSegment,
    ReportFigure,
    ReportUnit,
    Tier,
)

# ----------------------------------------------------------------------------------
# A number of the report: which it is, what it counts, and what it is made from.


VALUE = (
    "raw_sales.value_incl_cents, ecom_orders.total_cents, raw_sales.is_completed, "
    "raw_sales.business_date, ecom_orders.order_date"
)
ORDERS = "raw_sales.is_order, raw_sales.business_date, ecom_orders.order_date"
CHANNEL = "raw_sales.source, ecom_reconciliation.sale_ids"
FIRST = "customer_analytics.first_order_date"

_CENTS, _PEOPLE = ReportUnit.CENTS, ReportUnit.PEOPLE
MADE_FROM: Mapping[ReportFigure, tuple[ReportUnit, str]] = MappingProxyType(
    {
        ReportFigure.REVENUE: (_CENTS, f"{VALUE}, {FIRST}"),
        ReportFigure.BUYERS: (_PEOPLE, f"{ORDERS}, {FIRST}"),
        ReportFigure.CHANNEL_REVENUE: (_CENTS, f"{VALUE}, {CHANNEL}"),
        ReportFigure.CHANNEL_ORDERS: (ReportUnit.ORDERS, f"{ORDERS}, {CHANNEL}"),
        ReportFigure.SECOND_PURCHASE: (_PEOPLE, f"{ORDERS}, {FIRST}"),
        ReportFigure.RETENTION: (_PEOPLE, f"{ORDERS}, {FIRST}"),
        ReportFigure.TIERS: (_PEOPLE, "customer_analytics.tier"),
        ReportFigure.TIER_MOVES: (_PEOPLE, "customer_analytics.tier"),
        ReportFigure.SEGMENTS: (_PEOPLE, "customer_analytics.inactive_segment"),
        ReportFigure.SEGMENT_MOVES: (_PEOPLE, "customer_analytics.inactive_segment"),
        ReportFigure.LIFETIME_VALUE: (
            _CENTS,
            "customer_analytics.lifetime_value_cents",
        ),
        ReportFigure.LIFETIME_PEOPLE: (
            _PEOPLE,
            "customer_analytics.lifetime_value_cents, customer_analytics.order_count",
        ),
        ReportFigure.WEB_ORDERS: (ReportUnit.ORDERS, "ecom_reconciliation.category"),
        ReportFigure.CHANGES: (
            ReportUnit.CHANGES,
            "customer_changes.change, customer_changes.cause",
        ),
    }
)
"""What the numbers of a figure count and are made from, where all do the same."""


class Row(NamedTuple):
    """One number of the report."""

    figure: ReportFigure
    label: str
    series: str
    amount: int
    unit: ReportUnit
    made_from: str


def row(figure: ReportFigure, label: str, series: str, amount: SupportsInt) -> Row:
    """Return a number of a figure whose numbers are all made from the same."""
    unit, made_from = MADE_FROM[figure]
    return Row(figure, label, series, int(amount), unit, made_from)


def tabulate(rows: Iterable[Row], as_of: date) -> pd.DataFrame:
    """Return ``CustomerReport``: the numbers in the order of the report."""
    frame = pd.DataFrame([*rows], columns=list(Row._fields))
    frame.insert(0, "as_of", pd.Timestamp(as_of).as_unit("us"))
    order = list(ReportFigure)
    place = frame["figure"].map({figure: n for n, figure in enumerate(order)})
    ordered = frame.iloc[place.argsort(kind="stable")].reset_index(drop=True)
    return ordered[list(CustomerReport.to_schema().columns)]


def rows_of(report: pd.DataFrame, figure: ReportFigure) -> list[Row]:
    """Return the numbers of one figure of ``CustomerReport``."""
    rows = report.loc[report["figure"] == figure, list(Row._fields)]
    return [Row(*each) for each in rows.itertuples(index=False, name=None)]


# ----------------------------------------------------------------------------------
# What the report asks of the purchases: months, channels, cohorts, second orders.
#
# Each is one Ibis expression over what the purchases of each day come to
# (:func:`domain.order_days.add_up_days`) and the day of each person's first order. A
# month is a number, year × 12 + month - 1, so that months can be subtracted in any
# engine.


NEW = "new"
RETURNING = "returning"
UNATTRIBUTED = "unattributed"

SECOND_WITHIN_DAYS = 90
"""Within how many days of the first order a second one counts as a return."""

FIRST_ORDER = {"customer_id": "string", "first_order_date": "timestamp"}
"""What is asked of ``customer_analytics``."""


def month_of(day: date) -> int:
    """Return the month of *day* as a number."""
    return day.year * 12 + day.month - 1


def name_month(month: int) -> str:
    """Return a month's number as people write it: ``2026-10``."""
    return f"{month // 12}-{month % 12 + 1:02d}"


def join_first_orders(purchases: ir.Table, firsts: ir.Table) -> ir.Table:
    """Add to each day its month, and how long after its person's first order it is.

    Columns ``month``, ``cohort`` (the month of the first order), ``days_since_first``.

    Args:
        purchases: ``person_id, day`` and others: single ones, or the sums of days.
        firsts: the columns ``FIRST_ORDER`` of ``customer_analytics``.
    """
    known = firsts.filter(firsts["first_order_date"].notnull())
    joined = purchases.left_join(known, purchases["person_id"] == known["customer_id"])
    days = joined["day"].epoch_seconds() - joined["first_order_date"].epoch_seconds()
    return joined.select(
        *purchases.columns,
        month=_month(joined["day"]),
        cohort=_month(joined["first_order_date"]),
        days_since_first=(days / 86_400).cast("int64"),
    )


def _month(day: Any) -> Any:
    return (day.year() * 12 + day.month() - 1).cast("int64")


def add_up_months(joined: ir.Table) -> ir.Table:
    """Return value and orders of each month, by whose they are and where they were.

    One row a ``month``, ``standing`` and ``is_ecom``: ``value_cents``, ``orders``.  A
    purchase is of a new customer in the month of the first order, else of a returning
    one; sales with no known customer are unattributed.
    """
    standing = ibis.cases(
        (joined["person_id"].isnull(), UNATTRIBUTED),
        (joined["month"] == joined["cohort"], NEW),
        else_=RETURNING,
    )
    return (
        joined.mutate(standing=standing)
        .group_by("month", "standing", "is_ecom")
        .aggregate(
            value_cents=joined["value_cents"].sum().cast("int64"),
            orders=joined["orders"].sum().cast("int64"),
        )
    )


def count_cohorts(joined: ir.Table) -> ir.Table:
    """Return how many people of each cohort ordered in each month after it.

    One row a ``cohort`` (the month of the first order) and ``month``: ``people``.
    """
    orders = joined.filter(joined["orders"] > 0, joined["cohort"].notnull())
    return orders.group_by("cohort", "month").aggregate(
        people=orders["person_id"].nunique()
    )


def count_second_orders(joined: ir.Table) -> ir.Table:
    """Return of each cohort how many ordered again: soon, later, or not so far.

    One row a ``cohort``: ``again`` (a second order within ``SECOND_WITHIN_DAYS`` of
    the first), ``later``, ``once``.  Two orders on the first day are a second order.
    """
    orders = joined.filter(joined["orders"] > 0, joined["cohort"].notnull())
    soon = orders["days_since_first"] <= SECOND_WITHIN_DAYS
    people = orders.group_by("person_id", "cohort").aggregate(
        orders=orders["orders"].sum(), soon=orders["orders"].sum(where=soon)
    )
    again = people["soon"] > 1
    return people.group_by("cohort").aggregate(
        again=again.sum().cast("int64"),
        later=(~again & (people["orders"] > 1)).sum().cast("int64"),
        once=(people["orders"] == 1).sum().cast("int64"),
    )


def add_up_recent_days(purchases: ir.Table, as_of: date) -> ir.Table:
    """Return one row: value and orders of the day, of 30 days, of the 30 before.

    Columns ``day_cents``, ``day_orders``, ``last_cents``, ``last_orders``,
    ``before_cents``, ``before_orders``, and the latest day of all as ``latest``.
    """
    day = purchases["day"]
    start, middle = (_midnight(as_of - timedelta(days=days)) for days in (60, 30))
    spans = {
        "day": day == _midnight(as_of),
        "last": day > middle,
        "before": (day > start) & (day <= middle),
    }
    return purchases.aggregate(
        **{
            f"{name}_cents": purchases["value_cents"].sum(where=within).cast("int64")
            for name, within in spans.items()
        },
        **{
            f"{name}_orders": purchases["orders"].sum(where=within).cast("int64")
            for name, within in spans.items()
        },
        latest=day.max(),
    )


def _midnight(day: date) -> Any:
    return ibis.timestamp(day.isoformat())


def month_before(day: date) -> date:
    """Return the same day a month earlier, or the last one of a shorter month."""
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=min(day.day, last.day))


# ----------------------------------------------------------------------------------
# What the report says about people: tiers, segments, how they moved, lifetime value.


NOW = "now"
A_MONTH_AGO = "a month ago"
NOT_YET = "not yet here"
"""Where a person was before the first purchase made one of an e-mail."""

NO_ORDER = "no order"
NOTHING_LEFT = "0 or less"
_CLASSES = (50, 100, 250, 500, 1000, 2500, 5000)
"""Where classes of lifetime value begin, in shop currency, and the thresholds."""

_LADDERS = (
    ("tier", list(Tier), ReportFigure.TIERS, ReportFigure.TIER_MOVES),
    (
        "inactive_segment",
        list(InactiveSegment),
        ReportFigure.SEGMENTS,
        ReportFigure.SEGMENT_MOVES,
    ),
)


def count_standings(now: pd.DataFrame, then: pd.DataFrame) -> list[Row]:
    """Count people by tier and by segment, now and a month ago, and who moved where.

    Args:
        now: ``customer_analytics`` as of the day.
        then: the same people's ``customer_id, tier, inactive_segment`` a month before.
    """
    rows: list[Row] = []
    before = then.set_index("customer_id")
    for column, words, counts, moves in _LADDERS:
        was = now["customer_id"].map(before[column]).fillna(NOT_YET)
        for word in words:
            rows.append(row(counts, word, A_MONTH_AGO, (was == word).sum()))
            rows.append(row(counts, word, NOW, (now[column] == word).sum()))
        moved = pd.crosstab(was, now[column])
        rows += [
            row(moves, start, end, moved.loc[start, end])
            for start in [NOT_YET, *words]
            for end in words
            if start in moved.index and end in moved.columns and moved.loc[start, end]
        ]
    return rows


def divide_lifetime_values(analytics: pd.DataFrame, policy: Policy) -> list[Row]:
    """Divide people with an order into classes of lifetime value, from low to high."""
    buyers = analytics[analytics["order_count"] > 0]
    cents = buyers["lifetime_value_cents"]
    rows = [
        row(
            ReportFigure.LIFETIME_PEOPLE,
            NO_ORDER,
            "people",
            len(analytics) - len(buyers),
        )
    ]
    for label, within in _classes(cents, policy).items():
        amount = cents[within].sum()
        rows.append(row(ReportFigure.LIFETIME_PEOPLE, label, "people", within.sum()))
        rows.append(row(ReportFigure.LIFETIME_VALUE, label, "value", amount))
    return rows


def _classes(cents: "pd.Series[int]", policy: Policy) -> dict[str, "pd.Series[bool]"]:
    """Return who is in which class; each is from its lower bound to below the next."""
    bounds = sorted(
        {100 * start for start in _CLASSES}
        | {cents_from(policy.high_value_from), cents_from(policy.vip_from)}
    )
    classes = {NOTHING_LEFT: cents <= 0, f"below {_name(bounds[0])}": cents > 0}
    classes[f"below {_name(bounds[0])}"] &= cents < bounds[0]
    for start, end in pairwise(bounds):
        classes[f"{_name(start)} to {_name(end)}"] = (cents >= start) & (cents < end)
    classes[f"{_name(bounds[-1])} or more"] = cents >= bounds[-1]
    return classes


def _name(cents: int) -> str:
    whole, rest = divmod(cents, 100)
    return f"{whole:,}.{rest:02d}" if rest else f"{whole:,}"


# ----------------------------------------------------------------------------------
# The report's numbers put together.


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
    """What the engine and the stored tables say, before it becomes the report.

    Attributes:
        analytics: ``customer_analytics`` of the day.
        then: the same people's tier and segment a month before.
        months: what ``report_purchases.add_up_months`` returns.
        cohorts: what ``count_cohorts`` returns.
        second: what ``count_second_orders`` returns.
        recent: the row of ``add_up_recent_days``.
        changes: ``customer_changes`` of the day.
        sides: both sides of the conservation law: value and orders of people, of
            unattributed, of sales and of added web orders.
        web_orders: how many orders of the web shop are in each category, where they
            were compared with the sales of this day.
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


def report_figures(measured: Measured, policy: Policy, as_of: date) -> pd.DataFrame:
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
        "gift_cards": ("raw_sales.value_incl_cents", ORDERS),
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


# ----------------------------------------------------------------------------------
# Whether the report is right: every list of it, held against the stored figures.


def check_report(
    report: pd.DataFrame, analytics: pd.DataFrame, sides: Mapping[str, int]
) -> CheckResult:
    """Check that every list of the report adds up to what is stored.

    Args:
        report: ``CustomerReport`` of one day.
        analytics: ``customer_analytics`` of that day.
        sides: both sides of the conservation law, added up again.
    """
    pairs = _pairs(report, analytics, sides)
    wrong = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    text = "; ".join(
        f"{name} {here} ≠ {there}" for name, (here, there) in wrong.items()
    )
    return CheckResult(
        "figures_add_up",
        not wrong,
        f"The report does not add up to the stored figures: {text}."
        if wrong
        else "Every list of the report adds up to the stored figures.",
        evidence={
            key: number
            for name, (here, there) in pairs.items()
            for key, number in (
                (f"{name}, reported", here),
                (f"{name}, stored", there),
            )
        },
    )


def _pairs(
    report: pd.DataFrame, analytics: pd.DataFrame, sides: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """Return each sum twice: as the report has it, and as it is stored."""
    is_now = report["series"] == NOW

    def total(*figures: ReportFigure) -> int:
        return int(report.loc[report["figure"].isin(figures), "amount"].sum())

    def total_of(within: "pd.Series[bool]", figure: ReportFigure) -> int:
        chosen = within & (report["figure"] == figure)
        return int(report.loc[chosen, "amount"].sum())

    people = len(analytics)
    value = int(analytics["lifetime_value_cents"].sum()) + sides["unattributed_cents"]
    orders = int(analytics["order_count"].sum()) + sides["unattributed_orders"]
    buyers = int((analytics["order_count"] > 0).sum())
    once = int((analytics["order_count"] == 1).sum())
    return {
        "value by month": (total(ReportFigure.REVENUE), value),
        "value by channel": (total(ReportFigure.CHANNEL_REVENUE), value),
        "orders by channel": (total(ReportFigure.CHANNEL_ORDERS), orders),
        "sales and web orders": (
            sides["sales_cents"]
            + sides["web_orders_cents"]
            - sides["gift_cards_cents"],
            value,
        ),
        "people who ordered": (total(ReportFigure.SECOND_PURCHASE), buyers),
        "first-time buyers": (
            total_of(report["series"] == ONCE, ReportFigure.SECOND_PURCHASE),
            once,
        ),
        "people by tier": (total_of(is_now, ReportFigure.TIERS), people),
        "people by segment": (total_of(is_now, ReportFigure.SEGMENTS), people),
        "moves between tiers": (total(ReportFigure.TIER_MOVES), people),
        "moves between segments": (total(ReportFigure.SEGMENT_MOVES), people),
        "people by value": (total(ReportFigure.LIFETIME_PEOPLE), people),
    }


# ----------------------------------------------------------------------------------
# The changes that the report lists: the largest ones, and no e-mail in them.


MOST_LISTED = 20

_WEB_PERSON = re.compile(r"ecom-[0-9a-f]{16}")
_ORDER = {
    kind.value: place
    for place, kind in enumerate(
        (
            ChangeKind.GONE,
            ChangeKind.MERGED,
            ChangeKind.SPLIT,
            ChangeKind.TIER,
            ChangeKind.VALUE,
            ChangeKind.NEW,
            ChangeKind.SEGMENT,
            ChangeKind.GROUP,
        )
    )
}


def list_largest_changes(changes: pd.DataFrame) -> list[dict[str, str]]:
    """Return the changes that matter most, as the page shows them.

    People who are gone or one now come first, then tiers, then money by its size.  The
    id of a web-shop buyer is made from an e-mail, so it is not named.

    Args:
        changes: ``customer_changes`` of one day.
    """
    ranked = changes.assign(
        kind_place=changes["change"].map(_ORDER),
        size=-changes["lifetime_value_change_cents"].abs(),
    ).sort_values(["kind_place", "size", "customer_id"], kind="stable")
    return [_describe(each) for each in ranked.head(MOST_LISTED).to_dict("records")]


def _describe(change: Mapping[Hashable, Any]) -> dict[str, str]:
    """Return one change in words."""
    value = int(change["lifetime_value_change_cents"])
    day = change["cause_date"]
    return {
        "person": _nameless(change["customer_id"]),
        "change": str(change["change"]),
        "before": _nameless(change["before"]),
        "after": _nameless(change["after"]),
        "value": f"{'+' if value > 0 else ''}{format_cents(value)}" if value else "",
        "cause": str(change["cause"]),
        "by": _nameless(change["cause_id"]),
        "day": "" if pd.isna(day) else str(day)[:10],
    }


def _nameless(text: object) -> str:
    """Return *text* without what is made from an e-mail."""
    if not isinstance(text, str):
        return ""
    return _WEB_PERSON.sub("a web-shop buyer", text)
