"""What became of the web shop's orders from one export to the next.

The web shop keeps its orders, so a later export has every order of an earlier one.
One that has not was cut off, filtered, or made by somebody who deleted orders.
"""

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from analytics_pipeline.domain.findings import (
    Finding,
    OwnersList,
    Severity,
    name_some,
)
from analytics_pipeline.domain.membership import is_among
from analytics_pipeline.domain.order_numbers import comparable

SALE_COLUMN = "X-series Order ID"
"""The export's own hint at an order's sale: the last evidence of rule 4.3."""

FEW_GONE = 10
"""So many orders may be gone from any export without stopping it."""

_CONTENT = [
    "order_number",
    "ordered_at",
    "payment_status",
    "fulfillment_status",
    "total_cents",
    "tax_cents",
    "email",
]


@dataclass(frozen=True, slots=True)
class ExportChanges:
    """The orders that are new, gone or different in an export, by order number."""

    before: int
    now: int
    new: list[str]
    gone: list[str]
    changed: list[str]


def compare_exports(before: pd.DataFrame, now: pd.DataFrame) -> ExportChanges:
    """Compare two ``EcomOrders``: the earlier export and the later one."""
    first, second = before["order_number"], now["order_number"]
    both = [table[_CONTENT].astype("str").fillna("") for table in (before, now)]
    # One number may be spelled in two ways (rule 4.3).
    forms = [table["order_number"].map(comparable) for table in both]
    told = [
        table.assign(order_number=form) for table, form in zip(both, forms, strict=True)
    ]
    same = told[0].merge(told[1], on=_CONTENT)["order_number"]
    is_known = is_among(forms[1], forms[0])
    return ExportChanges(
        len(before),
        len(now),
        new=second[~is_known].tolist(),
        gone=first[~is_among(forms[0], forms[1])].tolist(),
        changed=second[is_known & ~is_among(forms[1], same)].tolist(),
    )


def judge_completeness(
    changes: ExportChanges | None, lost_columns: Collection[str] = ()
) -> Finding:
    """Say whether an export has all that the last good one had.

    Args:
        changes: from the last good export to this one; nothing if there was none.
        lost_columns: columns that the last good one had and this one has not.

    A few orders that are gone are a warning; more than the larger of 10 and a tenth
    are a file that was cut off, until a person says otherwise.
    """
    if changes is None:
        sentence = "There is no earlier export to compare with."
        return Finding("export_is_complete", True, sentence, Severity.WARN)
    told = [*_tell_gone(changes), *_tell_lost(lost_columns)]
    is_cut_off = len(changes.gone) > max(FEW_GONE, changes.before // 10)
    return Finding(
        "export_is_complete",
        not told,
        " ".join(told) or "The export has all that the last good one had.",
        Severity.ERROR if is_cut_off else Severity.WARN,
        {
            "orders": changes.now,
            "orders_before": changes.before,
            "gone": len(changes.gone),
            "gone_orders": name_some(changes.gone),
            "lost_columns": ", ".join(sorted(lost_columns)),
        },
        subject="\n".join(sorted(changes.gone)),
        offenders=OwnersList(
            ["order_number", "what"], [[number, "gone"] for number in changes.gone]
        )
        if changes.gone
        else None,
    )


def _tell_gone(changes: ExportChanges) -> list[str]:
    """Say how many orders are there no more, and which, in one sentence."""
    if not changes.gone:
        return []
    return [
        f"The export has {changes.now:,} orders, the last good one had "
        f"{changes.before:,}; {len(changes.gone):,} of those are gone: "
        f"{name_some(changes.gone)}. Their figures go with them."
    ]


def _tell_lost(columns: Collection[str]) -> list[str]:
    """Say which columns are there no more, and what that changes."""
    if not columns:
        return []
    named = ", ".join(f"`{column}`" for column in sorted(columns))
    told = f"The export lacks {named}, which the last good one had"
    if SALE_COLUMN in columns:
        return [f"{told}, so orders may no longer be tied to their sales."]
    return [f"{told}."]
