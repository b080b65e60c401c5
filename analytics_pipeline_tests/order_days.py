"""The order days of people, handed to the functions of the product.

They are a frame of ``person_id`` and ``day``: a row an order day of a person.
"""

from datetime import date, timedelta
from functools import cache
from typing import Any

import ibis
import pandas as pd

from analytics_pipeline.domain.cohorts import (
    add_up_cohorts,
    find_second_days,
    list_buyers,
    measure_cohorts,
    measure_repurchase,
    name_months,
)
from analytics_pipeline.domain.report import FIRST_ORDER, join_first_orders
from analytics_pipeline.domain.rhythm import (
    CameBack,
    add_open_spells,
    count_came_back,
    estimate_survival,
)
from analytics_pipeline.engine.duckdb import columns_to_ibis

PURCHASE = {
    "person_id": "string",
    "outlet_id": "string",
    "day": "timestamp",
    "orders": "int64",
    "value_cents": "int64",
}


@cache
def engine() -> Any:
    return ibis.duckdb.connect(threads=1)


def days_of(purchases: pd.DataFrame) -> Any:
    """Hand over what belongs to a person; what is left out is plain."""
    plain = {"outlet_id": None, "orders": 1, "value_cents": 0}
    known = {name: value for name, value in plain.items() if name not in purchases}
    owned = purchases[purchases["person_id"].notna()]
    return columns_to_ibis(owned.assign(**known), PURCHASE)


# Rhythm ----------------------------------------------------------------------------


def last_days(days: pd.DataFrame, until: date) -> "pd.Series[Any]":
    """Return the last order day of each person up to a day."""
    known = days[days["day"] <= pd.Timestamp(until)]
    return known.groupby("person_id")["day"].max()


def survival_of(days: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Return how long the spells between order days up to D last."""
    known = days[days["day"] <= pd.Timestamp(as_of)].sort_values(["person_id", "day"])
    since = (pd.Timestamp(as_of) - last_days(known, as_of)).dt.days
    # The engine counts these too; to ask it takes ten times as long.
    lengths = known.groupby("person_id")["day"].diff().dt.days
    counts = lengths[lengths > 0].astype("int64").value_counts()
    gaps = pd.DataFrame({"days": counts.index, "returned": counts.to_numpy()})
    return estimate_survival(add_open_spells(gaps, since))


def came_back(
    days: pd.DataFrame, as_of: date, lapse_days: int, horizon_days: int
) -> CameBack:
    """Count who had passed the lapse point *horizon_days* before, and came back."""
    then = as_of - timedelta(days=horizon_days)
    last = last_days(days, as_of)
    before = last_days(days, then).reindex(last.index)
    return count_came_back(before, last, then, lapse_days)


# Cohorts ---------------------------------------------------------------------------


def first_orders(purchases: pd.DataFrame) -> pd.DataFrame:
    """Return who ordered first when, as ``CustomerAnalytics`` has it."""
    orders = purchases if "orders" not in purchases else purchases.query("orders > 0")
    firsts = orders.groupby("person_id")["day"].min().reset_index()
    return firsts.set_axis(list(FIRST_ORDER), axis=1).astype({"customer_id": "str"})


def cohorts_of(purchases: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Return the cohorts of purchases up to D."""
    found = engine().to_pandas(add_up_cohorts(_joined(purchases)))
    return measure_cohorts(name_months(found), as_of)


def buyers_of(purchases: pd.DataFrame) -> pd.DataFrame:
    """Return each person's first and second order day."""
    found = engine().to_pandas(find_second_days(_joined(purchases)))
    return list_buyers(first_orders(purchases), found)


def repurchase_of(purchases: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Return which share of each cohort ordered again, and how soon."""
    return measure_repurchase(buyers_of(purchases), as_of)


def _joined(purchases: pd.DataFrame) -> Any:
    firsts = columns_to_ibis(first_orders(purchases), FIRST_ORDER)
    return join_first_orders(days_of(purchases), firsts)
