"""Tests for analytics_pipeline.sources.lightspeed.outlets."""

import pytest

from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.sources.lightspeed.outlets import (
    currencies_of,
    details_of,
    outlets_rows,
    read_outlets,
)
from analytics_pipeline.sources.protocol import StoreDetails
from analytics_pipeline.sources.values import UnreadableRecord

STORE = {"id": "store-1", "timezone": "America/New_York", "country": "us"}


def outlet(**changes):
    return {
        "id": "outlet-1",
        "name": "Main Street",
        "time_zone": "America/Chicago",
        "deleted_at": None,
    } | changes


def rows_of(outlets, registers=(), store=STORE):
    rows = outlets_rows(outlets, registers, details_of(store))
    Outlets.validate(rows, lazy=True)
    return rows.astype(object).where(rows.notna(), None).to_dict("records")


def test_an_outlet_becomes_its_row():
    registers = [
        {"id": "register-1", "outlet_id": "outlet-1", "deleted_at": None},
        {"id": "register-2", "outlet_id": "outlet-1", "deleted_at": "2025-01-01"},
        {"id": "register-3", "outlet_id": "outlet-2", "deleted_at": None},
        "no register",
    ]
    expected = {
        "outlet_id": "outlet-1",
        "name": "Main Street",
        "time_zone": "America/Chicago",
        "is_deleted": False,
        "register_count": 1,
        "store_time_zone": "America/New_York",
        "store_country": "US",
        "discount_product_id": None,
    }

    assert [expected] == rows_of([outlet()], registers)


@pytest.mark.parametrize("zone", [None, "", "Mars/Olympus", "America", "../etc", 5, {}])
def test_an_outlet_without_a_zone_that_exists_is_in_the_stores(zone):
    assert rows_of([outlet(time_zone=zone)])[0]["time_zone"] == "America/New_York"


@pytest.mark.parametrize("store", [None, {}, {"timezone": {}}, {"time_zone": "UTC"}])
def test_without_any_zone_an_outlet_stays_unknown(store):
    assert rows_of([outlet(time_zone=None)], store=store) == []


def test_the_store_may_lack_what_an_outlet_has():
    (row,) = rows_of([outlet()], store={"country": "United States"})

    assert (row["store_time_zone"], row["store_country"]) == (None, None)


def test_a_deleted_outlet_keeps_its_row():
    assert rows_of([outlet(deleted_at="2025-01-01T00:00:00Z")])[0]["is_deleted"] is True


def test_outlets_come_by_id_and_each_once():
    rows = rows_of([outlet(id="b"), outlet(id="a"), outlet(id="b", name="Later")])

    assert [(row["outlet_id"], row["name"]) for row in rows] == [
        ("a", "Main Street"),
        ("b", "Later"),
    ]


@pytest.mark.parametrize("record", [None, "outlet", 5, [], {}, {"id": None}])
def test_what_is_no_outlet_makes_no_row(record):
    assert rows_of([record]) == []


@pytest.mark.parametrize(
    "store", ["EUR", " eur ", {"code": "EUR", "symbol": "€"}, {"code": "Eur"}]
)
def test_a_currency_is_a_code_or_has_one_in_any_case_rule_1_6(store):
    found = currencies_of([outlet(currency=store)], details_of({"currency": store}))

    assert (found.store, found.of_outlets) == ("EUR", {"outlet-1": "EUR"})


@pytest.mark.parametrize(
    "value", [None, "", "$", "US dollar", 840, {}, {"symbol": "$"}, {"code": None}, []]
)
def test_what_is_no_code_is_an_unknown_currency_rule_1_6(value):
    found = currencies_of([outlet(currency=value)], details_of({"currency": value}))

    assert (found.store, found.of_outlets, found.named) == (None, {}, [])


def test_the_currency_of_a_deleted_outlet_counts_as_its_sales_do_rule_1_6():
    closed = outlet(id="closed", currency="CAD", deleted_at="2025-01-01T00:00:00Z")

    found = currencies_of([outlet(currency="USD"), closed, None, "x"], details_of(None))

    assert found.named == ["CAD", "USD"]


def test_what_the_store_says_is_used_as_far_as_it_can_be():
    said = STORE | {"timezone": "Mars/Olympus", "currency": {"code": "usd"}}

    assert details_of(STORE | said) == StoreDetails("store-1", None, "US", "USD")
    assert details_of(["no store"]) == StoreDetails(None, None, None, None)


def test_outlets_that_cannot_be_read_are_counted_and_named_as_far_as_possible():
    outlets = [
        outlet(),
        outlet(id="outlet-2", time_zone="Mars/Olympus"),
        UnreadableRecord({"id": "outlet-3"}),
        UnreadableRecord({}),
        outlet(id=None),
        "outlet",
    ]

    read = read_outlets(outlets, [], details_of(STORE))

    assert read.rows["outlet_id"].tolist() == ["outlet-1", "outlet-2"]
    assert read.zone_unknown == ["outlet-2"]
    assert read.undecodable == {"outlet-3"}
    assert read.unreadable == 4
