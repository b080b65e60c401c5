"""Why a sale's money counts or not, and why it is an order or not, in words.

The same rules as ``domain.sales`` (2.1 to 2.3), told to a person.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.domain.sales import (
    SHORT_BELOW_CENTS,
    STATE_OF_STATUS,
    Standing,
    read_standing,
)
from analytics_pipeline.vocabulary import SaleAttribute, SaleState, SaleStatus

CLOSED_AS: Mapping[str, str] = {
    SaleAttribute.LAYBY: "closed, the layby is paid off",
    SaleAttribute.ONACCOUNT: "closed, the account is settled",
    SaleAttribute.DELIVERY: "closed, dispatched",
    SaleAttribute.PICKUP: "closed, picked up",
    SaleAttribute.SERVICE: "closed, the service is done",
}
"""What a closed sale was before, the most telling first."""


@dataclass(frozen=True, slots=True)
class SaleReason:
    """What a sale counts as, and why.

    Attributes:
        counts: its money counts (rule 2.1).
        is_order: it is an order (rule 2.3).
        words: why, for a person.
    """

    counts: bool
    is_order: bool
    words: str


def give_reason(sale: Mapping[str, Any], paid_tolerance_cents: int = 1) -> SaleReason:
    """Say of a ``RawSales`` row what it counts as, and why."""
    standing = read_standing(*(said(sale[word]) for word in _WORDS))
    if sale["is_deleted"]:
        return SaleReason(False, False, "deleted")
    if standing.is_closed:
        is_order, words = _reason_of_order(sale)
        odd = f" ({_oddity(sale)})" if standing.is_unknown else ""
        return SaleReason(True, is_order, f"{_closed_as(standing)}{odd}; {words}")
    if standing.is_unknown:
        return SaleReason(False, False, _oddity(sale))
    if not standing.is_awaiting:
        return SaleReason(False, False, _unfinished(sale, standing))
    hand_over, is_paid = _awaiting(sale, standing, paid_tolerance_cents)
    if not is_paid:
        return SaleReason(False, False, hand_over)
    is_order, words = _reason_of_order(sale)
    return SaleReason(True, is_order, f"{hand_over}; {words}")


_WORDS = ("state", "status", "attributes")


def said(value: Any) -> str:
    """Return a text cell; blank where it is missing."""
    return "" if value is None or pd.isna(value) else str(value)


def _oddity(sale: Mapping[str, Any]) -> str:
    """Name the words that are on no list of the vendor's."""
    state, status, attributes = (said(sale[word]) for word in _WORDS)
    if not state and not status:
        return "it has neither a state nor a status"
    known: list[tuple[str, Collection[str]]] = [
        (state, set(SaleState)),
        (status, STATE_OF_STATUS.keys()),
        *((word, set(SaleAttribute)) for word in attributes.split(";")),
    ]
    unknown = [word for word, words in known if word and word not in words]
    return f"not a known word: {', '.join(dict.fromkeys(unknown))}"


def _closed_as(standing: Standing) -> str:
    words = standing.attributes.split(";")
    return next((text for word, text in CLOSED_AS.items() if word in words), "closed")


def _awaiting(
    sale: Mapping[str, Any], standing: Standing, paid_tolerance_cents: int
) -> tuple[str, bool]:
    """Say what is waited for, and whether it is paid within the tolerance."""
    is_dispatch = SaleAttribute.DELIVERY in standing.attributes.split(";")
    awaited = "dispatch" if is_dispatch else "pickup"
    paid, total = int(sale["paid_cents"]), int(sale["total_incl_cents"])
    amounts = f"{format_cents(paid)} of {format_cents(total)}"
    if paid >= total:
        return f"awaiting {awaited}, paid ({amounts})", True
    lacking = total - paid
    if lacking <= paid_tolerance_cents:
        but = "a cent" if lacking == 1 else format_cents(lacking)
        return f"awaiting {awaited}, paid but for {but} ({amounts})", True
    words = f"awaiting {awaited}, but only {amounts} is paid"
    if lacking < SHORT_BELOW_CENTS:
        words += (
            f"; the {format_cents(lacking)} missing is more than paid_tolerance "
            f"({format_cents(paid_tolerance_cents)})"
        )
    return words, False


def _unfinished(sale: Mapping[str, Any], standing: Standing) -> str:
    """Say what a sale is that is neither closed nor awaits its hand-over."""
    if standing.state == SaleState.VOIDED:
        return "voided"
    if standing.state == SaleState.PARKED:
        is_quote = said(sale["status"]) == SaleStatus.QUOTE
        return "a quote" if is_quote else "parked: a draft"
    words = standing.attributes.split(";")
    if SaleAttribute.LAYBY in words:
        return "a layby that is not paid off"
    if SaleAttribute.ONACCOUNT in words:
        return "on account and not settled"
    if SaleAttribute.SERVICE in words:
        return "a service that is not done"
    return "still open"


def _reason_of_order(sale: Mapping[str, Any]) -> tuple[bool, str]:
    """Say whether a completed sale is an order, and why."""
    original, sells = said(sale["return_for"]), sale["sold_line_count"] > 0
    if original and sells:
        return False, f"an exchange against sale {original}, so no order"
    if original:
        return False, f"a return of sale {original}, so no order"
    if not sells:
        has_returns = sale["refunded_incl_cents"] != 0
        lines = "it has return lines only" if has_returns else "no line of it sells"
        return False, f"{lines}, so no order"
    return True, "an order, for free" if sale["total_incl_cents"] == 0 else "an order"
