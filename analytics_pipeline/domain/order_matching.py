"""Web orders and sales: which sale is which order, and by which evidence.

A synced order's money is its sale's; only an unsynced one adds anything (rule 4.4).
"""

from datetime import date

import numpy as np
import pandas as pd

from analytics_pipeline.domain.membership import is_among
from analytics_pipeline.domain.order_numbers import KnownNumbers
from analytics_pipeline.vocabulary import OrderEvidence

WEB_SOURCE_PREFIX = "ecw:"

PAID_CODES = ("ACCEPTED", "PAID", "PARTIALLY_REFUNDED")
"""Payment codes of an order whose money has come: the export's and the API's."""

UNDONE_CODES = ("WILL_NOT_DELIVER", "RETURNED")
"""Fulfilment codes of an order that came to nothing."""

OTHER = "\0"
"""Stands for the order, none of the export's, that a note names."""

COLUMNS = ["order_number", "sale_id", "evidence", "contradiction"]


def match_orders(
    ecom_orders: pd.DataFrame, sales: pd.DataFrame, as_of: date
) -> pd.DataFrame:
    """Return each order of *as_of* or before with its sales (rule 4.3).

    One row per order and sale: ``order_number``, ``sale_id`` (missing if unsynced),
    ``evidence`` (an ``OrderEvidence``) and ``contradiction`` (what speaks against it,
    in ids and order numbers, or missing).  Sorted by order number, then sale.

    Args:
        ecom_orders: ``EcomOrders``.
        sales: the ``RawSales`` rows that may match, whatever their state.
        as_of: the day D; later orders and sales take no part.
    """
    day = pd.Timestamp(as_of)
    orders = ecom_orders.loc[
        ecom_orders["order_date"] <= day, ["order_number", "sale_id"]
    ].rename(columns={"sale_id": "exported_id"})
    numbers = KnownNumbers(orders["order_number"])
    candidates = _candidates(sales[sales["business_date"] <= day], numbers)
    matched = _match(orders, candidates)
    every = orders[["order_number"]].merge(
        matched, on="order_number", how="left", validate="1:m"
    )
    every["evidence"] = every["evidence"].fillna(OrderEvidence.NONE.value)
    against = _contradictions(orders, candidates, matched)
    return (
        every.merge(against, on="order_number", how="left", validate="m:1")[COLUMNS]
        .astype("str")
        .sort_values(["order_number", "sale_id"], ignore_index=True)
    )


def counts_unsynced(ecom_orders: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which orders count if no sale has them: paid and not undone (rule 4.4)."""
    is_paid = is_among(ecom_orders["payment_status"], PAID_CODES)
    return is_paid & ~is_among(ecom_orders["fulfillment_status"], UNDONE_CODES)


def _candidates(sales: pd.DataFrame, numbers: KnownNumbers) -> pd.DataFrame:
    """Return what each sale says about web orders; blank where it says nothing.

    ``by_source`` and ``by_note`` are numbers of known orders, as these spell them.  A
    number that is no known order's stays as it is in ``by_source``; the text of a note
    that names no known order is not shown: ``has_other_note`` says that there is one.
    """
    is_web = sales["source"].fillna("").str.startswith(WEB_SOURCE_PREFIX)
    sources = sales["source_id"].fillna("").where(is_web, "").tolist()
    notes = sales["web_order_number"].fillna("").tolist()
    by_note = [numbers.find_in_note(text) or "" for text in notes]
    return pd.DataFrame(
        {
            "sale_id": sales["sale_id"].tolist(),
            "by_source": [numbers.find(source) or source for source in sources],
            "by_note": by_note,
            "has_other_note": [
                bool(text) and not number
                for text, number in zip(notes, by_note, strict=True)
            ],
            "is_return": (sales["return_for"].fillna("") != "").tolist(),
        }
    ).astype(
        {
            "sale_id": "str",
            "by_source": "str",
            "by_note": "str",
            "has_other_note": "bool",
            "is_return": "bool",
        }
    )


def _match(orders: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """Take the kinds of evidence strongest first; neither side is matched twice."""
    by_source = _named(orders, candidates, "by_source", OrderEvidence.SOURCE_ID)
    by_note = _named(
        _unmatched(orders, by_source, "order_number"),
        _unmatched(candidates[~candidates["is_return"]], by_source, "sale_id"),
        "by_note",
        OrderEvidence.NOTE,
    )
    stronger = pd.concat([by_source, by_note])
    # A sale that stronger evidence has taken names another order, so is not free.
    by_export = _exported(_unmatched(orders, stronger, "order_number"), candidates)
    return pd.concat([stronger, by_export], ignore_index=True)


def _unmatched(table: pd.DataFrame, matched: pd.DataFrame, column: str) -> pd.DataFrame:
    return table[~is_among(table[column], matched[column])]


def _named(
    orders: pd.DataFrame,
    candidates: pd.DataFrame,
    column: str,
    evidence: OrderEvidence,
) -> pd.DataFrame:
    """Match the sales whose *column* names an order: all of them."""
    naming = candidates[candidates[column] != ""]
    pairs = orders.merge(
        naming, left_on="order_number", right_on=column, validate="1:m"
    )
    return pairs[["order_number", "sale_id"]].assign(evidence=evidence.value)


def _exported(orders: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """Match what the export names, if the sale names no other order."""
    pairs = orders.merge(
        candidates, left_on="exported_id", right_on="sale_id", validate="m:1"
    )
    number = pairs["order_number"]
    free = pairs[
        ~_is_other(pairs["by_source"], number)
        & ~_is_other(pairs["by_note"], number)
        & ~pairs["has_other_note"]
    ]
    ranks = [rank_order(number) for number in free["order_number"]]
    lowest_first = sorted(range(len(ranks)), key=ranks.__getitem__)
    won = free.take(lowest_first).drop_duplicates("sale_id")
    return won[["order_number", "sale_id"]].assign(
        evidence=OrderEvidence.EXPORT_ID.value
    )


def _is_other(named: "pd.Series[str]", number: "pd.Series[str]") -> "pd.Series[bool]":
    return (named != "") & (named != number)


def rank_order(number: str) -> tuple[bool, int, str, str]:
    """Order numbers as people count: digits as integers, others after them.

    Digits are compared as text, because Python refuses to read very many as a number.
    """
    if not (number.isascii() and number.isdigit()):
        return True, 0, "", number
    digits = number.lstrip("0")
    return False, len(digits), digits, number


def _contradictions(
    orders: pd.DataFrame, candidates: pd.DataFrame, matched: pd.DataFrame
) -> pd.DataFrame:
    """Return per order the claims that its match, or its having none, goes against.

    A claim speaks about the order that it names, and about the one that has its sale.
    """
    claims = _claims(orders, candidates)
    heeded = set(_pairs(matched, "sale_id", "order_number"))
    claimed = _pairs(claims, "sale_id", "named")
    unheeded = claims[
        ~np.array([claim in heeded for claim in claimed], "bool")
        # A sale that is not stored (yet) contradicts only an order that has another.
        & (
            is_among(claims["sale_id"], candidates["sale_id"])
            | is_among(claims["named"], matched["order_number"])
        )
    ]
    about_named = unheeded.assign(order_number=unheeded["named"])
    about_owner = unheeded.merge(
        matched[["sale_id", "order_number"]], on="sale_id", validate="m:1"
    )
    told = pd.concat([about_named, about_owner]).drop_duplicates()
    # The text of a note may hold anything: it is never told.
    named = ("order " + told["named"]).mask(told["named"] == OTHER, "another order")
    told["contradiction"] = told["by"] + " names sale " + told["sale_id"] + " for "
    told["contradiction"] += named
    return (
        told.sort_values(["order_number", "contradiction"])
        .groupby("order_number", as_index=False)
        .agg(contradiction=("contradiction", "; ".join))
    )


def _pairs(table: pd.DataFrame, one: str, other: str) -> list[tuple[str, str]]:
    return list(zip(table[one].tolist(), table[other].tolist(), strict=True))


def _claims(orders: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """Return everything that names a sale for an order: ``by``, sale, ``named``."""
    # A return copies the note of what it returns, so its note claims nothing.
    notes = candidates[~candidates["is_return"]]
    others = notes[notes["has_other_note"]].assign(by_note=OTHER)
    exported = orders.rename(columns={"order_number": "named"})
    claims = pd.concat(
        [
            _claim(candidates, "sale_id", "by_source", OrderEvidence.SOURCE_ID),
            _claim(notes, "sale_id", "by_note", OrderEvidence.NOTE),
            _claim(others, "sale_id", "by_note", OrderEvidence.NOTE),
            _claim(exported, "exported_id", "named", OrderEvidence.EXPORT_ID),
        ],
        ignore_index=True,
    )
    return claims[(claims["sale_id"] != "") & (claims["named"] != "")]


def _claim(
    table: pd.DataFrame, sale: str, named: str, evidence: OrderEvidence
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "by": evidence.value,
            "sale_id": table[sale].fillna(""),
            "named": table[named],
        }
    ).astype("str")
