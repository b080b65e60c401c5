"""Sales from the feed or the search, as rows of ``sales_feed`` (API 3)."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd

from analytics_pipeline.domain.order_numbers import noted_text
from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.sources.values import (
    EXACT,
    LARGEST_VERSION,
    UNREADABLE_WORD,
    Rejection,
    Unusable,
    amount,
    flag,
    frame_of,
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
    version_in,
    whole_cents,
    word,
)

# ----------------------------------------------------------------------------------
# The two shapes of a sale on the wire, brought to one (API 3.1 and 3.2).
#
# The shape is detected on each record, because a version of the API does not promise
# one. Values are handed on as delivered; ``sale_payloads`` checks them.


__all__ = ["RawLine", "RawPayment", "RawSale", "raw_sale", "version_in"]

_FLAT_MARKS = ("total_price", "total_price_incl", "sale_date")
_NO_PART: dict[str, Any] = {}


class RawLine(NamedTuple):
    """One line of a sale as delivered; amounts are for the whole line, tax apart."""

    status: Any
    is_return: Any
    quantity: Any
    total: Any
    tax: Any


class RawPayment(NamedTuple):
    """One payment as delivered."""

    amount: Any
    deleted_at: Any


class RawSale(NamedTuple):
    """The values of a sale that the tables use, as delivered."""

    id: Any
    version: Any
    sale_date: Any
    outlet_id: Any
    register_id: Any
    customer_id: Any
    source: Any
    source_id: Any
    note: Any
    return_for: Any
    state: Any
    status: Any
    attributes: Any
    deleted_at: Any
    total_incl: Any
    total_excl: Any
    lines: Iterator[RawLine]
    payments: Iterator[RawPayment]


def raw_sale(record: dict[str, Any]) -> RawSale:
    """Return the values of *record*, whichever of the two shapes it has."""
    if "totals" in record or "_metadata" in record:
        return _nested(record)
    if any(mark in record for mark in _FLAT_MARKS):
        return _flat(record)
    raise Unusable("shape_is_known")


def _flat(record: dict[str, Any]) -> RawSale:
    get = record.get
    return RawSale(
        id=get("id"),
        version=version_in(record),
        sale_date=get("sale_date"),
        outlet_id=get("outlet_id"),
        register_id=get("register_id"),
        customer_id=get("customer_id"),
        source=get("source"),
        source_id=get("source_id"),
        note=get("note"),
        return_for=get("return_for"),
        state=get("state"),
        status=get("status"),
        attributes=get("attributes"),
        deleted_at=get("deleted_at"),
        total_incl=get("total_price_incl"),
        total_excl=get("total_price"),
        lines=_flat_lines(record),
        payments=_payments(record),
    )


def _nested(record: dict[str, Any]) -> RawSale:
    get = record.get
    source = _part(record, "source", "shape_is_known")
    totals = _part(record, "totals", "shape_is_known")
    return RawSale(
        id=get("id"),
        version=version_in(record),
        sale_date=get("date"),
        outlet_id=source.get("outlet_id"),
        register_id=source.get("register_id"),
        customer_id=get("customer_id"),
        source=source.get("type"),
        source_id=source.get("id"),
        note=get("note"),
        return_for=_part(record, "return", "shape_is_known").get("original_sale_id"),
        state=get("state"),
        status=get("status"),
        attributes=get("attributes"),
        deleted_at=get("deleted_at"),
        total_incl=totals.get("price_incl_tax"),
        total_excl=totals.get("price"),
        lines=_nested_lines(record),
        payments=_payments(record),
    )


def _flat_lines(record: dict[str, Any]) -> Iterator[RawLine]:
    """Yield the lines; each amount goes by an old and a new name (API 3.1)."""
    for line in _objects(record, "line_items", "lines_are_a_list"):
        total, tax = line.get("price_total"), line.get("tax_total")
        yield RawLine(
            status=line.get("status"),
            is_return=line.get("is_return"),
            quantity=line.get("quantity"),
            total=line.get("total_price") if total is None else total,
            tax=line.get("total_tax") if tax is None else tax,
        )


def _nested_lines(record: dict[str, Any]) -> Iterator[RawLine]:
    for line in _objects(record, "line_items", "lines_are_a_list"):
        yield RawLine(
            status=line.get("status"),
            is_return=_part(line, "return", "lines_are_a_list").get("is_return"),
            quantity=line.get("quantity"),
            total=_part(line, "pricing", "line_amounts_are_numbers").get("total"),
            tax=_part(line, "tax", "line_amounts_are_numbers").get("total"),
        )


def _payments(record: dict[str, Any]) -> Iterator[RawPayment]:
    for payment in _objects(record, "payments", "payments_are_a_list"):
        yield RawPayment(payment.get("amount"), payment.get("deleted_at"))


def _objects(record: dict[str, Any], key: str, rule: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list that must be there, though it may be empty."""
    items = record.get(key)
    if not isinstance(items, list):
        raise Unusable(rule)
    for item in items:
        if not isinstance(item, dict):
            raise Unusable(rule)
        yield item


def _part(record: dict[str, Any], key: str, rule: str) -> dict[str, Any]:
    """Return an inner object; without it, its values are missing."""
    part = record.get(key)
    if part is None:
        return _NO_PART
    if not isinstance(part, dict):
        raise Unusable(rule)
    return part


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


def _row(record: dict[str, Any], segment: int) -> tuple[Any, ...]:
    """Return the values of one sale in the column order of ``SalesFeed``."""
    sale_id = identifier(record.get("id"))
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
    return ";".join(sorted({word(item) or UNREADABLE_WORD for item in value}))
