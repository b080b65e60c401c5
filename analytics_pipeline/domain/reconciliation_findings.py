"""What the reconciliation of the web shop shows: a sum, doubts, and a broken sync."""

from datetime import timedelta

import pandas as pd

from analytics_pipeline.domain.findings import Finding, Severity, name_some
from analytics_pipeline.domain.order_matching import counts_unsynced
from analytics_pipeline.domain.reconciliation import summarise_reconciliation
from analytics_pipeline.domain.wording import say
from analytics_pipeline.vocabulary import OrderEvidence

SYNC_TAKES = timedelta(days=7)
"""After so long an order should be a sale; by the vendor's word it takes minutes."""

LOOKS_BACK = timedelta(days=90)
"""How old an order may be and still tell of the sync today: older ones, such as those
from before the shop had it, will never be sales."""

FEWEST_UNSYNCED = 3
"""How many old orders without a sale tell of a broken sync, not of a stray order."""


def reconcile_sums(
    reconciliation: pd.DataFrame, ecom_orders: pd.DataFrame, as_of: pd.Timestamp
) -> Finding:
    """Compare the sum over the categories with the export's orders up to *as_of*."""
    categories = summarise_reconciliation(reconciliation)
    exported = ecom_orders[ecom_orders["order_date"] <= as_of]
    sides = {
        "categories_orders": int(categories["orders"].sum()),
        "export_orders": len(exported),
        "categories_cents": int(categories["order_total_cents"].sum()),
        "export_cents": int(exported["total_cents"].sum()),
    }
    differences = {
        f"difference_{unit}": sides[f"categories_{unit}"] - sides[f"export_{unit}"]
        for unit in ("orders", "cents")
    }
    passed = not any(differences.values())
    return Finding(
        "categories_add_up",
        passed,
        f"The categories {'add' if passed else 'do not add'} up to the "
        f"{len(exported):,} orders of the export.",
        evidence={**sides, **differences},
    )


def judge_evidence(reconciliation: pd.DataFrame) -> Finding:
    """Report the orders that different evidence ties to different sales."""
    is_doubtful = reconciliation["contradiction"].notna()  # whatever the category
    orders = reconciliation.loc[is_doubtful, "order_number"].tolist()
    return Finding(
        "evidence_agrees",
        not orders,
        f"The evidence about {say(len(orders), 'web order', 'web orders')} contradicts "
        "itself; the stronger one was taken."
        if orders
        else "All evidence about web orders agrees.",
        Severity.WARN,
        {"contradicting": len(orders), "orders": name_some(orders)},
    )


def judge_sync(reconciliation: pd.DataFrame, as_of: pd.Timestamp) -> Finding:
    """Report orders that count, and should have been sales long ago."""
    waiting = reconciliation[
        (reconciliation["evidence"] == OrderEvidence.NONE)
        & counts_unsynced(reconciliation)
        & (reconciliation["order_date"] < as_of - SYNC_TAKES)
    ]
    recent = waiting[waiting["order_date"] >= as_of - LOOKS_BACK]
    passed = len(recent) < FEWEST_UNSYNCED
    return Finding(
        "orders_have_sales",
        passed,
        "The web shop's paid orders reach the tills."
        if passed
        else f"{len(recent):,} paid web orders of the last {LOOKS_BACK.days} days have "
        f"been without a sale for more than {SYNC_TAKES.days} days: see whether the "
        "web shop still reaches the tills.",
        Severity.WARN,
        {
            "unsynced": len(recent),
            "unsynced_cents": int(recent["order_total_cents"].sum()),
            "orders": name_some(recent["order_number"].tolist()),
            "older_unsynced": len(waiting) - len(recent),
        },
    )
