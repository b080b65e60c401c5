"""Tests for sources.web_shop.delivered_orders: one order of the API as a row."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics_pipeline.domain.contacts import ContactKeys
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sources import EcomFeed
from analytics_pipeline.sources.values import frame_of
from analytics_pipeline.sources.web_shop.delivered_orders import read_delivered

KEYS = ContactKeys(b"a secret of the tests", "US", Policy())
ORDER = {
    "id": "XK45J",
    "createTimestamp": 1_780_315_200,
    "updateTimestamp": 1_780_315_260,
    "paymentStatus": "PAID",
    "fulfillmentStatus": "SHIPPED",
    "total": 12,
    "tax": 2,
    "email": "ada@example.com",
}


def read(**changes: Any) -> Any:
    order = {name: each for name, each in (ORDER | changes).items() if each != "absent"}
    return read_delivered([order], KEYS, ZoneInfo("America/New_York"), segment=0)


def row_of(**changes: Any) -> dict[str, Any]:
    delivered = read(**changes)
    assert delivered.rejections == []
    (row,) = frame_of(delivered.rows, EcomFeed).to_dict("records")
    return row


@pytest.mark.parametrize("field", ["total", "tax"])
@pytest.mark.parametrize("value", ["absent", None, "", "much", True, [], 1e30])
def test_money_that_is_missing_is_never_nothing(field: str, value: Any) -> None:
    (rejection,) = read(**{field: value}).rejections

    assert rejection.rule == f"{field}_is_an_amount"
    assert rejection.record_id == "XK45J"


@pytest.mark.parametrize("value", ["absent", None])
def test_what_was_not_given_back_or_redeemed_is_nothing(value: Any) -> None:
    row = row_of(refundedAmount=value, giftCardRedemption=value, loyalty=value)

    assert row["refunded_cents"] == row["gift_card_cents"] == row["loyalty_cents"] == 0


@pytest.mark.parametrize(
    ("given", "consent"), [(True, "yes"), (False, "no"), (None, None)]
)
def test_a_consent_that_was_not_asked_for_is_unknown_rule_13_1(
    given: bool | None, consent: str | None
) -> None:
    found = row_of(acceptMarketing=given)["accept_marketing"]

    assert (found if isinstance(found, str) else None) == consent


def test_points_that_were_taken_back_redeemed_nothing() -> None:
    redeemed = {"redemption": {"amount": 5, "cancelled": False}}
    canceled = {"redemption": {"amount": 5, "cancelled": True}}

    assert row_of(loyalty=redeemed)["loyalty_cents"] == 500
    assert row_of(loyalty=canceled)["loyalty_cents"] == 0


def test_an_abandoned_cart_is_no_order() -> None:
    delivered = read(paymentStatus="INCOMPLETE")

    assert (delivered.rows, delivered.rejections) == ([], [])


def test_words_and_minutes_are_those_of_the_export() -> None:
    row = row_of(createTimestamp=1_780_315_259)

    assert row["payment_status"] == "ACCEPTED"
    assert str(row["ordered_at"]) == "2026-06-01 08:00:00"
