"""An empty page is not taken for the end of a feed where nothing else would tell."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.ledger import expected_master
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline_tests.doctored import doctored
from analytics_pipeline_tests.light_run import (
    PatientLightspeed,
    exit_code_of,
    run_light,
)
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    PUBLISHED,
    TOKEN,
    SimulatedShop,
    open_simulated_shop,
)

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


@pytest.mark.parametrize("page", [1, 2, 4])
def test_an_empty_page_in_the_middle_of_sales_is_read_over(
    shop: SimulatedShop, page: int
) -> None:
    first_load(shop, "sales", {page})

    assert_equals_ledger(shop)


@pytest.mark.parametrize(
    ("collection", "pages"), [("sales", {2, 3}), ("customers", {1}), ("customers", {2})]
)
def test_an_end_that_comes_too_early_publishes_nothing(
    shop: SimulatedShop, collection: str, pages: set[int]
) -> None:
    with pytest.raises(dg.Failure, match="ends before one") as caught:
        first_load(shop, collection, pages)

    assert exit_code_of(caught.value) == 3
    assert not (shop.data / MASTER).exists()

    run_light(shop.settings, FIRST_DAY)
    assert_equals_ledger(shop)


@pytest.mark.parametrize("kind", ["sales", "customers"])
def test_a_record_that_only_the_index_still_knows_stops_nothing(
    shop: SimulatedShop, kind: str
) -> None:
    def forget_the_newest(path: str, it: dict[str, Any]) -> bool:
        if path == "search":
            it["id"] = "purged"
        return True

    way = doctored(shop, forget_the_newest)
    run_light(shop.settings, FIRST_DAY, days=0, lightspeed=way)

    assert shop.simulator.stats()["kinds"][f"single/{kind}"] == 1
    assert_equals_ledger(shop)


def test_a_sale_and_a_customer_that_the_feeds_leave_out_are_put_in(
    shop: SimulatedShop,
) -> None:
    state = shop.store.state
    newest = {
        "sales": max(state.sales.values(), key=lambda it: it.sale_date).id,
        "customers": max(state.customers.values(), key=lambda it: it.version).id,
    }
    # Others come later, so that the feeds go on behind the two that are left out.
    later = max(each.version for each in state.sales.values())
    next(iter(state.sales.values())).version = later + 1
    state.customers[state.default_customer_id].version = later + 2

    def leave_out(path: str, it: dict[str, Any]) -> bool:
        if path == "search" and "customer_code" in it:
            it["id"] = newest["customers"]
        return newest.get(path) != it.get("id")

    run_light(shop.settings, FIRST_DAY, lightspeed=doctored(shop, leave_out))

    assert_equals_ledger(shop)
