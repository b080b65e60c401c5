"""The rule book, read from what Lightspeed and the web shop send: an example each."""

from datetime import date
from decimal import Decimal

import pandas as pd
import pytest

from analytics_pipeline.domain.contacts import ContactKeys
from analytics_pipeline.domain.identity import no_overrides, resolve_identities
from analytics_pipeline.domain.sales import classify_sales
from analytics_pipeline.domain.web_orders import match_orders
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sources import EcomOrders, Outlets
from analytics_pipeline.sources.lightspeed.customers import customers_rows
from analytics_pipeline.sources.lightspeed.sales import sales_rows
from analytics_pipeline.sources.web_shop.export import read_ecom_export
from analytics_pipeline_tests.tables import make_table
from analytics_pipeline_tests.unit.sources.samples import customer, flat_line, flat_sale

STORE_ZONE = "America/New_York"
LONG_AGO = "2020-01-01T00:00:00+00:00"
KEYS = ContactKeys(b"a secret of the tests", "US", Policy())
OUTLETS = make_table(
    Outlets, [{"outlet_id": "outlet-1", "time_zone": "America/Los_Angeles"}]
)


def classify(**changes):
    """Return the row of ``raw_sales`` that a sale as sent becomes."""
    rows, rejections = sales_rows([flat_sale(**changes)], segment=0, page=1)
    assert rejections == []
    return classify_sales(rows, OUTLETS, STORE_ZONE, Policy()).iloc[0]


def resolve(*changes, policy=None):
    """Return the identities of customer records as sent, by record."""
    chosen = policy or Policy()
    keys = ContactKeys(b"a secret of the tests", "US", chosen)
    records = [
        customer(version=number, **{"email": None, "phone": None, **each})
        for number, each in enumerate(changes, 1)
    ]
    rows, rejections = customers_rows(records, keys, chosen)
    assert rejections == []
    nothing = make_table(EcomOrders, [])
    found = resolve_identities(rows, nothing, no_overrides(), chosen)
    return found.set_index("record_id")


def same(found, *records):
    return len(set(found.loc[list(records), "person_id"])) == 1


@pytest.mark.parametrize(
    ("outlet", "day"), [("outlet-1", "2026-01-05"), ("unknown", "2026-01-06")]
)
def test_the_day_is_that_of_the_sale_date_where_it_was_sold_rule_1_2(outlet, day):
    sale = classify(
        sale_date="2026-01-06T06:30:00+00:00",
        created_at="2026-03-01T00:00:00+00:00",
        updated_at="2026-03-02T00:00:00+00:00",
        outlet_id=outlet,
    )

    assert sale["business_date"] == pd.Timestamp(day)


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        ("1.005", 101), ("-1.005", -101), ("0.005", 1), ("1.0049999", 100),
        ("8.43781", 844), ("90071992547409.93", 9_007_199_254_740_993),
    ],
)  # fmt: skip
def test_a_total_is_rounded_once_half_away_and_never_floats_rule_1_3(amount, cents):
    total = Decimal(amount)
    if abs(cents) > 10**15:
        rows, rejections = sales_rows(
            [flat_sale(total_price_incl=total)], segment=0, page=1
        )
        assert (len(rows), len(rejections)) == (0, 1), "beyond any shop's money"
        return

    assert classify(total_price_incl=total)["total_incl_cents"] == cents
    assert classify(total_price_incl=amount)["total_incl_cents"] == cents


AWAITING = {"state": "pending", "status": "AWAITING_PICKUP", "attributes": ["pickup"]}


@pytest.mark.parametrize(
    ("paid", "counts"), [("8.44", True), ("8.43", True), ("8.42", False)]
)
def test_what_awaits_pickup_counts_once_it_is_paid_but_for_a_cent_rule_2_1(
    paid, counts
):
    payments = [
        {"amount": Decimal(paid), "deleted_at": None},
        {"amount": Decimal("50.00"), "deleted_at": "2026-01-05T15:09:00+00:00"},
    ]

    assert classify(**AWAITING, payments=payments)["is_completed"] == counts


@pytest.mark.parametrize(
    ("words", "counts", "is_unknown"),
    [
        pytest.param({"state": "closed"}, True, False, id="closed"),
        pytest.param({"state": "voided"}, False, False, id="voided"),
        pytest.param({"state": "parked"}, False, False, id="parked"),
        pytest.param({"state": "haunted"}, False, True, id="unknown state"),
        pytest.param(
            {"state": "closed", "attributes": ["gift"]}, True, True, id="closed gift"
        ),
        pytest.param(
            {"state": "pending", "attributes": ["pickup", "gift"]}, False, True,
            id="pending gift",
        ),
        pytest.param(
            {"state": "closed", "deleted_at": "2026-01-06T00:00:00+00:00"}, False,
            False, id="deleted",
        ),
    ],
)  # fmt: skip
def test_an_unknown_word_is_reported_and_never_becomes_revenue_rule_2_2(
    words, counts, is_unknown
):
    sale = classify(**({"status": None, "attributes": []} | words))

    assert (sale["is_completed"], sale["is_unknown"]) == (counts, is_unknown)
    assert sale["total_incl_cents"] == 844, "it is stored all the same"


RETURN_LINE = {"quantity": -1, "is_return": True}


@pytest.mark.parametrize(
    ("changes", "is_order"),
    [
        pytest.param({"line_items": [flat_line()]}, True, id="a sale"),
        pytest.param(
            {"line_items": [flat_line()], "return_for": "sale-0"}, False, id="exchange"
        ),
        pytest.param({"line_items": [flat_line(**RETURN_LINE)]}, False, id="a return"),
        pytest.param(
            {"line_items": [flat_line(price_total=0, tax_total=0)],
             "total_price": 0, "total_tax": 0, "total_price_incl": 0},
            True, id="free",
        ),
        pytest.param({"line_items": []}, False, id="without lines"),
        pytest.param(
            {"line_items": [flat_line(status="VOIDED")]}, False, id="a voided line"
        ),
    ],
)  # fmt: skip
def test_an_order_sells_something_new_rule_2_3(changes, is_order):
    assert classify(**changes)["is_order"] == is_order


def test_refunds_are_the_return_lines_with_their_tax_rule_2_5():
    sale = classify()

    assert (sale["refunded_incl_cents"], sale["refunded_excl_cents"]) == (272, 250)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"email": " Ada@Example.com"}, {"email": "ada@example.COM "}),
        ({"phone": "(212) 555-0123"}, {"mobile": "+1 212 555 0123"}),
    ],
)
def test_spellings_of_one_contact_are_one_key_rules_3_2_and_3_4(left, right):
    found = resolve({"id": "a", **left}, {"id": "b", **right})

    assert same(found, "a", "b")


@pytest.mark.parametrize(
    "contact",
    [
        {"email": "noemail@example.com"},
        {"email": "a.NO-EMAIL@example.com"},
        {"email": "placeholder7@example.com"},
        {"email": "none@example.com"},
        {"email": "Customer@example.com"},
        {"email": "test@example.com"},
        {"phone": "222-222-2222"},
    ],
)
def test_a_placeholder_joins_no_one_rule_3_3(contact):
    found = resolve({"id": "a", **contact}, {"id": "b", **contact})

    assert not same(found, "a", "b")
    assert found["has_placeholder_email"].all() == ("email" in contact)


@pytest.mark.parametrize(("holders", "is_one"), [(5, True), (6, False)])
def test_a_contact_of_more_than_five_live_customers_joins_no_one_rule_3_3(
    holders, is_one
):
    records = [{"id": f"r{n}", "email": "ada@example.com"} for n in range(holders)]
    gone = {"id": "gone", "email": "ada@example.com", "deleted_at": LONG_AGO}

    found = resolve(*records, gone)

    assert same(found, *(record["id"] for record in records)) == is_one


def test_every_merge_can_be_explained_without_the_contact_itself_rule_3_6():
    found = resolve(
        {"id": "a", "email": "ada@example.com", "created_at": LONG_AGO},
        {"id": "b", "email": "ada@example.com", "phone": "(212) 555-0123"},
        {"id": "c", "mobile": "(212) 555-0123"},
    )

    assert same(found, "a", "b", "c")
    assert found["evidence"].dropna().to_dict() == {"b": "email:a", "c": "phone:b"}


# The web shop --------------------------------------------------------------------

HEADER = (
    "order_number;timestamp;email;bill_person_name;shipto_person_name;"
    "payment_status;fulfillment_status;payment_status_code;fulfillment_status_code;"
    "order_tax;order_total;order_comments;sku;X-series Order ID"
)


def line(number="1042", timestamp="Jan 5, 2026 03:07 PM", total="32.66", **cells):
    return ";".join(
        [
            number, timestamp, "ada@example.com", "Ada Example", "Grace Example",
            "Paid", "Delivered", "ACCEPTED", "DELIVERED", "2.66", total,
            cells.get("comments", ""), cells.get("sku", "ROSE-12"),
            cells.get("sale_id", ""),
        ]
    )  # fmt: skip


@pytest.fixture
def read(tmp_path):
    def read_lines(*lines):
        path = tmp_path / "ecom_orders_export.csv"
        path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
        return read_ecom_export(path, KEYS, STORE_ZONE).orders

    return read_lines


def test_an_order_of_several_lines_counts_once_rule_4_1(read):
    orders = read(
        line(sku="ROSE-12"),
        line(sku="FERN-1", comments='"please;\nring"'),
        line("1043"),
    )

    assert orders["order_number"].tolist() == ["1042", "1043"]
    assert orders["total_cents"].tolist() == [3266, 3266]


def test_lines_of_one_order_that_disagree_are_refused_rule_4_1(read):
    with pytest.raises(WrongUse, match="1042"):
        read(line(), line(total="33.66"))


def test_a_time_of_the_export_is_wall_time_in_the_store_rule_4_2(read):
    orders = read(line("1", "Jan 5, 2026 11:59 PM"), line("2", "Nov 1, 2026 01:30 AM"))

    assert orders["order_date"].tolist() == [
        pd.Timestamp("2026-01-05"),
        pd.Timestamp("2026-11-01"),
    ]
    assert orders["ordered_at"].tolist() == [
        pd.Timestamp("2026-01-05 23:59"),
        pd.Timestamp("2026-11-01 01:30"),
    ]


def sale_of(number, **changes):
    retail = {"source": "USER", "source_id": None, "note": None}
    sent = flat_sale(id=f"sale-{number}", **(retail | changes))
    rows, _ = sales_rows([sent], segment=0, page=1)
    return rows


def test_an_order_is_synced_by_source_by_note_or_by_its_sale_rule_4_3(read):
    orders = read(
        line("1"), line("2"), line("3", sale_id="sale-3"), line("4", sale_id="gone")
    )
    sales = pd.concat(
        [
            sale_of(1, source="ecw:0123456789ABCDEF", source_id="1"),
            sale_of(2, note="Order ID: 2\nring twice"),
            sale_of(3, state="voided"),
        ]
    )
    raw_sales = classify_sales(sales, OUTLETS, STORE_ZONE, Policy())

    matched = match_orders(orders, raw_sales, date(2026, 1, 31))

    evidence = matched.set_index("order_number")["evidence"].to_dict()
    assert evidence == {"1": "source_id", "2": "note", "3": "export_id", "4": "none"}


def test_of_notes_and_addresses_only_the_order_number_is_kept_rule_4_7(read):
    personal = ["Elm Street", "ring twice", "Grace Example"]
    rows, _ = sales_rows(
        [flat_sale(note="Order ID:1042\n1 Elm Street\nring twice")], segment=0, page=1
    )
    orders = read(line(comments="ring twice, 1 Elm Street"))

    assert rows.loc[0, "web_order_number"] == "1042"
    for table in (rows, orders):
        kept = table.to_csv()
        assert not [word for word in personal if word in kept]
