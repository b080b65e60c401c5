"""One empty page is not taken for the end of a feed."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.ledger import expected_master
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline_tests.light_run import (
    PatientLightspeed,
    run_light,
)
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    PUBLISHED,
    TOKEN,
    SimulatedShop,
    open_simulated_shop,
)

NEXT_DAY = FIRST_DAY + timedelta(days=1)
MASTER, _ = PUBLISHED
EMPTY = {"data": [], "version": {"min": None, "max": None}}


class EmptyPages(httpx.BaseTransport):
    """Answers some requests for a page of a feed with an empty one."""

    def __init__(self, collection: str, pages: set[int]) -> None:
        self._collection, self._pages = collection, pages
        self._asked: Counter[str] = Counter()
        self._real = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rsplit("/", 1)[-1]
        self._asked[name] += 1
        if name == self._collection and self._asked[name] in self._pages:
            return httpx.Response(200, json=EMPTY)
        return self._real.handle_request(request)

    def close(self) -> None:
        self._real.close()


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    """A shop of which nothing has been read, on small pages."""
    opened = FIRST_DAY - timedelta(days=12)
    with open_simulated_shop(
        tmp_path / "data", seed=1, customers=20, opened_on=opened
    ) as simulated:
        app = build_app(simulated.store, token=TOKEN, page_limit=4, rate_limit=10**6)
        with serve(app) as origin:
            settings = simulated.settings.model_copy(update={"api_url": origin})
            yield SimulatedShop(simulated.store, app.state.simulator, settings)


def first_load(shop: SimulatedShop, collection: str, pages: set[int]) -> None:
    way = PatientLightspeed(shop.settings, {"transport": EmptyPages(collection, pages)})
    run_light(shop.settings, FIRST_DAY, lightspeed=way)


def assert_equals_ledger(shop: SimulatedShop) -> None:
    assert expected_master(shop.store.state, FIRST_DAY) == shop.rows(MASTER)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(1, marks=pytest.mark.nightly),
        2,
        pytest.param(4, marks=pytest.mark.nightly),
    ],
)
@pytest.mark.parametrize("collection", ["sales", "customers"])
def test_an_empty_page_in_the_middle_of_a_feed_is_read_over(
    shop: SimulatedShop, collection: str, page: int
) -> None:
    first_load(shop, collection, {page})

    assert_equals_ledger(shop)


@pytest.mark.parametrize("collection", ["sales", "customers"])
def test_an_empty_page_at_the_start_of_a_days_walk_is_read_over(
    shop: SimulatedShop, collection: str
) -> None:
    run_light(shop.settings, FIRST_DAY)
    shop.live_until(NEXT_DAY)
    way = PatientLightspeed(shop.settings, {"transport": EmptyPages(collection, {1})})
    run_light(shop.settings, NEXT_DAY, days=0, lightspeed=way)

    assert expected_master(shop.store.state, NEXT_DAY) == shop.rows(MASTER)
