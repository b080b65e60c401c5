"""Tests for analytics_pipeline.sources.web_shop.ecwid, held against the simulator."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import product
from typing import Any

import httpx
import pytest

from analytics_pipeline.model.errors import (
    WebShopRefused,
    WebShopUnavailable,
    WrongUse,
)
from analytics_pipeline.simulator.faults import FaultKind, FaultPlan
from analytics_pipeline.simulator.quirks import WebShopQuirks
from analytics_pipeline.simulator.records import DeletedWebOrder
from analytics_pipeline.sources.web_shop.ecwid import (
    ORDER_FIELDS,
    PAGE,
    PAUSES,
    EcwidConnection,
    EcwidShop,
    ecwid_url,
)
from analytics_pipeline_tests.contract.simulator.small_store import OPENED
from analytics_pipeline_tests.examples import each_at_night
from analytics_pipeline_tests.served_web_shop import (
    ServedWebShop,
    make_web_order,
    serve_web_shop,
)
from analytics_pipeline_tests.unit.sources.samples import LOCAL_NOW, Store

SECRET = "secret_" + "x" * 24
MANY = 2 * PAGE + 30
BEGINNING = int(OPENED.timestamp())
EVERY_REQUEST = range(1, 5)
"""A walk of so many orders asks for three pages, and for the deleted ones."""


@pytest.fixture(scope="module")
def served() -> Iterator[ServedWebShop]:
    with serve_web_shop() as found:
        yield found


@pytest.fixture
def shop(served: ServedWebShop) -> ServedWebShop:
    served.put([make_web_order(n) for n in range(MANY)])
    served.simulator.use_faults(FaultPlan())
    served.waits.clear()
    return served


def numbers(orders: Sequence[Any]) -> set[str]:
    return {order["id"] for order in orders}


def all_of(shop: ServedWebShop) -> set[str]:
    return set(shop.store.state.web_orders)


def client_of(store: Store, **options: Any) -> EcwidShop:
    """A client on a few replies given one after the other."""
    return EcwidShop(
        EcwidConnection(
            "10203040",
            SECRET,
            transport=httpx.MockTransport(store),
            sleep=store.slept.append,
            now=lambda: LOCAL_NOW,
            **options,
        )
    )


def page(*ids: str, total: int | None = None) -> dict[str, Any]:
    """A page of orders with these ids."""
    items = [{"id": each} for each in ids]
    return {"total": len(ids) if total is None else total, "items": items}


# What is asked, and where ------------------------------------------------------------


def test_every_order_is_read_once(shop):
    with shop.open() as client:
        walk = client.walk(None, None)

    assert numbers(walk.orders) == all_of(shop)
    assert len(walk.orders) == MANY
    assert client.requests == 3


@pytest.mark.parametrize(
    ("changed", "requests"), [(0, 2), (1, 2), (PAGE, 2), (PAGE + 1, 3), (MANY, 4)]
)
def test_changed_orders_cost_a_request_a_hundred_and_two_at_most(
    shop, changed, requests
):
    since = BEGINNING + (MANY - changed) * 3_600

    with shop.open() as client:
        walk = client.walk(since, since)

    assert len(walk.orders) == changed
    assert client.requests == requests <= -(-changed // PAGE) + 2


def test_nothing_personal_but_name_and_email_reaches_this_machine(shop):
    shop.put([make_web_order(1)])

    with shop.open() as client:
        order = client.walk(None, None).orders[0]

    assert set(order["billingPerson"]) == {"name"}
    assert not order.keys() & {"ipAddress", "orderComments", "privateAdminNotes"}
    assert "items" not in order


def test_only_get_is_sent_and_the_token_is_in_no_address():
    store = Store(page("1"), page(), {"formatsAndUnits": {}})
    with client_of(store) as client:
        client.walk(0, 0)
        client.details()

    assert {request.method for request in store.asked} == {"GET"}
    assert not any(SECRET in str(request.url) for request in store.asked)
    assert store.asked[0].headers["Authorization"] == f"Bearer {SECRET}"
    assert store.params("responseFields")[0] == ORDER_FIELDS
    assert [request.url.path for request in store.asked] == [
        "/api/v3/10203040/orders",
        "/api/v3/10203040/orders/deleted",
        "/api/v3/10203040/profile",
    ]


def test_no_repr_and_no_error_shows_the_token():
    client = client_of(Store(httpx.Response(403, text=SECRET)))

    with pytest.raises(WebShopRefused) as caught:
        client.details()

    assert SECRET not in f"{client!r} {client._connection!r} {caught.value}"


def test_the_period_has_a_fixed_end():
    pages = [page(*(f"{n}-{k}" for k in range(PAGE)), total=2 * PAGE) for n in (1, 2)]
    store = Store(*pages)
    client_of(store).walk(5, None)

    assert store.params("updatedTo") == [str(int(LOCAL_NOW.timestamp()))] * 2
    assert store.params("updatedFrom") == ["5", "5"]
    assert store.params("offset") == ["0", str(PAGE)]


def test_a_clock_that_is_behind_is_not_believed_twice():
    later = LOCAL_NOW + timedelta(hours=2)
    dated = {"Date": later.strftime("%a, %d %b %Y %H:%M:%S GMT")}
    store = Store(httpx.Response(200, json=page(), headers=dated))
    client = client_of(store)

    client.walk(None, None)
    client.walk(None, None)

    wanted = [str(int(each.timestamp())) for each in (LOCAL_NOW, later)]
    assert store.params("updatedTo") == wanted


@pytest.mark.parametrize("store_id", ["", "12a", "1/2", "-1", "1" * 21])
def test_a_store_is_named_by_digits(store_id):
    with pytest.raises(WrongUse, match="ECWID_STORE_ID"):
        EcwidConnection(store_id, SECRET)


@pytest.mark.parametrize("token", ["", "two words", "ü", "line\n"])
def test_a_token_that_cannot_be_sent_is_not_shown(token):
    with pytest.raises(WrongUse, match="ECWID_TOKEN") as caught:
        EcwidConnection("1", token)

    assert not token or token not in str(caught.value)


def test_without_an_override_ecwid_itself_is_asked():
    assert ecwid_url(None) == ecwid_url(" ") == "https://app.ecwid.com/api/v3"


def test_plain_http_is_for_this_machine_only():
    assert ecwid_url("http://127.0.0.1:8/api/v3/") == "http://127.0.0.1:8/api/v3"
    with pytest.raises(WrongUse, match="in the clear"):
        ecwid_url("http://shop.example/api/v3")


@pytest.mark.parametrize(
    "url", ["ftp://a", "https://user:word@a", "https://a/?token=b", "https://["]
)
def test_an_odd_address_is_refused(url):
    with pytest.raises(WrongUse, match="ECWID_API_URL"):
        ecwid_url(url)


# What a reply means ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (302, "ECWID_API_URL"),
        (400, "ECWID_API_URL"),
        (402, "plan"),
        (403, "read_orders"),
        (404, "ECWID_STORE_ID"),
        (418, "ECWID_TOKEN"),
    ],
)
def test_a_refusal_is_never_tried_again(status, words):
    store = Store(httpx.Response(status, headers={"Location": "https://example.com"}))

    with pytest.raises(WebShopRefused) as caught:
        client_of(store).walk(None, None)

    assert words in caught.value.remedy
    assert str(status) in caught.value.cause
    assert len(store.asked) == 1


@pytest.mark.parametrize(
    "fault",
    [
        *(httpx.Response(status) for status in (408, 429, 500, 503)),
        httpx.ConnectError("no route"),
        httpx.ReadTimeout("slow"),
    ],
    ids=repr,
)
class TestAPassingFault:
    def test_is_tried_again(self, fault):
        store = Store(fault, page("1"))

        assert numbers(client_of(store).walk(None, None).orders) == {"1"}
        assert len(store.asked) == 2

    def test_is_not_tried_forever(self, fault):
        store = Store(fault)

        with pytest.raises(WebShopUnavailable, match="The web shop could not be read"):
            client_of(store).walk(None, None)
        assert 6 <= len(store.asked) < 40


def test_a_wait_is_as_long_as_the_web_shop_asks_in_seconds():
    store = Store(httpx.Response(429, headers={"Retry-After": "37"}), page("1"))

    client_of(store).walk(None, None)

    assert 37 <= store.slept[0] <= 38


@pytest.mark.parametrize("body", [[], {}, {"items": None}, {"items": {}}, "text", 5])
def test_a_reply_without_a_list_is_not_the_end(body):
    with pytest.raises(WebShopUnavailable, match="not what was asked for"):
        client_of(Store(httpx.Response(200, json=body))).walk(None, None)


@pytest.mark.parametrize(
    "gone",
    [
        {"id": 7},
        {"id": 7, "orderId": "A", "date": "soon"},
        {"date": "2026-01-01 00:00:00 +0000"},
        "text",
    ],
)
def test_a_deletion_that_cannot_be_read_is_not_passed_over(gone):
    store = Store(page(), {"total": 1, "items": [gone]})

    with pytest.raises(WebShopUnavailable, match="not what was asked for"):
        client_of(store).walk(0, 0)


def test_the_profile_is_read_as_far_as_it_says_something(shop):
    with shop.open() as client:
        details = client.details()
    silent = client_of(Store({"formatsAndUnits": {"currency": None}})).details()

    assert (details.time_zone, details.currency) == ("America/New_York", "USD")
    assert (silent.time_zone, silent.currency, silent.order_prefix) == (None, None, "")


def test_deleted_orders_are_named_with_their_moment(shop):
    shop.store.state.deleted_web_orders = [
        DeletedWebOrder("A-1", OPENED + timedelta(hours=1))
    ]

    with shop.open() as client:
        walk = client.walk(BEGINNING, BEGINNING)

    assert walk.deleted == {"A-1": BEGINNING + 3_600}


# Orders that move while they are read ------------------------------------------------


SORTS = ("newest", "oldest", "updated", "scrambled")


@pytest.fixture(params=SORTS)
def sort(request: pytest.FixtureRequest, shop: ServedWebShop) -> str:
    """The order of results that the web shop has meanwhile."""
    chosen: str = request.param
    shop.simulator._web_api._quirks = WebShopQuirks(sort=chosen)  # type: ignore[arg-type]
    return chosen


@pytest.fixture(autouse=True)
def as_documented(served: ServedWebShop) -> Iterator[None]:
    yield
    served.simulator._web_api._quirks = WebShopQuirks()


class Meddling(httpx.HTTPTransport):
    """Lets something happen in the web shop before one of the requests."""

    def __init__(self, number: int, happen: Callable[[], None]) -> None:
        super().__init__()
        self.number, self.happen, self.asked = number, happen, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.asked == self.number:
            self.happen()
        return super().handle_request(request)


def edit(shop: ServedWebShop) -> None:
    """Change an order of the first page, in every sort, after the period's end."""
    for n in (0, MANY - 1):
        order = shop.store.state.web_orders[str(1000 + n)]
        order.updated_at = LOCAL_NOW + timedelta(days=400)


def delete(shop: ServedWebShop) -> None:
    for n in (0, MANY - 1):
        order = shop.store.state.web_orders.pop(str(1000 + n))
        gone = DeletedWebOrder(order.order_number, LOCAL_NOW)
        shop.store.state.deleted_web_orders.append(gone)


def insert(shop: ServedWebShop) -> None:
    """Take an order within the period, as servers that lag show it."""
    late = make_web_order(MANY, updated_at=OPENED + timedelta(hours=3))
    shop.store.state.web_orders[late.order_number] = late


@pytest.mark.parametrize(
    ("happen", "number"),
    each_at_night(product([edit, delete, insert], EVERY_REQUEST), by_day=3),
)
@pytest.mark.usefixtures("sort")
def test_no_order_is_passed_over_whatever_moves(shop, happen, number):
    transport = Meddling(number, lambda: happen(shop))
    settled = {str(1000 + n) for n in range(1, MANY - 1)}

    with shop.open(transport=transport, now=lambda: LOCAL_NOW) as client:
        walk = client.walk(BEGINNING - 1, BEGINNING - 1)

    assert settled <= numbers(walk.orders)
    assert len(walk.orders) == len(numbers(walk.orders))
    there = numbers(walk.orders) | walk.deleted.keys()
    assert there >= settled | ({"1000"} if happen is delete else set())


@pytest.mark.parametrize("is_inclusive", [True, False])
def test_two_edits_in_one_second_are_both_read(shop, is_inclusive):
    quirks = WebShopQuirks(bounds_inclusive=is_inclusive)
    shop.simulator._web_api._quirks = quirks
    moment = OPENED + timedelta(days=300)
    shop.put([make_web_order(n, updated_at=moment) for n in (1, 2)])

    with shop.open() as client:
        walk = client.walk(int(moment.timestamp()) - 600, None)

    assert numbers(walk.orders) == {"1001", "1002"}


@pytest.mark.parametrize("off_by", [-1, 1, 1_000_000])
def test_a_total_that_always_lies_is_a_clear_failure(shop, off_by):
    shop.simulator._web_api._quirks = WebShopQuirks(total_off_by=off_by)

    with shop.open() as client, pytest.raises(WebShopUnavailable) as caught:
        client.walk(None, None)

    assert "other orders than it counts" in caught.value.cause
    assert client.requests <= (len(PAUSES) + 1) * 4
    assert shop.waits == list(PAUSES)


# Every fault at every request --------------------------------------------------------


USABLE = {
    FaultKind.WRONG_CONTENT_TYPE,
    FaultKind.SLOW_PAGE,
    FaultKind.POISONED_VERSION,
}
"""All that was asked for is in such a reply, so nothing need be asked again."""

HARMLESS_AT = {
    FaultKind.REPEATED_ROWS: (1, 3, 4),
    FaultKind.STUCK_VERSION: (1, 4),
    FaultKind.EMPTY_PAGES: (4,),
}
"""Where these change nothing: before the first page there is none to move back to, the
last page has room for the rows that it repeats, and no order was deleted."""


@pytest.mark.usefixtures("hung")
@pytest.mark.parametrize(
    ("kind", "position"),
    each_at_night(product(FaultKind, EVERY_REQUEST), by_day=3),
)
def test_a_fault_at_any_request_costs_no_order(shop, kind, position):
    plan = FaultPlan(
        {position: kind}, hang_seconds=30, slow_seconds=0.01, drip_seconds=0.05
    )
    shop.simulator.use_faults(plan)
    with shop.open() as client:
        if kind is FaultKind.TOKEN_REVOKED:
            with pytest.raises(WebShopRefused, match="403"):
                client.walk(BEGINNING - 1, BEGINNING - 1)
            assert client.requests == position
            return
        walk = client.walk(BEGINNING - 1, BEGINNING - 1)

    assert numbers(walk.orders) == all_of(shop)
    is_harmless = kind in USABLE or position in HARMLESS_AT.get(kind, ())
    assert (client.requests > 4) is not is_harmless
