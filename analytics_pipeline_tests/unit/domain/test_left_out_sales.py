"""Tests for analytics_pipeline.domain.sales: number, sum and who it is."""

from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.domain.sales import (
    check_dated_after_today,
    check_short_sales,
    check_undelivered,
)
from analytics_pipeline.model.policy import MoneyBasis, Policy
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline_tests.tables import make_table

TODAY = date(2026, 11, 30)
WAITING = {"state": "pending", "attributes": "pickup", "total_incl_cents": 1004}


def short(*rows, tolerance="0.01"):
    named = [WAITING | {"sale_id": f"s{n}"} | row for n, row in enumerate(rows)]
    policy = Policy(paid_tolerance=Decimal(tolerance))
    return check_short_sales(make_table(RawSales, named), policy)


@pytest.mark.parametrize(
    ("paid", "tolerance", "is_reported"),
    [
        (1004, "0.01", False),
        (1003, "0.01", False),
        (1002, "0.01", True),
        (1000, "0.01", True),
        (905, "0.01", True),
        (904, "0.01", False),
        (0, "0.01", False),
        (2000, "0.01", False),
        (1000, "0.04", False),
        (999, "0.04", True),
        (1003, "0", True),
        (905, "0.99", False),
    ],
)
def test_a_sale_that_lacks_less_than_one_but_too_much_is_reported_rule_2_1(
    paid, tolerance, is_reported
):
    found = short({"paid_cents": paid}, tolerance=tolerance)

    assert is_reported is not found.passed
    assert found.evidence["sales"] == int(is_reported)
    assert not found.blocks


@pytest.mark.parametrize(
    "row",
    [
        {"is_deleted": True},
        {"state": "closed"},
        {"state": "voided"},
        {"attributes": ""},
        {"attributes": "layby;pickup"},
        {"attributes": "delivery;onaccount"},
        {"attributes": "kerbside;pickup"},
    ],
)
def test_only_a_sale_that_waits_can_be_short_rule_2_1(row):
    assert short({"paid_cents": 1000} | row).passed


def test_short_sales_are_counted_and_summed_rule_2_1():
    found = short(
        {"paid_cents": 1000},
        {"paid_cents": 950, "attributes": "delivery"},
        {"paid_cents": 1004},
    )

    assert found.sentence.startswith(
        "2 sales that wait for pickup or dispatch lack less than 1.00 of the total "
        "(0.58 in all), so 20.08 is not counted."
    )
    assert found.evidence == {
        "sales": 2,
        "value": "20.08",
        "missing": "0.58",
        "paid_tolerance": "0.01",
        "sale_ids": "s0, s1",
    }


def test_the_value_left_out_is_without_tax_where_the_shop_reckons_so_rule_1_4():
    policy = Policy(money_basis=MoneyBasis.EXCL_TAX)
    row = WAITING | {"paid_cents": 1000, "total_excl_cents": 900}

    found = check_short_sales(make_table(RawSales, [row]), policy)

    assert (found.evidence["value"], found.evidence["missing"]) == ("9.00", "0.04")


def later(*rows):
    sales = make_table(
        RawSales, [{"sale_id": f"s{n}"} | row for n, row in enumerate(rows)]
    )
    registers = pd.Series([row.get("outlet_id", "") for row in rows], dtype="str")
    return check_dated_after_today(
        sales.assign(register_id=("till of " + registers).where(registers != "")),
        TODAY,
        Policy(),
    )


def test_later_sales_are_counted_and_summed_and_the_register_named_rule_1_5():
    found = later(
        {"business_date": "2036-03-10", "total_incl_cents": 500_000, "outlet_id": "o1"},
        {"business_date": "2027-01-01", "total_incl_cents": -1, "outlet_id": "o1"},
    )

    assert found.sentence == (
        "2 sales are dated after today (2026-11-30), the first one 2027-01-01, so "
        "4999.99 is in no figure. The clock of a till is wrong (register till of o1, "
        "outlet o1): set it, and correct the date of the sales in Lightspeed."
    )
    assert found.evidence["earliest"] == "2027-01-01"
    assert not found.passed
    assert not found.blocks


@pytest.mark.parametrize("tills", [1, 2, 3, 4, 11])
def test_of_many_registers_some_are_named_rule_1_5(tills):
    found = later(
        *({"business_date": "2030-01-01", "outlet_id": f"o{n}"} for n in range(tills))
    )

    assert found.sentence.count("register till") == min(tills, 3)
    assert (f"and {tills - 3} more" in found.sentence) is (tills > 3)


def test_a_register_that_is_not_named_is_said_to_be_rule_1_5():
    found = later({"business_date": "2030-01-01"})

    assert found.evidence["registers"] == "register not named, outlet not named"


def test_without_later_sales_all_is_well_rule_1_5():
    assert later().passed


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(-(10**9), 10**9)), max_size=30)
)
def test_undelivered_customers_are_counted_and_summed_rule_3_8(each):
    rows = [(f"c{n}", sales, cents) for n, (sales, cents) in enumerate(each)]
    frame = pd.DataFrame(rows, columns=["customer_id", "sales", "value_cents"])

    found = check_undelivered(frame)

    assert found.passed is not bool(each)
    assert found.evidence["sales"] == sum(sales for sales, _ in each)
    assert found.evidence["customers"] == len(each)
    total = int(str(found.evidence["value"]).replace(".", ""))
    assert total == sum(cents for _, cents in each)
    assert str(found.evidence["customer_ids"]).count("c") == min(len(each), 10)
