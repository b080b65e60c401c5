"""Tests for analytics_pipeline.model.money."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.model.money import (
    divide_half_away,
    format_cents,
    round_half_away,
)


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        pytest.param("0.005", 1, id="half a cent goes up"),
        pytest.param("-0.005", -1, id="half a cent below zero goes down"),
        pytest.param("0.025", 3, id="not to the even cent"),
        pytest.param("0.00499999999999999999999999999", 0, id="just below half"),
        pytest.param("58.00000", 5800, id="trailing zeros"),
        pytest.param("1E+3", 100_000, id="written with an exponent"),
        pytest.param("-0", 0, id="negative zero"),
        pytest.param("9E+20", 9 * 10**22, id="the largest"),
        pytest.param("-25.37446", -2537, id="five places, as the source sends"),
    ],
)
def test_an_amount_is_rounded_half_away_from_zero(amount, cents):
    assert cents == round_half_away(Decimal(amount))


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "1E+21", "-1E+40"])
def test_what_is_no_amount_of_money_is_refused(amount):
    with pytest.raises(ValueError, match="not an amount"):
        round_half_away(Decimal(amount))


@pytest.mark.parametrize(
    ("cents", "by", "quotient"),
    [
        (5, 2, 3),
        (-5, 2, -3),
        (4, 3, 1),
        (-4, 3, -1),
        (5, 3, 2),
        (0, 7, 0),
        (6, 4, 2),
        (-1, 1, -1),
        (1, -1, -1),
        (-1, -1, 1),
    ],
)
def test_a_quotient_is_rounded_half_away_from_zero(cents, by, quotient):
    assert quotient == divide_half_away(cents, by)


@given(st.integers(), st.integers().filter(bool))
def test_a_quotient_is_never_more_than_half_a_cent_off(cents, by):
    assert abs(Fraction(cents, by) - divide_half_away(cents, by)) <= Fraction(1, 2)
    assert divide_half_away(-cents, by) == -divide_half_away(cents, by)


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (0, "0.00"),
        (-1, "-0.01"),
        (-5, "-0.05"),
        (5, "0.05"),
        (123450, "1234.50"),
        (-123456, "-1234.56"),
    ],
)
def test_cents_are_shown_with_two_decimals(cents, text):
    assert text == format_cents(cents)


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_what_is_shown_is_what_was_counted(cents):
    assert cents == round_half_away(Decimal(format_cents(cents)))
