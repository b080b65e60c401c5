"""Tests for analytics_pipeline.domain.web_orders (rule 4.3)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.order_numbers import comparable
from analytics_pipeline.domain.web_orders import (
    Mark,
    explain_change,
    find_doubtful,
    find_mark,
    unmark,
)
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.order_numbers import (
    COUNTS,
    GROUPED,
    NUMBERS,
    PADDED,
    SHOWN,
)
from analytics_pipeline_tests.unit.domain.test_order_matching import ecom_orders, order

FEW = settings(max_examples=up_to(20))
LARGE = st.integers(1000, 10**13).map(str)


def reasons(numbers, stored=(), of_sales=(), carried=(), at_tills=()):
    """What is said of the numbers of an export, by number."""
    orders = ecom_orders(*(order(number) for number in numbers))
    values = {
        each.number: explain_change(each, {*map(comparable, carried)}, at_tills)
        for each in find_doubtful(orders, stored, of_sales)
    }
    return {number: reason for number, reason in values.items() if reason}


@pytest.mark.parametrize("way", [*SHOWN, *GROUPED])
@FEW
@given(number=LARGE)
def test_a_cell_that_shows_a_change_is_found_rule_4_3(way, number):
    cell = (SHOWN | GROUPED)[way](number)

    assert find_mark(cell) is not None
    assert cell in reasons([cell])
    if "scientific" not in way:
        assert unmark(cell, find_mark(cell)) == number
        assert reasons([cell], of_sales=[number])[cell].endswith(f"as {number}")


@FEW
@given(NUMBERS)
def test_a_number_as_shops_make_them_shows_no_change_rule_4_3(number):
    assert find_mark(number) is None
    assert reasons([number], stored=[number]) == {}


@pytest.mark.parametrize(
    "number",
    [
        "PLANT-1001",
        "1001/26",
        "#1001",
        "Nº77",
        "10.A",
        "1,001-X",
        "26.01",
        "1.5",
        "12E5",
        "5E-12",
        "2026-10-01",
        "1001.",
        "O'Neil-7",
        "=7",
        "0,001",
        "3.14.001",
        "1 0001",
    ],
)
def test_marks_within_a_number_are_the_shops_own_rule_4_3(number):
    assert find_mark(number) is None


@pytest.mark.parametrize("cell", ["1002.0", "1,001", "1.001", "'1004", '="1005"'])
def test_what_the_tills_have_exactly_so_is_right_rule_4_3(cell):
    assert reasons([cell]) != {}
    assert reasons([cell], carried=[cell]) == {}


def test_a_shop_whose_tills_write_such_numbers_may_have_another_one_rule_4_3():
    assert reasons(["26.002"], at_tills=[Mark.THOUSANDS]) == {}
    assert reasons(["26.002"], at_tills=[Mark.DECIMALS]) != {}
    assert reasons(["1003.0"], at_tills=[Mark.DECIMALS], carried=["1003"]) != {}


@FEW
@given(PADDED)
def test_a_number_without_its_zeros_is_found_rule_4_3(number):
    lost = str(int(number))

    values = {lost: f"lost its leading zeros: it is known as {number}"}
    assert reasons([lost], stored=[number]) == values
    assert reasons([lost], of_sales=[number]) == values
    assert reasons([number], stored=[number]) == {}
    assert reasons([number], stored=[lost]) == {}
    assert reasons([lost]) == {}


def test_a_number_that_the_tills_have_without_zeros_too_is_right_rule_4_3():
    assert reasons(["101"], of_sales=["00101"], carried=["101"]) == {}
    assert reasons(["101"], stored=["00101", "101"]) == {}
    assert reasons(["101"], stored=["101"], of_sales=["00101"]) != {}
    assert reasons(["101"], stored=["PLANT-00101"], of_sales=["0101x"]) == {}


def test_an_order_that_an_export_has_with_and_without_zeros_is_one_rule_4_3():
    assert list(reasons(["00101", "101"])) == ["101"]
    other = ecom_orders(order("00101"), order("101", total_cents=2000))
    assert find_doubtful(other, (), ()) == []


@FEW
@given(st.lists(COUNTS, max_size=5), st.lists(NUMBERS, max_size=5))
def test_an_export_that_only_has_known_numbers_is_right_rule_4_3(counts, others):
    numbers = list(dict.fromkeys([*counts, *others]))

    assert reasons(numbers, stored=numbers) == {}
