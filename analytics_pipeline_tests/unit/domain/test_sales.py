"""Tests for analytics_pipeline.domain.sales."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from analytics_pipeline.domain.sales import (
    STATE_OF_STATUS,
    classify_sales,
    read_standing,
)
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.model.vocabulary import SaleStatus
from analytics_pipeline_tests.examples import up_to

STORE_ZONE = "America/New_York"
DTYPES = {
    name: str(column.dtype) for name, column in SalesFeed.to_schema().columns.items()
}
PLAIN = {
    "sale_id": "s1",
    "version": 1,
    "segment": 0,
    "sale_date": "2025-06-15T16:00:00+00:00",
    "outlet_id": "east",
    "register_id": "till-1",
    "user_id": None,
    "customer_id": "c1",
    "source": "USER",
    "source_id": None,
    "web_order_number": None,
    "return_for": None,
    "state": "closed",
    "status": None,
    "attributes": "",
    "is_deleted": False,
    "total_incl_cents": 10_000,
    "total_excl_cents": 9_000,
    "paid_cents": 10_000,
    "refunded_incl_cents": 0,
    "refunded_excl_cents": 0,
    "sold_line_count": 1,
    "gift_line_count": 0,
    "gift_sold_incl_cents": 0,
    "gift_sold_excl_cents": 0,
    "gift_paid_incl_cents": 0,
    "gift_paid_excl_cents": 0,
    "lines": None,
}


def sales_feed(*rows):
    table = pd.DataFrame([PLAIN | row for row in rows], columns=list(PLAIN))
    moments = pd.to_datetime(table["sale_date"], utc=True, format="ISO8601")
    table = table.assign(sale_date=moments.astype("datetime64[us, UTC]"))
    others = {
        name: "str" if "str" in dtype else dtype
        for name, dtype in DTYPES.items()
        if name != "sale_date"
    }
    return SalesFeed.validate(table.astype(others))


def outlets(**zones):
    table = pd.DataFrame({"outlet_id": list(zones), "time_zone": list(zones.values())})
    return table.astype("str")


ZONES = outlets(east="America/New_York", west="America/Los_Angeles")


def classify(*rows):
    return classify_sales(sales_feed(*rows), ZONES, STORE_ZONE, Policy())


def classify_one(**row):
    return classify(row).iloc[0]


@pytest.mark.parametrize(
    ("moment", "outlet", "day"),
    [
        pytest.param("2025-06-16T02:30:00Z", "east", "2025-06-15", id="late evening"),
        pytest.param("2025-06-16T04:00:00Z", "east", "2025-06-16", id="midnight"),
        pytest.param("2025-06-16T03:59:59Z", "east", "2025-06-15", id="just before"),
        pytest.param("2025-06-16T04:00:00Z", "west", "2025-06-15", id="another zone"),
        pytest.param("2025-01-16T04:59:59Z", "east", "2025-01-15", id="winter time"),
        pytest.param("2025-03-09T04:59:59Z", "east", "2025-03-08", id="before DST"),
        pytest.param("2025-03-10T03:59:59Z", "east", "2025-03-09", id="DST begins"),
        pytest.param("2025-03-10T04:00:00Z", "east", "2025-03-10", id="DST began"),
        pytest.param("2025-11-03T04:59:59Z", "east", "2025-11-02", id="DST ends"),
        pytest.param("2025-11-03T05:00:00Z", "east", "2025-11-03", id="DST ended"),
        pytest.param("2025-06-16T04:00:00Z", "gone", "2025-06-16", id="unknown outlet"),
        pytest.param("2025-06-16T03:59:00Z", None, "2025-06-15", id="no outlet"),
    ],
)
def test_the_business_date_is_the_local_day_of_the_outlet(moment, outlet, day):
    sale = classify_one(sale_date=moment, outlet_id=outlet)

    assert pd.Timestamp(day) == sale["business_date"]


def test_a_day_whose_midnight_does_not_exist_is_a_day():
    south = outlets(east="America/Santiago")
    feed = sales_feed({"sale_date": "2025-09-07T04:30:00+00:00"})

    sale = classify_sales(feed, south, STORE_ZONE, Policy()).iloc[0]

    assert pd.Timestamp("2025-09-07") == sale["business_date"]


def test_the_business_date_agrees_with_the_standard_library():
    hours = pd.date_range("2024-01-01", "2026-01-01", freq="7h", tz="UTC")
    rows = [
        {"sale_id": f"{outlet} {hour}", "sale_date": str(hour), "outlet_id": outlet}
        for hour in hours
        for outlet in ("east", "west")
    ]

    raw_sales = classify(*rows)

    expected = [
        moment.to_pydatetime().astimezone(ZoneInfo(zone)).date()
        for moment, zone in zip(
            raw_sales["sale_date"], raw_sales["time_zone"], strict=True
        )
    ]
    assert expected == raw_sales["business_date"].dt.date.tolist()
    assert {"America/New_York", "America/Los_Angeles"} == set(raw_sales["time_zone"])


def test_the_zone_of_an_unknown_outlet_is_the_stores():
    assert classify_one(outlet_id="gone")["time_zone"] == STORE_ZONE


COMPLETED = {
    "CLOSED",
    "LAYBY_CLOSED",
    "ONACCOUNT_CLOSED",
    "PICKED_UP_CLOSED",
    "DISPATCHED_CLOSED",
    "SERVICE_CLOSED",
    "AWAITING_PICKUP",
    "AWAITING_DISPATCH",
}


@pytest.mark.parametrize("status", list(SaleStatus))
def test_a_status_alone_says_whether_a_paid_sale_is_completed(status):
    sale = classify_one(state=None, status=status.value)

    assert (status in COMPLETED) == sale["is_completed"]
    assert not sale["is_unknown"]


@pytest.mark.parametrize("status", list(SaleStatus))
def test_a_status_and_its_state_and_attribute_say_the_same(status):
    state, attribute = STATE_OF_STATUS[status]
    words = {"state": state.value, "attributes": attribute.value if attribute else ""}

    by_status = classify_one(state=None, status=status.value)
    by_state = classify_one(status=None, **words)
    by_both = classify_one(status=status.value, **words)

    derived = ["state", "attributes", "is_completed", "is_order", "is_unknown"]
    assert by_state[derived].equals(by_status[derived])
    assert by_state[derived].equals(by_both[derived])


@pytest.mark.parametrize(
    ("state", "attributes", "is_completed"),
    [
        ("closed", "", True),
        ("closed", "layby;pickup", True),
        ("pending", "pickup", True),
        ("pending", "delivery", True),
        ("pending", "pickup;service", True),
        ("pending", "layby;pickup", False),
        ("pending", "delivery;onaccount", False),
        ("pending", "service", False),
        ("pending", "", False),
        ("parked", "pickup", False),
        ("voided", "delivery", False),
        ("voided", "", False),
    ],
)
def test_state_and_attributes_say_whether_a_paid_sale_is_completed(
    state, attributes, is_completed
):
    sale = classify_one(state=state, attributes=attributes)

    assert is_completed == sale["is_completed"]


@pytest.mark.parametrize(
    ("total", "paid", "is_completed"),
    [
        pytest.param(10_000, 10_000, True, id="paid"),
        pytest.param(10_000, 9_999, True, id="but for a cent"),
        pytest.param(10_000, 9_998, False, id="two cents short"),
        pytest.param(10_000, 12_000, True, id="overpaid"),
        pytest.param(0, 0, True, id="free"),
        pytest.param(1, 0, True, id="a cent, unpaid"),
        pytest.param(-500, -500, True, id="a refund that was paid out"),
        pytest.param(-500, -502, False, id="paid out too much"),
    ],
)
def test_an_awaiting_sale_counts_if_paid_but_for_a_cent(total, paid, is_completed):
    words = {"state": "pending", "attributes": "pickup"}
    sale = classify_one(total_incl_cents=total, paid_cents=paid, **words)

    assert is_completed == sale["is_completed"]


@settings(max_examples=up_to(40))
def tolerating(cents):
    return Policy(paid_tolerance=Decimal(cents) / 100)


@given(
    total=st.integers(-1000, 5000),
    missing=st.integers(-300, 300),
    tolerance=st.integers(0, 99),
)
def test_an_awaiting_sale_counts_if_paid_within_the_tolerance_rule_2_1(
    total, missing, tolerance
):
    row = {"total_incl_cents": total, "paid_cents": total - missing}
    waiting = sales_feed(row | {"state": "pending", "attributes": "delivery"})

    sale = classify_sales(waiting, ZONES, STORE_ZONE, tolerating(tolerance)).iloc[0]

    assert (missing <= tolerance) == sale["is_completed"] == sale["is_order"]


def test_a_closed_sale_counts_whatever_was_paid():
    assert classify_one(paid_cents=0)["is_completed"]


def test_the_paid_test_is_with_tax():
    words = {"state": "pending", "attributes": "pickup"}

    assert not classify_one(paid_cents=9_000, **words)["is_completed"]


@pytest.mark.parametrize("words", [("closed", ""), ("pending", "pickup")])
def test_a_deleted_sale_never_counts(words):
    sale = classify_one(state=words[0], attributes=words[1], is_deleted=True)

    assert not sale["is_completed"]
    assert not sale["is_order"]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        pytest.param("archived", None, id="unknown state"),
        pytest.param(None, "CANCELLED", id="unknown status"),
        pytest.param("closed", "CLOSED_TWICE", id="unknown status, known state"),
        pytest.param("archived", "CLOSED", id="unknown state, known status"),
        pytest.param(None, None, id="neither given"),
        pytest.param("Closed", None, id="not the vendor's spelling"),
    ],
)
def test_an_unknown_word_is_reported_and_never_counts(state, status):
    sale = classify_one(state=state, status=status)

    assert sale["is_unknown"]
    assert not sale["is_completed"]
    assert not sale["is_order"]


def test_an_unknown_attribute_is_reported_and_leaves_a_closed_sale_its_money():
    sale = classify_one(attributes="gift")

    assert sale["is_unknown"]
    assert sale["is_completed"]


def test_all_attributes_at_once_are_known_ones():
    sale = classify_one(attributes="delivery;layby;onaccount;pickup;service")

    assert not sale["is_unknown"]
    assert sale["is_completed"]


def test_an_unknown_attribute_keeps_a_pending_sale_out():
    sale = classify_one(state="pending", attributes="gift;pickup")

    assert sale["is_unknown"]
    assert not sale["is_completed"]


@pytest.mark.parametrize(
    ("row", "is_order"),
    [
        pytest.param({}, True, id="a sale"),
        pytest.param({"total_incl_cents": 0}, True, id="a free one"),
        pytest.param({"return_for": "s0"}, False, id="a return or an exchange"),
        pytest.param({"sold_line_count": 0}, False, id="no line that sells"),
        pytest.param({"state": "voided"}, False, id="not completed"),
        pytest.param({"state": "pending", "attributes": "pickup"}, True, id="awaiting"),
    ],
)
def test_an_order_is_a_completed_sale_of_something_new(row, is_order):
    assert is_order == classify_one(**row)["is_order"]


def test_a_return_is_completed_with_its_own_sign():
    sale = classify_one(return_for="s0", total_incl_cents=-500, sold_line_count=0)

    assert sale["is_completed"]
    assert sale["total_incl_cents"] == -500


def test_attributes_of_a_missing_state_are_those_given_and_the_statuss_own():
    standing = read_standing("", "LAYBY", "pickup")

    assert standing.state == "pending"
    assert standing.attributes == "layby;pickup"
    assert not standing.is_awaiting


def test_words_that_come_again_are_read_as_before_and_not_as_the_next_ones():
    raw_sales = classify(
        {"sale_id": "a", "state": "closed"},
        {"sale_id": "b", "state": "closed"},
        {"sale_id": "c", "state": "voided"},
        {"sale_id": "d", "state": "closed"},
    )

    assert raw_sales["is_completed"].tolist() == [True, True, False, True]
    assert raw_sales["state"].tolist() == ["closed", "closed", "voided", "closed"]


def test_each_sale_keeps_its_own_words_and_the_result_is_sorted():
    raw_sales = classify(
        {"sale_id": "c", "state": "voided", "sale_date": "2025-06-16T16:00:00Z"},
        {"sale_id": "b", "state": "parked"},
        {"sale_id": "d", "state": "closed", "sale_date": "2025-06-14T16:00:00Z"},
        {"sale_id": "a", "state": "pending", "attributes": "pickup"},
    )

    assert raw_sales["sale_id"].tolist() == ["d", "a", "b", "c"]
    assert raw_sales["state"].tolist() == ["closed", "pending", "parked", "voided"]
    assert raw_sales["is_completed"].tolist() == [True, True, False, False]


def test_row_order_and_index_do_not_matter():
    feed = sales_feed(*[{"sale_id": f"s{n}", "outlet_id": "west"} for n in range(5)])
    shuffled = feed.iloc[[3, 1, 4, 0, 2]].set_axis([7, 7, 7, 7, 7])

    assert_frame_equal(
        classify_sales(feed, ZONES, STORE_ZONE, Policy()),
        classify_sales(shuffled, ZONES, STORE_ZONE, Policy()),
    )


def test_the_result_satisfies_its_schema():
    mixed = classify({"status": "CLOSED"}, {"sale_id": "s2", "state": "odd"})

    RawSales.validate(mixed, lazy=True)
    RawSales.validate(classify({"state": None, "outlet_id": None}), lazy=True)


def test_no_sales_are_still_a_valid_table():
    RawSales.validate(classify(), lazy=True)
    RawSales.validate(
        classify_sales(sales_feed({}), outlets(), STORE_ZONE, Policy()), lazy=True
    )


def test_the_input_is_left_unchanged():
    feed, zones = sales_feed({}, {"sale_id": "s2", "state": None}), ZONES.copy()
    before = feed.copy()

    classify_sales(feed, zones, STORE_ZONE, Policy())

    assert_frame_equal(before, feed)
    assert_frame_equal(ZONES, zones)
