"""Purchases: whose a sale is, and what each one adds to a person's figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from analytics_pipeline.domain.analytics import ROLLING_DAYS
from analytics_pipeline.domain.web_orders import counts_unsynced
from analytics_pipeline.model.ids import is_among
from analytics_pipeline.model.policy import MoneyBasis, Policy

# ----------------------------------------------------------------------------------
# Whose a sale is when its own customer does not say (rules 3.1, 4.4, 4.5).
#
# Small tables: web-shop orders, and the sales tied to them or returned.


@dataclass(frozen=True, slots=True)
class WebOrders:
    """The web shop's orders, divided into those that are sales and those that add.

    ``sale_orders``: one row a sale tied to an order (``sale_id, person_id``); the
    person is missing if the order's e-mail says nothing.  ``added_orders``: one row
    an unsynced order that counts (``order_number, person_id, order_date,
    value_cents``).
    """

    sale_orders: pd.DataFrame
    added_orders: pd.DataFrame


def divide_orders(
    ecom_orders: pd.DataFrame,
    synced: pd.DataFrame,
    customer_identities: pd.DataFrame,
    policy: Policy,
    as_of: pd.Timestamp,
) -> WebOrders:
    """Divide the orders dated up to *as_of*: *synced* are those with a sale each."""
    orders = ecom_orders[ecom_orders["order_date"] <= as_of]
    is_buyer = is_among(customer_identities["record_id"], orders["ecom_customer_id"])
    people = customer_identities[is_buyer].set_index("record_id")["person_id"]
    orders = orders.assign(person_id=orders["ecom_customer_id"].map(people))
    sale_orders = synced.merge(
        orders[["order_number", "person_id"]], on="order_number", validate="m:1"
    )[["sale_id", "person_id"]]
    lacking = ~is_among(orders["order_number"], synced["order_number"])
    added = orders[lacking & counts_unsynced(orders)]
    value = added["total_cents"]
    if policy.money_basis is MoneyBasis.EXCL_TAX:
        value = value - added["tax_cents"]
    columns = ["order_number", "person_id", "order_date", "value_cents"]
    return WebOrders(sale_orders, added.assign(value_cents=value)[columns])


def follow_returns(
    returns: pd.DataFrame,
    originals: pd.DataFrame,
    walk_in_ids: set[str],
    customer_identities: pd.DataFrame,
    sale_orders: pd.DataFrame,
) -> pd.DataFrame:
    """Return the person of each sale that has none of its own (rule 3.1, 4.5).

    Args:
        returns: every sale with ``return_for``: ``sale_id, customer_id, return_for``.
        originals: the sales that those name: ``sale_id, customer_id``.
        walk_in_ids: the ids of the walk-in customer.
        customer_identities: the person of each record.
        sale_orders: the sales tied to a web order, and its person.

    Returns:
        ``sale_id, person_id`` for the sales without customer, or under the walk-in,
        that belong to the person of their web order or of the sale they return.
    """
    # Plain dictionaries: a frame is asked once for many, not once for each of many.
    by_order = _pair(sale_orders.dropna(subset=["person_id"]), "sale_id", "person_id")
    customer_of = _pair(originals, "sale_id", "customer_id")
    customer_of |= _pair(returns, "sale_id", "customer_id")
    original_of = _pair(returns, "sale_id", "return_for")
    is_named = is_among(customer_identities["record_id"], set(customer_of.values()))
    by_record = _pair(customer_identities[is_named], "record_id", "person_id")
    found = dict(by_order)
    for sale_id in original_of:
        sale = _first_with_a_person(
            sale_id, original_of, customer_of, walk_in_ids, by_order
        )
        if sale is not None:
            customer = customer_of[sale]
            if _has_no_customer(customer, walk_in_ids):
                found[sale_id] = by_order[sale]
            else:
                found[sale_id] = by_record.get(customer)
    people = pd.DataFrame(found.items(), columns=["sale_id", "person_id"])
    return people.dropna().astype("str").sort_values("sale_id", ignore_index=True)


def _pair(table: pd.DataFrame, one: str, other: str) -> dict[str, Any]:
    return dict(zip(table[one].tolist(), table[other].tolist(), strict=True))


def name_people(
    sales: pd.DataFrame,
    sale_people: pd.DataFrame,
    walk_in_ids: set[str],
    customer_identities: pd.DataFrame,
) -> pd.DataFrame:
    """Return *sales* with ``person_id``: of their own customer, else as tied.

    Args:
        sales: ``sale_id, customer_id`` and whatever else.
        sale_people: what :func:`follow_returns` found.
        walk_in_ids: the ids of the walk-in customer.
        customer_identities: the person of each record.
    """
    by_record = customer_identities.set_index("record_id")["person_id"]
    by_sale = sale_people.set_index("sale_id")["person_id"]
    own = sales["customer_id"]
    without_customer = own.isna() | is_among(own, walk_in_ids)
    person = own.map(by_record).mask(without_customer, sales["sale_id"].map(by_sale))
    return sales.assign(person_id=person)


def _first_with_a_person(
    sale_id: str,
    original_of: Mapping[str, str],
    customer_of: Mapping[str, Any],
    walk_in_ids: set[str],
    by_order: Mapping[str, Any],
) -> str | None:
    """Follow a return from sale to sale, to one that a person is known for."""
    seen: set[str] = set()
    step: str | None = sale_id
    while step is not None and step not in seen and step in customer_of:
        if step in by_order or not _has_no_customer(customer_of[step], walk_in_ids):
            return step
        seen.add(step)
        step = original_of.get(step)
    return None


def _has_no_customer(customer_id: Any, walk_in_ids: set[str]) -> bool:
    """Say whether a sale's customer is missing or the walk-in."""
    return bool(pd.isna(customer_id)) or customer_id in walk_in_ids


# ----------------------------------------------------------------------------------
# What each sale or web order adds to a person's figures, on two days side by side.
#
# The smallest unit of the difference between two masters: one person, one sale or
# order.


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
    """Return what identifies each purchase."""
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
    values = ["source_id", "is_web_order", "bought_on"]
    figures = [f"{figure}_{side}" for figure in FIGURES for side in ("before", "after")]
    days = ["bought_on_before", "bought_on_after"]
    compared = both.assign(
        was_there=both["source_id_before"].notna(),
        is_there=both["source_id_after"].notna(),
        **{
            name: both[f"{name}_after"].fillna(both[f"{name}_before"])
            for name in values
        },
        **{name: both[name].astype("Int64") for name in figures},
        **{change: _difference(both, figure) for change, figure in MEASURES.items()},
        only_window=_only_window(both),
    )
    columns = ["person_id", "key", *values, *days, "was_there", "is_there"]
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
