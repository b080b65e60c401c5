"""Tests for analytics_pipeline.domain.explanation."""

from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pandas as pd
import pytest

from analytics_pipeline.commands.explain import _sum_up
from analytics_pipeline.domain.explanation import (
    Line,
    LineKind,
    add_up,
    explain_orders,
    find_differences,
    foresee,
    window_start,
)
from analytics_pipeline.model.policy import MoneyBasis, Policy
from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline_tests.tables import make_table

D = date(2026, 6, 20)
PLAIN = {
    "kind": LineKind.SALE,
    "id": "s1",
    "record_id": "c1",
    "refunded_cents": 0,
    "counts": True,
    "is_order": True,
    "is_ecom": False,
    "why": "closed; an order",
}


def line(days_before, cents, **changes):
    day = D - timedelta(days=days_before)
    return Line(**{**PLAIN, "day": day, "value_cents": cents, **changes})


LINES = [
    line(90, 10_000),
    line(89, 20_001),
    line(3, -5_000, is_order=False, refunded_cents=5_000),
    line(1, 99_999, counts=False),
    line(2, 4_000, is_ecom=True),
]


def test_the_window_begins_89_days_before_rule_5_2():
    assert window_start(D) == D - timedelta(days=89)


def test_only_what_counts_is_added_up_rules_5_1_to_5_4():
    figures = add_up(LINES, Policy(), D)

    assert asdict(figures) == {
        "lifetime_value_cents": 29_001,
        "rolling_90_day_value_cents": 19_001,
        "order_count": 3,
        "rolling_90_day_order_count": 2,
        "average_order_value_cents": 9_667,
        "first_order_date": D - timedelta(days=90),
        "last_order_date": D - timedelta(days=2),
        "days_since_last_order": 2,
        "is_vip": False,
        "is_high_value": False,
        "ecom_order_count": 1,
        "retail_order_count": 2,
        "refunded_value_cents": 5_000,
    }


def test_nothing_adds_up_to_nothing_rule_5_1():
    figures = add_up([], Policy(), D)

    assert (figures.lifetime_value_cents, figures.order_count) == (0, 0)
    assert figures.average_order_value_cents is None
    assert figures.last_order_date is None


@pytest.mark.parametrize(
    ("bounds", "reported"),
    [
        (("290.01", "290.00"), (True, False)),
        (("290.02", "290.01"), (False, True)),
        (("290.03", "290.02"), (False, False)),
    ],
)
def test_vip_and_high_value_begin_at_their_bounds_rule_5_4(bounds, reported):
    vip, high = map(Decimal, bounds)

    figures = add_up(LINES, Policy(vip_from=vip, high_value_from=high), D)

    assert (figures.is_vip, figures.is_high_value) == reported


def row_of(lines):
    """The row of ``CustomerAnalytics`` that says just what the lines add up to."""
    outlook = foresee(lines, Policy(), D)
    cells = asdict(add_up(lines, Policy(), D))
    words = {"tier": str(outlook.tier), "inactive_segment": str(outlook.segment)}
    return {
        name: pd.NA
        if value is None
        else pd.Timestamp(value)
        if isinstance(value, date)
        else value
        for name, value in {**cells, **words}.items()
    }


@pytest.mark.parametrize("lines", [LINES, []])
def test_a_row_that_says_the_same_differs_in_nothing(lines):
    figures, outlook = add_up(lines, Policy(), D), foresee(lines, Policy(), D)

    assert find_differences(figures, outlook, row_of(lines)) == []


@pytest.mark.parametrize("name", row_of(LINES))
def test_each_column_that_says_something_else_is_named(name):
    figures, outlook = add_up(LINES, Policy(), D), foresee(LINES, Policy(), D)

    assert find_differences(figures, outlook, row_of(LINES) | {name: pd.NA}) == [name]


# What the web shop gave back (rule 4.4) --------------------------------------------


def explained(order, *, basis="incl_tax", sale=None):
    """The lines of one web order that is paid."""
    paid = {"order_number": "7", "payment_status": "PARTIALLY_REFUNDED"}
    money = {"total_cents": 4_400, "tax_cents": 400, "refunded_cents": 1_100}
    orders = make_table(EcomOrders, [paid | money | order], order_date=pd.Timestamp(D))
    matches = pd.DataFrame(
        [("7", sale, "note" if sale else "none", None)],
        columns=["order_number", "sale_id", "evidence", "contradiction"],
    )
    policy = Policy(money_basis=MoneyBasis(basis))
    return explain_orders(orders, matches, {"s1"}, policy, {}, D)


@pytest.mark.parametrize(
    ("order", "basis", "cents"),
    [
        ({"refund_date": pd.Timestamp(D)}, "incl_tax", [4_400, -1_100]),
        ({"refund_date": pd.Timestamp(D)}, "excl_tax", [4_000, -1_000]),
        ({"refund_date": None}, "incl_tax", [4_400, -1_100]),
        ({"refund_date": pd.Timestamp(D) + pd.Timedelta(days=1)}, "incl_tax", [4_400]),
        ({"refunded_cents": 0}, "incl_tax", [4_400]),
    ],
)
def test_what_was_given_back_is_a_line_of_its_own_rule_4_4(order, basis, cents):
    lines = explained(order, basis=basis)

    assert [line.value_cents for line in lines] == cents
    assert [line.counts for line in lines] == [True] * len(cents)
    assert [line.is_order for line in lines] == [True, False][: len(cents)]
    assert sum(line.refunded_cents for line in lines) == -sum(cents[1:])


def test_of_an_order_that_a_sale_represents_nothing_is_taken_off_rule_4_4():
    (line,) = explained({"refund_date": pd.Timestamp(D)}, sale="s1")

    assert not line.counts


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "0.00, the sum of 0 sales"),
        (LINES[:2], "300.01, the sum of 2 sales"),
        (
            explained({"refund_date": pd.Timestamp(D)}),
            "44.00 of 1 web order - 11.00 given back = 33.00",
        ),
        (
            [*LINES[:2], *explained({"refund_date": pd.Timestamp(D)})],
            "300.01 of 2 sales + 44.00 of 1 web order - 11.00 given back = 333.01",
        ),
    ],
)
def test_the_sum_is_shown_by_kind_of_line(lines, words):
    figures = add_up(lines, Policy(), D)

    assert _sum_up(SimpleNamespace(counted=lines, figures=figures)) == words
