"""Every damage to every field of every record: a right row, or a rejection with a rule.

What a damaged sale may change is listed here, and what it must then say is counted
by ``sale_expectations`` from the damaged text itself.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from analytics_pipeline.domain.contacts import ContactKeys
from analytics_pipeline.domain.sales import classify_sales
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sources import Customers, Outlets, SalesFeed
from analytics_pipeline.simulator.projections import Projection
from analytics_pipeline.sources.lightspeed.customers import customers_rows
from analytics_pipeline.sources.lightspeed.outlets import details_of, outlets_rows
from analytics_pipeline.sources.lightspeed.sales import sales_rows
from analytics_pipeline.storage.parquet import encode
from analytics_pipeline_tests.contract.simulator.small_store import (
    OPENED,
    make_customer,
    make_line,
    make_payment,
    make_sale,
    make_store,
)
from analytics_pipeline_tests.examples import each_at_night
from analytics_pipeline_tests.tables import make_table
from analytics_pipeline_tests.unit.sources import sale_expectations
from analytics_pipeline_tests.unit.sources.damages import (
    DAMAGES,
    MISSING,
    damaged_everywhere,
    parse,
    received,
    spot,
    write,
)
from analytics_pipeline_tests.unit.sources.sale_expectations import (
    Unreadable,
    expected_figures,
)

D = Decimal
KEYS = ContactKeys(b"a secret of the tests", "US", Policy())
SALE_COLUMNS = list(SalesFeed.to_schema().columns)
CUSTOMER_COLUMNS = list(Customers.to_schema().columns)
FIGURES = ["is_completed", "is_order", "is_unknown", "business_date"]
EVERY_DAMAGE = [*DAMAGES, MISSING]
SHAPES = {"flat": sale_expectations.FLAT, "nested": sale_expectations.NESTED}

LINES = [
    make_line(1, quantity=D(2), total=D("30.10"), tax_total=D("2.48325")),
    make_line(2, quantity=D(-1), total=D("-9.99"), tax_total=D("-0.82418"),
              is_return=True),
    make_line(3, quantity=D(-1), total=D("-5.05"), tax_total=D("-0.41"), is_return=True,
              status="VOIDED"),
    make_line(4, quantity=D(-1), total=D("-2.00"), tax_total=D("-0.165"),
              product_id="product-discount"),
]  # fmt: skip
PAYMENTS = [
    make_payment(1, amount=D("25.00")),
    make_payment(2, amount=D("-5.39")),
    make_payment(3, amount=D("71.00"), deleted_at=OPENED),
]
EVENING = OPENED.replace(hour=4, minute=30) + timedelta(days=1)
"""Another day in UTC than in both zones, and yet another between the two zones."""

SALES = [
    make_sale(
        1,
        source="ecw:0123456789ABCDEF", source_id="1042", attributes=("pickup",),
        status="PICKED_UP_CLOSED", note="Order ID:1042\nShipping: 1 Elm Street",
        sale_date=EVENING, lines=LINES, payments=PAYMENTS,
        total_price=D("18.11"), total_tax=D("1.49"), total_price_incl=D("19.60407"),
        return_ids=["sale-900"],
    ),
    make_sale(
        2,
        state="pending", status="AWAITING_DISPATCH", attributes=("delivery",),
        sale_date=EVENING, payments=[make_payment(1)],
    ),
    make_sale(3, return_for="sale-001", deleted_at=OPENED, lines=LINES[1:2],
              payments=[]),
]  # fmt: skip
ZONES = {"outlet-1": "America/New_York", "": "America/Chicago"}
OUTLETS = make_table(
    Outlets, [{"outlet_id": "outlet-1", "time_zone": ZONES["outlet-1"]}]
)

GIFTS_SOLD = {"gift_sold_incl_cents", "gift_sold_excl_cents"}
GIFTS_PAID = {"gift_paid_incl_cents", "gift_paid_excl_cents"}
REFUNDS = {"refunded_incl_cents", "refunded_excl_cents"}
SUMS = REFUNDS | GIFTS_SOLD | {"lines"}
WITH_TAX = {"refunded_incl_cents", "gift_sold_incl_cents", "lines"}
LINE_SUMS = SUMS | {"sold_line_count", "gift_line_count"}
PAID = GIFTS_PAID | {"paid_cents"}
LINES_ALONE = {"lines"}
NEVER_NEEDED = LINES_ALONE | GIFTS_PAID | {"user_id"}
"""What is missing where its own field cannot be read; the sale counts all the same."""
FLAT_FIELDS: Mapping[str, set[str]] = {
    "sale_date": {"sale_date"},
    "outlet_id": {"outlet_id"},
    "register_id": {"register_id"},
    "user_id": {"user_id"},
    "source": {"source"},
    "source_id": {"source_id"},
    "return_for": {"return_for"},
    "status": {"status"},
    "total_price_incl": {"total_incl_cents", "gift_paid_excl_cents"},
    "total_price": {"total_excl_cents", "gift_paid_excl_cents"},
    "version": {"version"},
    "line_items.*.is_return": LINE_SUMS,
    "line_items.*.price_total": SUMS,
    "line_items.*.tax_total": WITH_TAX,
    "line_items.*.product_id": LINES_ALONE,
    "line_items.*.discount_total": LINES_ALONE,
    "line_items.*.cost_total": LINES_ALONE,
    "payments.*.payment_type_id": GIFTS_PAID,
    "payments.*.name": GIFTS_PAID,
}
NESTED_FIELDS: Mapping[str, set[str]] = {
    "date": {"sale_date"},
    "source": {"source", "source_id", "outlet_id", "register_id", "user_id"},
    "source.author": {"user_id"},
    "source.author.id": {"user_id"},
    "source.outlet_id": {"outlet_id"},
    "source.register_id": {"register_id"},
    "source.type": {"source"},
    "source.id": {"source_id"},
    "return": {"return_for"},
    "return.original_sale_id": {"return_for"},
    "totals.price_incl_tax": {"total_incl_cents", "gift_paid_excl_cents"},
    "totals.price": {"total_excl_cents", "gift_paid_excl_cents"},
    "_metadata.version": {"version"},
    "line_items.*.return": LINE_SUMS,
    "line_items.*.return.is_return": LINE_SUMS,
    "line_items.*.pricing": LINES_ALONE,
    "line_items.*.pricing.total": SUMS,
    "line_items.*.pricing.discount_total": LINES_ALONE,
    "line_items.*.pricing.cost_total": LINES_ALONE,
    "line_items.*.tax": LINES_ALONE,
    "line_items.*.tax.total": WITH_TAX,
    "line_items.*.product": LINES_ALONE,
    "line_items.*.product.id": LINES_ALONE,
    "payments.*.type": GIFTS_PAID,
    "payments.*.type.id": GIFTS_PAID,
    "payments.*.type.name": GIFTS_PAID,
}
BOTH: Mapping[str, set[str]] = {
    "id": {"sale_id"},
    "customer_id": {"customer_id"},
    "note": {"web_order_number"},
    "state": {"state"},
    "attributes": {"attributes"},
    "attributes.*": {"attributes"},
    "deleted_at": {"is_deleted"},
    "line_items": LINE_SUMS,
    "line_items.*": LINE_SUMS,
    "line_items.*.status": LINE_SUMS,
    "line_items.*.quantity": {"sold_line_count", "gift_line_count", "lines"},
    "line_items.*.gift_card_number": LINE_SUMS,
    "line_items.*.promotions": LINES_ALONE,
    "line_items.*.promotions.*": LINES_ALONE,
    "line_items.*.promotions.*.amount": LINES_ALONE,
    "payments": PAID,
    "payments.*": PAID,
    "payments.*.amount": PAID,
    "payments.*.deleted_at": PAID,
    "adjustments": LINES_ALONE,
}
MAY_CHANGE = {"flat": BOTH | FLAT_FIELDS, "nested": BOTH | NESTED_FIELDS}
"""The columns that a field may change; any other field changes nothing at all."""


def written_sales(shape: str, **options: Any) -> list[str]:
    projection = Projection(nested=shape == "nested", **options)
    return [projection.sale(sale).decode() for sale in SALES]


def numbered(number: int, text: str) -> str:
    """Give a damaged record an id of its own, where it still has an id."""
    return text.replace('"id":"', f'"id":"{number}-', 1)


def plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as dictionaries that can be compared."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def read(texts: list[str]) -> tuple[list[dict[str, Any] | None], dict[int, str]]:
    """Return for each sale what it became, or nothing, and which rule it broke."""
    rows, rejections = sales_rows(received(texts), segment=0, page=1)
    SalesFeed.validate(rows, lazy=True)
    encode(rows, SalesFeed)
    rules = {int(each.position.split()[-1]) - 1: each.rule for each in rejections}
    assert len(texts) == len(rows) + len(rules)
    named = rows.assign(sale_id=[f"{n:06}" for n in range(len(rows))])
    counted = classify_sales(named, OUTLETS, ZONES[""], Policy()).sort_values("sale_id")
    figures = plain(
        counted[["is_completed", "is_order", "is_unknown", "business_date"]]
    )
    found = iter(plain(rows))
    checked = iter(figures)
    return [
        None if n in rules else next(found) | next(checked) for n in range(len(texts))
    ], rules


DAMAGES_BY_DAY = each_at_night(EVERY_DAMAGE, by_day=6)
"""Every damage; by day each sixth only, the others at night."""


@pytest.mark.parametrize("damage", DAMAGES_BY_DAY)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_damaged_sale_is_right_or_rejected(shape: str, damage: str) -> None:
    texts = written_sales(shape)
    sound, _ = read(texts)
    damaged = [
        (before, *each)
        for before, text in zip(sound, texts, strict=True)
        for each in damaged_everywhere(text, damage)
    ]
    after, rules = read([numbered(n, text) for n, (_, _, text) in enumerate(damaged)])

    for n, ((before, path, text), row) in enumerate(zip(damaged, after, strict=True)):
        where, field = f"{damage} at {path}", spot(path)
        check_figures(parse(text), row, shape, where)
        if row is None:
            assert rules[n], where
            assert may_be_rejected(field, shape), where
        else:
            check_unchanged(before, row, MAY_CHANGE[shape].get(field, set()), where)


def check_figures(
    sale: Any, row: dict[str, Any] | None, shape: str, where: str
) -> None:
    """Check every figure of the row against the rules, or that there is no row."""
    try:
        expected = expected_figures(sale, SHAPES[shape], ZONES)
    except Unreadable:
        assert row is None, where
        return
    if row is not None:
        row = row | {"business_date": row["business_date"].date()}
        assert expected == {name: row[name] for name in expected}, where


def check_unchanged(
    before: Any, row: dict[str, Any], may_change: set[str], where: str
) -> None:
    """Check that a damage changes no column but those of its field."""
    for name in SALE_COLUMNS:
        if name == "sale_id":
            same = row[name].endswith(f"-{before[name]}")
        else:
            same = row[name] == before[name]
        assert same or name in may_change, f"{where} changed {name}"


def may_be_rejected(field: str, shape: str) -> bool:
    """A sale is rejected only for a field that some figure of a person needs."""
    inner = {"flat": set(), "nested": {"totals", "_metadata", "line_items.*.pricing",
                                       "line_items.*.tax"}}  # fmt: skip
    columns = MAY_CHANGE[shape].get(field, set())
    return bool(columns - NEVER_NEEDED) or field in inner[shape]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_sound_sales_are_what_the_rules_say(shape: str) -> None:
    texts = written_sales(shape)
    rows, rules = read(texts)

    assert rules == {}
    for text, row in zip(texts, rows, strict=True):
        check_figures(parse(text), row, shape, "nothing")
    assert [row and row["is_completed"] for row in rows] == [True, True, False]
    assert [row and row["refunded_incl_cents"] for row in rows] == [1081, 0, 1081]


@pytest.mark.parametrize("shape", SHAPES)
def test_amounts_as_text_are_the_same_amounts(shape: str) -> None:
    assert (
        read(written_sales(shape))[0]
        == read(written_sales(shape, string_numbers=True))[0]
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_of_a_key_that_comes_twice_the_last_value_counts(shape: str) -> None:
    """As every reader of JSON has it; the order in which they are is all there is."""
    text = written_sales(shape)[0]
    twice = [
        "{"
        + "".join(f'"{key}":{damage},' for key in parse(text))
        + numbered(n, text)[1:]
        for n, damage in enumerate(DAMAGES.values())
    ]

    ((before,), _), (rows, rules) = read([text]), read(twice)

    assert rules == {}
    for row in rows:
        assert row is not None
        check_unchanged(before, row, set(), "another value before")


LONG = "Ada Example " * 900_000


@pytest.mark.parametrize("shape", SHAPES)
def test_ten_megabytes_in_one_field_change_nothing_else(shape: str) -> None:
    text = written_sales(shape)[0]
    long = text.replace("Shipping: 1 Elm Street", LONG)

    assert len(long) > 10_000_000
    assert read([long]) == read([text])


# Customers ------------------------------------------------------------------------

PERSON = make_customer(mobile="(212) 555-0199", company_name="Example Flowers")
CHOSEN = {"customer_group_id", "do_not_email", "enable_promotional_sms"}
"""What is unknown where it cannot be read, and rejects no customer."""
SHOWN = {"customer_code", "name", "email", "phone"} | CHOSEN
OF_CUSTOMER: Mapping[str, set[str]] = {
    "id": {"customer_id"},
    "customer_code": {"customer_code"},
    "name": {"name"},
    "first_name": set(),
    "last_name": set(),
    "company_name": set(),
    "email": {"email", "email_key"},
    "phone": {"phone", "phone_key"},
    "mobile": {"mobile_key"},
    "created_at": {"created_at"},
    "updated_at": {"updated_at"},
    "deleted_at": {"is_deleted", *SHOWN},
    "version": {"version"},
}


@pytest.mark.parametrize("damage", DAMAGES_BY_DAY)
def test_a_damaged_customer_is_right_or_rejected(damage: str) -> None:
    texts = [
        Projection(nested=nested).customer(replace(PERSON, deleted_at=at)).decode()
        for nested in (False, True)
        for at in (None, OPENED)
    ]
    damaged = [
        (before, path, text)
        for sound in texts
        for before in read_people([sound])[0]
        for path, text in damaged_everywhere(sound, damage)
    ]
    after, rules = read_people(
        [numbered(n, text) for n, (_, _, text) in enumerate(damaged)]
    )
    for n, ((before, path, text), row) in enumerate(zip(damaged, after, strict=True)):
        where, field = f"{damage} at {path}", spot(path)
        if row is None:
            assert rules[n], where
            assert field in OF_CUSTOMER, where
            continue
        if field in OF_CUSTOMER and field != "company_name":  # the name is there
            assert is_text(parse(text).get(field)), where
        assert before is not None
        for name in CUSTOMER_COLUMNS:
            named = name == "customer_id" and row[name].endswith(f"-{before[name]}")
            may_change = OF_CUSTOMER.get(field, {field} & CHOSEN)
            assert named or row[name] == before[name] or name in may_change, where
        if field in CHOSEN and field != "customer_group_id":
            value = parse(text).get(field)
            is_known = isinstance(value, bool) and not row["is_deleted"]
            assert row[field] is (value if is_known else None), where
        if row["is_deleted"]:
            assert {row[name] for name in SHOWN} == {None}, where


def is_text(value: Any) -> bool:
    """Say whether a field holds text or a whole number, or nothing."""
    return value is None or (
        isinstance(value, str) and (type(value) is str or value.isdecimal())
    )


def read_people(
    texts: list[str],
) -> tuple[list[dict[str, Any] | None], dict[int, str]]:
    """Return for each record what it became, or nothing, and which rule it broke."""
    records = received(texts)
    rows, rejections = customers_rows(records, KEYS, Policy())
    Customers.validate(rows, lazy=True)
    encode(rows, Customers)
    rules = {int(each.position.split()[-1]) - 1: each.rule for each in rejections}
    by_id = {row["customer_id"]: row for row in plain(rows)}
    return [
        None if n in rules else by_id[record["id"].strip()]
        for n, record in enumerate(records)
    ], rules


@pytest.mark.parametrize("field", ["name", "phone", "mobile", "note"])
def test_ten_megabytes_of_a_customer_are_read_in_no_time(field: str) -> None:
    text = Projection(nested=False).customer(PERSON).decode()
    record = parse(text) | {field: LONG + "@example.com"}
    ((before, after), _) = read_people([text, write(record | {"id": "other"})])

    assert before is not None
    assert after is not None
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"customer_id"} | OF_CUSTOMER.get(field, set())
    assert field not in ("phone", "mobile") or after[f"{field}_key"] is None


# Outlets, registers, the store itself ---------------------------------------------

STATE = make_store().state
WRITTEN = Projection(nested=True)
OUTLET = WRITTEN.outlet(
    replace(STATE.outlets["outlet-1"], time_zone="America/Chicago"), STATE.retailer
).decode()
TILL = WRITTEN.register(STATE.registers["register-1"]).decode()
STORE = WRITTEN.retailer(STATE.retailer).decode()
OF_OUTLET: Mapping[str, set[str]] = {
    "name": {"name"},
    "time_zone": {"time_zone"},
    "deleted_at": {"is_deleted"},
}


def outlets_of(
    outlets: list[str], tills: list[str], store: str = STORE
) -> list[dict[str, Any]]:
    (said,) = received([store])
    rows = outlets_rows(received(outlets), received(tills), details_of(said))
    return plain(rows)


@pytest.mark.parametrize("damage", DAMAGES_BY_DAY)
def test_a_damaged_outlet_keeps_all_else_and_a_zone_that_exists(damage: str) -> None:
    (before,) = outlets_of([OUTLET], [])
    for path, text in damaged_everywhere(OUTLET, damage):
        rows = outlets_of([text], [])
        if rows != [before]:
            encode(make_table(Outlets, rows), Outlets)
        if path == ("id",):
            assert [row["time_zone"] for row in rows] in ([], ["America/Chicago"])
            continue
        (row,) = rows
        changed = {name for name in before if row[name] != before[name]}
        assert changed <= OF_OUTLET.get(spot(path), set()), f"{damage} at {path}"
        assert row["time_zone"] in ("America/Chicago", "America/New_York")


@pytest.mark.parametrize("damage", DAMAGES_BY_DAY)
def test_a_damaged_register_changes_a_count_of_registers_at_most(damage: str) -> None:
    (before,) = outlets_of([OUTLET], [TILL])
    for path, text in damaged_everywhere(TILL, damage):
        (row,) = outlets_of([OUTLET], [text])
        counts = spot(path) in ("id", "outlet_id", "deleted_at")
        assert row == before or (counts and row == before | {"register_count": 0}), path


@pytest.mark.parametrize("damage", DAMAGES_BY_DAY)
def test_a_damaged_store_loses_its_zone_or_country_at_most(damage: str) -> None:
    (before,) = outlets_of([OUTLET], [])
    columns = {
        "timezone": "store_time_zone",
        "country": "store_country",
        "discount_product_id": "discount_product_id",
    }
    for path, text in damaged_everywhere(STORE, damage):
        (row,) = outlets_of([OUTLET], [], text)
        name = columns.get(spot(path))
        # Any text may be the id of a product.
        lost = row[name] if name == "discount_product_id" else None
        assert row == before or (name and row == before | {name: lost}), path
