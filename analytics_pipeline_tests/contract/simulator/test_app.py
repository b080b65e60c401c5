from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from analytics_pipeline.simulator.quirks import Quirks
from analytics_pipeline_tests.contract.simulator.small_store import (
    OPENED,
    TOKEN,
    Asker,
    asking,
    ids,
    make_sale,
    make_store,
)

FEED = "/api/2026-07/sales"
NO_TOKEN: dict[str, str] = {}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(NO_TOKEN, id="no token"),
        pytest.param({"Authorization": "Bearer wrong"}, id="wrong token"),
        pytest.param({"Authorization": TOKEN}, id="no scheme"),
    ],
)
def test_nothing_is_reported_without_the_token(headers):
    refused = asking(make_store()).get(FEED, headers=headers)

    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/json"
    assert set(refused.json()) == {"error", "message"}


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://demo.retail.lightspeed.app", 200),
        ("https://other.retail.lightspeed.app", 404),
        ("http://localhost:8123", 200),
    ],
)
def test_only_a_vendors_host_with_another_prefix_is_unknown(origin, status):
    asker = Asker(asking(make_store()).app, origin)

    assert asker.get(FEED).status_code == status


def test_the_prefix_need_not_be_checked():
    app = asking(make_store(), quirks=Quirks(check_host=False)).app

    assert Asker(app, "https://other.retail.lightspeed.app").get(FEED).is_success


@pytest.mark.parametrize(
    "path",
    [
        "/api/2.0/sales/unknown",
        "/api/2.0/customers/unknown",
        "/api/2.0/sales/",
        "/api/2.0/quotes",
        "/api/9.9/sales",
        "/api/2.0",
    ],
)
def test_an_unknown_path_or_id_is_not_found(path):
    assert asking(make_store()).get(path).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_writing_is_refused(method):
    refused = asking(make_store()).ask(method, FEED)

    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET"


def test_single_records_are_served_deleted_ones_too():
    store = make_store(make_sale(1, deleted_at=OPENED))
    asker = asking(store)

    sale = asker.get("/api/2.0/sales/sale-001").json()
    assert list(sale) == ["data"]
    assert sale["data"]["deleted_at"] == "2025-03-01T15:00:00+00:00"
    person = asker.get("/api/2026-07/customers/customer-1").json()["data"]
    assert person["id"] == "customer-1"


def test_the_retailer_names_the_store_and_its_zone():
    retailer = asking(make_store()).get("/api/2026-07/retailer").json()["data"]

    assert retailer["domain_prefix"] == "demo"
    assert retailer["timezone"] == "America/New_York"


@pytest.mark.parametrize(
    ("version", "is_flat"),
    [
        ("2.0", True),
        ("2026-01", False),
        ("2026-04", False),
        ("2026-07", False),
        ("2019-10", False),
        ("2031-10", False),
    ],
)
def test_each_version_has_its_shape_and_an_unknown_dated_one_the_oldest(
    version, is_flat
):
    sale = asking(make_store(make_sale())).get(f"/api/{version}/sales").json()["data"]

    assert ("total_price" in sale[0]) is is_flat
    assert ("totals" in sale[0]) is not is_flat


def test_a_dated_version_can_be_flat():
    quirks = Quirks(flat_versions=frozenset({"2.0", "2026-01"}))
    asker = asking(make_store(make_sale()), quirks=quirks)

    assert "total_price" in asker.get("/api/2019-10/sales").json()["data"][0]
    assert "totals" in asker.get("/api/2026-04/sales").json()["data"][0]


def test_every_json_reply_says_what_is_left_of_the_limit():
    asker = asking(make_store())
    left = [asker.get(FEED).headers["x-ratelimit-remaining"] for _ in range(2)]

    assert asker.get(FEED).headers["x-ratelimit-limit"] == "350"
    assert left == ["349", "348"]
    refused = asker.get(FEED, headers=NO_TOKEN)
    assert refused.headers["x-ratelimit-remaining"] == "347"


def over_the_limit(**options):
    asker = asking(make_store(), rate_limit=1, **options)
    assert asker.get(FEED).is_success
    return asker.get(FEED)


def test_beyond_the_limit_the_reply_says_when_to_come_back():
    refused = over_the_limit()
    wait = parsedate_to_datetime(refused.headers["retry-after"]) - (
        parsedate_to_datetime(refused.headers["date"])
    )

    assert refused.status_code == 429
    assert refused.json() == {
        "error": "Too Many Requests",
        "message": "Rate limiting enforced",
    }
    assert refused.headers["retry-after"].endswith(" GMT")
    assert timedelta(seconds=290) < wait <= timedelta(seconds=300)
    assert refused.headers["x-ratelimit-remaining"] == "0"


def test_retry_after_can_be_seconds_absent_or_past():
    seconds = over_the_limit(quirks=Quirks(retry_after="seconds"))
    absent = over_the_limit(quirks=Quirks(retry_after="absent"))
    past = over_the_limit(quirks=Quirks(retry_after="past"))

    assert 290 < int(seconds.headers["retry-after"]) <= 300
    assert "retry-after" not in absent.headers
    came_back = parsedate_to_datetime(past.headers["retry-after"])
    assert came_back < parsedate_to_datetime(past.headers["date"])


def test_the_date_of_a_reply_is_the_stores_own_clock():
    store = make_store()
    asker = asking(store)
    before = asker.get(FEED).headers["date"]
    store.state.now = datetime(2025, 12, 24, 23, 59, 58, tzinfo=UTC)

    assert before == "Mon, 31 Mar 2025 15:00:00 GMT"
    assert asker.get(FEED).headers["date"] == "Wed, 24 Dec 2025 23:59:58 GMT"


def test_the_clock_moves_forward_on_demand_but_never_back():
    store = make_store()
    asker = asking(store)
    later = "2025-04-02T05:00:00-04:00"

    moved = asker.ask("POST", "/_simulator/clock", json={"now": later})
    assert moved.json() == {"now": later}
    assert store.state.now == datetime(2025, 4, 2, 9, 0, tzinfo=UTC)
    back = asker.ask("POST", "/_simulator/clock", json={"now": "2025-04-01T00:00:00Z"})
    assert back.status_code == 409
    assert asker.get("/_simulator/clock").json() == {"now": later}


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"now": "2025-04-02T05:00:00"}'])
def test_a_clock_without_a_zoned_time_stays(body):
    refused = asking(make_store()).ask("POST", "/_simulator/clock", content=body)

    assert refused.status_code == 400


def test_in_live_mode_the_store_follows_the_clock_before_each_request():
    store = make_store()
    moments = iter([OPENED + timedelta(days=40), OPENED + timedelta(days=39)])
    asker = asking(store, clock=lambda: next(moments))

    assert asker.get(FEED).headers["date"] == "Thu, 10 Apr 2025 15:00:00 GMT"
    assert asker.get(FEED).headers["date"] == "Thu, 10 Apr 2025 15:00:00 GMT"
    pushed = {"now": "2026-01-01T00:00:00Z"}
    assert asker.ask("POST", "/_simulator/clock", json=pushed).status_code == 409


def test_requests_are_counted_by_what_they_are_for():
    asker = asking(make_store(make_sale()))
    for path in (FEED, FEED, "/api/2.0/customers", "/api/2.0/sales/sale-001"):
        asker.get(path)
    asker.get("/api/2.0/search", params={"type": "sales"})
    asker.get("/api/2.0/retailer", headers=NO_TOKEN)
    asker.get("/api/2.0/quotes")

    stats = asker.get("/_simulator/stats").json()
    assert stats["total"] == 7
    assert stats["kinds"] == {
        "feed/customers": 1,
        "feed/sales": 2,
        "retailer": 1,
        "search/sales": 1,
        "single/sales": 1,
        "unknown": 1,
    }
    assert stats["statuses"] == {"200": 5, "401": 1, "404": 1}


def test_the_count_can_be_reset():
    asker = asking(make_store())
    asker.get(FEED)

    assert asker.ask("DELETE", "/_simulator/stats").json()["total"] == 0


def test_a_record_is_written_again_only_for_a_new_version():
    store = make_store(make_sale(1))
    asker = asking(store)
    asker.get(FEED)
    store.state.sales["sale-001"].customer_id = "customer-9"
    store.touch(store.state.sales["sale-001"])

    assert ids(asker.get(FEED)) == ["sale-001"]
    assert asker.get(FEED).json()["data"][0]["customer_id"] == "customer-9"
