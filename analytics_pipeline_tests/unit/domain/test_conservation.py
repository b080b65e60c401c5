"""Tests for analytics_pipeline.domain.conservation."""

import pytest

from analytics_pipeline.domain.conservation import (
    conserve_money,
    cover_records,
    keep_people,
)
from analytics_pipeline.model.schemas.customers import CustomerIdentities
from analytics_pipeline.model.schemas.sources import Customers
from analytics_pipeline_tests.tables import make_table

EVEN = {
    "people_cents": 10_000,
    "people_orders": 4,
    "unattributed_cents": -500,
    "unattributed_orders": 1,
    "gift_cards_cents": 2_000,
    "gift_cards_orders": 0,
    "sales_cents": 10_000,
    "sales_orders": 3,
    "web_orders_cents": 1_500,
    "web_orders_orders": 2,
    "quarantined_sales": 0,
    "quarantined_last_good_cents": 0,
    "quarantined_unknown": 0,
}
SIDES = [side for side in EVEN if not side.startswith("quarantined")]


def identities(*rows):
    return make_table(
        CustomerIdentities,
        [{"record_id": r, "person_id": p, "is_live": live} for r, p, live in rows],
        record_kind="customer",
    )


def test_money_and_orders_that_add_up_pass_rule_7_1():
    result = conserve_money(EVEN)

    assert result.passed
    assert result.sentence == (
        "People, unattributed and gift cards add up to sales and added web orders."
    )
    assert EVEN.items() <= dict(result.evidence).items()


@pytest.mark.parametrize("side", SIDES)
def test_one_cent_or_one_order_too_many_on_any_side_blocks_rule_7_1(side):
    result = conserve_money(EVEN | {side: EVEN[side] + 1})

    assert result.blocks
    assert "do not add up" in result.sentence
    unit = side.rsplit("_", 1)[1]
    assert abs(int(result.evidence[f"difference_{unit}"])) == 1


def test_sales_in_quarantine_are_reported_and_change_no_side():
    away = {
        "quarantined_sales": 3,
        "quarantined_last_good_cents": 5_800,
        "quarantined_unknown": 1,
    }

    result = conserve_money(EVEN | away)

    assert result.passed
    assert "3 sales" in result.sentence
    assert "58.00" in result.sentence
    assert "1 is unknown" in result.sentence
    assert away.items() <= dict(result.evidence).items()


CUSTOMERS = make_table(
    Customers,
    [
        {"customer_id": "a"},
        {"customer_id": "b"},
        {"customer_id": "gone", "is_deleted": True},
        {"customer_id": "walk-in", "is_walk_in": True},
    ],
    version=1,
    created_at="2026-01-01",
)
DELETED = ("gone", None, False)


def test_each_live_record_in_exactly_one_person_passes_rule_7_2():
    placed = identities(("a", "a", True), ("b", "a", True), DELETED)

    result = cover_records(CUSTOMERS, placed)

    assert result.passed
    assert result.sentence.startswith("Each live customer record belongs")
    assert (result.evidence["live_records"], result.evidence["wrong"]) == (2, 0)


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        pytest.param([("a", "a", True)], "b", id="left out"),
        pytest.param([("a", "a", True), ("b", None, True)], "b", id="without person"),
        pytest.param(
            [("a", "a", True), ("b", "a", True), ("b", "b", True)], "b", id="in two"
        ),
        pytest.param(
            [("a", "a", True), ("b", "b", True), ("c", "a", True)], "c", id="invented"
        ),
        pytest.param(
            [("a", "a", True), ("b", "b", True), ("walk-in", "a", True)],
            "walk-in",
            id="the walk-in",
        ),
        pytest.param([], "a, b", id="none at all"),
    ],
)
def test_a_live_record_not_in_exactly_one_person_blocks_rule_7_2(rows, wrong):
    result = cover_records(CUSTOMERS, identities(*rows, DELETED))

    assert result.blocks
    assert wrong == result.evidence["records"]
    assert result.sentence.startswith(f"{result.evidence['wrong']} live customer")


def people(count):
    return {f"p{n}" for n in range(count)}


STAYED = identities(*((f"p{n}", f"p{n}", True) for n in range(2_000)))


@pytest.mark.parametrize(
    ("before", "gone", "passes"),
    [
        pytest.param(20, 0, True, id="no one"),
        pytest.param(20, 10, True, id="ten of few"),
        pytest.param(20, 11, False, id="eleven of few"),
        pytest.param(1_000, 20, True, id="two per cent of many"),
        pytest.param(1_000, 21, False, id="more than two per cent"),
        pytest.param(1_499, 29, True, id="whole people of two per cent"),
        pytest.param(1_499, 30, False, id="less than two per cent and a person"),
    ],
)
def test_people_may_vanish_up_to_the_larger_of_ten_and_two_per_cent(
    before, gone, passes
):
    result = keep_people(people(before), people(before - gone), STAYED)

    assert passes == result.passed
    assert gone == result.evidence["unexplained"]


def test_a_merge_and_a_deletion_explain_who_is_gone():
    merged = [(f"p{n}", "p99", True) for n in range(15)]
    deleted = [(f"p{n}", None, False) for n in range(15, 30)]
    now = identities(*merged, *deleted, ("p99", "p99", True))

    result = keep_people(people(30) | {"p99"}, {"p99"}, now)

    assert result.passed
    assert (result.evidence["explained"], result.evidence["unexplained"]) == (30, 0)


def test_a_record_that_no_table_knows_any_more_is_unexplained():
    result = keep_people(people(11), set(), identities())

    assert result.blocks


def test_new_people_are_no_loss():
    assert keep_people(people(5), people(50), STAYED).passed
