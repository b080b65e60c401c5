"""The web shop's orders held against the sales, for people who look after them.

A field's title is its header in ``reports/ecom_reconciliation.csv``.
"""

import pandas as pd
import pandera.pandas as pa

from analytics_pipeline.model.money import LARGEST_AMOUNT
from analytics_pipeline.model.schemas.table import (
    Day,
    Table,
    cents,
    day,
    flag,
    identifier,
    text,
    titled,
)
from analytics_pipeline.model.vocabulary import OrderEvidence, ReconciliationCategory

_AMOUNT = {"min_value": -LARGEST_AMOUNT, "max_value": LARGEST_AMOUNT}


class EcomReconciliation(Table):
    """One web-shop order up to the published day and how it was matched (rule 4)."""

    order_number: str = titled(identifier("the order", unique=True), "Order Number")
    order_date: Day = day(
        "when it was placed, on the store's calendar", title="Order Date"
    )
    payment_status: str = titled(
        text("payment status, as the export has it"), "Payment Status"
    )
    fulfillment_status: str = titled(
        text("fulfilment status, as the export has it"), "Fulfillment Status"
    )
    order_total_cents: int = titled(cents("order total with tax"), "Order Total")
    category: str = pa.Field(
        isin=list(ReconciliationCategory),
        title="Category",
        description="its category against the sales; exactly one an order",
    )
    evidence: str = pa.Field(
        isin=list(OrderEvidence),
        title="Evidence",
        description="what ties it to its sales, or `none`",
    )
    sale_ids: str = titled(text("its sales, joined by `;`"), "Sale IDs")
    sale_states: str = titled(
        text("state of each of its sales, or `deleted`, joined by `;`"), "Sale States"
    )
    sale_total_cents: pd.Int64Dtype = pa.Field(
        nullable=True,
        in_range=_AMOUNT,
        title="Sale Total",
        description="cents: total of its sales with tax; empty if it has none",
    )
    difference_cents: pd.Int64Dtype = pa.Field(
        nullable=True,
        title="Difference",
        description="cents: sale total less order total; empty if it has no sale",
    )
    counted_value_cents: int = titled(
        cents("what the order itself adds; 0 if a sale has it"), "Counted Value"
    )
    reason: str = pa.Field(
        str_length={"min_value": 1},
        title="Reason",
        description="in words, why it counts or not",
    )
    is_attributed: bool = titled(flag("somebody is known for it"), "Is Attributed")
    person: str = titled(text("the person: of its sale, else of its e-mail"), "Person")
    contradiction: str = titled(
        text("what speaks against it, in ids and order numbers"), "Contradiction"
    )
