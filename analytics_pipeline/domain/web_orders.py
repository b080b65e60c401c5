"""Web orders: numbers, status words, and which sale is which order (rule 4)."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analytics_pipeline.domain.order_numbers import (
    SALE_COLUMN,
    KnownNumbers,
    comparable,
    rank_order,
)
from analytics_pipeline.domain.sales import said
from analytics_pipeline.model.checks import (
    MOST_KEYS,
    CheckResult,
    OwnersList,
    Severity,
    name_some,
)
from analytics_pipeline.model.ids import is_among
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import WEB_SOURCE, OrderEvidence

# ----------------------------------------------------------------------------------
# Web orders and sales: which sale is which order, and by which evidence.
#
# A synced order's money is its sale's; only an unsynced one adds anything (rule 4.4).


PAID_CODES = ("ACCEPTED", "PAID", "PARTIALLY_REFUNDED")
"""Payment codes of an order whose money has come: the export's and the API's."""

UNDONE_CODES = ("WILL_NOT_DELIVER", "RETURNED")
"""Fulfilment codes of an order that came to nothing."""

OTHER = "\0"
"""Shown for an order that a note names and the export does not have."""

COLUMNS = ["order_number", "sale_id", "evidence", "contradiction"]


@dataclass(frozen=True)
class OrderMatching:
    """The orders and sales of a day or before, and which sale is which order.

    Attributes:
        orders: ``order_number`` and ``exported_id``, the sale that the export names.
        candidates: what each sale says about web orders.
    """

    orders: pd.DataFrame
    candidates: pd.DataFrame

    @cached_property
    def synced(self) -> pd.DataFrame:
        """One row an order and sale: ``order_number, sale_id, evidence``."""
        return _match(self.orders, self.candidates)

    @cached_property
    def matches(self) -> pd.DataFrame:
        """What :func:`match_orders` returns."""
        every = self.orders[["order_number"]].merge(
            self.synced, on="order_number", how="left", validate="1:m"
        )
        every["evidence"] = every["evidence"].fillna(OrderEvidence.NONE.value)
        against = _contradictions(self.orders, self.candidates, self.synced)
        return (
            every.merge(against, on="order_number", how="left", validate="m:1")[COLUMNS]
            .astype("str")
            .sort_values(["order_number", "sale_id"], ignore_index=True)
        )


def open_matching(
    ecom_orders: pd.DataFrame, sales: pd.DataFrame, as_of: date
) -> OrderMatching:
    """Prepare to match orders and sales; the arguments are :func:`match_orders`'."""
    day = pd.Timestamp(as_of)
    orders = ecom_orders.loc[
        ecom_orders["order_date"] <= day, ["order_number", "sale_id"]
    ].rename(columns={"sale_id": "exported_id"})
    numbers = KnownNumbers(orders["order_number"].tolist())
    candidates = _candidates(sales[sales["business_date"] <= day], numbers)
    return OrderMatching(orders, candidates)


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
    return open_matching(ecom_orders, sales, as_of).matches


def counts_unsynced(ecom_orders: pd.DataFrame) -> "pd.Series[bool]":
    """Say which orders count if no sale has them: paid and not undone (rule 4.4)."""
    is_paid = is_among(ecom_orders["payment_status"], PAID_CODES)
    return is_paid & ~is_among(ecom_orders["fulfillment_status"], UNDONE_CODES)


def _candidates(sales: pd.DataFrame, numbers: KnownNumbers) -> pd.DataFrame:
    """Return what each sale says about web orders; blank where it says nothing.

    ``by_source`` and ``by_note`` are numbers of known orders, as these spell them.  A
    number that is no known order's stays as it is in ``by_source``; the text of a note
    that names no known order is not shown: ``has_other_note`` says that there is one.
    """
    is_web = sales["source"].fillna("").str.startswith(WEB_SOURCE)
    sources = sales["source_id"].fillna("").where(is_web, "").tolist()
    notes = sales["web_order_number"].fillna("").tolist()
    by_note = [text and (numbers.find_in_note(text) or "") for text in notes]
    return pd.DataFrame(
        {
            "sale_id": sales["sale_id"].tolist(),
            "by_source": [
                source and (numbers.find(source) or source) for source in sources
            ],
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
    naming = candidates[is_among(candidates[column], orders["order_number"])]
    return pd.DataFrame(
        {
            "order_number": naming[column],
            "sale_id": naming["sale_id"],
            "evidence": evidence.value,
        }
    )


def _exported(orders: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """Match what the export names, if the sale names no other order."""
    hinted = candidates[is_among(candidates["sale_id"], orders["exported_id"])]
    known = orders[is_among(orders["exported_id"], hinted["sale_id"])]
    pairs = known.merge(
        hinted, left_on="exported_id", right_on="sale_id", validate="m:1"
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


def _contradictions(
    orders: pd.DataFrame, candidates: pd.DataFrame, matched: pd.DataFrame
) -> pd.DataFrame:
    """Return per order the claims that its match, or its having none, goes against.

    A claim speaks about the order that it names, and about the one that has its sale.
    """
    claims = _claims(orders, candidates)
    used = set(_pairs(matched, "sale_id", "order_number"))
    claimed = _pairs(claims, "sale_id", "named")
    unused = claims[
        ~np.array([claim in used for claim in claimed], "bool")
        # A sale that is not stored (yet) contradicts only an order that has another.
        & (
            is_among(claims["sale_id"], candidates["sale_id"])
            | is_among(claims["named"], matched["order_number"])
        )
    ]
    about_named = unused.assign(order_number=unused["named"])
    about_owner = unused.merge(
        matched[["sale_id", "order_number"]], on="sale_id", validate="m:1"
    )
    rows = pd.concat([about_named, about_owner]).drop_duplicates()
    # The text of a note may hold anything: it is never shown.
    named = ("order " + rows["named"]).mask(rows["named"] == OTHER, "another order")
    rows["contradiction"] = rows["by"] + " names sale " + rows["sale_id"] + " for "
    rows["contradiction"] += named
    said: dict[str, list[str]] = {}
    for number, claim in sorted(_pairs(rows, "order_number", "contradiction")):
        said.setdefault(number, []).append(claim)
    texts = {number: "; ".join(claims) for number, claims in said.items()}
    columns = {"order_number": list(texts), "contradiction": list(texts.values())}
    return pd.DataFrame(columns, dtype="str")


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


# ----------------------------------------------------------------------------------
# The payment and fulfilment words of web orders: what each says, and unknown ones.
#
# The export and the API of the web shop have words of their own for the same thing
# (API 6.1). A word that is on no list says nothing about money, so it is reported,
# and an unknown payment word adds nothing (rules 2.2 and 4.4).


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
"""Fulfilment words of an order that is valid."""

KNOWN: Mapping[str, Collection[str]] = {
    "payment_status": frozenset(PAID_CODES) | UNPAID.keys(),
    "fulfillment_status": ON_ITS_WAY | frozenset(UNDONE_CODES),
}
"""Every known word, by the column that has it."""

NONE = "none"
NOT_SHOWN = "a word that cannot be shown"
_SHOWN = re.compile(r"[A-Z][A-Z0-9_]{0,39}")


def show_word(word: Any) -> str:
    """Return a status as it may be shown anywhere: a code of the web shop's form.

    A cell may hold anything, also what is personal.
    """
    text = said(word)
    if not text:
        return NONE
    return text if _SHOWN.fullmatch(text) else NOT_SHOWN


def has_known_payment(order: Mapping[Any, Any]) -> bool:
    """Say whether an order's payment status says if it is paid."""
    return said(order["payment_status"]) in KNOWN["payment_status"]


def doubt_fulfilment(order: Mapping[Any, Any]) -> str:
    """Return a remark on an unknown fulfilment status; nothing on a known one."""
    status = said(order["fulfillment_status"])
    if status in KNOWN["fulfillment_status"]:
        return ""
    if not status:
        return "; it has no fulfilment status"
    return f"; its fulfilment status is not known ({show_word(status)})"


def check_order_words(orders: pd.DataFrame) -> CheckResult:
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
    return CheckResult(
        CHECK,
        affected.empty,
        _describe_unknown_words(affected, unpaid, counted)
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
    parts = [f"{word} ({count:,})" for word, count in ranked[:MOST_KEYS]]
    return ", ".join(parts) + (", …" if len(ranked) > MOST_KEYS else "")


def _cents_of(orders: pd.DataFrame) -> int:
    return int(orders["total_cents"].sum())


def _describe_unknown_words(
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
    text = (
        f"{many} a status that is not known, {format_cents(_cents_of(affected))} in "
        f"all ({'; '.join(parts)})."
    )
    if unpaid.empty:
        return f"{text} An unknown fulfilment status takes no money away."
    return (
        f"{text} {say(len(unpaid), 'has', 'have')} an unknown payment status, "
        f"{format_cents(_cents_of(unpaid))}: what is no sale is in no figure; "
        "see reports/ecom_reconciliation.csv."
    )


# ----------------------------------------------------------------------------------
# Order numbers that a spreadsheet or a program changed on their way (rule 4.3).
#
# ``00101`` comes back as ``101``, ``1002`` as ``1002.0``. Such an order no longer
# finds its sale, so it would be counted a second time.


class Mark(StrEnum):
    """What in a cell shows that its number was changed."""

    DECIMALS = "ends with decimals, as a number does that was read as an amount"
    SCIENTIFIC = "is in scientific notation, so digits are lost"
    APOSTROPHE = "begins with an apostrophe, which spreadsheets put before text"
    FORMULA = "is a formula of a spreadsheet"
    THOUSANDS = "has marks between its thousands"


_MARKS: Mapping[Mark, re.Pattern[str]] = {
    Mark.THOUSANDS: re.compile(
        r"[1-9][0-9]{0,2}(?:(?P<mark>[., '\u2019])[0-9]{3}(?:(?P=mark)[0-9]{3})*"
        r"|(?:,[0-9]{2})+,[0-9]{3})(?:[.,]0+)?"
    ),
    Mark.DECIMALS: re.compile(r"[0-9]+[.,]0+"),
    Mark.SCIENTIFIC: re.compile(
        r"[0-9](?:[.,][0-9]+)?e\+[0-9]+|[0-9][.,][0-9]+e[0-9]+"
    ),
    Mark.APOSTROPHE: re.compile(r"['\u2018\u2019].+"),
    Mark.FORMULA: re.compile(r"=\s*(\"[^\"]*\"|t\(\"[^\"]*\"\))"),
}
"""The whole of a cell, as numbers are compared: part of one is a prefix or suffix."""

_DECIMALS = re.compile(r"[.,]0+\Z")
_NOT_IN_NUMBER: Mapping[Mark, re.Pattern[str]] = {
    Mark.THOUSANDS: re.compile("[., '\u2019]"),
    Mark.APOSTROPHE: re.compile("\\A['\u2018\u2019]"),
    Mark.FORMULA: re.compile(r"\A=\s*(t\()?\"|\"\)?\Z"),
}
_DIGITS = re.compile("[0-9]+")


@dataclass(frozen=True, slots=True)
class Doubtful:
    """An order number of an export that may have been changed on its way.

    Attributes:
        number: as the export has it.
        plain: as it may have been before, in the form for comparison.
        mark: what in it shows a change; nothing where only zeros may be lost.
        known: the number that is known instead, if one is.
    """

    number: str
    plain: str
    mark: Mark | None
    known: str | None


def find_mark(number: str) -> Mark | None:
    """Return what in *number* shows that it was changed, if anything does."""
    form = comparable(number)
    return next((mark for mark, whole in _MARKS.items() if whole.fullmatch(form)), None)


def unmark(number: str, mark: Mark) -> str:
    """Return *number* as it was before, as far as that can be known."""
    form = comparable(number)
    decimals = _DECIMALS.search(form)
    if decimals and (mark is Mark.DECIMALS or _are_decimals(decimals.group(), mark)):
        form = form[: decimals.start()]
    return _NOT_IN_NUMBER[mark].sub("", form) if mark in _NOT_IN_NUMBER else form


def _are_decimals(end: str, mark: Mark) -> bool:
    """Say whether the *end* of marked thousands is decimals, not the last thousand."""
    return mark is Mark.THOUSANDS and len(end) != len(".000")


def strip_zeros(number: str) -> str | None:
    """Return a number of digits without its leading zeros; nothing of any other one."""
    form = comparable(number)
    return (form.lstrip("0") or "0") if _DIGITS.fullmatch(form) else None


def find_doubtful(
    ecom_orders: pd.DataFrame, stored: Collection[str], of_sales: Collection[str]
) -> list[Doubtful]:
    """Return the orders of an export whose numbers may have been changed on their way.

    Args:
        ecom_orders: ``EcomOrders`` of the export.
        stored: the numbers of the orders stored before.
        of_sales: the numbers of stored web sales; plain ones may be left out.
    """
    before, kept = KnownNumbers([*stored, *of_sales]), KnownNumbers(stored)
    padded = _by_stripped([*stored, *of_sales, *_repeated(ecom_orders)])
    found = []
    for number in ecom_orders["order_number"]:
        mark, form = find_mark(number), comparable(number)
        if mark is not None:
            plain = unmark(number, mark)
            found.append(Doubtful(number, plain, mark, before.find(plain)))
        elif form in padded:
            known = padded[form]
            if kept.find(number) is None or kept.find(known) is None:
                found.append(Doubtful(number, form, None, known))
    return found


def explain_change(
    doubtful: Doubtful, carried: Collection[str], at_tills: Collection[Mark]
) -> str | None:
    """Say how an order number was changed on its way; nothing if it was not.

    Args:
        doubtful: the number.
        carried: the forms of the numbers that stored sales have exactly so.
        at_tills: the marks that numbers of sales from the web shop have: what the shop
            itself writes shows no change.
    """
    if comparable(doubtful.number) in carried:
        return None
    if doubtful.mark is None:
        return f"lost its leading zeros: it is known as {doubtful.known}"
    known = doubtful.known or (doubtful.plain if doubtful.plain in carried else None)
    if known is not None:
        return f"{doubtful.mark.value}: it is known as {known}"
    return None if doubtful.mark in at_tills else doubtful.mark.value


def _repeated(orders: pd.DataFrame) -> list[str]:
    """Return the numbers of orders that an export has with and without zeros."""
    same = ["ordered_at", "total_cents", "email"]
    rows = orders[["order_number", *same]].assign(
        stripped=orders["order_number"].map(strip_zeros)
    )
    digits = rows.dropna(subset=["stripped"])
    again = digits.duplicated(["stripped", *same], keep=False)
    repeated: list[str] = digits.loc[again, "order_number"].tolist()
    return repeated


def _by_stripped(known: Iterable[str]) -> dict[str, str]:
    """Return the known numbers with leading zeros by what is left without them."""
    found: dict[str, str] = {}
    for number in sorted(known):
        stripped = strip_zeros(number)
        if stripped is not None and stripped != comparable(number):
            found.setdefault(stripped, number)
    return found


# ----------------------------------------------------------------------------------
# What became of the web shop's orders from one export to the next.
#
# The web shop keeps its orders, so a later export has every order of an earlier one.
# One that has not was cut off, filtered, or made by somebody who deleted orders.


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
    values = [
        table.assign(order_number=form) for table, form in zip(both, forms, strict=True)
    ]
    same = values[0].merge(values[1], on=_CONTENT)["order_number"]
    is_known = is_among(forms[1], forms[0])
    return ExportChanges(
        len(before),
        len(now),
        new=second[~is_known].tolist(),
        gone=first[~is_among(forms[0], forms[1])].tolist(),
        changed=second[is_known & ~is_among(forms[1], same)].tolist(),
    )


def check_completeness(
    changes: ExportChanges | None, lost_columns: Collection[str] = ()
) -> CheckResult:
    """Say whether an export has all that the last good one had.

    Args:
        changes: from the last good export to this one; nothing if there was none.
        lost_columns: columns that the last good one had and this one has not.

    A few orders that are gone are a warning; more than the larger of 10 and a tenth
    are a file that was cut off, until a person says otherwise.
    """
    if changes is None:
        sentence = "There is no earlier export to compare with."
        return CheckResult("export_is_complete", True, sentence, Severity.WARN)
    parts = [*_describe_gone(changes), *_describe_lost(lost_columns)]
    is_cut_off = len(changes.gone) > max(FEW_GONE, changes.before // 10)
    return CheckResult(
        "export_is_complete",
        not parts,
        " ".join(parts) or "The export has all that the last good one had.",
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


def _describe_gone(changes: ExportChanges) -> list[str]:
    """Say how many orders are there no more, and which, in one sentence."""
    if not changes.gone:
        return []
    return [
        f"The export has {changes.now:,} orders, the last good one had "
        f"{changes.before:,}; {len(changes.gone):,} of those are gone: "
        f"{name_some(changes.gone)}. Their figures go with them."
    ]


def _describe_lost(columns: Collection[str]) -> list[str]:
    """Say which columns are there no more, and what that changes."""
    if not columns:
        return []
    named = ", ".join(f"`{column}`" for column in sorted(columns))
    text = f"The export lacks {named}, which the last good one had"
    if SALE_COLUMN in columns:
        return [f"{text}, so orders may no longer be tied to their sales."]
    return [f"{text}."]
