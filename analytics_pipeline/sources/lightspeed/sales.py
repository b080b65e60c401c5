"""Sales from the feed or the search, as rows of ``sales_feed`` (API 3)."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd

from analytics_pipeline.domain.order_numbers import noted_text
from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.sources.lightspeed.pages import (
    RawLine,
    RawPayment,
    TypedSale,
    raw_sale,
)
from analytics_pipeline.sources.values import (
    EXACT,
    LARGEST_VERSION,
    UNREADABLE_WORD,
    Rejection,
    Unusable,
    amount,
    flag,
    frame_of,
    id_in,
    identifier,
    instant,
    is_set,
    nearest_cents,
    optional_name,
    plain_text,
    reference,
    sort_out,
    text,
    version,
    whole_cents,
    word,
)

# ----------------------------------------------------------------------------------
# Sales from the feed or the search, as rows of ``sales_feed``.
#
# Only amounts, links and words of closed sets are taken; of a note, nothing but what
# follows ``Order ID:`` at its start, to the end of that line (rules 4.3 and 4.7).


_LINES, _PAYMENTS = "line_amounts_are_numbers", "payment_amounts_are_numbers"
_STATUS, _VOIDED = "line_status_is_text", "VOIDED"
_NOTHING = Decimal(0)
_MOST_ATTRIBUTES = 100


class LineSums(NamedTuple):
    """What the lines of a sale add up to."""

    refunded_incl_cents: int
    refunded_excl_cents: int
    sold_line_count: int


def sales_rows(
    records: Iterable[Any],
    *,
    segment: int,
    page: int,
    highest_version: int = LARGEST_VERSION,
) -> tuple[pd.DataFrame, list[Rejection]]:
    """Return ``SalesFeed`` rows of *records*, and what was rejected and why.

    A record that appears twice on a page with the same version makes one row.  One
    above *highest_version* is rejected.
    """
    rows, rejections = sort_out(
        records,
        lambda record: _row(record, segment),
        table="sales_feed",
        page=page,
        highest_version=highest_version,
    )
    latest = {(row[0], row[1]): row for row in rows}
    return frame_of(list(latest.values()), SalesFeed), rejections


def _row(record: dict[str, Any] | TypedSale, segment: int) -> tuple[Any, ...]:
    """Return the values of one sale in the column order of ``SalesFeed``."""
    sale_id = identifier(id_in(record))
    sale = raw_sale(record)
    return (
        sale_id,
        version(sale.version),
        segment,
        instant(sale.sale_date, "sale_date_is_a_time"),
        reference(sale.outlet_id, "outlet_id_is_text"),
        optional_name(sale.register_id),
        reference(sale.customer_id, "customer_id_is_text"),
        text(sale.source, "source_is_text"),
        text(sale.source_id, "source_id_is_text"),
        _order_number(sale.note),
        reference(sale.return_for, "return_for_is_text"),
        word(sale.state),
        word(sale.status),
        _attributes(sale.attributes, sale.status),
        is_set(sale.deleted_at, "deleted_at_is_a_time"),
        _total_cents(sale.total_incl),
        _total_cents(sale.total_excl),
        _paid_cents(sale.payments),
        *_line_sums(sale.lines),
    )


def _total_cents(value: Any) -> int:
    """Return a total rounded half away from zero to cents, once (rule 1.3)."""
    if value is None or value == "":
        raise Unusable("total_is_given")
    rule = "total_is_a_number"
    return nearest_cents(amount(value, rule), rule)


def _paid_cents(payments: Iterator[RawPayment]) -> int:
    """Return the whole cents of the payments that are not deleted (rule 2.1)."""
    paid = (
        amount(payment.amount, _PAYMENTS)
        for payment in payments
        if not is_set(payment.deleted_at, _PAYMENTS)
    )
    return whole_cents(_exact_sum(paid, _PAYMENTS), _PAYMENTS)


def _line_sums(lines: Iterator[RawLine]) -> LineSums:
    """Return the refunded value (rule 2.5) and the count of lines that sell (2.3).

    A value is checked only where a figure needs it: the price of a line that sells is
    in the sale's total already.
    """
    totals: list[Decimal] = []
    taxes: list[Decimal] = []
    sold = 0
    for line in lines:
        if plain_text(line.status, _STATUS) == _VOIDED:
            continue
        if flag(line.is_return, _LINES):
            totals.append(amount(line.total, _LINES))
            taxes.append(amount(line.tax, _LINES))
        elif amount(line.quantity, _LINES) > 0:
            sold += 1
    if not totals:
        return LineSums(0, 0, sold)
    excl, incl = _exact_sum(totals, _LINES), _exact_sum(totals + taxes, _LINES)
    return LineSums(-nearest_cents(incl, _LINES), -nearest_cents(excl, _LINES), sold)


def _exact_sum(amounts: Iterable[Decimal], rule: str) -> Decimal:
    """Add *amounts* without losing a digit, or call them unusable."""
    total = _NOTHING
    try:
        for value in amounts:
            total = EXACT.add(total, value)
    except ArithmeticError as error:
        raise Unusable(rule) from error
    return total


def _order_number(note: Any) -> str | None:
    """Return what a note says of a web order, at most 60 characters of one line."""
    found = noted_text(note) if isinstance(note, str) else None
    return None if found is None else text(found, "note_is_text")


def _attributes(value: Any, status: Any) -> str:
    """Return the attributes, sorted and joined; one that is no word is unknown.

    The older status says the attribute too; where neither is given, what a pending
    sale waits for is unknown.
    """
    if value is None:
        return UNREADABLE_WORD if word(status) is None else ""
    if not isinstance(value, list) or len(value) > _MOST_ATTRIBUTES:
        return UNREADABLE_WORD
    if not value:
        return ""
    return ";".join(sorted({word(item) or UNREADABLE_WORD for item in value}))
