"""Orders that the web shop gave back while their sale still counts (rule 4.4).

The sale stays the money truth; which of the two is right only the shop can say.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analytics_pipeline.domain.findings import Finding, Severity, name_some
from analytics_pipeline.domain.membership import is_among
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.domain.order_matching import UNDONE_CODES
from analytics_pipeline.domain.sale_reasons import said
from analytics_pipeline.domain.wording import say

CHECK = "refunds_reach_the_tills"

GIVEN_BACK_CODES = ("REFUNDED", "CANCELLED")
"""Payment codes of an order whose money the web shop gave back or never took.

``PARTIALLY_REFUNDED`` is not among them: such an order is paid (rule 4.4), and the
export does not tell which part came back."""

SETTLED_WITHIN = 1
"""Cents that may be left of a sale whose returns took everything back: rounding."""


def given_back(ecom_orders: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which orders the web shop refunded, cancelled or marked returned."""
    return is_among(ecom_orders["payment_status"], GIVEN_BACK_CODES) | is_among(
        ecom_orders["fulfillment_status"], UNDONE_CODES
    )


def find_unsettled(orders_of_sales: pd.DataFrame, sales: pd.DataFrame) -> pd.DataFrame:
    """Return the orders whose sales still count, and what is left of these.

    An order is settled once the shop decided at the till as well: none of its sales
    counts, or what was returned on them took all of it back.

    Args:
        orders_of_sales: ``order_number, sale_id`` of orders that were given back; the
            returns of their sales are among the sales.
        sales: of these sales ``sale_id, return_for, is_completed, total_incl_cents``.

    Returns:
        ``order_number`` and ``left_cents``, which is 0 for a free order.
    """
    pairs = orders_of_sales.drop_duplicates(["order_number", "sale_id"])
    counted = pairs.merge(sales[sales["is_completed"]], on="sale_id")
    summed = (
        counted.assign(is_return=counted["return_for"].fillna("") != "")
        .groupby("order_number", as_index=False)
        .agg(left_cents=("total_incl_cents", "sum"), has_return=("is_return", "any"))
    )
    is_settled = summed["has_return"] & (summed["left_cents"] <= SETTLED_WITHIN)
    unsettled = summed.loc[~is_settled.astype("bool"), ["order_number", "left_cents"]]
    return unsettled.reset_index(drop=True)


def judge_refunds(unsettled: pd.DataFrame) -> Finding:
    """Report the orders that :func:`find_unsettled` found, with count and sum."""
    orders = unsettled["order_number"].tolist()
    cents = int(unsettled["left_cents"].sum())
    many = say(len(orders), "web order that was", "web orders that were")
    return Finding(
        CHECK,
        not orders,
        f"{many} refunded, cancelled or marked returned in the web shop still "
        f"{'counts as a sale' if len(orders) == 1 else 'count as sales'}, "
        f"{format_cents(cents)} in all: return or void the sale at the till, or "
        "correct the order in the web shop."
        if orders
        else "No order that the web shop refunded, cancelled or marked returned still "
        "counts as a sale.",
        Severity.WARN,
        {"refunded": len(orders), "left_cents": cents, "orders": name_some(orders)},
    )


def tell_refund(order: Mapping[Any, Any], left_cents: int) -> str:
    """Say what the web shop did, and what still counts."""
    words = [
        word
        for word, codes in (
            (said(order["payment_status"]), GIVEN_BACK_CODES),
            (said(order["fulfillment_status"]), UNDONE_CODES),
        )
        if word in codes
    ]
    return (
        f"the web shop says {' and '.join(words)}, yet {format_cents(left_cents)} "
        "still counts: the shop has to say which is right"
    )
