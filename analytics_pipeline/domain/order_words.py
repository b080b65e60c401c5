"""The payment and fulfilment words of web orders: what each says, and unknown ones.

The export and the API of the web shop have words of their own for the same thing (API
6.1).  A word that is on no list says nothing about money, so it is reported, and an
unknown payment word adds nothing (rules 2.2 and 4.4).
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from analytics_pipeline.domain.findings import MOST_KEYS, Finding, Severity, name_some
from analytics_pipeline.domain.membership import is_among
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.domain.order_matching import PAID_CODES, UNDONE_CODES
from analytics_pipeline.domain.sale_reasons import said
from analytics_pipeline.domain.wording import say

CHECK = "order_words_are_known"

UNPAID: Mapping[str, str] = {
    "QUEUED": "awaiting payment (QUEUED)",
    "AWAITING_PAYMENT": "awaiting payment (AWAITING_PAYMENT)",
    "CHARGEABLE": "authorized and not charged (CHARGEABLE)",
    "REFUNDED": "refunded",
    "CANCELLED": "cancelled",
    "INCOMPLETE": "abandoned (INCOMPLETE)",
    "DECLINED": "payment declined (DECLINED)",
}
"""Payment words of an order whose money has not come or has gone back, in words.

The shop's own words, ``CUSTOM_PAYMENT_STATUS_1`` to ``3``, are not among them: only the
shop knows what they mean."""

UNDONE: Mapping[str, str] = {
    "WILL_NOT_DELIVER": "will not be delivered",
    "RETURNED": "returned",
}
"""Fulfilment words of an order that came to nothing, in words."""

ON_ITS_WAY = frozenset({
    "NEW", "AWAITING_PROCESSING", "PROCESSING", "READY_FOR_PICKUP", "OUT_FOR_DELIVERY",
    "SHIPPED", "DELIVERED",
})  # fmt: skip
"""Fulfilment words of an order that stands."""

KNOWN: Mapping[str, Collection[str]] = {
    "payment_status": frozenset(PAID_CODES) | UNPAID.keys(),
    "fulfillment_status": ON_ITS_WAY | frozenset(UNDONE_CODES),
}
"""Every known word, by the column that has it."""

NONE = "none"
NOT_SHOWN = "a word that cannot be shown"
_SHOWN = re.compile(r"[A-Z][A-Z0-9_]{0,39}")


def show_word(word: Any) -> str:
    """Return a status as it may be told anywhere: a code of the web shop's form.

    A cell may hold anything, also what is personal.
    """
    text = said(word)
    if not text:
        return NONE
    return text if _SHOWN.fullmatch(text) else NOT_SHOWN


def has_known_payment(order: Mapping[Any, Any]) -> bool:
    """Say whether an order's payment status tells if it is paid."""
    return said(order["payment_status"]) in KNOWN["payment_status"]


def doubt_fulfilment(order: Mapping[Any, Any]) -> str:
    """Return a remark on an unknown fulfilment status; nothing on a known one."""
    status = said(order["fulfillment_status"])
    if status in KNOWN["fulfillment_status"]:
        return ""
    if not status:
        return "; it has no fulfilment status"
    return f"; its fulfilment status is not known ({show_word(status)})"


def judge_order_words(orders: pd.DataFrame) -> Finding:
    """Report the orders of ``EcomOrders`` with a word that is not known (rule 4.4)."""
    unknown = {
        column: ~is_among(orders[column], known) for column, known in KNOWN.items()
    }
    affected = orders[unknown["payment_status"] | unknown["fulfillment_status"]]
    unpaid = orders[unknown["payment_status"]]
    counted = {
        column: _count_words(orders.loc[is_unknown, column])
        for column, is_unknown in unknown.items()
    }
    return Finding(
        CHECK,
        affected.empty,
        _tell(affected, unpaid, counted)
        if len(affected)
        else "Every payment and fulfilment status of the export is known.",
        Severity.WARN,
        {
            "orders": len(affected),
            "total_cents": _cents_of(affected),
            "payment_unknown": len(unpaid),
            "payment_unknown_cents": _cents_of(unpaid),
            "payment_words": counted["payment_status"],
            "fulfilment_words": counted["fulfillment_status"],
            "order_numbers": name_some(affected["order_number"].tolist()),
        },
    )


def _count_words(words: pd.Series) -> str:
    """Return each word with how many orders have it, the commonest first."""
    counts = words.map(show_word, na_action=None).value_counts()
    ranked = sorted(counts.items(), key=lambda each: (-each[1], str(each[0])))
    told = [f"{word} ({count:,})" for word, count in ranked[:MOST_KEYS]]
    return ", ".join(told) + (", …" if len(ranked) > MOST_KEYS else "")


def _cents_of(orders: pd.DataFrame) -> int:
    return int(orders["total_cents"].sum())


def _tell(
    affected: pd.DataFrame, unpaid: pd.DataFrame, counted: Mapping[str, str]
) -> str:
    """Say how many orders have unknown words, their sum, and what follows."""
    parts = [
        f"{name}: {counted[column]}"
        for column, name in (
            ("payment_status", "payment"),
            ("fulfillment_status", "fulfilment"),
        )
        if counted[column]
    ]
    many = say(len(affected), "web order has", "web orders have")
    told = (
        f"{many} a status that is not known, {format_cents(_cents_of(affected))} in "
        f"all ({'; '.join(parts)})."
    )
    if unpaid.empty:
        return f"{told} An unknown fulfilment status takes no money away."
    return (
        f"{told} {say(len(unpaid), 'has', 'have')} an unknown payment status, "
        f"{format_cents(_cents_of(unpaid))}: what no sale stands for is in no figure; "
        "see reports/ecom_reconciliation.csv."
    )
