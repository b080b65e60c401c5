"""Tests for analytics_pipeline.simulator.ecwid_api and what it serves."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics_pipeline.simulator.app import WEB_STORE_ID, build_app
from analytics_pipeline.simulator.ecwid_api import read_fields
from analytics_pipeline.simulator.export import export_text, local_time
from analytics_pipeline.simulator.faults import POISON, FaultKind, FaultPlan
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.queries import BadRequest
from analytics_pipeline.simulator.quirks import WebShopQuirks
from analytics_pipeline.simulator.records import DeletedWebOrder, WebOrder, WebRefund
from analytics_pipeline.simulator.trading_days import Trade
from analytics_pipeline_tests.contract.simulator.small_store import (
    OPENED,
    TOKEN,
    Asker,
    asking,
    make_store,
)

SHOP = f"/api/v3/{WEB_STORE_ID}"
ORDERS = f"{SHOP}/orders"


def make_order(n: int, **changes: Any) -> WebOrder:
    """The n-th order, an hour after the one before."""
    fields: dict[str, Any] = {
        "order_number": str(1000 + n),
        "email": f"ada.{n}@example.com",
        "name": "Ada Rivera",
        "phone": "(212) 555-0123",
        "placed_at": OPENED + timedelta(hours=n),
        "payment_status": "ACCEPTED",
        "fulfillment_status": "PROCESSING",
        "lines": [("sku-1", "Fern", Decimal("18.50"), 1)],
        "subtotal": Decimal("18.50"),
        "tax": Decimal("1.53"),
        "shipping": Decimal(0),
        "discount": Decimal(0),
        "total": Decimal("20.03"),
    }
    return WebOrder(**{**fields, **changes})


def web_shop(*orders: WebOrder, **options: Any) -> Asker:
    store = make_store()
    store.state.web_orders = {order.order_number: order for order in orders}
    return asking(store, **options)


def numbers(reply: Any) -> list[str]:
    return [order["id"] for order in reply.json()["items"]]


def seconds(hours: float) -> int:
    return int((OPENED + timedelta(hours=hours)).timestamp())


def test_a_page_says_how_many_there_are_and_where_it_begins():
    shop = web_shop(*(make_order(n) for n in range(5)))

    reply = shop.get(ORDERS, params={"limit": 2, "offset": 3}).json()

    assert {key: reply[key] for key in ("total", "count", "offset", "limit")} == {
        "total": 5,
        "count": 2,
        "offset": 3,
        "limit": 2,
    }
    assert [order["id"] for order in reply["items"]] == ["1001", "1000"]


def test_no_page_has_more_than_a_hundred():
    shop = web_shop(*(make_order(n) for n in range(101)))

    assert len(numbers(shop.get(ORDERS, params={"limit": 1000}))) == 100


@pytest.mark.parametrize(("is_inclusive", "found"), [(True, [2, 3, 4]), (False, [3])])
def test_bounds_are_inclusive_or_exclusive(is_inclusive, found):
    quirks = WebShopQuirks(bounds_inclusive=is_inclusive, sort="oldest")
    shop = web_shop(*(make_order(n) for n in range(6)), web_quirks=quirks)
    window = {"updatedFrom": seconds(2), "updatedTo": seconds(4), "limit": 100}

    assert numbers(shop.get(ORDERS, params=window)) == [str(1000 + n) for n in found]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("newest", ["1002", "1001", "1000"]),
        ("oldest", ["1000", "1001", "1002"]),
        ("updated", ["1000", "1002", "1001"]),
    ],
)
def test_the_order_of_results_is_a_switch(sort, expected):
    edited = make_order(0, updated_at=OPENED + timedelta(days=2))
    quirks = WebShopQuirks(sort=sort)
    shop = web_shop(edited, make_order(1), make_order(2), web_quirks=quirks)

    assert numbers(shop.get(ORDERS)) == expected


def test_the_total_can_lie():
    shop = web_shop(make_order(1), web_quirks=WebShopQuirks(total_off_by=-1))

    assert shop.get(ORDERS).json()["total"] == 0


def test_only_the_fields_that_are_asked_for_are_sent():
    wanted = "total,items(id,total,billingPerson(name),loyalty(redemption(amount)))"

    reply = web_shop(make_order(1)).get(ORDERS, params={"responseFields": wanted})

    assert reply.text == (
        '{"total":1,"items":[{"id":"1001","total":20.03,'
        '"billingPerson":{"name":"Ada Rivera"}}]}'
    )


@pytest.mark.parametrize("text", ["items(id", "items)id", "(id)", "a,,b", "a((b))"])
def test_fields_that_cannot_be_read_are_refused(text):
    with pytest.raises(BadRequest):
        read_fields(text)


def test_words_are_those_of_the_interface():
    waiting = make_order(1, payment_status="QUEUED", fulfillment_status="NEW")
    order = web_shop(waiting).get(ORDERS).json()["items"][0]

    assert order["paymentStatus"] == "AWAITING_PAYMENT"
    assert order["fulfillmentStatus"] == "AWAITING_PROCESSING"


def test_abandoned_orders_are_shown_only_to_who_asks_for_them():
    shop = web_shop(make_order(1), make_order(2, payment_status="INCOMPLETE"))

    assert numbers(shop.get(ORDERS)) == ["1001"]
    assert numbers(shop.get(ORDERS, params={"paymentStatus": "INCOMPLETE"})) == ["1002"]


def test_refunds_have_amounts_and_dates():
    refund = WebRefund(Decimal("5.00"), OPENED + timedelta(days=1))
    order = web_shop(make_order(1, refunds=[refund])).get(ORDERS).json()["items"][0]

    assert order["refundedAmount"] == 5.0
    assert order["refunds"][0]["date"] == "2025-03-02 15:00:00 +0000"


def test_deleted_orders_are_listed_by_when():
    store = make_store()
    store.state.deleted_web_orders = [
        DeletedWebOrder(str(n), OPENED + timedelta(hours=n)) for n in range(3)
    ]
    window = {"from_date": seconds(1), "to_date": seconds(2)}

    reply = asking(store).get(f"{ORDERS}/deleted", params=window).json()

    assert [gone["orderId"] for gone in reply["items"]] == ["1", "2"]
    assert all(isinstance(gone["id"], int) for gone in reply["items"])


def test_the_profile_names_zone_and_currency():
    profile = web_shop().get(f"{SHOP}/profile").json()["formatsAndUnits"]

    assert (profile["timezone"], profile["currency"]) == ("America/New_York", "USD")


BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        pytest.param(ORDERS, {}, 403, "INVALID_API_TOKEN", id="no token"),
        pytest.param(
            f"{ORDERS}?token={TOKEN}", BEARER, 403, "INVALID_API_TOKEN", id="in query"
        ),
        pytest.param("/api/v3/1/orders", BEARER, 404, "STORE_NOT_FOUND", id="store"),
        pytest.param(f"{SHOP}/products", BEARER, 404, "NOT_FOUND", id="path"),
        pytest.param(
            f"{ORDERS}?updatedFrom=x", BEARER, 400, "WRONG_PARAMETER", id="parameter"
        ),
    ],
)
def test_refusals_have_their_code(path, headers, status, code):
    refused = web_shop(make_order(1)).get(path, headers=headers)

    assert refused.status_code == status
    assert refused.json()["errorCode"] == code


def test_nothing_can_be_written():
    assert web_shop().ask("POST", ORDERS).status_code == 405


def test_a_plan_without_api_and_a_missing_scope_are_refused():
    no_plan = web_shop(web_quirks=WebShopQuirks(has_api=False))
    no_scope = web_shop(web_quirks=WebShopQuirks(shows_profile=False))

    assert no_plan.get(ORDERS).status_code == 402
    assert (
        no_scope.get(f"{SHOP}/profile").json()["errorCode"] == "INSUFFICIENT_APP_SCOPE"
    )


def test_over_the_limit_the_wait_is_in_seconds():
    shop = web_shop(rate_limit=1)

    replies = [shop.get(ORDERS) for _ in range(2)]

    assert [reply.status_code for reply in replies] == [200, 429]
    assert 1 <= int(replies[1].headers["retry-after"]) <= 60


def first_reply(kind: FaultKind, **params: Any) -> Any:
    orders = [make_order(n) for n in range(6)]
    shop = web_shop(*orders, faults=FaultPlan({1: kind}))
    return shop.get(ORDERS, params=params)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.RATE_LIMITED, 429),
        (FaultKind.SERVER_ERROR, 500),
        (FaultKind.UNAVAILABLE, 503),
        (FaultKind.TOKEN_REVOKED, 403),
    ],
)
def test_faults_of_the_plan_hit_the_web_shop_too(kind, status):
    assert first_reply(kind).status_code == status


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FaultKind.EMPTY_PAGES, []),
        (FaultKind.REPEATED_ROWS, ["1004", "1003"]),
        (FaultKind.STUCK_VERSION, ["1005", "1004"]),
        (FaultKind.LYING_TOTAL, ["1001", "1000"]),
    ],
)
def test_a_page_can_be_well_formed_and_untrue(kind, expected):
    reply = first_reply(kind, limit=2, offset=4)

    assert numbers(reply) == expected
    assert (reply.json()["total"] == 6) is (kind is not FaultKind.LYING_TOTAL)


def test_a_page_can_lack_its_total_or_name_a_moment_far_ahead():
    poisoned = first_reply(FaultKind.POISONED_VERSION).json()["items"][-1]

    assert "total" not in first_reply(FaultKind.MISSING_VERSION).json()
    assert poisoned["updateTimestamp"] == POISON


# ----------------------------------------------------------------------------------
# The same orders as file and over REST.


@pytest.fixture(scope="module")
def lived() -> Store:
    trade = Trade(web_changes=True, web_numbers=("A-", "/24"), random_web_ids=True)
    store = Store(3, customers=60, opened_on=date(2026, 1, 5), trade=trade)
    store.advance_to(datetime(2026, 3, 20, tzinfo=UTC))
    return store


def served(store: Store) -> list[dict[str, Any]]:
    asker = Asker(build_app(store, token=TOKEN, rate_limit=10_000))
    items: list[dict[str, Any]] = []
    while page := asker.get(ORDERS, params={"limit": 100, "offset": len(items)}).json()[
        "items"
    ]:
        items += page
    return items


def test_the_file_and_the_interface_have_the_same_orders(lived):
    zone = lived.state.retailer.time_zone
    rows = csv.DictReader(io.StringIO(export_text(lived.state)), delimiter=";")
    in_file = {row["order_number"]: row for row in rows}
    over_rest = {order["id"]: order for order in served(lived)}

    assert in_file.keys() == over_rest.keys()
    for number, row in in_file.items():
        order = over_rest[number]
        placed = datetime.fromtimestamp(order["createTimestamp"], UTC)
        assert local_time(placed, ZoneInfo(zone)) == row["timestamp"]
        assert f"{order['total']:.2f}" == row["order_total"]
        assert order["email"] == row["email"]
        sale = order.get("externalOrderData", {}).get("externalOrderId", "")
        assert sale == row["X-series Order ID"]


def test_random_ids_have_the_prefix_and_the_suffix(lived):
    numbers_of = [order["id"] for order in served(lived)]

    assert all(n.startswith("A-") and n.endswith("/24") for n in numbers_of)
    assert any(not n[2:-3].isdigit() for n in numbers_of)


def test_orders_are_edited_refunded_and_deleted_later(lived):
    orders = lived.state.web_orders.values()

    assert lived.state.deleted_web_orders
    assert any(order.refunds for order in orders)
    assert any(order.changed_at > order.placed_at for order in orders)
    assert not {each.order_number for each in lived.state.deleted_web_orders} & set(
        lived.state.web_orders
    )
