"""Pages of sales: decoded into types at once, their two shapes brought to one (API 3).

The types hold only what the tables use, so that the rest of a page is checked as JSON
and skipped.  They foresee which values are objects and lists, and nothing else: every
other value is as delivered, its numbers exact, for :mod:`.sales` to check.  A page that
holds something else than they foresee is decoded as any other reply.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from analytics_pipeline.sources.patience import decode_reply
from analytics_pipeline.sources.values import (
    LARGEST_RECORD,
    TypedRecord,
    Unusable,
    version_in,
)

_SHAPE, _LINES = "shape_is_known", "lines_are_a_list"
_LINE_AMOUNTS, _PAYMENTS = "line_amounts_are_numbers", "payments_are_a_list"

Item = TypeVar("Item")

# ----------------------------------------------------------------------------------
# What the tables use of a sale, in one shape.


class RawLine(Struct, gc=False):
    """One line of a sale as delivered; amounts are for the whole line, tax apart.

    ``promotions`` are the amounts that promotions took off; ``gift_card`` is whatever
    the line says of a gift card, which is its number.
    """

    status: Any
    is_return: Any
    quantity: Any
    total: Any
    tax: Any
    product_id: Any
    discount: Any
    cost: Any
    promotions: Sequence[Any]
    gift_card: Any


class RawAdjustment(Struct, gc=False):
    """What was added to a whole sale, or taken off it, with its parts of tax."""

    kind: Any
    value: Any
    taxes: Sequence[Any]


class RawPayment(Struct, gc=False):
    """One payment as delivered; ``kind`` is the number of its type, if it has one."""

    amount: Any
    deleted_at: Any
    kind: Any
    name: Any


class RawSale(Struct):
    """The values of a sale that the tables use, as delivered."""

    version: Any
    sale_date: Any
    outlet_id: Any
    register_id: Any
    user_id: Any
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
    adjustments: Iterator[RawAdjustment]


# ----------------------------------------------------------------------------------
# A page decoded into types.


class _Author(Struct, gc=False):
    id: Any = None


class _Source(Struct, gc=False):
    outlet_id: Any = None
    register_id: Any = None
    author: _Author | None = None
    type: Any = None
    id: Any = None


class _Return(Struct, gc=False):
    original_sale_id: Any = None


class _Totals(Struct, gc=False):
    price: Any = None
    price_incl_tax: Any = None


class _Product(Struct, gc=False):
    id: Any = None


class _Pricing(Struct, gc=False):
    total: Any = None
    discount_total: Any = None
    cost_total: Any = None


class _LineTotal(Struct, gc=False):
    total: Any = None


class _LineReturn(Struct, gc=False):
    is_return: Any = None


class _Promotion(Struct, gc=False):
    amount: Any = None


class _TaxPart(Struct, gc=False):
    total_tax: Any = None


class _Adjustment(Struct, gc=False):
    adjustment_type: Any = None
    value: Any = None
    tax_components: list[_TaxPart] | None = None


class _PaymentType(Struct, gc=False):
    id: Any = None
    name: Any = None


class _Payment(Struct, gc=False):
    """A payment of either shape."""

    amount: Any = None
    deleted_at: Any = None
    payment_type_id: Any = None
    name: Any = None
    type: _PaymentType | None = None


class _Line(Struct, gc=False, rename={"return_": "return"}):
    """A line of either shape; ``tax`` is an amount in one, an object in the other."""

    status: Any = None
    quantity: Any = None
    is_return: Any = None
    price_total: Any = None
    total_price: Any = None
    tax_total: Any = None
    total_tax: Any = None
    product_id: Any = None
    discount_total: Any = None
    total_discount: Any = None
    cost_total: Any = None
    total_cost: Any = None
    gift_card_number: Any = None
    promotions: list[_Promotion] | None = None
    product: _Product | None = None
    pricing: _Pricing | None = None
    tax: _LineTotal | int | float | str | None = None
    return_: _LineReturn | None = None


class TypedSale(TypedRecord, gc=False, rename={"return_": "return"}):
    """A sale of either shape; ``source`` is a word in one, an object in the other.

    A member by which the shapes differ is UNSET where it was not delivered, not even
    as null.
    """

    outlet_id: Any = None
    register_id: Any = None
    user_id: Any = None
    customer_id: Any = None
    source: _Source | str | None = None
    source_id: Any = None
    note: Any = None
    return_for: Any = None
    return_: _Return | None = None
    state: Any = None
    status: Any = None
    attributes: Any = None
    deleted_at: Any = None
    date: Any = None
    sale_date: Any = UNSET
    totals: _Totals | UnsetType | None = UNSET
    total_price: Any = UNSET
    total_price_incl: Any = UNSET
    line_items: list[_Line] | None = None
    payments: list[_Payment] | None = None
    adjustments: list[_Adjustment] | None = None


class _Page(Struct, gc=False):
    data: list[TypedSale]
    version: Any = None
    total_count: Any = None


_DECODER = msgspec.json.Decoder(_Page, float_hook=Decimal)


def decode_sales(content: bytes) -> Any:
    """Return the JSON of a page of sales, each of them a :class:`TypedSale`.

    If it holds anything that the types do not foresee, each sale is as
    :func:`decode_reply` returns it.

    Raises:
        PassingFault: it is no JSON.
    """
    page = _decode_typed(content)
    return decode_reply(content) if page is None else msgspec.structs.asdict(page)


def _decode_typed(content: bytes) -> _Page | None:
    if len(content) > LARGEST_RECORD:
        return None
    try:
        if not content.isascii():
            content.decode("utf-8")  # the decoder takes any bytes in what it skips
        return _DECODER.decode(content)
    except (ValueError, ArithmeticError, RecursionError):
        return None


# ----------------------------------------------------------------------------------
# The two shapes of a sale on the wire, brought to one (API 3.1 and 3.2).
#
# The shape is detected on each record, because a version of the API does not promise
# one. Values are handed on as delivered; ``sales`` checks them.


_FLAT_MARKS = ("total_price", "total_price_incl", "sale_date")
_NO_PART: dict[str, Any] = {}
_NO_SOURCE, _NO_TOTALS, _NO_RETURN = _Source(), _Totals(), _Return()
_NO_LINE_TOTAL, _NO_LINE_RETURN = _LineTotal(), _LineReturn()
_NO_AUTHOR, _NO_PRODUCT, _NO_PRICING = _Author(), _Product(), _Pricing()
_NO_TYPE = _PaymentType()


def raw_sale(record: dict[str, Any] | TypedSale) -> RawSale:
    """Return the values of *record*, whichever of the two shapes it has.

    Raises:
        Unusable: it has neither.
    """
    if isinstance(record, TypedSale):
        if record.totals is not UNSET or record.metadata is not UNSET:
            return _typed_nested(record)
        if any(getattr(record, mark) is not UNSET for mark in _FLAT_MARKS):
            return _typed_flat(record)
        raise Unusable(_SHAPE)
    if "totals" in record or "_metadata" in record:
        return _nested(record)
    if any(mark in record for mark in _FLAT_MARKS):
        return _flat(record)
    raise Unusable(_SHAPE)


def _typed_flat(sale: TypedSale) -> RawSale:
    return RawSale(
        version=version_in(sale),
        sale_date=_given(sale.sale_date),
        outlet_id=sale.outlet_id,
        register_id=sale.register_id,
        user_id=sale.user_id,
        customer_id=sale.customer_id,
        source=sale.source,
        source_id=sale.source_id,
        note=sale.note,
        return_for=sale.return_for,
        state=sale.state,
        status=sale.status,
        attributes=sale.attributes,
        deleted_at=sale.deleted_at,
        total_incl=_given(sale.total_price_incl),
        total_excl=_given(sale.total_price),
        lines=_typed_flat_lines(sale),
        payments=_typed_payments(sale),
        adjustments=_typed_adjustments(sale),
    )


def _typed_nested(sale: TypedSale) -> RawSale:
    source = _NO_SOURCE if sale.source is None else sale.source
    if not isinstance(source, _Source):
        raise Unusable(_SHAPE)
    totals = sale.totals or _NO_TOTALS
    return RawSale(
        version=version_in(sale),
        sale_date=sale.date,
        outlet_id=source.outlet_id,
        register_id=source.register_id,
        user_id=(source.author or _NO_AUTHOR).id,
        customer_id=sale.customer_id,
        source=source.type,
        source_id=source.id,
        note=sale.note,
        return_for=(sale.return_ or _NO_RETURN).original_sale_id,
        state=sale.state,
        status=sale.status,
        attributes=sale.attributes,
        deleted_at=sale.deleted_at,
        total_incl=totals.price_incl_tax,
        total_excl=totals.price,
        lines=_typed_nested_lines(sale),
        payments=_typed_payments(sale),
        adjustments=_typed_adjustments(sale),
    )


def _typed_flat_lines(sale: TypedSale) -> Iterator[RawLine]:
    for line in _listed(sale.line_items, _LINES):
        yield RawLine(
            line.status,
            line.is_return,
            line.quantity,
            _either(line.price_total, line.total_price),
            _either(line.tax_total, line.total_tax),
            line.product_id,
            _either(line.discount_total, line.total_discount),
            _either(line.cost_total, line.total_cost),
            _typed_promotions(line),
            line.gift_card_number,
        )


def _typed_nested_lines(sale: TypedSale) -> Iterator[RawLine]:
    for line in _listed(sale.line_items, _LINES):
        tax = _NO_LINE_TOTAL if line.tax is None else line.tax
        if not isinstance(tax, _LineTotal):
            raise Unusable(_LINE_AMOUNTS)
        pricing = line.pricing or _NO_PRICING
        yield RawLine(
            line.status,
            (line.return_ or _NO_LINE_RETURN).is_return,
            line.quantity,
            pricing.total,
            tax.total,
            (line.product or _NO_PRODUCT).id,
            pricing.discount_total,
            pricing.cost_total,
            _typed_promotions(line),
            line.gift_card_number,
        )


def _typed_promotions(line: _Line) -> Sequence[Any]:
    return [each.amount for each in line.promotions] if line.promotions else ()


def _typed_payments(sale: TypedSale) -> Iterator[RawPayment]:
    for each in _listed(sale.payments, _PAYMENTS):
        kind = each.type or _NO_TYPE
        yield RawPayment(
            each.amount,
            each.deleted_at,
            _either(kind.id, each.payment_type_id),
            _either(kind.name, each.name),
        )


def _typed_adjustments(sale: TypedSale) -> Iterator[RawAdjustment]:
    for each in sale.adjustments or ():
        taxes = [part.total_tax for part in each.tax_components or ()]
        yield RawAdjustment(each.adjustment_type, each.value, taxes)


def _listed(items: Sequence[Item] | None, rule: str) -> Iterator[Item]:
    """Yield the items of a list that must be there, though it may be empty."""
    if items is None:
        raise Unusable(rule)
    yield from items


def _given(value: Any) -> Any:
    return None if value is UNSET else value


def _either(value: Any, other: Any) -> Any:
    """Return what goes by two names, in one shape or in two (API 3.1 and 3.2)."""
    return other if value is None else value


def _flat(record: dict[str, Any]) -> RawSale:
    get = record.get
    return RawSale(
        version=version_in(record),
        sale_date=get("sale_date"),
        outlet_id=get("outlet_id"),
        register_id=get("register_id"),
        user_id=get("user_id"),
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
        adjustments=_adjustments(record),
    )


def _nested(record: dict[str, Any]) -> RawSale:
    get = record.get
    source = _part(record, "source", _SHAPE)
    totals = _part(record, "totals", _SHAPE)
    return RawSale(
        version=version_in(record),
        sale_date=get("date"),
        outlet_id=source.get("outlet_id"),
        register_id=source.get("register_id"),
        user_id=_inner(source, "author").get("id"),
        customer_id=get("customer_id"),
        source=source.get("type"),
        source_id=source.get("id"),
        note=get("note"),
        return_for=_part(record, "return", _SHAPE).get("original_sale_id"),
        state=get("state"),
        status=get("status"),
        attributes=get("attributes"),
        deleted_at=get("deleted_at"),
        total_incl=totals.get("price_incl_tax"),
        total_excl=totals.get("price"),
        lines=_nested_lines(record),
        payments=_payments(record),
        adjustments=_adjustments(record),
    )


def _flat_lines(record: dict[str, Any]) -> Iterator[RawLine]:
    for line in _objects(record, "line_items", _LINES):
        get = line.get
        yield RawLine(
            status=get("status"),
            is_return=get("is_return"),
            quantity=get("quantity"),
            total=_either(get("price_total"), get("total_price")),
            tax=_either(get("tax_total"), get("total_tax")),
            product_id=get("product_id"),
            discount=_either(get("discount_total"), get("total_discount")),
            cost=_either(get("cost_total"), get("total_cost")),
            promotions=_amounts(line, "promotions", "amount"),
            gift_card=get("gift_card_number"),
        )


def _nested_lines(record: dict[str, Any]) -> Iterator[RawLine]:
    for line in _objects(record, "line_items", _LINES):
        pricing = _part(line, "pricing", _LINE_AMOUNTS)
        yield RawLine(
            status=line.get("status"),
            is_return=_part(line, "return", _LINES).get("is_return"),
            quantity=line.get("quantity"),
            total=pricing.get("total"),
            tax=_part(line, "tax", _LINE_AMOUNTS).get("total"),
            product_id=_inner(line, "product").get("id"),
            discount=pricing.get("discount_total"),
            cost=pricing.get("cost_total"),
            promotions=_amounts(line, "promotions", "amount"),
            gift_card=line.get("gift_card_number"),
        )


def _payments(record: dict[str, Any]) -> Iterator[RawPayment]:
    for payment in _objects(record, "payments", _PAYMENTS):
        get, kind = payment.get, _inner(payment, "type")
        yield RawPayment(
            get("amount"),
            get("deleted_at"),
            _either(kind.get("id"), get("payment_type_id")),
            _either(kind.get("name"), get("name")),
        )


def _adjustments(record: dict[str, Any]) -> Iterator[RawAdjustment]:
    for each in _inner_list(record, "adjustments"):
        taxes = _amounts(each, "tax_components", "total_tax")
        yield RawAdjustment(each.get("adjustment_type"), each.get("value"), taxes)


def _amounts(record: dict[str, Any], key: str, name: str) -> Sequence[Any]:
    """Return one amount of each object of a list."""
    return [each.get(name) for each in _inner_list(record, key)]


def _inner_list(record: dict[str, Any], key: str) -> Sequence[dict[str, Any]]:
    """Return the objects of a list on which no figure of a person depends."""
    items = record.get(key)
    if not isinstance(items, list):
        return ()
    return [each for each in items if isinstance(each, dict)]


def _inner(record: dict[str, Any], key: str) -> dict[str, Any]:
    """Return an inner object on which no figure of a person depends."""
    part = record.get(key)
    return part if isinstance(part, dict) else _NO_PART


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
