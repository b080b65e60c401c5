"""The sales and web orders of one person, each with why it counts or does not."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analytics_pipeline.domain.analytics import WEB_SOURCE
from analytics_pipeline.domain.explanation import Line, LineKind
from analytics_pipeline.domain.order_matching import (
    PAID_CODES,
    UNDONE_CODES,
    counts_unsynced,
)
from analytics_pipeline.domain.order_words import (
    doubt_fulfilment,
    has_known_payment,
    show_word,
)
from analytics_pipeline.domain.policy import MoneyBasis, Policy
from analytics_pipeline.domain.sale_reasons import give_reason, said
from analytics_pipeline.vocabulary import OrderEvidence

EVIDENCE_WORDS: Mapping[str, str] = {
    OrderEvidence.SOURCE_ID: "the sale's source names the order",
    OrderEvidence.NOTE: "the sale's note names the order",
    OrderEvidence.EXPORT_ID: "the web shop's export names the sale",
}


@dataclass(frozen=True, slots=True)
class Ties:
    """What ties sales and web orders to the person.

    Attributes:
        nobody: ids of the walk-in customer.
        orders_of_sale: the web order of each sale that is tied to one.
        own_orders: the numbers of the web orders made with the person's e-mails.
        refunds: by order number, what to say of an order that the web shop gave back
            while its sale counts.
    """

    nobody: Set[str]
    orders_of_sale: Mapping[str, str]
    own_orders: Set[str]
    refunds: Mapping[str, str] = field(default_factory=dict)


def explain_sales(sales: pd.DataFrame, ties: Ties, policy: Policy) -> list[Line]:
    """Return a line for each of *sales*, the ``RawSales`` rows of the person."""
    return [_explain_sale(row, ties, policy) for row in sales.to_dict("records")]


def _explain_sale(sale: Mapping[Any, Any], ties: Ties, policy: Policy) -> Line:
    reason = give_reason(sale, policy.paid_tolerance_cents)
    record = said(sale["customer_id"])
    is_under_nobody = not record or record in ties.nobody
    basis = "incl" if policy.money_basis is MoneyBasis.INCL_TAX else "excl"
    is_web = said(sale["source"]).startswith(WEB_SOURCE)
    tied = f"; {_tie(sale, ties)}" if is_under_nobody else ""
    order = ties.orders_of_sale.get(sale["sale_id"], "")
    if reason.counts and order in ties.refunds:
        tied += f"; of its web order {order}, {ties.refunds[order]}"
    return Line(
        kind=LineKind.SALE,
        id=sale["sale_id"],
        record_id="" if is_under_nobody else record,
        day=sale["business_date"].date(),
        value_cents=int(sale[f"total_{basis}_cents"]),
        refunded_cents=int(sale[f"refunded_{basis}_cents"]),
        counts=reason.counts,
        is_order=reason.is_order,
        is_ecom=is_web or sale["sale_id"] in ties.orders_of_sale,
        why=f"{reason.words}{tied}",
    )


def _tie(sale: Mapping[Any, Any], ties: Ties) -> str:
    """Say why a sale is this person's that is under nobody's name (rules 3.1, 4.5)."""
    is_walk_in = bool(said(sale["customer_id"]))
    holder = "under the walk-in customer" if is_walk_in else "without a customer"
    order = ties.orders_of_sale.get(sale["sale_id"])
    if order in ties.own_orders:
        return f"{holder}, but web order {order} was made with this person's e-mail"
    return f"{holder}, but it goes back to a sale of this person"


def explain_orders(
    orders: pd.DataFrame,
    matches: pd.DataFrame,
    own_sales: Set[str],
    policy: Policy,
    refunds: Mapping[str, str],
) -> list[Line]:
    """Return a line for each of *orders*, the ``EcomOrders`` rows of the person.

    Args:
        orders: those made with its e-mails, dated D or before.
        matches: the sales of every order as of D.
        own_sales: the ids of the person's sales.
        policy: says whether tax belongs to the value.
        refunds: as those of :class:`Ties`.
    """
    with_tax = policy.money_basis is MoneyBasis.INCL_TAX
    tied = matches[matches["order_number"].isin(orders["order_number"])]
    claims_of: dict[str, list[Mapping[Any, Any]]] = defaultdict(list)
    for claim in tied.to_dict("records"):
        claims_of[claim["order_number"]].append(claim)
    counts = counts_unsynced(orders).tolist()
    lines = []
    for order, is_good in zip(orders.to_dict("records"), counts, strict=True):
        claims = claims_of[order["order_number"]]
        sales = [claim for claim in claims if said(claim["sale_id"])]
        added = is_good and not sales
        against = said(claims[0]["contradiction"]) if claims else ""
        why = _why_order(order, sales, own_sales)
        if order["order_number"] in refunds:
            why += f"; {refunds[order['order_number']]}"
        lines.append(
            Line(
                kind=LineKind.WEB_ORDER,
                id=order["order_number"],
                record_id=order["ecom_customer_id"],
                day=order["order_date"].date(),
                value_cents=order["total_cents"]
                - (0 if with_tax else order["tax_cents"]),
                refunded_cents=0,
                counts=added,
                is_order=added,
                is_ecom=True,
                why=f"{why}; but {against}" if against else why,
            )
        )
    return lines


def _why_order(
    order: Mapping[Any, Any], sales: Sequence[Mapping[Any, Any]], own_sales: Set[str]
) -> str:
    """Say why an order adds to the value, or does not (rule 4.4)."""
    if sales:
        evidence = EVIDENCE_WORDS[sales[0]["evidence"]]
        ids = [sale["sale_id"] for sale in sales]
        named = f"is sale {' and sale '.join(ids)} ({evidence})"
        if set(ids) <= own_sales:
            return f"{named}, which stands for it"
        return f"{named}, which is under another customer"
    paid, course = said(order["payment_status"]), said(order["fulfillment_status"])
    if not paid:
        return "no sale has it, and it has no payment status"
    if not has_known_payment(order):
        return (
            f"no sale has it, and its payment status is not known ({show_word(paid)})"
        )
    if paid not in PAID_CODES:
        return f"no sale has it, and it is not paid ({paid})"
    if course in UNDONE_CODES:
        return f"no sale has it, and it came to nothing ({course})"
    return f"an order that no sale has; paid ({paid}){doubt_fulfilment(order)}"
