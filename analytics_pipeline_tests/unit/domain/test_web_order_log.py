"""Tests for analytics_pipeline.domain.web_order_log."""

import pandas as pd
import pytest

from analytics_pipeline.domain.web_order_log import LAST_WORDS, add_last_words
from analytics_pipeline.model.schemas.sources import EcomFeed, EcomOrders
from analytics_pipeline_tests.tables import make_table

BLANK = [0, None, 0, 0, 0, None]
DELIVERED = {
    "refunded_cents": 1250,
    "refunded_at": pd.Timestamp("2026-06-02 03:59:59", tz="UTC"),
    "gift_card_cents": 100,
    "loyalty_cents": 200,
    "store_credit_cents": 300,
    "accept_marketing": "yes",
}
SAID = [1250, pd.Timestamp("2026-06-01"), 100, 200, 300, "yes"]
"""Of Berlin it was the second of June, and in New York still the first."""


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (DELIVERED, SAID),
        (DELIVERED | {"order_number": " k-7 "}, SAID),
        (DELIVERED | {"refunded_at": None}, [1250, None, 100, 200, 300, "yes"]),
        ({}, BLANK),
        (DELIVERED | {"order_number": "8"}, BLANK),
        (DELIVERED | {"is_deleted": True}, BLANK),
    ],
    ids=["said", "another spelling", "no date", "nothing", "another order", "deleted"],
)
def test_an_order_of_an_export_is_as_the_api_last_said(version, expected):
    orders = make_table(EcomOrders, [{"order_number": "K-7"}, {"order_number": "9"}])
    latest = make_table(EcomFeed, [{"order_number": "K-7"} | version])

    found = add_last_words(orders, latest, "America/New_York")

    assert found.dtypes.to_dict() == orders.dtypes.to_dict()
    first, other = found[LAST_WORDS].astype(object).to_numpy().tolist()
    assert [None if pd.isna(each) else each for each in first] == expected
    assert [None if pd.isna(each) else each for each in other] == BLANK


def test_without_any_version_and_without_orders_nothing_is_added():
    orders = make_table(EcomOrders, [{"order_number": "K-7"}])
    none = make_table(EcomFeed, [])

    pd.testing.assert_frame_equal(add_last_words(orders, none, "UTC"), orders)
    empty = add_last_words(orders[:0], none, "UTC")
    pd.testing.assert_frame_equal(empty, orders[:0])
