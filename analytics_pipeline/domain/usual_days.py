"""What a business day was like, in a few numbers that days are compared by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

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

_WEB_SOURCE = "ecw:"


@dataclass(frozen=True, slots=True)
class DayProfile:
    """One day's sales in numbers.

    Attributes:
        orders: orders of the whole shop (rule 2.3).
        outlet_orders: those of each outlet that is known by id.
        priced_orders: orders whose total with tax is more than nothing.
        median_cents: the middle total of those, the lower of two middle ones.
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
    told: dict[Any, dict[str, Any]] = {
        day: {} for day in rows["business_date"].unique()
    }
    for name, values in counted.items():
        for day, value in values.items():
            told[day][name] = value if isinstance(value, dict) else int(value)
    return {pd.Timestamp(day).date(): DayProfile(**each) for day, each in told.items()}


def _count(rows: pd.DataFrame) -> "pd.Series[int]":
    return rows.groupby("business_date").size()


def _count_by(rows: pd.DataFrame, column: str) -> dict[Any, dict[Any, int]]:
    """Count the rows of each day by what stands in *column*, where it is filled."""
    groups = rows.groupby(["business_date", column]).size().reset_index(name="count")
    counts: dict[Any, dict[Any, int]] = {}
    for day, value, count in groups.itertuples(index=False, name=None):
        counts.setdefault(day, {})[value] = int(count)
    return counts


def _with_hours(sales: pd.DataFrame) -> pd.DataFrame:
    """Return the sales made at a till with the hour that its clock showed."""
    is_web = sales["source"].str.startswith(_WEB_SOURCE).fillna(False).astype("bool")
    till = sales[~is_web]
    hour = pd.Series(0, index=till.index, dtype="int64")
    for zone in till["time_zone"].unique():
        here = till["time_zone"] == zone
        hour[here] = till["sale_date"][here].dt.tz_convert(ZoneInfo(zone)).dt.hour
    return till.assign(hour=hour)
