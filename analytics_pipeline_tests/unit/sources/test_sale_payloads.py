"""Tests for analytics_pipeline.sources.lightspeed.sales and pages."""

from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import pytest

from analytics_pipeline.model.checks import Rejection
from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.sources.lightspeed.sales import sales_rows
from analytics_pipeline.sources.values import frame_of
from analytics_pipeline_tests.unit.sources.samples import (
    flat_line,
    flat_sale,
    nested_line,
    nested_sale,
)

D = Decimal


def row_of(record):
    rows, rejections = sales_rows([record], segment=3, page=1)
    assert rejections == []
    SalesFeed.validate(rows, lazy=True)
    return rows.astype(object).where(rows.notna(), None).iloc[0].to_dict()


def rule_of(record):
    rows, rejections = sales_rows([record], segment=3, page=1)
    assert rows.empty
    return rejections[0].rule


EXPECTED = {
    "sale_id": "sale-1",
    "version": 30_000_000_001,
    "segment": 3,
    "sale_date": pd.Timestamp("2026-01-05T15:07:00Z"),
    "outlet_id": "outlet-1",
    "register_id": "register-1",
    "customer_id": "customer-1",
    "source": "ecw:0123456789ABCDEF",
    "source_id": "1042",
    "web_order_number": "1042",
    "return_for": None,
    "state": "closed",
    "attributes": "pickup",
    "is_deleted": False,
    "total_incl_cents": 844,
    "total_excl_cents": 775,
    "paid_cents": 844,
    "refunded_incl_cents": 272,
    "refunded_excl_cents": 250,
    "sold_line_count": 1,
    "gift_line_count": 0,
    "gift_sold_incl_cents": 0,
    "gift_sold_excl_cents": 0,
    "gift_paid_incl_cents": 0,
    "gift_paid_excl_cents": 0,
    "user_id": None,
    "lines": '[["l",null,0,"1","10.25","0.90969",null,"0",null],'
    '["l",null,1,"-1","-2.5","-0.22188",null,"0",null]]',
}


def test_a_flat_sale_becomes_its_row():
    assert row_of(flat_sale()) == EXPECTED | {"status": "PICKED_UP_CLOSED"}


def test_a_nested_sale_becomes_the_same_row_without_the_older_word():
    assert row_of(nested_sale()) == EXPECTED | {"status": None}


def test_both_shapes_can_be_on_one_page():
    page = [flat_sale(), nested_sale(id="sale-2")]

    rows, _ = sales_rows(page, segment=0, page=1)

    assert rows["sale_id"].tolist() == ["sale-1", "sale-2"]


def test_no_sales_are_still_a_valid_table():
    rows, rejections = sales_rows([], segment=0, page=1)

    assert rejections == []
    SalesFeed.validate(rows, lazy=True)


def test_the_record_that_was_read_is_left_unchanged():
    record = flat_sale()

    sales_rows([record], segment=0, page=1)

    assert record == flat_sale()


# Rule 1.3: money --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delivered", "cents"),
    [
        pytest.param(D("0.005"), 1, id="half a cent is away from zero"),
        pytest.param(D("-0.005"), -1, id="on both sides"),
        pytest.param(D("0.004999"), 0, id="just less"),
        pytest.param(D("2.675"), 268, id="where a binary float would round down"),
        pytest.param(D("495.9000000000"), 49590, id="trailing zeros"),
        pytest.param(58, 5800, id="whole number"),
        pytest.param("12.50", 1250, id="string"),
        pytest.param(" -1.25e1 ", -1250, id="string with an exponent"),
        pytest.param(D("-0.0"), 0, id="minus nothing"),
        pytest.param(D(10) ** 13, 10**15, id="the largest"),
    ],
)
def test_a_total_is_rounded_half_away_from_zero_once(delivered, cents):
    sale = flat_sale(total_price_incl=delivered, total_price=delivered)

    row = row_of(sale)

    assert (cents, cents) == (row["total_incl_cents"], row["total_excl_cents"])


@pytest.mark.parametrize(
    "delivered",
    [
        True,
        float("nan"),
        float("inf"),
        12.5,
        "NaN",
        "Infinity",
        "1_000",
        "12,50",
        "$5",
        "١٢",
        [],
        {},
        D("NaN"),
        D("sNaN"),
        D("-Infinity"),
        D("1e999999"),
        D("10000000000000.01"),
        10**400,
        "1e9999",
        D("0." + "3" * 70),
        D("1e-999999999"),
    ],
)
def test_a_total_must_be_a_number_within_bounds(delivered):
    found = rule_of(flat_sale(total_price_incl=delivered))
    inner = {"price": delivered, "price_incl_tax": D(1)}

    assert found == "total_is_a_number"
    assert rule_of(nested_sale(totals=inner)) == "total_is_a_number"


@pytest.mark.parametrize("field", ["total_price", "total_price_incl"])
@pytest.mark.parametrize("missing", [None, ""])
def test_a_total_must_be_given(field, missing):
    without = flat_sale()
    del without[field]

    assert rule_of(flat_sale(**{field: missing})) == "total_is_given"
    assert rule_of(without) == "total_is_given"


def test_a_nested_sale_without_totals_lacks_them():
    assert rule_of(nested_sale(totals=None)) == "total_is_given"


# Rule 2.1: payments -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("amounts", "cents"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([D("8.437"), D("0.002")], 843, id="whole cents of the exact sum"),
        pytest.param([D("0.1")] * 3, 30, id="no binary fraction is lost"),
        pytest.param([D("20"), D("-11.56")], 844, id="change is a negative payment"),
        pytest.param([D("-5.001")], -501, id="never more than was paid"),
        pytest.param(["8.44", 1], 944, id="strings and whole numbers"),
    ],
)
def test_what_was_paid_is_the_whole_cents_of_the_payments(amounts, cents):
    payments = [{"amount": amount} for amount in amounts]

    assert cents == row_of(flat_sale(payments=payments))["paid_cents"]
    assert cents == row_of(nested_sale(payments=payments))["paid_cents"]


def test_a_deleted_payment_does_not_count_and_is_not_checked():
    payments = [{"amount": "?", "deleted_at": "2026-01-05T15:09:00Z"}]

    assert row_of(flat_sale(payments=payments))["paid_cents"] == 0


@pytest.mark.parametrize("amount", [None, True, "five", D("NaN"), 10**30, {}])
def test_payment_amounts_must_be_numbers(amount):
    payments = [{"amount": amount, "deleted_at": None}]

    assert rule_of(flat_sale(payments=payments)) == "payment_amounts_are_numbers"


def test_payments_that_add_up_beyond_bounds_are_no_amount():
    payments = [{"amount": D(10) ** 13}, {"amount": D("0.01")}]

    assert rule_of(flat_sale(payments=payments)) == "payment_amounts_are_numbers"


# Rules 2.3 and 2.5: lines -----------------------------------------------------------


def test_refunds_are_rounded_once_a_sale_not_once_a_line():
    line = flat_line(
        is_return=True, quantity=-1, price_total=D("-0.003"), tax_total=D("-0.001")
    )

    row = row_of(flat_sale(line_items=[line, line]))

    assert (row["refunded_incl_cents"], row["refunded_excl_cents"]) == (1, 1)


def test_lines_go_by_their_newer_names_too():
    line = {
        "is_return": True,
        "quantity": -1,
        "total_price": D("-2.50"),
        "total_tax": D("-0.22"),
    }

    assert row_of(flat_sale(line_items=[line]))["refunded_incl_cents"] == 272


@pytest.mark.parametrize(
    ("changes", "sold"),
    [
        pytest.param({}, 1, id="a line that sells"),
        pytest.param({"quantity": D("0.250")}, 1, id="part of a unit"),
        pytest.param({"quantity": "2"}, 1, id="as a string"),
        pytest.param({"quantity": 0}, 0, id="nothing"),
        pytest.param({"quantity": -1}, 0, id="a discount line"),
        pytest.param({"status": "VOIDED"}, 0, id="a voided line"),
        pytest.param({"status": "VOIDED", "quantity": "?"}, 0, id="not checked"),
        pytest.param({"status": None}, 1, id="without a status"),
        pytest.param({"price_total": "?"}, 1, id="no figure needs its price"),
    ],
)
def test_lines_that_sell_are_counted(changes, sold):
    assert (
        sold == row_of(flat_sale(line_items=[flat_line(**changes)]))["sold_line_count"]
    )


def test_a_discount_given_back_is_a_return_line():
    line = flat_line(
        quantity=1, is_return=True, price_total=D("3.00"), tax_total=D("0.27")
    )

    row = row_of(flat_sale(line_items=[line]))

    assert (row["refunded_incl_cents"], row["sold_line_count"]) == (-327, 0)


def test_a_voided_return_line_refunds_nothing():
    line = nested_line(**{"return": {"is_return": True}, "status": "VOIDED"})

    assert row_of(nested_sale(line_items=[line]))["refunded_incl_cents"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": None},
        {"quantity": "some"},
        {"is_return": "yes"},
        {"is_return": 1},
        {"is_return": True, "price_total": None},
        {"is_return": True, "tax_total": D("NaN")},
        {"is_return": True, "price_total": 10**20},
    ],
)
def test_line_amounts_must_be_numbers(changes):
    record = flat_sale(line_items=[flat_line(**changes)])

    assert rule_of(record) == "line_amounts_are_numbers"


@pytest.mark.parametrize("part", ["pricing", "tax"])
def test_a_nested_return_line_without_an_amount_is_rejected(part):
    for broken in (None, {}, "?", []):
        line = nested_line(**{"return": {"is_return": True}, part: broken})
        record = nested_sale(line_items=[line])

        assert rule_of(record) == "line_amounts_are_numbers"


@pytest.mark.parametrize("broken", [None, "lines", {}, [None], ["line"], [[]], 5])
@pytest.mark.parametrize("sale", [flat_sale, nested_sale])
def test_lines_and_payments_must_be_lists_of_objects(sale, broken):
    assert rule_of(sale(line_items=broken)) == "lines_are_a_list"
    assert rule_of(sale(payments=broken)) == "payments_are_a_list"


def test_a_sale_without_lines_and_payments_is_a_row():
    row = row_of(flat_sale(line_items=[], payments=[]))

    assert (row["sold_line_count"], row["paid_cents"]) == (0, 0)


# Identity, time, words --------------------------------------------------------------


@pytest.mark.parametrize("broken", [None, "", " ", 5, True, {}, "a b", "\ud800"])
def test_an_id_must_be_given(broken):
    assert rule_of(flat_sale(id=broken)) == "id_is_given"


@pytest.mark.parametrize(
    "broken", [None, 0, -1, True, "", "x", D("5"), 2**63, [], float("nan")]
)
def test_a_version_must_be_given(broken):
    assert rule_of(flat_sale(version=broken)) == "version_is_given"
    assert rule_of(nested_sale(_metadata={"version": broken})) == "version_is_given"


def test_a_version_may_be_a_string_of_64_bits():
    assert row_of(flat_sale(version=str(2**63 - 1)))["version"] == 2**63 - 1


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-05T15:07:00+00:00",
        "2026-01-05T15:07:00Z",
        "2026-01-05T10:07:00-05:00",
        "2026-01-05T15:07:00",
        "2026-01-05 15:07:00",
        "20260105T150700Z",
        "2026-01-05T15:07:00.0000000Z",
    ],
)
def test_times_are_iso_8601_and_without_a_zone_utc(written):
    expected = pd.Timestamp("2026-01-05T15:07:00Z")

    assert expected == row_of(flat_sale(sale_date=written))["sale_date"]


def test_a_fraction_of_a_second_is_kept():
    row = row_of(flat_sale(sale_date="2026-01-05T15:07:00.123456Z"))

    assert row["sale_date"].microsecond == 123456


@pytest.mark.parametrize(
    "broken",
    [
        None,
        "",
        "soon",
        "2026-01-05",
        "2026-13-05T00:00:00Z",
        1767625620,
        True,
        {},
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1066-10-14T09:00:00Z",
        "2026-01-05T15:07:00+99:00",
        "2026-01-05T15:07:00\ud800",
    ],
)
def test_a_sale_must_have_a_time(broken):
    assert rule_of(flat_sale(sale_date=broken)) == "sale_date_is_a_time"
    assert rule_of(nested_sale(date=broken)) == "sale_date_is_a_time"


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("closed", "closed"),
        ("refurbished", "refurbished"),
        (None, None),
        ("", None),
        (5, "unreadable"),
        ({}, "unreadable"),
        ("two words", "unreadable"),
        ("x" * 65, "unreadable"),
        ("\ud800", "unreadable"),
    ],
)
def test_a_state_is_kept_as_it_is_and_never_rejected(state, kept):
    row = row_of(flat_sale(state=state, status=state))

    assert (kept, kept) == (row["state"], row["status"])


@pytest.mark.parametrize(
    ("attributes", "kept"),
    [
        ([], ""),
        (None, ""),
        (["pickup", "layby", "pickup"], "layby;pickup"),
        (["pickup", None, ""], "pickup;unreadable"),
        (["pickup", 5], "pickup;unreadable"),
        (["pickup;layby"], "unreadable"),
        ("pickup", "unreadable"),
        ({"pickup": True}, "unreadable"),
    ],
)
def test_attributes_are_sorted_and_one_that_is_no_word_is_unknown(attributes, kept):
    assert kept == row_of(flat_sale(attributes=attributes))["attributes"]


@pytest.mark.parametrize(
    ("note", "number"),
    [
        ("Order ID:1042", "1042"),
        ("Order ID: 1042 and more", "1042 and more"),
        ("\nOrder ID:AB_12-x\nmore", "AB_12-x"),
        ("Order ID:2026/1001\r\nShipping", "2026/1001"),
        ("Order ID:#1001\u2028Shipping", "#1001"),
        ("Order ID:Nº 77\x0bShipping", "Nº 77"),
        ("\ufeffOrder ID:\u200b10.A\x85Shipping", "10.A"),
        ("Order ID:1042 " + "y" * 47 + " Shipping", "1042 " + "y" * 47),
        ("Order ID:1042 \ud800", "1042 ?"),
        ("Order ID:\nShipping", None),
        ("Order ID:", None),
        ("order id:1042", None),
        ("See Order ID:1042", None),
        ("Order ID:" + "7" * 65, None),
        ("", None),
        (None, None),
        (1042, None),
        (["Order ID:1042"], None),
    ],
)
def test_of_a_note_only_the_line_of_its_order_is_kept_rules_4_3_and_4_7(note, number):
    row = row_of(flat_sale(note=note))

    assert number == row["web_order_number"]
    assert not any("Shipping" in str(value) for value in row.values())


@pytest.mark.parametrize(
    ("deleted_at", "is_deleted"),
    [("2026-01-05T15:07:00Z", True), (None, False), ("", False), (" ", False)],
)
def test_a_sale_with_a_moment_of_deletion_is_deleted(deleted_at, is_deleted):
    assert is_deleted is row_of(flat_sale(deleted_at=deleted_at))["is_deleted"]
    assert is_deleted is row_of(nested_sale(deleted_at=deleted_at))["is_deleted"]


@pytest.mark.parametrize("field", ["outlet_id", "customer_id", "source", "source_id"])
def test_a_blank_link_is_missing_and_one_that_is_no_text_is_rejected(field):
    assert row_of(flat_sale(**{field: " "}))[field] is None
    assert rule_of(flat_sale(**{field: {"id": "x"}})) == f"{field}_is_text"


@pytest.mark.parametrize(
    "register", [None, "", " ", 7, True, ["register-1"], {"id": "x"}, "two words"]
)
def test_a_register_that_is_no_id_is_missing_and_the_sale_stays_rule_1_5(register):
    place = {"type": "USER", "outlet_id": "outlet-1", "register_id": register}

    assert row_of(flat_sale(register_id=register))["register_id"] is None
    assert row_of(nested_sale(source=place))["register_id"] is None


def test_a_number_from_another_system_is_its_digits():
    assert row_of(flat_sale(source_id=1042))["source_id"] == "1042"


def test_half_a_surrogate_pair_can_be_stored():
    row = row_of(flat_sale(source="web\ud800shop"))

    assert row["source"].encode() == b"web?shop"


def test_a_return_names_the_sale_that_it_returns():
    nested = nested_sale(**{"return": {"original_sale_id": "sale-0"}})

    assert row_of(flat_sale(return_for="sale-0"))["return_for"] == "sale-0"
    assert row_of(nested)["return_for"] == "sale-0"


@pytest.mark.parametrize(
    "record", [{"id": "sale-1", "version": 5}, nested_sale(source="USER"),
               nested_sale(totals=[]), nested_sale(**{"return": "sale-0"})]
)  # fmt: skip
def test_an_unknown_shape_is_rejected(record):
    assert rule_of(record) == "shape_is_known"


@pytest.mark.parametrize("record", [None, "sale", 5, [], [flat_sale()], True])
def test_what_is_no_object_is_rejected(record):
    assert rule_of(record) == "record_is_an_object"


# Rejections and repetitions ---------------------------------------------------------


def test_a_rejection_says_which_record_and_where_but_nothing_of_it():
    broken = flat_sale(id="sale-2", version=7, total_price_incl="Ada Example")

    rows, rejections = sales_rows([flat_sale(), broken], segment=4, page=9)

    expected = Rejection(
        table="sales_feed",
        rule="total_is_a_number",
        record_id="sale-2",
        version=7,
        position="page 9, record 2",
    )
    assert [expected] == rejections
    assert rows["sale_id"].tolist() == ["sale-1"]


def test_a_rejection_does_not_name_an_id_or_version_that_is_none():
    _, (rejection,) = sales_rows(
        [{"id": "A Person", "version": "x"}], segment=0, page=1
    )

    assert (rejection.record_id, rejection.version) == (None, None)


def test_a_version_that_comes_twice_on_a_page_makes_one_row():
    page = [flat_sale(), flat_sale(), flat_sale(version=30_000_000_002)]

    rows, _ = sales_rows(page, segment=0, page=1)

    assert rows["version"].tolist() == [30_000_000_001, 30_000_000_002]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("version", None),
        ("version", "7"),
        ("version", 2**63),
        ("is_deleted", None),
        ("is_deleted", 1),
        ("total_incl_cents", True),
        ("total_incl_cents", 0.5),
        ("total_incl_cents", D("0.5")),
        ("sale_id", 7),
        ("sale_date", "2026-01-05"),
    ],
)
def test_a_value_that_is_missing_or_of_another_type_makes_no_frame(column, value):
    names = list(SalesFeed.to_schema().columns)
    sound = row_of(flat_sale()) | {"sale_date": datetime(2026, 1, 5, tzinfo=UTC)}
    frame_of([tuple(sound[name] for name in names)], SalesFeed)

    with pytest.raises((TypeError, ValueError, OverflowError)):
        frame_of([tuple((sound | {column: value})[name] for name in names)], SalesFeed)
