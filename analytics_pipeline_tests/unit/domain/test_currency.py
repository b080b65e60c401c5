"""Tests for analytics_pipeline.domain.currency (rule 1.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.domain.currency import (
    MINOR_UNITS,
    Currencies,
    check_currency,
    find_currency_fault,
)

CODES = st.sampled_from(["USD", "EUR", "JPY", "GBP", "CAD", "KWD", "UYW", "XYZ"])
SHOPS = st.builds(
    Currencies,
    st.none() | CODES,
    st.dictionaries(st.sampled_from(["o1", "o2", "o3"]), CODES),
    st.none() | CODES,
)


@pytest.mark.parametrize(
    ("currencies", "reported"),
    [
        (Currencies("USD", {"o1": "USD", "o2": "USD"}), "Every amount is in USD."),
        (Currencies("JPY", {"o1": "JPY"}), "Every amount is in JPY."),
        (Currencies("ISK", {}), "Every amount is in ISK."),
        (Currencies(None, {"o1": "EUR"}, "EUR"), "Every amount is in EUR."),
        (Currencies("GBP", {"o1": "GBP"}, "GBP"), "Every amount is in GBP."),
        (Currencies(None, {}), "Neither the store nor an outlet names a currency"),
        (Currencies(None, {}, "CAD"), "names no currency now; before it was CAD."),
    ],
)
def test_one_currency_of_two_decimals_or_none_is_sound_rule_1_6(
    currencies: Currencies, reported: str
) -> None:
    result = check_currency(currencies)

    assert result.passed
    assert reported in result.sentence


@pytest.mark.parametrize(
    ("currencies", "reported"),
    [
        (
            Currencies("USD", {"o1": "USD", "o2": "CAD"}),
            "CAD (outlet o2), USD (the store and outlet o1)",
        ),
        (Currencies("GBP", {"o1": "EUR"}), "EUR (outlet o1), GBP (the store)"),
        (
            Currencies(None, {"o1": "SEK", "o2": "NOK", "o3": "SEK"}),
            "NOK (outlet o2), SEK (outlet o1, o3)",
        ),
        (
            Currencies("EUR", {"o1": "CHF", "o2": "DKK", "o3": "EUR"}),
            "CHF (outlet o1), DKK (outlet o2), EUR (the store and outlet o3)",
        ),
        (Currencies("JPY", {"o1": "KWD"}), "JPY (the store), KWD (outlet o1)"),
    ],
)
def test_several_currencies_are_refused_with_who_uses_which_rule_1_6(
    currencies: Currencies, reported: str
) -> None:
    result = check_currency(currencies)

    assert result.blocks
    assert result.fingerprint is None, "it cannot be accepted"
    assert f"several currencies: {reported}" in result.sentence


@pytest.mark.parametrize("code", sorted(MINOR_UNITS))
def test_a_currency_of_more_than_two_decimals_is_refused_rule_1_6(code: str) -> None:
    for currencies in (Currencies(code, {}), Currencies(None, {"o1": code}, code)):
        result = check_currency(currencies)

        assert result.blocks
        assert result.fingerprint is None
        decimals = f"{code}, which has {MINOR_UNITS[code]} decimals"
        assert decimals in result.sentence


def test_a_currency_that_changed_is_refused_rule_1_6() -> None:
    result = check_currency(Currencies("EUR", {"o1": "EUR"}, "BGN"))

    assert result.blocks
    assert "sells in EUR now, but the stored sales are in BGN" in result.sentence
    assert "warehouse/outlets" in result.sentence


@given(SHOPS)
def test_whatever_passes_can_be_added_and_kept_in_cents_rule_1_6(
    currencies: Currencies,
) -> None:
    every = {*currencies.named, *filter(None, [currencies.before])}
    can_be_added = len(every) < 2
    can_be_kept = not set(currencies.named) & set(MINOR_UNITS)

    fault = find_currency_fault(currencies)

    assert (fault is None) == (can_be_added and can_be_kept)
    assert check_currency(currencies).passed is (fault is None)
    if fault is None:
        assert currencies.noted == next(iter(every), None)
