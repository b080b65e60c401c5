"""Tests for analytics_pipeline.domain.web_orders (rules 2.2 and 4.4)."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.domain.web_orders import (
    KNOWN,
    check_order_words,
    counts_unsynced,
    show_word,
)
from analytics_pipeline.model.checks import CheckResult, Severity
from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline_tests.tables import make_table

SOUND = {"payment_status": "ACCEPTED", "fulfillment_status": "SHIPPED"}


def evaluate(*orders: dict[str, Any]) -> CheckResult:
    rows = [
        {"order_number": str(n), "total_cents": 1000 + n, **SOUND, **order}
        for n, order in enumerate(orders)
    ]
    return check_order_words(make_table(EcomOrders, rows))


@pytest.mark.parametrize(
    ("column", "word"),
    [(column, word) for column, words in KNOWN.items() for word in sorted(words)],
)
def test_the_words_of_export_and_api_are_known_rule_4_4(column: str, word: str) -> None:
    assert evaluate({column: word}).passed


@pytest.mark.parametrize(
    "word",
    [
        "CUSTOM_PAYMENT_STATUS_1",
        "CUSTOM_PAYMENT_STATUS_3",
        "AUTHORIZED",
        "SETTLED",
        "PARTIALLY_PAID",
        "VOIDED",
        "DEPOSIT_PAID",
        "SHIPPED",
    ],
)
def test_an_unknown_payment_word_warns_and_adds_nothing_rule_4_4(word: str) -> None:
    result = evaluate({}, {"payment_status": word})

    assert (result.passed, result.severity) == (False, Severity.WARN)
    assert f"payment: {word} (1)" in result.sentence
    assert "10.01 in all" in result.sentence
    assert "1 has an unknown payment status, 10.01" in result.sentence
    assert result.evidence["payment_unknown_cents"] == 1001
    order = make_table(EcomOrders, [SOUND | {"payment_status": word}])
    assert not counts_unsynced(order).any()


@pytest.mark.parametrize(
    "word",
    [
        "CUSTOM_FULFILLMENT_STATUS_1",
        "CUSTOM_FULFILLMENT_STATUS_2",
        "CANCELLED",
        "DELIVERY_CANCELLED",
        "ON_HOLD",
        "PAID",
    ],
)
def test_an_unknown_fulfilment_word_warns_and_takes_nothing_away_rule_4_4(
    word: str,
) -> None:
    result = evaluate({}, {"fulfillment_status": word})

    assert (result.passed, result.severity) == (False, Severity.WARN)
    assert f"fulfilment: {word} (1)" in result.sentence
    assert "takes no money away" in result.sentence
    assert result.evidence["payment_unknown"] == 0
    order = make_table(EcomOrders, [SOUND | {"fulfillment_status": word}])
    assert counts_unsynced(order).all()


def test_an_order_without_a_status_is_counted_as_having_none_rule_4_4() -> None:
    result = evaluate({"payment_status": None}, {"fulfillment_status": None}, {})

    assert "2 web orders have a status that is not known, 20.01" in result.sentence
    assert "payment: none (1); fulfilment: none (1)" in result.sentence


def test_words_are_counted_and_the_commonest_comes_first_rule_4_4() -> None:
    words = ["B", "A", "C", "A", "C", "A"]

    result = evaluate(*({"payment_status": word} for word in words))

    assert result.evidence["payment_words"] == "A (3), C (2), B (1)"
    assert result.evidence["orders"] == 6
    many = evaluate(*({"payment_status": f"W_{n}"} for n in range(15)))
    assert str(many.evidence["payment_words"]).count("(1)") == 10
    assert str(many.evidence["payment_words"]).endswith(", …")


def test_an_order_of_two_unknown_words_is_counted_once_rule_4_4() -> None:
    result = evaluate({"payment_status": "X", "fulfillment_status": "Y"})

    assert (result.evidence["orders"], result.evidence["total_cents"]) == (1, 1000)


@pytest.mark.parametrize(
    "cell",
    [
        "ANN@EXAMPLE.COM",
        "ANN MILLER",
        "2125550101",
        "+12125550101",
        "ECOM-0123456789ABCDEF",
        "Ä",
        "A" * 41,
        "PAID\n",
        "_X",
    ],
)
def test_a_cell_that_may_be_personal_is_never_reported(cell: str) -> None:
    assert show_word(cell) == "a word that cannot be shown"
    result = evaluate({"payment_status": cell, "fulfillment_status": cell})
    assert cell not in " ".join([result.sentence, *map(str, result.evidence.values())])


@given(st.text(max_size=60))
def test_shown_words_are_codes(cell: str) -> None:
    reported = show_word(cell)

    assert re.fullmatch(
        r"[A-Z][A-Z0-9_]{0,39}|none|a word that cannot be shown", reported
    )
    assert (reported == "none") is (cell == "")
