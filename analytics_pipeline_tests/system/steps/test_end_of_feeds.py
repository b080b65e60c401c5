"""An empty page is not taken for the end of a feed until a witness confirms it."""

from collections import Counter
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from analytics_pipeline.assets.products import current_products
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline_tests.light_run import (
    SOURCES,
    UP_TO_PUBLISHING,
    PatientLightspeed,
    exit_code_of,
    run_light,
)
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    PUBLISHED,
    TOKEN,
    SimulatedShop,
    open_simulated_shop,
)
from analytics_pipeline_tests.system.steps.held_records import (
    assert_holds_every_record,
)

NEXT_DAY = FIRST_DAY + timedelta(days=1)
MASTER, _ = PUBLISHED
AT_NIGHT = pytest.mark.nightly
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
    run_light(shop.settings, FIRST_DAY, lightspeed=way, tables=SOURCES)


def assert_equals_ledger(shop: SimulatedShop) -> None:
    run_light(shop.settings, FIRST_DAY, tables=UP_TO_PUBLISHING[len(SOURCES) :])
    assert expected_master(shop.store.state, FIRST_DAY) == shop.rows(MASTER)


@pytest.mark.parametrize(
    ("page", "collection"),
    [
        (2, "sales"),
        pytest.param(2, "products", marks=AT_NIGHT),
        *(
            pytest.param(page, collection, marks=AT_NIGHT)
            for page, collection in product((1, 2, 4), ("sales", "customers"))
            if (page, collection) != (2, "sales")
        ),
    ],
)
def test_an_empty_page_in_the_middle_of_a_feed_is_read_over(
    shop: SimulatedShop, collection: str, page: int
) -> None:
    first_load(shop, collection, {page})

    assert_holds_every_record(shop)
    assert_equals_ledger(shop)


@pytest.mark.nightly
@pytest.mark.parametrize(
    "collection",
    [
        "sales",
        *(pytest.param(name, marks=AT_NIGHT) for name in ("customers", "products")),
    ],
)
def test_an_empty_page_at_the_start_of_a_days_walk_is_read_over(
    shop: SimulatedShop, collection: str
) -> None:
    run_light(shop.settings, FIRST_DAY, tables=SOURCES)
    shop.live_until(NEXT_DAY)
    way = PatientLightspeed(shop.settings, {"transport": EmptyPages(collection, {1})})
    run_light(shop.settings, NEXT_DAY, days=0, lightspeed=way, tables=SOURCES)

    assert_holds_every_record(shop)


IN_A_ROW: dict[str, set[int]] = {
    "the first two": {1, 2},
    "the first three": {1, 2, 3},
    "the second two": {2, 3},
    "three in the middle": {2, 3, 4},
    "four in the middle": {2, 3, 4, 5},
    "two again and again": {3, 4, 6, 7, 9, 10},
}
BY_DAY = {("two again and again", "sales")}


@pytest.mark.parametrize(
    ("pages", "collection"),
    [
        pytest.param(
            IN_A_ROW[name],
            collection,
            id=f"{name}-{collection}",
            marks=() if (name, collection) in BY_DAY else AT_NIGHT,
        )
        for name, collection in product(IN_A_ROW, ("sales", "customers"))
    ],
)
def test_empty_pages_in_a_row_on_a_first_load_are_read_over(
    shop: SimulatedShop, collection: str, pages: set[int]
) -> None:
    first_load(shop, collection, pages)

    assert_holds_every_record(shop)


@pytest.mark.parametrize(
    ("first", "collection"),
    [
        (1, "customers"),
        (2, "sales"),
        *(
            pytest.param(*each, marks=AT_NIGHT)
            for each in ((1, "sales"), (2, "customers"), (3, "sales"), (3, "customers"))
        ),
    ],
)
def test_a_first_load_never_ends_on_nothing(
    shop: SimulatedShop, collection: str, first: int
) -> None:
    with pytest.raises(dg.Failure) as stopped:
        first_load(shop, collection, set(range(first, 100)))

    values = {name: str(entry.value) for name, entry in stopped.value.metadata.items()}
    assert exit_code_of(stopped.value) == 3
    assert values["cause"].startswith("Lightspeed"), values
    assert ("update --full" in values["remedy"]) is (first > 1), values
    with pytest.raises(dg.Failure):
        run_light(shop.settings, FIRST_DAY, tables=UP_TO_PUBLISHING[len(SOURCES) :])
    assert not (shop.data / MASTER).exists()
    run_light(shop.settings, FIRST_DAY, tables=SOURCES)
    assert_holds_every_record(shop)


@pytest.mark.nightly
@pytest.mark.parametrize("collection", ["sales", "customers", "products"])
def test_a_store_without_any_record_is_believed_if_a_search_finds_none(
    shop: SimulatedShop, collection: str
) -> None:
    """A new shop has sold nothing yet; it is no fault."""

    class Nothing(EmptyPages):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/search"):
                return httpx.Response(200, json={"data": [], "total_count": 0})
            return super().handle_request(request)

    way = PatientLightspeed(
        shop.settings, {"transport": Nothing(collection, set(range(1, 100)))}
    )
    run_light(shop.settings, FIRST_DAY, lightspeed=way, tables=SOURCES, days=0)

    assert bool(shop.local.sales_log().cursor()) is (collection != "sales")
    assert current_products(shop.local).empty is (collection == "products")


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("change", "collection"),
    [
        pytest.param(change, collection, marks=AT_NIGHT if (n + m) % 2 else ())
        for n, change in enumerate(("edited", "deleted", "edited twice", "untouched"))
        for m, collection in enumerate(("sales", "customers"))
    ],
)
def test_whatever_becomes_of_the_newest_record_the_next_walk_goes_on(
    small_shop: SimulatedShop, collection: str, change: str
) -> None:
    """The page after cursor - 1 may lawfully begin above the cursor."""
    state, timeline = small_shop.store.state, small_shop.store._shop.timeline
    records = getattr(state, collection)
    newest = max(records.values(), key=lambda record: record.version)
    for _ in range({"edited": 1, "edited twice": 2}.get(change, 0)):
        timeline.edit(newest, state.now)
    if change == "deleted":
        timeline.delete(newest, state.now)
    before = small_shop.simulator.stats()["total"]

    run_light(small_shop.settings, FIRST_DAY, tables=SOURCES, days=0)

    log = small_shop.local.sales_log()
    assert log.cursor() == max(sale.version for sale in state.sales.values())
    # Outlets and registers, the store twice, the two ends with their witnesses, and one
    # look at the products.
    changed = change != "untouched"
    assert small_shop.simulator.stats()["total"] - before == 11 + changed
