"""Purchases: whose a sale is, and what each one adds to a person's figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from analytics_pipeline.domain.analytics import ROLLING_DAYS
from analytics_pipeline.domain.web_orders import counts_unsynced
from analytics_pipeline.model.ids import is_among, look_up
from analytics_pipeline.model.money import share_of
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
    value_cents``), with what the web shop gave back of it (``refund_date`` or none,
    ``refunded_cents``).
    """

    sale_orders: pd.DataFrame
    added_orders: pd.DataFrame


ADDED = [
    *("order_number", "person_id", "order_date", "value_cents"),
    *("refund_date", "refunded_cents"),
]
"""The columns of :attr:`WebOrders.added_orders`."""


def divide_orders(
    ecom_orders: pd.DataFrame,
    matches: pd.DataFrame,
    customer_identities: pd.DataFrame,
    policy: Policy,
    as_of: pd.Timestamp,
) -> WebOrders:
    """Divide the orders dated up to *as_of* by their *matches* to sales."""
    synced = matches.dropna(subset=["sale_id"])
    orders = ecom_orders[ecom_orders["order_date"] <= as_of]
    person = look_up(
        orders["ecom_customer_id"],
        customer_identities["record_id"],
        customer_identities["person_id"],
    )
    orders = orders.assign(person_id=person)
    buyer = look_up(synced["order_number"], orders["order_number"], person)
    sale_orders = synced[["sale_id"]].assign(person_id=buyer)
    lacking = ~is_among(orders["order_number"], synced["order_number"])
    added = orders[lacking & counts_unsynced(orders)]
    value, refunded = added["total_cents"], added["refunded_cents"]
    if policy.money_basis is MoneyBasis.EXCL_TAX:
        value = value - added["tax_cents"]
        refunded = _without_tax(refunded, value, added["total_cents"])
    # Without a date of its own, a refund is as old as its order.
    day = added["refund_date"].fillna(added["order_date"]).mask(refunded == 0)
    is_given_back = day <= as_of
    added = added.assign(
        value_cents=value,
        refund_date=day.where(is_given_back),
        refunded_cents=refunded.where(is_given_back, 0),
    )
    return WebOrders(sale_orders, added[ADDED])


def _without_tax(
    refunded: "pd.Series[int]", value: "pd.Series[int]", total: "pd.Series[int]"
) -> "pd.Series[int]":
    """Return the cents of each refund that are no tax: the order's own share."""
    parts = map(share_of, refunded, value, total)
    return pd.Series(list(parts), refunded.index, dtype="int64")


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
    by_order = sale_orders.dropna(subset=["person_id"])
    customers = pd.concat([originals, returns[["sale_id", "customer_id"]]])
    customers = customers.drop_duplicates("sale_id")
    is_named = customers["customer_id"].notna()
    is_named &= ~is_among(customers["customer_id"], walk_in_ids)
    person = look_up(
        customers["customer_id"],
        customer_identities["record_id"],
        customer_identities["person_id"],
    )
    named = customers[["sale_id"]].assign(person_id=person)[is_named]
    known = pd.concat([named, by_order[["sale_id", "person_id"]]])
    known = known.drop_duplicates("sale_id")  # its own customer comes first
    # Most returns name such a sale at once; the others name another return.
    rest = returns[~is_among(returns["sale_id"], known["sale_id"])]
    is_direct = is_among(rest["return_for"], known["sale_id"])
    seller = look_up(rest["return_for"], known["sale_id"], known["person_id"])
    direct = rest[["sale_id"]].assign(person_id=seller)[is_direct]
    found = _follow_chains(rest[~is_direct], returns, pd.concat([known, direct]))
    own = named[is_among(named["sale_id"], returns["sale_id"])]
    people = pd.concat([by_order[["sale_id", "person_id"]], own, direct, found])
    return people.dropna().astype("str").sort_values("sale_id", ignore_index=True)


def _follow_chains(
    chained: pd.DataFrame, returns: pd.DataFrame, known: pd.DataFrame
) -> pd.DataFrame:
    """Return the person of returns of returns: that of the first one that has any.

    Args:
        chained: the returns in question.
        returns: every return, to go on from.
        known: ``sale_id, person_id`` of sales that need no following; one whose person
            is missing ends a chain too.
    """
    original_of = _pair(returns, "sale_id", "return_for") if len(chained) else {}
    person_of = _pair(known, "sale_id", "person_id") if len(chained) else {}
    found = []
    for sale_id in chained["sale_id"]:
        seen: set[str] = set()
        step: str | None = sale_id
        while step is not None and step not in seen and step not in person_of:
            seen.add(step)
            step = original_of.get(step)
        found.append(person_of.get(step) if step is not None else None)
    return pd.DataFrame({"sale_id": chained["sale_id"], "person_id": found})


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
    own = sales["customer_id"]
    of_record = look_up(
        own, customer_identities["record_id"], customer_identities["person_id"]
    )
    of_sale = look_up(
        sales["sale_id"], sale_people["sale_id"], sale_people["person_id"]
    )
    without_customer = own.isna() | is_among(own, walk_in_ids)
    return sales.assign(person_id=of_record.mask(without_customer, of_sale))


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
    return pd.DataFrame(
        {
            "person_id": owned["person_id"].astype("str"),
            "key": keys_of(owned),
            "source_id": owned["sale_id"].fillna(owned["order_number"]).astype("str"),
            "is_web_order": owned["sale_id"].isna(),
            "bought_on": owned["day"].astype("datetime64[us]"),
            "lifetime_value_cents": owned["value_cents"],
            "rolling_90_day_value_cents": owned["value_cents"] * is_recent,
            "order_count": owned["orders"],
            "rolling_90_day_order_count": owned["orders"] * is_recent,
            "ecom_order_count": owned["orders"] * owned["is_ecom"],
            "refunded_value_cents": owned["refunded_cents"],
        }
    ).astype(dict.fromkeys(FIGURES, "int64"))


REFUND = "refund of "
"""How the key of a refund begins; the rest is the number of its web order."""


def keys_of(purchases: pd.DataFrame) -> "pd.Series[str]":
    """Return what identifies each purchase, and each refund of a web order."""
    sales = "sale " + purchases["sale_id"].astype("str")
    number = purchases["order_number"].astype("str")
    orders = ("order " + number).where(purchases["orders"] > 0, REFUND + number)
    return sales.fillna(orders)


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
