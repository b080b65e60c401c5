"""What each sale or web order adds to a person's figures, on two days side by side.

The smallest unit of the difference between two masters: one person, one sale or order.
"""

from collections.abc import Mapping
from datetime import date, timedelta

import pandas as pd

from analytics_pipeline.domain.analytics import ROLLING_DAYS

MEASURES: Mapping[str, str] = {
    "lifetime_value_change_cents": "lifetime_value_cents",
    "rolling_90_day_value_change_cents": "rolling_90_day_value_cents",
    "order_count_change": "order_count",
    "rolling_90_day_order_count_change": "rolling_90_day_order_count",
    "ecom_order_count_change": "ecom_order_count",
    "refunded_value_change_cents": "refunded_value_cents",
}
"""Which column of a change is the difference of which figure."""

FIGURES = list(MEASURES.values())

_OUTSIDE_THE_WINDOW = ["lifetime_value_cents", "order_count", "refunded_value_cents"]


def list_contributions(purchases: pd.DataFrame, day: date) -> pd.DataFrame:
    """Return what each purchase adds to the figures of its person as of *day*.

    One row a purchase that belongs to a person: ``person_id, key``, ``source_id`` (the
    sale or order), ``is_web_order``, ``bought_on`` and a column for every figure.

    Args:
        purchases: rows of :func:`analytics_pipeline.domain.analytics.list_purchases`.
        day: the day D.
    """
    owned = purchases[purchases["person_id"].notna()]
    is_recent = owned["day"] > pd.Timestamp(day - timedelta(days=ROLLING_DAYS))
    is_order = owned["is_order"].astype("int64")
    return pd.DataFrame(
        {
            "person_id": owned["person_id"].astype("str"),
            "key": keys_of(owned),
            "source_id": owned["sale_id"].fillna(owned["order_number"]).astype("str"),
            "is_web_order": owned["sale_id"].isna(),
            "bought_on": owned["day"].astype("datetime64[us]"),
            "lifetime_value_cents": owned["value_cents"],
            "rolling_90_day_value_cents": owned["value_cents"] * is_recent,
            "order_count": is_order,
            "rolling_90_day_order_count": is_order * is_recent,
            "ecom_order_count": is_order * owned["is_ecom"],
            "refunded_value_cents": owned["refunded_cents"],
        }
    ).astype(dict.fromkeys(FIGURES, "int64"))


def keys_of(purchases: pd.DataFrame) -> "pd.Series[str]":
    """Return what tells each purchase from all others."""
    sales = "sale " + purchases["sale_id"].astype("str")
    return sales.fillna("order " + purchases["order_number"].astype("str"))


def compare_contributions(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return the purchases that add something else to a person, or another order day.

    One row a person and purchase: ``person_id, key, source_id, is_web_order``,
    ``was_there`` and ``is_there`` (whether it added anything before, and does now),
    ``bought_on``, that day and every figure with ``_before`` and ``_after`` behind its
    name (empty where it was or is not there), ``only_window`` (nothing but its place in
    the rolling window changed) and every column of ``MEASURES``.
    """
    both = before.merge(
        after,
        on=["person_id", "key"],
        # pandas fails on the outer join of two tables without rows.
        how="outer" if len(before) + len(after) else "inner",
        suffixes=("_before", "_after"),
        validate="1:1",
    )
    told = ["source_id", "is_web_order", "bought_on"]
    figures = [f"{figure}_{side}" for figure in FIGURES for side in ("before", "after")]
    days = ["bought_on_before", "bought_on_after"]
    compared = both.assign(
        was_there=both["source_id_before"].notna(),
        is_there=both["source_id_after"].notna(),
        **{name: both[f"{name}_after"].fillna(both[f"{name}_before"]) for name in told},
        **{name: both[name].astype("Int64") for name in figures},
        **{change: _difference(both, figure) for change, figure in MEASURES.items()},
        only_window=_only_window(both),
    )
    columns = ["person_id", "key", *told, *days, "was_there", "is_there"]
    columns += ["only_window", *figures, *MEASURES]
    changed = (compared[list(MEASURES)] != 0).any(axis="columns") | _moved_order(both)
    return compared.loc[changed, columns].sort_values(
        ["person_id", "key"], ignore_index=True
    )


def _difference(both: pd.DataFrame, figure: str) -> "pd.Series[int]":
    after, before = (
        both[f"{figure}_{side}"].fillna(0).astype("int64")
        for side in ("after", "before")
    )
    return after - before


def _moved_order(both: pd.DataFrame) -> "pd.Series[bool]":
    """Say where an order has another day: it adds the same, but may set the segment."""
    moved = both["bought_on_before"] != both["bought_on_after"]
    return moved & both["order_count_before"].eq(1) & both["order_count_after"].eq(1)


def _only_window(both: pd.DataFrame) -> "pd.Series[bool]":
    """Say where a purchase is what it was, and only the window moved on."""
    same = both["bought_on_before"] == both["bought_on_after"]
    for figure in [*_OUTSIDE_THE_WINDOW, "ecom_order_count"]:
        same &= both[f"{figure}_before"] == both[f"{figure}_after"]
    return same
