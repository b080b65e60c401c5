"""Tests for analytics_pipeline.domain.web_orders."""

from datetime import date

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from analytics_pipeline.domain.web_orders import counts_unsynced, match_orders
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import make_table

D = date(2025, 6, 15)
SHOP = "ecw:0123456789ABCDEF"
ORDER = {
    "order_number": "1001",
    "ordered_at": "2025-06-01 10:00",
    "order_date": "2025-06-01",
    "payment_status": "ACCEPTED",
    "fulfillment_status": "SHIPPED",
    "total_cents": 1000,
    "tax_cents": 0,
    "sale_id": None,
    "name": None,
    "email": None,
    "email_key": None,
    "ecom_customer_id": None,
}
SALE = {
    "sale_id": "s1",
    "business_date": "2025-06-01",
    "version": 1,
    "sale_date": "2025-06-01 14:00",
    "time_zone": "America/New_York",
    "outlet_id": None,
    "customer_id": None,
    "source": "USER",
    "source_id": None,
    "web_order_number": None,
    "return_for": None,
    "state": "closed",
    "status": None,
    "attributes": "",
    "is_deleted": False,
    "is_completed": True,
    "is_order": True,
    "is_unknown": False,
    "total_incl_cents": 1000,
    "total_excl_cents": 900,
    "paid_cents": 1000,
    "refunded_incl_cents": 0,
    "refunded_excl_cents": 0,
    "sold_line_count": 1,
}


def table(schema, defaults, rows):
    return make_table(schema, [defaults | row for row in rows])


def ecom_orders(*rows):
    return table(EcomOrders, ORDER, rows)


def raw_sales(*rows):
    return table(RawSales, SALE, rows)


def order(number, exported=None, **others):
    return {"order_number": number, "sale_id": exported} | others


def web_sale(sale_id, number, **others):
    return {"sale_id": sale_id, "source": SHOP, "source_id": number} | others


def noted_sale(sale_id, number, **others):
    return {"sale_id": sale_id, "web_order_number": number} | others


def sale(sale_id, **others):
    return {"sale_id": sale_id} | others


def match(orders, sales, as_of=D):
    return match_orders(ecom_orders(*orders), raw_sales(*sales), as_of)


def pairs(orders, sales, as_of=D):
    matched = match(orders, sales, as_of)
    rows = matched[["order_number", "sale_id", "evidence"]].to_numpy().tolist()
    return [tuple(None if pd.isna(cell) else cell for cell in row) for row in rows]


def contradictions(orders, sales):
    reported = match(orders, sales).dropna(subset=["contradiction"])
    return dict(zip(reported["order_number"], reported["contradiction"], strict=True))


@pytest.mark.parametrize(
    ("candidate", "evidence"),
    [
        pytest.param(web_sale("s1", "7"), "source_id", id="web source"),
        pytest.param(noted_sale("s1", "7"), "note", id="note"),
        pytest.param(sale("s9"), "export_id", id="export"),
        pytest.param(sale("s1"), "none", id="nothing"),
        pytest.param(web_sale("s1", "77"), "none", id="another number"),
        pytest.param(
            {"sale_id": "s1", "source": "SHOPIFY", "source_id": "7"},
            "none",
            id="another source's number",
        ),
        pytest.param(
            noted_sale("s1", "7", return_for="s0"), "none", id="a return's copied note"
        ),
        pytest.param(web_sale("s9", "8"), "none", id="the sale is another order's"),
        pytest.param(noted_sale("s9", "8"), "none", id="the note is another order's"),
        pytest.param(
            noted_sale("s9", "8", return_for="s0"), "none", id="a return of another's"
        ),
        pytest.param(
            {"sale_id": "s9", "source": "SHOPIFY", "source_id": "8"},
            "export_id",
            id="the export names a sale with another source's number",
        ),
        pytest.param(
            noted_sale("s9", "7", return_for="s0"),
            "export_id",
            id="the export names a return whose note names this order",
        ),
    ],
)
def test_evidence_ties_an_order_to_its_sale(candidate, evidence):
    found = pairs([order("7", exported="s9")], [candidate])

    matched = None if evidence == "none" else candidate["sale_id"]
    assert found == [("7", matched, evidence)]


def test_the_strongest_evidence_wins():
    sales = [sale("export"), noted_sale("note", "7"), web_sale("source", "7")]
    orders = [order("7", exported="export")]

    assert pairs(orders, sales) == [("7", "source", "source_id")]
    assert pairs(orders, sales[:2]) == [("7", "note", "note")]
    assert pairs(orders, sales[:1]) == [("7", "export", "export_id")]


def test_all_sales_of_the_same_evidence_are_the_orders():
    by_source = [web_sale("b", "7"), web_sale("a", "7"), noted_sale("c", "7")]

    expected = [("7", "a", "source_id"), ("7", "b", "source_id")]
    assert pairs([order("7")], by_source) == expected


def test_a_sale_claimed_by_stronger_evidence_is_not_claimed_by_its_note():
    both = web_sale("s1", "7", web_order_number="8")

    expected = [("7", "s1", "source_id"), ("8", None, "none")]
    assert pairs([order("7"), order("8")], [both]) == expected


def test_a_sale_claimed_by_its_note_is_not_claimed_by_the_export():
    orders = [order("7"), order("8", exported="s1")]

    expected = [("7", "s1", "note"), ("8", None, "none")]
    assert pairs(orders, [noted_sale("s1", "7")]) == expected


def test_a_note_still_ties_a_web_sale_whose_own_order_is_not_in_the_export():
    both = web_sale("s1", "7", web_order_number="8")

    assert pairs([order("8")], [both]) == [("8", "s1", "note")]


@pytest.mark.parametrize(
    ("numbers", "winner"),
    [
        pytest.param(["10", "9"], "9", id="as integers"),
        pytest.param(["W-1", "9"], "9", id="digits before words"),
        pytest.param(["W-2", "W-10"], "W-10", id="words as text"),
        pytest.param(["9", "09"], "09", id="equal integers as text"),
        pytest.param([str(10**30), "2"], "2", id="beyond 64 bits"),
    ],
)
def test_of_two_orders_that_the_export_ties_to_one_sale_the_lower_has_it(
    numbers, winner
):
    orders = [order(number, exported="s1") for number in numbers]

    owners = [each[0] for each in pairs(orders, [sale("s1")]) if each[1]]
    assert owners == [winner]


def test_only_sales_and_orders_of_the_day_or_before_take_part():
    orders = [
        order("1"),
        order("2"),
        order("3", order_date="2025-06-15"),
        order("4", order_date="2025-06-16"),
    ]
    sales = [
        web_sale("a", "1", business_date="2025-06-15"),
        web_sale("b", "2", business_date="2025-06-16"),
    ]

    expected = [("1", "a", "source_id"), ("2", None, "none"), ("3", None, "none")]
    assert pairs(orders, sales) == expected
    assert pairs(orders, sales, pd.Timestamp(D)) == expected
    assert pairs(orders, sales, date(2025, 6, 16))[1] == ("2", "b", "source_id")


@pytest.mark.parametrize(
    "state",
    [
        {"state": "voided"},
        {"state": "pending"},
        {"state": "parked"},
        {"is_deleted": True},
        {"is_completed": False},
    ],
)
def test_any_state_of_the_sale_syncs_the_order(state):
    found = pairs([order("7")], [web_sale("s1", "7", **state)])

    assert found == [("7", "s1", "source_id")]


def test_an_export_that_names_another_sale_is_contradicting():
    orders = [order("7", exported="s2")]

    expected = {"7": "export_id names sale s2 for order 7"}
    assert contradictions(orders, [web_sale("s1", "7"), sale("s2")]) == expected
    assert contradictions(orders, [web_sale("s1", "7")]) == expected


def test_an_export_against_another_order_is_reported_for_both():
    orders = [order("7"), order("8", exported="s1")]
    text = "export_id names sale s1 for order 8"

    assert contradictions(orders, [web_sale("s1", "7")]) == {"7": text, "8": text}


def test_a_note_against_its_source_is_reported_for_both_orders():
    orders = [order("7"), order("8")]
    both = web_sale("s1", "7", web_order_number="8")
    text = "note names sale s1 for order 8"

    assert contradictions(orders, [both]) == {"7": text, "8": text}


def test_a_source_that_names_an_order_unlike_the_note_is_contradicting():
    both = web_sale("s1", "7", web_order_number="8")

    expected = {"8": "source_id names sale s1 for order 7"}
    assert contradictions([order("8")], [both]) == expected


def test_several_contradictions_are_reported_in_a_fixed_order():
    sales = [web_sale("s1", "7"), noted_sale("s3", "7"), noted_sale("s2", "7")]

    expected = (
        "export_id names sale s4 for order 7; "
        "note names sale s2 for order 7; note names sale s3 for order 7"
    )
    assert contradictions([order("7", exported="s4")], sales) == {"7": expected}


def test_a_web_sale_that_names_no_order_is_free_for_the_export():
    orders, sales = [order("1001", "s1")], [web_sale("s1", None)]

    assert pairs(orders, sales) == [("1001", "s1", "export_id")]
    assert contradictions(orders, sales) == {}


def test_agreeing_evidence_is_no_contradiction():
    sales = [
        web_sale("s1", "7", web_order_number="7"),
        noted_sale("r1", "7", return_for="s1"),
    ]

    assert contradictions([order("7", exported="s1")], sales) == {}


def test_a_sale_that_is_not_stored_contradicts_no_unsynced_order():
    assert contradictions([order("7", exported="unseen")], [sale("s1")]) == {}


@pytest.mark.parametrize(
    ("payment", "fulfillment", "counts"),
    [
        ("ACCEPTED", "NEW", True),
        ("PAID", "DELIVERED", True),
        ("PARTIALLY_REFUNDED", "SHIPPED", True),
        ("ACCEPTED", None, True),
        ("QUEUED", "SHIPPED", False),
        ("REFUNDED", "SHIPPED", False),
        ("CANCELLED", "NEW", False),
        (None, "SHIPPED", False),
        ("ACCEPTED", "WILL_NOT_DELIVER", False),
        ("PAID", "RETURNED", False),
    ],
)
def test_an_unsynced_order_counts_if_paid_and_not_undone(payment, fulfillment, counts):
    orders = ecom_orders(
        order("7", payment_status=payment, fulfillment_status=fulfillment)
    )

    assert counts_unsynced(orders).tolist() == [counts]


NUMBERS = st.sampled_from([None, "1", "2", "3", "10"])
SALES = st.lists(
    st.fixed_dictionaries(
        {
            "source": st.sampled_from(["USER", SHOP]),
            "source_id": NUMBERS,
            "web_order_number": NUMBERS,
            "return_for": st.sampled_from([None, None, "s0"]),
        }
    ),
    max_size=5,
).map(lambda rows: [row | {"sale_id": f"s{n}"} for n, row in enumerate(rows)])
EXPORTED = st.sampled_from([None, "s0", "s1", "s2", "s3"])
ORDERS = st.tuples(EXPORTED, EXPORTED, EXPORTED).map(
    lambda ids: [order(n, i) for n, i in zip(["1", "2", "10"], ids, strict=True)]
)


@settings(max_examples=up_to(10))
@given(ORDERS, SALES)
def test_every_order_is_there_and_no_sale_is_matched_twice(orders, sales):
    matched = match(orders, sales)

    assert set(matched["order_number"]) == {"1", "2", "10"}
    assert not matched["sale_id"].dropna().duplicated().any()
    kinds = matched[["order_number", "evidence"]].drop_duplicates()
    assert not kinds["order_number"].duplicated().any()
    assert (matched["sale_id"].isna() == (matched["evidence"] == "none")).all()


@settings(max_examples=up_to(10))
@given(ORDERS, SALES, st.randoms(use_true_random=False))
def test_row_order_does_not_matter(orders, sales, shuffler):
    first = match(orders, sales)
    shuffler.shuffle(orders)
    shuffler.shuffle(sales)

    assert_frame_equal(first, match(orders, sales))


@pytest.mark.parametrize("orders", [[], [order("7")]])
@pytest.mark.parametrize("sales", [[], [web_sale("s1", "7")]])
def test_nothing_to_match_is_still_a_valid_table(orders, sales):
    matched = match(orders, sales)

    columns = ["order_number", "sale_id", "evidence", "contradiction"]
    assert matched.columns.tolist() == columns
    assert {str(dtype) for dtype in matched.dtypes} == {"str"}
    assert len(orders) == len(matched)
    assert counts_unsynced(ecom_orders(*orders)).dtype == bool


def test_the_tables_of_these_tests_are_possible_ones():
    RawSales.validate(raw_sales(web_sale("s1", "7"), noted_sale("s2", "8")), lazy=True)
    EcomOrders.validate(ecom_orders(order("7", exported="s1")), lazy=True)


def test_the_input_is_left_unchanged():
    orders = ecom_orders(order("8", exported="s1"), order("7"))
    sales = raw_sales(sale("s2"), web_sale("s1", "7"))
    before = orders.copy(), sales.copy()

    match_orders(orders, sales, D)

    assert_frame_equal(before[0], orders)
    assert_frame_equal(before[1], sales)


@pytest.mark.parametrize(
    ("exported", "at_the_till"),
    [
        ("PLANT-1001", "plant-1001"),
        ("１００１", "1001"),
        ("1001", "\u200e1001\ufeff"),
        ("№77", "No77"),
        ("Ä-1", "a\u0308-1"),
        ("MY SHOP 12", "my\u00a0shop 12"),
    ],
)
def test_a_number_is_the_same_however_it_is_spelled_rule_4_3(exported, at_the_till):
    by_source, by_note = web_sale("s1", at_the_till), noted_sale("s1", at_the_till)

    assert pairs([order(exported)], [by_source]) == [(exported, "s1", "source_id")]
    assert pairs([order(exported)], [by_note]) == [(exported, "s1", "note")]
    assert contradictions([order(exported, "s1")], [by_source | by_note]) == {}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("2026", "2026"),
        ("2026 for Ann", "2026"),
        ("2026/1001", "2026/1001"),
        ("2026/1001 for Ann", "2026/1001"),
        ("2026/1002", None),
        ("2026 12", "2026 12"),
        ("2026 13", "2026"),
        ("2026.", None),
    ],
)
def test_a_note_names_the_longest_number_that_it_begins_with_rule_4_3(text, named):
    orders = [order("2026"), order("2026/1001"), order("2026 12")]

    matched = [row[0] for row in pairs(orders, [noted_sale("s1", text)]) if row[1]]
    assert matched == ([named] if named else [])


def test_the_rest_of_a_note_is_never_shown_rules_4_3_and_4_7():
    both = web_sale("s1", "7", web_order_number="5 for Ann Miller")

    values = {"7": "note names sale s1 for another order"}
    assert contradictions([order("7")], [both]) == values
    named = web_sale("s1", "7", web_order_number="8 for Ann Miller")
    text = "note names sale s1 for order 8"
    assert contradictions([order("7"), order("8")], [named]) == {"7": text, "8": text}


def test_a_sale_whose_note_names_an_order_of_no_export_is_not_free_rule_4_3():
    orders = [order("2026", exported="s1")]

    assert pairs(orders, [noted_sale("s1", "2026/1001")]) == [("2026", None, "none")]
    assert pairs(orders, [noted_sale("s1", "2026")]) == [("2026", "s1", "note")]


def test_orders_of_thousands_of_digits_are_ranked_as_any_other():
    long = "9" * 5000
    orders = [order(long, exported="s1"), order(f"1{long}", exported="s1")]

    assert pairs(orders, [sale("s1")])[1] == (long, "s1", "export_id")
