"""The two shapes of a sale on the wire, brought to one (API 3.1 and 3.2).

The shape is detected on each record, because a version of the API does not promise
one.  Values are handed on as delivered; ``sale_payloads`` judges them.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from analytics_pipeline.sources.payload_values import Unusable, version_in

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
