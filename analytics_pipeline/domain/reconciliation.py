"""The web shop's orders against the sales: how each stands, and why it counts or not.

Each order is in one category, so the categories add up to the export.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import pandas as pd

from analytics_pipeline.domain.order_matching import PAID_CODES, counts_unsynced
from analytics_pipeline.domain.order_words import (
    UNDONE,
    UNPAID,
    doubt_fulfilment,
    show_word,
)
from analytics_pipeline.domain.web_refunds import tell_refund
from analytics_pipeline.vocabulary import OrderEvidence, ReconciliationCategory

COLUMNS = [
    "order_number",
    "order_date",
    "payment_status",
    "fulfillment_status",
    "order_total_cents",
    "category",
    "evidence",
    "sale_ids",
    "sale_states",
    "sale_total_cents",
    "difference_cents",
    "counted_value_cents",
    "reason",
    "is_attributed",
    "person",
    "contradiction",
]

_Order: TypeAlias = Mapping[Any, Any]

_WORDED = [
    "contradiction",
    "difference_cents",
    "evidence",
    "fulfillment_status",
    "is_attributed",
    "is_counted",
    "is_counting",
    "left_cents",
    "payment_status",
    "sale_states",
]
"""What the category and the reason of an order are told by."""

SAME_AMOUNT = 1
"""By how many cents a sale may differ from its order: that is rounding."""

_BY_EVIDENCE: Mapping[str, ReconciliationCategory] = {
    OrderEvidence.SOURCE_ID: ReconciliationCategory.MATCHED_BY_SOURCE_ID,
    OrderEvidence.NOTE: ReconciliationCategory.MATCHED_BY_NOTE,
    OrderEvidence.EXPORT_ID: ReconciliationCategory.MATCHED_BY_EXPORT_ID,
}

# Loyalty points and gift cards lower the order's total, not the sale's (API 6.2).
_HIGHER = "; the sale is higher: loyalty points or a gift card may have paid the rest"
_LOWER = "; the sale is lower: look at what was changed at the till"


def reconcile_orders(
    ecom_orders: pd.DataFrame,
    matches: pd.DataFrame,
    sales: pd.DataFrame,
    added_orders: pd.DataFrame,
    customer_identities: pd.DataFrame,
    unsettled: pd.DataFrame,
) -> pd.DataFrame:
    """Return ``EcomReconciliation``: each order of *matches*, as *ecom_orders* go.

    Args:
        ecom_orders: ``EcomOrders``.
        matches: each order up to the day and its sales, as
            :func:`analytics_pipeline.domain.order_matching.match_orders` has them.
        sales: the matched sales: ``sale_id, state, is_deleted, is_completed,
            total_incl_cents, person_id``.
        added_orders: the unsynced orders that count: ``order_number, value_cents``.
        customer_identities: the person of each record and web-shop e-mail.
        unsettled: the orders that the web shop gave back while their sale counts:
            ``order_number, left_cents``.
    """
    people = customer_identities.set_index("record_id")["person_id"]
    evidence = matches.drop_duplicates("order_number")
    table = (
        ecom_orders.drop(columns="sale_id")
        .assign(order_person=ecom_orders["ecom_customer_id"].map(people))
        .merge(
            evidence[["order_number", "evidence", "contradiction"]],
            on="order_number",
            validate="1:1",
        )
        .merge(_sales_of_orders(matches, sales), on="order_number", how="left")
        .merge(_whole(added_orders, "value_cents"), on="order_number", how="left")
        .merge(_whole(unsettled, "left_cents"), on="order_number", how="left")
    )
    return _judge(table)[COLUMNS].reset_index(drop=True)


def summarise_reconciliation(reconciliation: pd.DataFrame) -> pd.DataFrame:
    """Return what each category comes to: every one, in the order of the vocabulary.

    Index: the category.  Columns: ``orders`` (how many), and the sums
    ``order_total_cents``, ``sale_total_cents``, ``difference_cents`` and
    ``counted_value_cents``.
    """
    grouped = reconciliation.groupby("category")
    sums = [
        "order_total_cents",
        "sale_total_cents",
        "difference_cents",
        "counted_value_cents",
    ]
    summary = grouped[sums].sum().assign(orders=grouped.size())
    every = [category.value for category in ReconciliationCategory]
    return summary.reindex(every).fillna(0).astype("int64")[["orders", *sums]]


def _sales_of_orders(matches: pd.DataFrame, sales: pd.DataFrame) -> pd.DataFrame:
    """Return for each order with a sale what its sales say together."""
    tied = matches.dropna(subset=["sale_id"]).merge(sales, on="sale_id")
    state = tied["state"].fillna("unknown").mask(tied["is_deleted"], "deleted")
    grouped = tied.assign(state=state).groupby("order_number")
    together = grouped.agg(
        sale_ids=("sale_id", ";".join),
        sale_states=("state", ";".join),
        sale_total_cents=("total_incl_cents", "sum"),
        is_counting=("is_completed", "any"),
        sale_person=("person_id", "first"),
    ).reset_index()
    others = ["sale_ids", "sale_states", "is_counting", "sale_person"]
    return _whole(together, "sale_total_cents", *others)


def _whole(table: pd.DataFrame, amount: str, *others: str) -> pd.DataFrame:
    """Return the columns with *amount* as integers even where one will be missing."""
    columns = ["order_number", amount, *others]
    return table[columns].astype({amount: "Int64"})


def _judge(table: pd.DataFrame) -> pd.DataFrame:
    """Add to each order its category, its reason, and what it adds for whom."""
    is_synced = table["sale_ids"].notna()
    total = table["total_cents"]
    person = table["order_person"].mask(is_synced, table["sale_person"])
    judged = table.assign(
        order_total_cents=total,
        difference_cents=table["sale_total_cents"] - total,
        counted_value_cents=table["value_cents"].fillna(0).astype("int64"),
        is_counted=~is_synced & counts_unsynced(table),
        is_attributed=person.notna(),
        person=person.astype("str"),
    )
    # Only what the words need: a record of every column would cost more than they do.
    rows = judged[_WORDED].to_dict("records")
    return judged.assign(
        category=pd.Series([_category(row) for row in rows], judged.index, dtype="str"),
        reason=pd.Series([_reason(row) for row in rows], judged.index, dtype="str"),
    )


def _category(order: _Order) -> str:
    """Return the one category of an order.

    Money that the web shop gave back and that still counts goes first, because every
    such order is in that category (rule 4.4) and in no other a person would look for
    it; evidence that contradicts itself stays told in its column and by its check.
    """
    if pd.notna(order["left_cents"]):
        return ReconciliationCategory.REFUNDED_IN_WEB_SHOP.value
    if pd.notna(order["contradiction"]):
        return ReconciliationCategory.CONTRADICTING.value
    if order["evidence"] != OrderEvidence.NONE:
        if abs(order["difference_cents"]) > SAME_AMOUNT:
            return ReconciliationCategory.AMOUNT_DIFFERS.value
        return _BY_EVIDENCE[order["evidence"]].value
    if not order["is_counted"]:
        return ReconciliationCategory.UNSYNCED_NOT_COUNTED.value
    if not order["is_attributed"]:
        return ReconciliationCategory.UNATTRIBUTED.value
    return ReconciliationCategory.UNSYNCED_COUNTED.value


def _reason(order: _Order) -> str:
    """Say in words why an order counts or not."""
    if order["evidence"] != OrderEvidence.NONE:
        return _reason_of_sales(order)
    payment = order["payment_status"]
    if pd.isna(payment):
        return "no payment status"
    if payment not in PAID_CODES:
        unknown = f"payment status not known ({show_word(payment)})"
        return UNPAID.get(payment, unknown)
    if not order["is_counted"]:
        return UNDONE[order["fulfillment_status"]]
    whose = "" if order["is_attributed"] else "; its e-mail belongs to nobody"
    return f"paid, no sale has it{whose}{doubt_fulfilment(order)}"


def _reason_of_sales(order: _Order) -> str:
    """Say whether its sales count in its place, and what may explain a difference."""
    states = order["sale_states"].split(";")
    difference = order["difference_cents"]
    apart = _HIGHER if difference > SAME_AMOUNT else ""
    apart = _LOWER if difference < -SAME_AMOUNT else apart
    if order["is_counting"]:
        several = len(states) > 1
        counting = "the sales count" if several else "the sale counts"
        return f"{counting} instead{apart}{_what_came_back(order)}"
    if len(states) > 1:
        return f"none of its sales counts ({', '.join(states)}){apart}"
    return f"its sale does not count ({states[0]}), so the order does not{apart}"


def _what_came_back(order: _Order) -> str:
    """Say what the web shop gave back of an order whose sale counts, if anything."""
    if pd.notna(order["left_cents"]):
        return f"; {tell_refund(order, int(order['left_cents']))}"
    if order["payment_status"] == "PARTIALLY_REFUNDED":
        return "; the web shop gave a part back, see whether the till did"
    return ""
