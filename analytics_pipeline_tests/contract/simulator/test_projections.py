import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from analytics_pipeline.simulator.projections import Projection, per_unit
from analytics_pipeline_tests.contract.simulator.small_store import (
    OPENED,
    make_line,
    make_payment,
    make_sale,
)

FLAT = Projection(nested=False)
NESTED = Projection(nested=True)

RETURN = make_sale(
    2,
    customer_id=None,
    source="ecw:0123456789ABCDEF",
    source_id="1042",
    state="pending",
    status="AWAITING_PICKUP",
    attributes=("pickup", "layby"),
    note='Order ID:1042\n"100 % cotton" – @id \\',
    lines=[
        make_line(
            1,
            quantity=Decimal(-3),
            total=Decimal("-20.00"),
            tax_total=Decimal("-1.65000"),
            is_return=True,
            discount_total=Decimal("-2.00"),
        ),
        make_line(2, quantity=Decimal("0.375"), status="VOIDED"),
    ],
    payments=[make_payment(1, deleted_at=OPENED), make_payment(2, name="Loyalty")],
    return_for="sale-001",
    return_ids=["sale-003", "sale-004"],
    deleted_at=OPENED,
)

SALE_FIELDS = {
    "id": "id",
    "invoice_number": "invoice_number",
    "receipt_number": "receipt_number",
    "customer_id": "customer_id",
    "outlet_id": "source.outlet_id",
    "register_id": "source.register_id",
    "user_id": "source.author.id",
    "source": "source.type",
    "source_id": "source.id",
    "state": "state",
    "attributes": "attributes",
    "note": "note",
    "short_code": "short_code",
    "return_for": "return.original_sale_id",
    "return_ids": "return.return_sale_ids",
    "total_price": "totals.price",
    "total_tax": "totals.tax",
    "total_price_incl": "totals.price_incl_tax",
    "total_loyalty": "totals.loyalty",
    "total_surcharge": "totals.surcharge",
    "sale_date": "date",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "deleted_at": "deleted_at",
    "version": "_metadata.version",
}
LINE_FIELDS = {
    "id": "id",
    "product_id": "product.id",
    "tax_id": "tax.id",
    "quantity": "quantity",
    "price": "pricing.price",
    "price_total": "pricing.total",
    "discount": "pricing.discount",
    "discount_total": "pricing.discount_total",
    "cost": "pricing.cost",
    "cost_total": "pricing.cost_total",
    "tax": "tax.amount",
    "tax_total": "tax.total",
    "loyalty_value": "pricing.loyalty_amount",
    "total_loyalty_value": "pricing.loyalty_amount_total",
    "status": "status",
    "is_return": "return.is_return",
    "return_reason": "return.reason",
    "sequence": "_metadata.sequence",
    "price_set": "_metadata.is_price_override",
}
PAYMENT_FIELDS = {
    "id": "id",
    "amount": "amount",
    "payment_date": "date",
    "deleted_at": "deleted_at",
    "name": "type.name",
    "payment_type_id": "type.id",
    "retailer_payment_type_id": "type.config_id",
    "register_id": "source.register_id",
    "outlet_id": "source.outlet_id",
    "register_open_sequence_id": "_metadata.register_open_sequence_id",
}


def read(written: bytes) -> Any:
    return json.loads(written, parse_float=Decimal)


def at(record: Any, path: str) -> Any:
    for step in path.split("."):
        record = record[step]
    return record


def assert_same(flat: Any, nested: Any, fields: dict[str, str]) -> None:
    shown = {name: flat[name] for name in fields}
    assert shown == {name: at(nested, path) for name, path in fields.items()}


@pytest.mark.parametrize("sale", [make_sale(), RETURN], ids=["plain", "return"])
def test_both_shapes_say_the_same_of_a_sale(sale):
    flat, nested = read(FLAT.sale(sale)), read(NESTED.sale(sale))

    assert_same(flat, nested, SALE_FIELDS)
    for line, nested_line in zip(flat["line_items"], nested["line_items"], strict=True):
        assert_same(line, nested_line, LINE_FIELDS)
    for paid, nested_paid in zip(flat["payments"], nested["payments"], strict=True):
        assert_same(paid, nested_paid, PAYMENT_FIELDS)


def test_only_the_flat_shape_has_a_status_and_only_the_nested_one_metadata():
    flat, nested = read(FLAT.sale(RETURN)), read(NESTED.sale(RETURN))

    assert flat["status"] == "AWAITING_PICKUP"
    assert "status" not in nested
    assert "_metadata" not in flat
    assert "version" not in nested


def test_a_sale_carries_what_the_record_holds():
    flat = read(FLAT.sale(RETURN))

    assert flat["note"] == RETURN.note
    assert flat["attributes"] == ["pickup", "layby"]
    assert flat["return_ids"] == ["sale-003", "sale-004"]
    assert flat["customer_id"] is None
    assert flat["version"] == RETURN.version
    assert flat["line_items"][1]["quantity"] == Decimal("0.375")
    assert [paid["deleted_at"] is None for paid in flat["payments"]] == [False, True]


def test_every_amount_of_a_flat_line_has_both_its_names():
    twins = {
        "price": "unit_price",
        "price_total": "total_price",
        "discount": "unit_discount",
        "discount_total": "total_discount",
        "cost": "unit_cost",
        "cost_total": "total_cost",
        "tax": "unit_tax",
        "tax_total": "total_tax",
        "loyalty_value": "unit_loyalty_value",
    }
    for line in read(FLAT.sale(RETURN))["line_items"]:
        assert_same(line, line, twins)


def test_a_sale_may_have_no_lines_and_no_payments():
    empty = make_sale(lines=[], payments=[])

    assert read(FLAT.sale(empty))["line_items"] == []
    assert read(NESTED.sale(empty))["payments"] == []


def test_numbers_keep_trailing_zeros_and_every_digit():
    exact = Decimal("20.0262500001")
    sale = make_sale(
        total_price=Decimal("58"),
        total_price_incl=exact,
        payments=[make_payment(amount=Decimal("495.9"))],
    )

    assert b'"price":58.00000,' in NESTED.sale(sale)
    assert b'"total_price_incl":20.0262500001,' in FLAT.sale(sale)
    assert b'"amount":495.9000000000,' in FLAT.sale(sale)


def test_amounts_that_no_binary_float_holds_arrive_unchanged():
    sale = make_sale(total_price_incl=Decimal("90071992547409.93001"))

    assert read(FLAT.sale(sale))["total_price_incl"] == sale.total_price_incl


def test_amounts_can_be_strings_instead():
    sale = read(Projection(nested=False, string_numbers=True).sale(make_sale()))

    assert sale["total_price_incl"] == "20.02625"
    assert sale["total_loyalty"] == "0.00000"
    assert sale["line_items"][0]["quantity"] == "1.00000"
    assert sale["version"] == make_sale().version


@pytest.mark.parametrize(
    ("total", "quantity", "each"),
    [
        pytest.param("-20.00", "-3", "6.6666666667", id="a third is rounded"),
        pytest.param("-5.00", "-1", "5.00", id="a discount line has a price"),
        pytest.param("2.50", "2", "1.2500000000", id="a half"),
        pytest.param("4.00", "0", "0", id="nothing sold"),
    ],
)
def test_a_unit_amount_is_the_total_of_one_piece(total, quantity, each):
    assert str(per_unit(Decimal(total), Decimal(quantity))) == each


def test_no_amount_is_minus_zero():
    taken_off = make_line(
        quantity=Decimal(-1), total=Decimal("0.00"), tax_total=Decimal("-0.0")
    )

    assert b"-0.0" not in FLAT.sale(make_sale(lines=[taken_off]))


def test_times_are_utc_to_the_second():
    eastern = timezone(timedelta(hours=-5))
    sale = make_sale(sale_date=datetime(2025, 3, 1, 21, 30, 5, 999, tzinfo=eastern))

    assert read(FLAT.sale(sale))["sale_date"] == "2025-03-02T02:30:05+00:00"


def test_a_time_without_a_zone_is_an_error():
    sale = make_sale(sale_date=datetime(2025, 3, 1, 21, 30))  # noqa: DTZ001

    with pytest.raises(ValueError, match="without a time zone"):
        FLAT.sale(sale)
