"""Whose a sale is when its own customer does not say (rules 3.1, 4.4, 4.5).

Small tables: web-shop orders, and the sales tied to them or returned.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from analytics_pipeline.domain.membership import is_among
from analytics_pipeline.domain.order_matching import counts_unsynced
from analytics_pipeline.domain.policy import MoneyBasis, Policy


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
    matches: pd.DataFrame,
    customer_identities: pd.DataFrame,
    policy: Policy,
    as_of: pd.Timestamp,
) -> WebOrders:
    """Divide the orders dated up to *as_of* by their *matches* to sales."""
    people = customer_identities.set_index("record_id")["person_id"]
    orders = ecom_orders[ecom_orders["order_date"] <= as_of]
    orders = orders.assign(person_id=orders["ecom_customer_id"].map(people))
    synced = matches.dropna(subset=["sale_id"])
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
    nobody: set[str],
    customer_identities: pd.DataFrame,
    sale_orders: pd.DataFrame,
) -> pd.DataFrame:
    """Return the person of each sale that has none of its own (rule 3.1, 4.5).

    Args:
        returns: every sale with ``return_for``: ``sale_id, customer_id, return_for``.
        originals: the sales that those name: ``sale_id, customer_id``.
        nobody: the ids of the walk-in customer.
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
        seen: set[str | None] = {None}
        step: str | None = sale_id
        while step not in seen and step in customer_of:
            if not _is_nobody(customer_of[step], nobody):
                found[sale_id] = by_record.get(customer_of[step])
                break
            if step in by_order:
                found[sale_id] = by_order[step]
                break
            seen.add(step)
            step = original_of.get(step)
    people = pd.DataFrame(found.items(), columns=["sale_id", "person_id"])
    return people.dropna().astype("str").sort_values("sale_id", ignore_index=True)


def _pair(table: pd.DataFrame, one: str, other: str) -> dict[str, Any]:
    return dict(zip(table[one].tolist(), table[other].tolist(), strict=True))


def name_people(
    sales: pd.DataFrame,
    sale_people: pd.DataFrame,
    nobody: set[str],
    customer_identities: pd.DataFrame,
) -> pd.DataFrame:
    """Return *sales* with ``person_id``: of their own customer, else as tied.

    Args:
        sales: ``sale_id, customer_id`` and whatever else.
        sale_people: what :func:`follow_returns` found.
        nobody: the ids of the walk-in customer.
        customer_identities: the person of each record.
    """
    by_record = customer_identities.set_index("record_id")["person_id"]
    by_sale = sale_people.set_index("sale_id")["person_id"]
    own = sales["customer_id"]
    under_nobody = own.isna() | is_among(own, nobody)
    person = own.map(by_record).mask(under_nobody, sales["sale_id"].map(by_sale))
    return sales.assign(person_id=person)


def _is_nobody(customer_id: Any, nobody: set[str]) -> bool:
    """Say whether a sale's customer is missing or the walk-in."""
    return bool(pd.isna(customer_id)) or customer_id in nobody
