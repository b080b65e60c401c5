"""Tests for analytics_pipeline.domain.reconciliation (rule 4.4)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.domain.reconciliation import (
    check_refunds,
    describe_refund,
    find_unsettled,
    given_back,
)
from analytics_pipeline.model.checks import Severity
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline_tests.tables import make_table

Sale = Mapping[str, Any]


def sale(name: str, cents: int, of: str = "", *, counts: bool = True) -> Sale:
    return {
        "sale_id": name,
        "return_for": of or None,
        "total_incl_cents": cents,
        "is_completed": counts,
    }


def left(*sales: Sale) -> dict[str, int]:
    """What is left of order 7, whose sales these are."""
    named = [str(each["sale_id"]) for each in sales]
    pairs = pd.DataFrame({"order_number": "7", "sale_id": named}, dtype="str")
    found = find_unsettled(pairs, make_table(RawSales, list(sales)))
    return dict(zip(found["order_number"], found["left_cents"], strict=True))


@pytest.mark.parametrize(
    ("sales", "cents"),
    [
        ([sale("a", 5000)], 5000),
        ([sale("a", 0)], 0),
        ([sale("a", 5000), sale("b", -2000, "a")], 3000),
        ([sale("a", 5000), sale("b", -4998, "a")], 2),
        ([sale("a", 5000), sale("b", -5000, "a", counts=False)], 5000),
        ([sale("a", 5000), sale("b", -5000, "a"), sale("c", 5000, "b")], 5000),
        ([sale("a", 5000), sale("b", 0, "a")], 5000),
        ([sale("a", 5000), sale("b", 3000)], 8000),
        ([sale("a", 5000, counts=False), sale("b", 3000)], 3000),
    ],
)
def test_what_is_left_of_a_sale_after_its_returns_still_counts_rule_4_4(
    sales: list[Sale], cents: int
) -> None:
    assert left(*sales) == {"7": cents}


@pytest.mark.parametrize(
    "sales",
    [
        [sale("a", 5000, counts=False)],
        [sale("a", 5000), sale("b", -5000, "a")],
        [sale("a", 5000), sale("b", -4999, "a")],
        [sale("a", 5000), sale("b", -2000, "a"), sale("c", -3000, "a")],
        [sale("a", 5000), sale("b", -6000, "a")],
        [sale("a", 0), sale("b", 0, "a")],
        [],
    ],
)
def test_an_order_that_the_till_took_back_as_well_is_settled_rule_4_4(
    sales: list[Sale],
) -> None:
    assert left(*sales) == {}


@given(st.integers(2, 10**8), st.lists(st.integers(1, 10**6), max_size=6))
def test_the_reported_sum_is_what_the_figures_hold_rule_4_4(
    total: int, returned: list[int]
) -> None:
    back = [sale(f"r{n}", -cents, "a") for n, cents in enumerate(returned)]
    rest = total - sum(returned)

    found = left(sale("a", total), *back)

    assert found == ({"7": rest} if rest > 1 or not returned else {})


@pytest.mark.parametrize(
    ("payment", "fulfilment", "expected"),
    [
        ("REFUNDED", "SHIPPED", True),
        ("CANCELLED", "NEW", True),
        ("ACCEPTED", "RETURNED", True),
        ("PAID", "WILL_NOT_DELIVER", True),
        (None, "RETURNED", True),
        ("PARTIALLY_REFUNDED", "SHIPPED", False),
        ("ACCEPTED", "DELIVERED", False),
        ("QUEUED", "NEW", False),
        ("DECLINED", None, False),
        ("CUSTOM_PAYMENT_STATUS_2", "CANCELLED", False),
    ],
)
def test_which_words_say_that_an_order_was_given_back_rule_4_4(
    payment: str | None, fulfilment: str | None, expected: bool
) -> None:
    row = {
        "order_number": "1",
        "payment_status": payment,
        "fulfillment_status": fulfilment,
    }

    assert given_back(make_table(EcomOrders, [row])).tolist() == [expected]


def test_the_warning_has_count_sum_and_the_orders_rule_4_4() -> None:
    unsettled = pd.DataFrame({"order_number": ["7", "12"], "left_cents": [5000, 250]})

    result = check_refunds(unsettled)

    assert (result.passed, result.severity) == (False, Severity.WARN)
    assert "2 web orders that were refunded" in result.sentence
    assert "still count as sales, 52.50 in all" in result.sentence
    assert result.evidence == {"refunded": 2, "left_cents": 5250, "orders": "12, 7"}
    one = check_refunds(unsettled[:1]).sentence
    assert "1 web order that was refunded" in one
    assert "still counts as a sale, 50.00 in all" in one
    assert check_refunds(unsettled[:0]).passed


def test_the_sentence_names_only_refund_words_rule_4_4() -> None:
    words = {"payment_status": "ACCEPTED", "fulfillment_status": "RETURNED"}

    assert "the web shop says RETURNED, yet 12.05 still" in describe_refund(words, 1205)
