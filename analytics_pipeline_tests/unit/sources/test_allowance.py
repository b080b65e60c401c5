"""Tests for analytics_pipeline.sources.lightspeed.replies, seen through the client."""

from datetime import datetime, timedelta

import httpx
import pytest

from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.history import Store as SimulatedStore
from analytics_pipeline.simulator.quirks import Quirks
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline.sources.lightspeed import replies as allowance
from analytics_pipeline.sources.lightspeed.client import LightspeedClient
from analytics_pipeline.sources.lightspeed.http import Connection
from analytics_pipeline.sources.lightspeed.replies import Allowance
from analytics_pipeline_tests.simulated_shop import OPENED, TOKEN
from analytics_pipeline_tests.unit.sources.samples import LOCAL_NOW

RECORD = {"data": {"id": "store-1"}}


class Limited:
    """A store that allows so many requests in a window, fixed or sliding."""

    def __init__(self, limit: int, *, slides: bool = False) -> None:
        self.limit, self.slides = limit, slides
        self.moment = LOCAL_NOW
        self.taken: list[datetime] = []
        self.refused = 0
        self.waits: list[tuple[float, str]] = []

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        self.moment += timedelta(seconds=1)
        self._turn_window()
        if len(self.taken) >= self.limit:
            self.refused += 1
            return httpx.Response(429, headers={"X-RateLimit-Remaining": "0"})
        self.taken.append(self.moment)
        left = {"X-RateLimit-Remaining": str(self.limit - len(self.taken))}
        return httpx.Response(200, json=RECORD, headers=left)

    def _turn_window(self) -> None:
        window = timedelta(seconds=300)
        if self.slides:
            since = self.moment - window
            self.taken = [moment for moment in self.taken if moment > since]
        elif self.taken and self.moment >= self.taken[0] + window:
            self.taken = []

    def client(self, shared: Allowance | None = None) -> LightspeedClient:
        def sleep(seconds: float) -> None:
            self.moment += timedelta(seconds=seconds)

        return LightspeedClient(
            Connection(
                "https://shop.retail.lightspeed.app",
                TOKEN,
                "2026-07",
                transport=httpx.MockTransport(self),
                sleep=sleep,
                now=lambda: self.moment,
                on_wait=lambda seconds, why: self.waits.append((seconds, why)),
                allowance=shared,
            )
        )


@pytest.mark.parametrize("slides", [False, True])
def test_no_more_is_asked_than_the_store_allows(slides):
    store = Limited(5, slides=slides)
    client = store.client()

    for _ in range(23):
        client.retailer()

    assert store.refused == 0
    assert client.requests == 23
    assert len(store.waits) >= 4


def test_a_window_that_begins_with_as_many_left_is_a_new_one():
    """The last request of one window and the first of the next leave the same."""
    store = Limited(2)
    client = store.client()

    client.retailer()
    store.moment += timedelta(seconds=400)
    for _ in range(3):
        client.retailer()

    assert store.refused == 0
    assert len(store.waits) == 1


def test_a_wait_is_announced_and_never_longer_than_a_window():
    store = Limited(2)
    client = store.client()

    for _ in range(3):
        client.retailer()

    ((seconds, why),) = store.waits
    assert 290 <= seconds <= 300
    assert "limit" in why


def test_below_the_limit_no_request_waits():
    store = Limited(50)
    client = store.client()

    for _ in range(50):
        client.retailer()

    assert store.waits == []


def test_clients_of_one_run_share_what_is_left():
    store = Limited(2)
    shared = Allowance()

    for _ in range(3):
        store.client(shared).retailer()

    assert store.refused == 0


def test_a_clock_that_is_set_back_makes_no_wait_longer_than_a_window():
    left = Allowance()
    left.note({"X-RateLimit-Remaining": "0"}, LOCAL_NOW)

    assert left.seconds_to_wait(LOCAL_NOW - timedelta(days=3)) == 300
    assert left.seconds_to_wait(LOCAL_NOW + timedelta(days=3)) == 0


@pytest.mark.parametrize("text", ["", "many", "-1", "1.5", "9" * 30])
def test_a_header_that_is_no_count_says_nothing(text):
    left = Allowance()
    left.note({"X-RateLimit-Remaining": text}, LOCAL_NOW)

    assert left.seconds_to_wait(LOCAL_NOW) == 0


def test_after_a_refusal_the_stores_own_word_counts():
    """Other programs of the shop may have used the limit up."""
    replies = iter(
        [
            httpx.Response(200, json=RECORD, headers={"X-RateLimit-Remaining": "7"}),
            httpx.Response(
                429, headers={"X-RateLimit-Remaining": "0", "Retry-After": "20"}
            ),
            httpx.Response(200, json=RECORD),
        ]
    )
    slept: list[float] = []
    client = LightspeedClient(
        Connection(
            "https://shop.retail.lightspeed.app",
            TOKEN,
            "2026-07",
            transport=httpx.MockTransport(lambda _request: next(replies)),
            sleep=slept.append,
            now=lambda: LOCAL_NOW,
        )
    )

    client.retailer()
    client.retailer()

    (seconds,) = slept
    assert 20 <= seconds <= 21.1


def test_a_walk_behind_a_small_limit_is_finished_without_one_refusal(monkeypatch):
    """Against the simulated store, with real waits of a window of a third second."""
    monkeypatch.setattr(allowance, "WINDOW_SECONDS", 0.35)
    store = SimulatedStore(1, customers=20, opened_on=OPENED)
    store.advance_to(datetime.fromisoformat("2026-05-20T12:00:00+00:00"))
    quirks = Quirks(rate_window_seconds=0.3)
    app = build_app(store, token=TOKEN, page_limit=50, rate_limit=3, quirks=quirks)
    waits: list[tuple[float, str]] = []
    with (
        serve(app) as origin,
        LightspeedClient(
            Connection(
                origin,
                TOKEN,
                "2026-07",
                on_wait=lambda *reported: waits.append(reported),
            )
        ) as client,
    ):
        read = [len(page.records) for page in client.pages("sales")]

    assert sum(read) == len(store.state.sales)
    assert waits
    statuses = app.state.simulator.stats()["statuses"]
    assert statuses == {"200": len(read) + 1}
