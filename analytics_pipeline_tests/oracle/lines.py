"""The lines of sales once more: kinds, and cents that add up (rule 12.3).

Fractions in place of decimals, and the cents of a line as the difference of what the
sale came to with it and without it.
"""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from analytics_pipeline.simulator.records import Line, Sale, StoreState
from analytics_pipeline_tests.oracle.bookings import (
    business_day,
    cents_of,
    is_completed,
)
from analytics_pipeline_tests.oracle.terms import NORMAL, Terms


class LineFigures(NamedTuple):
    """What one line says; money in cents, a quantity in thousandths."""

    day: date
    counts: bool
    kind: str
    product: str
    is_return: bool
    quantity: int | None
    incl: int
    excl: int
    discount: int | None
    promotion: int | None
    cost: int | None


def rounded(amount: Fraction) -> int:
    """Round half away from zero."""
    whole = floor(abs(amount) + Fraction(1, 2))
    return whole if amount >= 0 else -whole


def kind_of(line: Line, state: StoreState) -> str:
    """Say what a line is, by its gift card and its product."""
    if line.gift_card_number:
        return "gift_card"
    is_discount = line.product_id == state.retailer.discount_product_id
    return "discount" if is_discount else "goods"


def lines_of(
    sale: Sale, state: StoreState, terms: Terms
) -> Iterator[tuple[str, LineFigures]]:
    """Yield the lines of one sale by id, and what they do not explain."""
    day, counts = business_day(state, sale), is_completed(sale, terms)
    lines = [line for line in sale.lines if line.status != "VOIDED"]
    totals = [100 * Fraction(line.total) for line in lines]
    taxes = [100 * Fraction(line.tax_total) for line in lines]
    for place, line in enumerate(lines):
        until, before = totals[: place + 1], totals[:place]
        excl = rounded(Fraction(sum(until))) - rounded(Fraction(sum(before)))
        incl = rounded(sum(until) + Fraction(sum(taxes[: place + 1])))
        incl -= rounded(sum(before) + Fraction(sum(taxes[:place])))
        yield (
            f"{sale.id}:{place + 1}",
            LineFigures(
                *(day, counts, kind_of(line, state), line.product_id, line.is_return),
                rounded(1000 * Fraction(line.quantity)),
                *(incl, excl, cents_of(line.discount_total)),
                *(cents_of(line.promotion_total), cents_of(line.cost_total)),
            ),
        )
    incl = cents_of(sale.total_price_incl) - rounded(sum(totals) + Fraction(sum(taxes)))
    excl = cents_of(sale.total_price) - rounded(Fraction(sum(totals)))
    if incl or excl:
        rest = (day, counts, "unexplained", "", False, None, incl, excl)
        number = len(lines) + 1
        yield f"{sale.id}:{number}", LineFigures(*rest, None, None, None)


def expected_lines(
    state: StoreState, as_of: date, terms: Terms = NORMAL
) -> dict[str, LineFigures]:
    """Return every line of the sales up to *as_of*, by its id."""
    return {
        line: figures
        for sale in state.sales.values()
        if business_day(state, sale) <= as_of
        for line, figures in lines_of(sale, state, terms)
    }


def stored_lines(data: Path, as_of: date) -> dict[str, LineFigures]:
    """Read the stored lines up to *as_of*, by their id."""
    files = sorted((data / "warehouse" / "sale_lines").glob("*.parquet"))
    frame = pd.concat(map(pd.read_parquet, files), ignore_index=True)
    frame = frame[frame["business_date"] <= pd.Timestamp(as_of)]
    columns = [
        *("line_id", "business_date", "is_completed", "kind", "product_id"),
        *("is_return", "quantity_thousandths", "value_incl_cents"),
        *("value_excl_cents", "discount_cents", "promotion_cents", "cost_cents"),
    ]
    return {
        line: LineFigures(
            day.date(),
            *(counts, kind, product if isinstance(product, str) else "", is_return),
            *(None if pd.isna(number) else int(number) for number in numbers),
        )
        for line, day, counts, kind, product, is_return, *numbers in frame[
            columns
        ].itertuples(index=False, name=None)
    }


def line_differences(
    state: StoreState, data: Path, as_of: date, terms: Terms = NORMAL
) -> list[str]:
    """Name each line that is not what the ledger expects."""
    expected, stored = expected_lines(state, as_of, terms), stored_lines(data, as_of)
    return [
        f"line {line}: {expected.get(line)} expected, {stored.get(line)} found"
        for line in sorted(expected.keys() | stored.keys())
        if expected.get(line) != stored.get(line)
    ]
