"""Order numbers that a spreadsheet or a program changed on their way (rule 4.3).

``00101`` comes back as ``101``, ``1002`` as ``1002.0``.  Such an order no longer finds
its sale, so it would be counted a second time.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from analytics_pipeline.domain.order_numbers import KnownNumbers, comparable


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
    """Return *number* as it was before, as far as it can be told."""
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
