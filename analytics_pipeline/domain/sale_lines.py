"""The lines of a sale: how the log keeps them, and what they come to (rule 12.3)."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

import pandas as pd

from analytics_pipeline.model.checks import CheckResult, Severity, name_some
from analytics_pipeline.model.money import (
    LARGEST_AMOUNT,
    format_cents,
    round_half_away,
)
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sales import SaleLines
from analytics_pipeline.model.schemas.table import frame_types
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import SaleLineKind

# ----------------------------------------------------------------------------------
# The lines of one version of a sale, as the log keeps them.


class LineMark(StrEnum):
    """What a delivered line says by itself of its kind."""

    GOODS = "l"
    GIFT_CARD = "g"
    DISCOUNT = "d"
    SURCHARGE = "s"


class Line(NamedTuple):
    """One line of a sale as delivered; an amount that could not be read is missing.

    Amounts are exact, in shop currency, for the whole line; ``total`` is without tax.
    """

    mark: str
    product_id: str | None = None
    is_return: bool = False
    quantity: Decimal | None = None
    total: Decimal | None = None
    tax: Decimal | None = None
    discount: Decimal | None = None
    promotion: Decimal | None = None
    cost: Decimal | None = None


def write_lines(*parts: Iterable[Line]) -> str | None:
    """Return lines as one text, the same for equal amounts; nothing without lines."""
    rows = [
        [*line[:2], int(line.is_return), *map(_write_amount, line[3:])]
        for part in parts
        for line in part
    ]
    return json.dumps(rows, separators=(",", ":")) if rows else None


def read_lines(text: str) -> list[Line]:
    """Return what :func:`write_lines` has written."""
    return [
        Line(mark, product, bool(is_return), *map(_read_amount, amounts))
        for mark, product, is_return, *amounts in json.loads(text)
    ]


def _write_amount(amount: Any) -> str | None:
    """Return an exact amount as digits, without zeros at its end."""
    if amount is None:
        return None
    digits = format(amount, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _read_amount(digits: str | None) -> Decimal | None:
    return None if digits is None else Decimal(digits)


# ----------------------------------------------------------------------------------
# The lines of the sales of a day, each of its kind, adding up to the sales.

ZERO = Decimal(0)
MOST_ROUNDED_CENTS = 1
"""By how much a total with tax may differ from its lines, because it was rounded from
other digits (API 3.1)."""

KIND_OF_MARK: Mapping[str, SaleLineKind] = {
    LineMark.GIFT_CARD: SaleLineKind.GIFT_CARD,
    LineMark.DISCOUNT: SaleLineKind.DISCOUNT,
    LineMark.SURCHARGE: SaleLineKind.SURCHARGE,
}


class Cents(NamedTuple):
    """A value in cents, with and without tax."""

    incl: int
    excl: int


class Kinds(NamedTuple):
    """The products whose lines are of a kind of their own.

    Attributes:
        discount_product: the store's product for a discount on a whole sale.
        shipping: the products that the shop has named as shipping.
    """

    discount_product: str | None
    shipping: frozenset[str]

    def of(self, line: Line) -> SaleLineKind:
        """Return the kind of *line*."""
        if (kind := KIND_OF_MARK.get(line.mark)) is not None:
            return kind
        if line.product_id is not None and line.product_id == self.discount_product:
            return SaleLineKind.DISCOUNT
        is_shipping = line.product_id in self.shipping
        return SaleLineKind.SHIPPING if is_shipping else SaleLineKind.GOODS


def choose_kinds(outlets: pd.DataFrame, policy: Policy) -> Kinds:
    """Return the products of a kind of their own: the store's and the shop's."""
    named = outlets["discount_product_id"].dropna()
    discount = None if named.empty else str(named.iloc[0])
    return Kinds(discount, frozenset(policy.shipping_products))


def list_lines(sales: pd.DataFrame, kinds: Kinds) -> pd.DataFrame:
    """Return ``SaleLines``: the lines of *sales*, which add up to their totals.

    Args:
        sales: ``sale_id, business_date, is_completed, total_incl_cents,
            total_excl_cents, lines`` (of the log), one row a sale.
        kinds: the products whose lines are of a kind of their own.
    """
    types = frame_types(SaleLines)
    rows = [
        row
        for sale, day, counts, incl, excl, text in sales[_OF_SALE].itertuples(
            index=False, name=None
        )
        for row in _rows_of(sale, day, counts, Cents(incl, excl), text, kinds)
    ]
    return pd.DataFrame(rows, columns=list(types)).astype(types)


_OF_SALE = [
    *("sale_id", "business_date", "is_completed"),
    *("total_incl_cents", "total_excl_cents", "lines"),
]


def _rows_of(
    sale_id: str,
    business_date: pd.Timestamp,
    is_completed: bool,
    totals: Cents,
    text: Any,
    kinds: Kinds,
) -> Iterator[tuple[Any, ...]]:
    """Yield the lines of one sale, and a last one for what they do not explain."""
    of_sale = sale_id, business_date, is_completed
    lines = [] if pd.isna(text) else read_lines(text)
    values = share_out(lines)
    for number, (line, value) in enumerate(zip(lines, values, strict=True), start=1):
        yield (
            *(f"{sale_id}:{number}", *of_sale, number),
            *(kinds.of(line).value, line.product_id, line.is_return),
            *(_thousandths(line.quantity), *value),
            *map(_cents, (line.discount, line.promotion, line.cost)),
        )
    rest = Cents(
        totals.incl - sum(value.incl for value in values),
        totals.excl - sum(value.excl for value in values),
    )
    if any(rest):
        number = len(lines) + 1
        yield (
            *(f"{sale_id}:{number}", *of_sale, number),
            *(SaleLineKind.UNEXPLAINED.value, None, False),
            *(None, *rest, None, None, None),
        )


def share_out(lines: Sequence[Line]) -> list[Cents]:
    """Return the cents of each line, which add up to the rounded sum of all.

    A line has the cents by which the rounded sum grows with it (rule 1.3).  What could
    not be read of a line is nothing here: it is missing from the sum, and shows as the
    difference to the sale.
    """
    shares: list[Cents] = []
    incl = excl = ZERO
    before = Cents(0, 0)
    for line in lines:
        excl += line.total or ZERO
        incl += (line.total or ZERO) + (line.tax or ZERO)
        now = Cents(round_half_away(incl), round_half_away(excl))
        shares.append(Cents(now.incl - before.incl, now.excl - before.excl))
        before = now
    return shares


def _thousandths(quantity: Decimal | None) -> int | None:
    return None if quantity is None else _within(round_half_away(quantity * 10))


def _cents(amount: Decimal | None) -> int | None:
    return None if amount is None else _within(round_half_away(amount))


def _within(number: int) -> int | None:
    """Return a number that no shop has beyond the bounds of the table as missing."""
    return number if abs(number) <= LARGEST_AMOUNT else None


# ----------------------------------------------------------------------------------
# What is checked of the lines of a day.


def check_lines_explained(lines: pd.DataFrame) -> CheckResult:
    """Report completed sales whose lines do not come to their total (rule 12.3).

    A cent is rounding, and only counted.
    """
    rest = lines[(lines["kind"] == SaleLineKind.UNEXPLAINED) & lines["is_completed"]]
    amounts = rest["value_incl_cents"]
    odd = rest[amounts.abs() > MOST_ROUNDED_CENTS]
    value = format_cents(int(odd["value_incl_cents"].sum()))
    return CheckResult(
        "lines_are_explained",
        odd.empty,
        "The lines of every sale that counts come to its total."
        if odd.empty
        else f"The lines of {say(len(odd), 'sale', 'sales')} do not come to the total: "
        f"{value} in all is a line of its own, `unexplained`.",
        Severity.WARN,
        {
            "sales": len(odd),
            "value": value,
            "off_by_a_cent": len(rest) - len(odd),
            "sale_ids": name_some(odd["sale_id"].tolist()),
        },
    )


def conserve_lines(lines: pd.DataFrame, sales: pd.DataFrame) -> CheckResult:
    """Compare the lines of the completed sales with these sales, kind by kind added.

    Args:
        lines: ``SaleLines`` of a day.
        sales: ``RawSales`` of the day.
    """
    completed = lines[lines["is_completed"]]
    by_kind = completed.groupby("kind")[["value_incl_cents", "value_excl_cents"]].sum()
    counted = sales[sales["is_completed"]]
    differences = {
        basis: int(by_kind[f"value_{basis}_cents"].sum())
        - int(counted[f"total_{basis}_cents"].sum())
        for basis in ("incl", "excl")
    }
    passed = not any(differences.values())
    verb = "add up" if passed else "do not add up"
    return CheckResult(
        "conserves_lines",
        passed,
        f"The lines {verb} to the sales of the day.",
        evidence={
            **{f"{kind}_cents": int(row.iloc[0]) for kind, row in by_kind.iterrows()},
            **{f"difference_{basis}": each for basis, each in differences.items()},
        },
    )
