"""Tests for analytics_pipeline.domain.sales."""

from decimal import Decimal
from itertools import combinations, product

import pandas as pd
import pytest

from analytics_pipeline.domain.sales import classify_sales, give_reason
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Outlets, SalesFeed
from analytics_pipeline.model.vocabulary import SaleAttribute, SaleState, SaleStatus
from analytics_pipeline_tests.tables import make_table

ATTRIBUTES = [*SaleAttribute, "kerbside"]
ATTRIBUTE_SETS = [
    ";".join(chosen) for count in range(3) for chosen in combinations(ATTRIBUTES, count)
]
MOMENT = pd.Timestamp("2026-06-15T16:00Z")


def classified(*changes):
    """The rows of ``RawSales`` that sales with these words and amounts make."""
    plain = {
        "version": 1,
        "sale_date": MOMENT,
        "state": "closed",
        "attributes": "",
        "total_incl_cents": 1200,
        "paid_cents": 1200,
        "sold_line_count": 1,
    }
    rows = [{"sale_id": f"s{n}", **row} for n, row in enumerate(changes)]
    feed = make_table(SalesFeed, rows, **plain)
    return classify_sales(feed, make_table(Outlets, []), "UTC", Policy()).to_dict(
        "records"
    )


def reason(**changes):
    (row,) = classified(changes)
    return give_reason(row, Policy())


def test_the_words_agree_with_what_counts_and_what_is_an_order_rules_2_1_to_2_3():
    cases = [
        {
            "state": state,
            "status": status,
            "attributes": attributes,
            "is_deleted": is_deleted,
            "paid_cents": paid,
            "return_for": return_for,
            "sold_line_count": lines,
        }
        for state, status, attributes in product(
            [None, *SaleState, "weird"],
            [None, *SaleStatus, "WEIRD"],
            ATTRIBUTE_SETS,
        )
        for is_deleted, paid, return_for, lines in (
            (False, 1200, None, 1),
            (False, 1199, None, 0),
            (False, 1198, None, 1),
            (False, 1200, "s0", 1),
            (False, 1300, "s0", 0),
            (True, 1200, None, 1),
        )
    ]

    rows = classified(*cases)
    reasons = [give_reason(row, Policy()) for row in rows]

    assert [each.counts for each in reasons] == [row["is_completed"] for row in rows]
    assert [each.is_order for each in reasons] == [row["is_order"] for row in rows]
    assert all(each.words for each in reasons)
    assert len({each.words for each in reasons}) > 30


@pytest.mark.parametrize("row", [{"return_for": ""}, {"status": ""}, {"state": ""}])
def test_a_blank_cell_says_as_little_as_a_missing_one(row):
    sale = classified({"status": "CLOSED"})[0]

    assert give_reason(sale | row, Policy()).words == "closed; an order"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "closed; an order"),
        ({"total_incl_cents": 0}, "closed; an order, for free"),
        ({"attributes": "layby"}, "closed, the layby is paid off; an order"),
        ({"attributes": "pickup"}, "closed, picked up; an order"),
        (
            {"attributes": "kerbside"},
            "closed (not a known word: kerbside); an order",
        ),
        (
            {"return_for": "s9", "sold_line_count": 0},
            "closed; a return of sale s9, so no order",
        ),
        ({"return_for": "s9"}, "closed; an exchange against sale s9, so no order"),
        ({"sold_line_count": 0}, "closed; no line of it sells, so no order"),
        (
            {"sold_line_count": 0, "refunded_incl_cents": 500},
            "closed; it has return lines only, so no order",
        ),
        (
            {"state": "pending", "attributes": "pickup"},
            "awaiting pickup, paid (12.00 of 12.00); an order",
        ),
        (
            {"state": "pending", "attributes": "delivery", "paid_cents": 1199},
            "awaiting dispatch, paid but for a cent (11.99 of 12.00); an order",
        ),
    ],
)
def test_what_counts_says_why_and_whether_it_is_an_order_rule_2_3(changes, words):
    found = reason(**changes)

    assert (found.counts, found.words) == (True, words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"is_deleted": True}, "deleted"),
        ({"state": "voided"}, "voided"),
        ({"state": "parked"}, "parked: a draft"),
        ({"state": None, "status": "QUOTE"}, "a quote"),
        ({"state": "pending"}, "still open"),
        ({"state": "pending", "attributes": "layby"}, "a layby that is not paid off"),
        (
            {"state": "pending", "attributes": "onaccount;pickup"},
            "on account and not settled",
        ),
        ({"state": "pending", "attributes": "service"}, "a service that is not done"),
        ({"state": "archived"}, "not a known word: archived"),
        (
            {"state": "pending", "attributes": "kerbside;pickup"},
            "not a known word: kerbside",
        ),
        ({"state": None}, "it has neither a state nor a status"),
        (
            {"state": "pending", "attributes": "pickup", "paid_cents": 500},
            "awaiting pickup, but only 5.00 of 12.00 is paid",
        ),
        (
            {"state": "pending", "attributes": "pickup", "paid_cents": 1197},
            "awaiting pickup, but only 11.97 of 12.00 is paid; the 0.03 missing is "
            "more than paid_tolerance (0.01)",
        ),
    ],
)
def test_what_does_not_count_says_why_rule_2_2(changes, words):
    found = reason(**changes)

    assert (found.counts, found.is_order, found.words) == (False, False, words)


def test_a_row_of_raw_sales_has_all_that_the_reason_asks_for():
    assert set(classified({})[0]) == set(RawSales.to_schema().columns)


@pytest.mark.parametrize(
    ("paid", "tolerance", "words"),
    [
        (1195, 5, "awaiting pickup, paid but for 0.05 (11.95 of 12.00); an order"),
        (1199, 5, "awaiting pickup, paid but for a cent (11.99 of 12.00); an order"),
        (1200, 0, "awaiting pickup, paid (12.00 of 12.00); an order"),
        (1101, 99, "awaiting pickup, paid but for 0.99 (11.01 of 12.00); an order"),
        (1194, 5, None),
        (1199, 0, None),
    ],
)
def test_a_pickup_is_paid_within_the_tolerance_of_the_shop_rule_2_1(
    paid, tolerance, words
):
    (row,) = classified(
        {"state": "pending", "attributes": "pickup", "paid_cents": paid}
    )

    found = give_reason(row, Policy(paid_tolerance=Decimal(tolerance) / 100))

    assert found.counts is (words is not None)
    assert words in (None, found.words)
