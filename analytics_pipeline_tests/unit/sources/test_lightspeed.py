"""Tests for analytics_pipeline.sources.lightspeed.client, connection and replies."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from analytics_pipeline.model.errors import (
    LightspeedError,
    LightspeedRefused,
    LightspeedUnavailable,
    WrongUse,
)
from analytics_pipeline.sources.lightspeed.client import LightspeedClient
from analytics_pipeline.sources.lightspeed.http import Connection
from analytics_pipeline.sources.values import Unusable, amount, version_in
from analytics_pipeline_tests.unit.sources.samples import LOCAL_NOW, TOKEN, Store, page


def versions(pages):
    return [version_in(record) for found in pages for record in found.records]


def test_pages_are_read_up_to_the_empty_one():
    store = Store(page(5, 6), page(9), page())

    pages = list(store.client().pages("sales"))

    assert versions(pages) == [5, 6, 9]
    assert [(each.number, each.version_max) for each in pages] == [(1, 6), (2, 9)]
    assert store.params("after") == ["0", "6", "9"]


def test_a_short_page_is_not_the_end():
    store = Store(page(5), page(6), page(7), page())

    assert versions(store.client().pages("sales", page_size=200)) == [5, 6, 7]
    assert {"200"} == set(store.params("page_size"))


def test_a_walk_goes_on_from_a_cursor():
    store = Store(page(9), page())

    list(store.client().pages("sales", after=8))

    assert store.params("after") == ["8", "9"]


@pytest.mark.parametrize(
    "empty",
    [
        pytest.param({"data": [], "version": {"min": None, "max": None}}, id="nulls"),
        pytest.param({"data": []}, id="no version block"),
        pytest.param({"data": [], "version": {"min": 0, "max": 0}}, id="zeros"),
    ],
)
def test_the_empty_page_ends_a_walk_however_it_is_written(empty):
    assert list(Store(empty).client().pages("sales")) == []


def test_deleted_records_are_asked_for_only_on_demand():
    store = Store(page(5), page(), page(6), page())
    client = store.client()

    list(client.pages("sales"))
    list(client.pages("customers", deleted=True))

    assert store.params("deleted") == [None, None, "true", "true"]


@pytest.mark.parametrize("block", [None, {}, {"max": None}, {"max": 0}, {"max": "?"}])
def test_without_a_version_block_the_records_say_where_to_read_on(block):
    first = page(5, 7) | {"version": block}
    first["data"].append({"id": "nested", "_metadata": {"version": 8}})
    store = Store(first, page())

    pages = list(store.client().pages("sales"))

    assert pages[0].version_max == 8


def test_a_version_block_that_is_ahead_of_its_records_skips_nothing():
    store = Store(page(5, 6, max=10**30), page(7, max=400), page())

    list(store.client().pages("sales"))

    assert store.params("after") == ["0", "6", "7"]


def test_records_without_versions_leave_the_block_to_say_it():
    store = Store({"data": ["odd"], "version": {"max": 12}}, page())

    assert next(store.client().pages("sales")).version_max == 12


@pytest.mark.parametrize(
    "second", [page(5), page(6, max=5), {"data": [{"id": "no version"}]}]
)
def test_a_walk_that_does_not_advance_is_an_error(second):
    pages = Store(page(5), second).client().pages("sales")
    next(pages)

    with pytest.raises(LightspeedUnavailable, match="does not advance"):
        next(pages)


@pytest.mark.parametrize(
    "body", [[], "text", {}, {"data": None}, {"data": {}}, {"error": "?"}, 5]
)
def test_a_reply_without_a_list_is_not_the_end(body):
    with pytest.raises(LightspeedUnavailable, match="not what was asked for"):
        list(Store(httpx.Response(200, json=body)).client().pages("sales"))


@pytest.mark.parametrize("body", [[], {}, {"data": []}, {"data": None}, {"data": {}}])
def test_a_reply_without_an_object_is_no_resource(body):
    with pytest.raises(LightspeedUnavailable, match="not what was asked for"):
        Store(httpx.Response(200, json=body)).client().retailer()


def test_numbers_arrive_exact():
    content = b'{"data": {"a": 495.9000000000, "b": 0.1, "c": 29000000000}}'
    store = Store(httpx.Response(200, content=content))

    record = store.client().retailer()

    assert record == {"a": Decimal("495.9"), "b": Decimal("0.1"), "c": 29_000_000_000}


@pytest.mark.parametrize("number", ["1e99999999999999999999", "9" * 5000, "NaN"])
def test_a_number_beyond_all_bounds_spoils_only_itself(number):
    content = f'{{"data": {{"a": {number}, "b": 0.1}}}}'.encode()
    record = Store(httpx.Response(200, content=content)).client().retailer()

    assert record["b"] == Decimal("0.1")
    with pytest.raises(Unusable):
        amount(record["a"], "a_is_a_number")


GOOD = {"data": {"id": "store-1"}}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(httpx.Response(500), id="500"),
        pytest.param(httpx.Response(503, headers={"Retry-After": "2"}), id="503"),
        pytest.param(httpx.Response(200), id="empty body"),
        pytest.param(httpx.Response(204), id="no content"),
        pytest.param(httpx.Response(200, text="<html>busy</html>"), id="HTML"),
        pytest.param(httpx.Response(200, text='{"data": [{"id"'), id="cut off"),
        pytest.param(httpx.Response(200, content=b"\xff\xfe\x00"), id="no UTF-8"),
        pytest.param(httpx.Response(200, text="[" * 200_000), id="endless nesting"),
        pytest.param(httpx.ConnectError("no route"), id="no connection"),
        pytest.param(httpx.ReadTimeout("slow"), id="timeout"),
        pytest.param(httpx.RemoteProtocolError("cut"), id="connection cut"),
        pytest.param(httpx.DecodingError("gzip"), id="broken compression"),
    ],
)
class TestAPassingFault:
    def test_is_tried_again(self, fault):
        store = Store(fault, GOOD)
        client = store.client()

        assert client.retailer() == {"id": "store-1"}
        assert client.requests == 2
        assert len(store.slept) == 1

    def test_is_not_tried_forever(self, fault):
        store = Store(fault)
        client = store.client()

        with pytest.raises(LightspeedUnavailable):
            client.retailer()
        assert client.requests == 6
        assert len(store.slept) == 5


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (302, "LIGHTSPEED_API_URL"),
        (400, "LIGHTSPEED_API_VERSION"),
        (401, "Personal Tokens"),
        (403, "plan"),
        (404, "LIGHTSPEED_DOMAIN_PREFIX"),
        (418, "LIGHTSPEED_API_VERSION"),
        (422, "LIGHTSPEED_API_VERSION"),
    ],
)
def test_a_refusal_is_reported_at_once_with_its_remedy(status, words):
    elsewhere = {"Location": "https://elsewhere.example/"}
    store = Store(httpx.Response(status, headers=elsewhere))

    with pytest.raises(LightspeedRefused) as caught:
        store.client().retailer()

    assert words in caught.value.remedy
    assert str(status) in caught.value.cause
    assert len(store.asked) == 1


def test_a_refusal_in_mid_walk_is_not_the_end():
    pages = Store(page(5), httpx.Response(401)).client().pages("sales")
    next(pages)

    with pytest.raises(LightspeedRefused):
        next(pages)


def test_a_sale_that_the_store_does_not_know_is_none():
    assert Store(httpx.Response(404)).client().sale("sale-1") is None


def test_a_sale_and_a_customer_are_read_by_their_ids():
    store = Store({"data": {"id": "one-1"}})

    assert store.client().sale("one-1") == {"id": "one-1"}
    assert store.client().customer("one-1") == {"id": "one-1"}
    assert [asked.url.path for asked in store.asked] == [
        "/api/2026-07/sales/one-1",
        "/api/2026-07/customers/one-1",
    ]


@pytest.mark.parametrize("sale_id", ["", "..", "a/b", "a?b=c", "ü", "a b", "a\n"])
def test_nothing_but_an_id_reaches_a_path(sale_id):
    store = Store(GOOD)

    with pytest.raises(LightspeedRefused):
        store.client().sale(sale_id)
    assert store.asked == []


def test_only_versioned_collections_have_pages():
    with pytest.raises(ValueError, match="users"):
        list(Store(page()).client().pages("users"))


def test_only_get_is_sent_with_the_token_and_a_name():
    store = Store(page())
    with store.client() as client:
        list(client.pages("sales"))
        list(client.pages("outlets"))
        list(client.search_sales().pages(LOCAL_NOW, LOCAL_NOW))

    assert {"GET"} == {request.method for request in store.asked}
    headers = store.asked[0].headers
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["User-Agent"].startswith("analytics-pipeline/")


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(401, text=TOKEN),
        httpx.Response(302, headers={"Location": f"https://x.example/{TOKEN}"}),
        httpx.Response(500, text=TOKEN),
        httpx.ConnectError(TOKEN),
        httpx.Response(200, json={"data": TOKEN}),
    ],
)
def test_no_message_holds_the_token(reply):
    client = Store(reply).client()

    with pytest.raises(LightspeedError) as caught:
        client.retailer()

    assert TOKEN not in f"{caught.value} {caught.value!r} {client!r}"


@pytest.mark.parametrize("token", ["", " ", "lsxs pt", "lsxs\n", "lsxs_ü"])
def test_an_unusable_token_is_refused_and_not_shown(token):
    with pytest.raises(WrongUse, match="LIGHTSPEED_TOKEN") as caught:
        LightspeedClient(Connection("https://shop.example", token, "2.0"))

    assert not token.strip() or token not in str(caught.value)


@pytest.mark.parametrize("version", ["", "latest", "2.0/../x", "2026-7"])
def test_an_api_version_that_is_none_is_refused(version):
    with pytest.raises(WrongUse, match="LIGHTSPEED_API_VERSION"):
        LightspeedClient(Connection("https://shop.example", TOKEN, version))


DATE = {"Date": "Mon, 02 Mar 2026 11:58:30 GMT"}
DATED = datetime(2026, 3, 2, 11, 58, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(DATE, DATED, id="local clock runs fast"),
        pytest.param({"Date": "Mon, 02 Mar 2026 12:10:00 GMT"}, LOCAL_NOW, id="slow"),
        pytest.param({}, LOCAL_NOW, id="no header"),
        pytest.param({"Date": "yesterday"}, LOCAL_NOW, id="unreadable header"),
    ],
)
def test_the_servers_time_is_the_earlier_clock(headers, expected):
    client = Store(httpx.Response(200, json=GOOD, headers=headers)).client()

    client.retailer()

    assert expected == client.server_now


def test_before_any_reply_the_local_clock_says_the_time():
    assert Store(GOOD).client().server_now == LOCAL_NOW


def test_a_page_begins_no_later_than_it_was_asked_for():
    moments = iter([LOCAL_NOW, *[LOCAL_NOW + timedelta(seconds=20)] * 9])
    store = Store(httpx.Response(200, json=page(5), headers=DATE))

    first = next(store.client(now=lambda: next(moments)).pages("sales"))

    assert first.began_at == DATED - timedelta(seconds=20)
