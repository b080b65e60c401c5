"""Tests for analytics_pipeline.sources.patience, seen through the client."""

from datetime import UTC, datetime

import httpx
import pytest

from analytics_pipeline.model.errors import LightspeedUnavailable
from analytics_pipeline.sources import patience as retries
from analytics_pipeline.sources.patience import http_date, seconds_to_wait
from analytics_pipeline_tests.unit.sources.samples import LOCAL_NOW, Store

GOOD = {"data": {"id": "store-1"}}


def throttled(retry_after: str | None, **headers: str) -> httpx.Response:
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    return httpx.Response(429, json={"error": "Too Many Requests"}, headers=headers)


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        pytest.param("Mon, 02 Mar 2026 12:01:00 GMT", 60, 61.1, id="HTTP date"),
        pytest.param("45", 45, 46.1, id="seconds"),
        pytest.param("1.5", 1.5, 2.6, id="part of a second"),
        pytest.param("Mon, 02 Mar 2026 18:00:00 GMT", 300, 301.1, id="far off"),
        pytest.param("999999999", 300, 301.1, id="many seconds"),
        pytest.param("Mon, 02 Mar 2026 11:00:00 GMT", 0.5, 2.1, id="past"),
        pytest.param("0", 0.5, 2.1, id="no seconds"),
        pytest.param("-5", 0.5, 2.1, id="negative"),
        pytest.param("soon", 0.5, 2.1, id="unreadable"),
        pytest.param("NaN", 0.5, 2.1, id="not a number"),
        pytest.param(None, 0.5, 2.1, id="absent"),
    ],
)
def test_the_wait_is_what_the_store_asks_for_within_reason(retry_after, least, most):
    store = Store(throttled(retry_after), GOOD)

    store.client().retailer()

    (wait,) = store.slept
    assert least <= wait <= most


def test_a_date_is_counted_from_the_servers_own_clock():
    reply = throttled(
        "Mon, 02 Mar 2026 15:00:10 GMT", Date="Mon, 02 Mar 2026 15:00:00 GMT"
    )
    store = Store(reply, GOOD)

    store.client().retailer()

    assert 10 <= store.slept[0] <= 11.1


def test_waiting_for_the_limit_uses_up_no_attempts():
    store = Store(*[throttled("10")] * 40, *[httpx.Response(500)] * 5, GOOD)

    assert store.client().retailer() == {"id": "store-1"}


@pytest.mark.parametrize("retry_after", ["300", "1", "0", None])
def test_the_limit_is_waited_for_a_quarter_of_an_hour_and_no_longer(retry_after):
    store = Store(throttled(retry_after))

    with pytest.raises(LightspeedUnavailable, match="limit"):
        store.client().retailer()
    assert 590 < sum(store.slept) <= 900


@pytest.mark.parametrize(
    "retry_after",
    ["3600", "86400", "999999999", "Mon, 09 Mar 2026 12:00:00 GMT",
     "Fri, 31 Dec 9999 23:59:59 GMT"],
)  # fmt: skip
@pytest.mark.parametrize("status", [429, 503])
def test_a_store_that_asks_to_wait_for_hours_is_given_up_within_one(
    status, retry_after
):
    reply = httpx.Response(status, headers={"Retry-After": retry_after})
    store = Store(reply)

    with pytest.raises(LightspeedUnavailable):
        store.client().retailer()
    assert max(store.slept) <= 301
    assert sum(store.slept) < 1_800


@pytest.mark.parametrize("status", [429, 500])
def test_one_request_has_an_end_even_if_each_try_of_it_takes_long(status, monkeypatch):
    """Waits are counted, but tries that are answered late take their time as well."""
    monkeypatch.setattr(retries, "LONGEST_IN_ALL", -1.0)
    store = Store(throttled("1") if status == 429 else httpx.Response(status))
    client = store.client()

    with pytest.raises(LightspeedUnavailable):
        client.retailer()
    assert client.requests == 1


def test_back_off_grows():
    store = Store(httpx.Response(500))

    with pytest.raises(LightspeedUnavailable):
        store.client().retailer()
    assert store.slept == sorted(store.slept)
    assert store.slept[-1] >= 16


def test_each_request_has_patience_of_its_own():
    store = Store(*[*[httpx.Response(500)] * 5, GOOD] * 3)
    client = store.client()

    for _ in range(3):
        client.retailer()

    assert client.requests == 18


def test_every_wait_is_announced_before_it_begins():
    parts = []
    store = Store(throttled("10"), httpx.Response(502), GOOD)

    client = store.client(
        on_wait=lambda seconds, why: parts.append((seconds, why, len(store.slept)))
    )
    client.retailer()

    assert [seconds for seconds, _, _ in parts] == store.slept
    assert [before for _, _, before in parts] == [0, 1]
    assert "limit" in parts[0][1]
    assert "502" in parts[1][1]


@pytest.mark.parametrize("text", ["", "yesterday", "Mon, 99 Foo 2026", None, "9" * 99])
def test_what_is_no_http_date_is_nothing(text):
    assert http_date(text) is None


def test_an_http_date_without_zone_is_utc():
    expected = datetime(2026, 3, 2, 12, tzinfo=UTC)

    assert expected == http_date("Mon, 02 Mar 2026 12:00:00 -0000")


def test_a_wait_is_never_longer_than_the_limits_window():
    assert seconds_to_wait("301", LOCAL_NOW) == 300
