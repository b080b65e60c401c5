"""Tests for analytics_pipeline.sources.lightspeed.client, seen through the client."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from analytics_pipeline.model.errors import LightspeedRefused, LightspeedUnavailable
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.history import Store as SimulatedStore
from analytics_pipeline.simulator.quirks import Quirks
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline.sources.lightspeed import client as search_module
from analytics_pipeline.sources.lightspeed.client import LightspeedClient
from analytics_pipeline.sources.lightspeed.http import Connection
from analytics_pipeline.sources.values import id_in
from analytics_pipeline_tests.simulated_shop import OPENED, TOKEN
from analytics_pipeline_tests.unit.sources.samples import Store, page

FIRST = datetime(2026, 1, 1, 5, 0, 0, 500_000, tzinfo=UTC)
LAST = FIRST + timedelta(days=1)


def ids(pages):
    return [id_in(record) for records in pages for record in records]


def counted(*versions, total):
    return page(*versions) | {"total_count": total}


def test_pages_are_counted_by_offset_to_the_empty_one():
    store = Store(page(3, 2), page(1), page())

    found = list(store.client().search_sales().pages(FIRST, LAST))

    assert [len(records) for records in found] == [2, 1]
    assert store.params("offset") == ["0", "2", "3"]
    assert {"true"} == set(store.params("deleted"))
    assert {"2026-01-01T05:00:00Z"} == set(store.params("date_from"))
    assert {"2026-01-02T05:00:01Z"} == set(store.params("date_to"))


def test_a_search_that_ignores_the_offset_is_an_error(monkeypatch):
    monkeypatch.setattr(search_module, "PAGE_SIZE", 2)
    with pytest.raises(LightspeedUnavailable, match="does not advance"):
        list(Store(page(3, 2)).client().search_sales().pages(FIRST, LAST))


def test_a_list_that_moves_down_while_it_is_read_loses_nothing():
    # A sale made meanwhile pushes the others down: 2 is shown twice.
    store = Store(page(3, 2), page(2, 1), page(0), page())

    assert len(list(store.client().search_sales().pages(FIRST, LAST))) == 3
    assert store.params("offset") == ["0", "2", "3", "4"]


def test_a_short_page_that_shows_nothing_new_is_the_end():
    """The list moved while its last page was read."""
    store = Store(page(3, 2, 1), page(2, 1))
    search = store.client().search_sales()

    assert len(list(search.pages(FIRST, LAST))) == 1
    assert search.windows == 1


def test_sales_counted_and_not_shown_are_reported():
    store = Store(counted(3, 2, total=4), counted(total=4))
    search = store.client().search_sales()

    list(search.pages(FIRST, LAST))

    assert (search.windows, search.unseen) == (1, 2)


def test_records_without_an_id_do_not_stop_the_search():
    odd = {"data": [{"version": 1}, "odd", None]}
    store = Store(odd, odd, page())

    assert len(list(store.client().search_sales().pages(FIRST, LAST))) == 2


def test_a_refused_token_divides_no_window():
    store = Store(page(3, 2), httpx.Response(401))

    with pytest.raises(LightspeedRefused):
        list(store.client().search_sales().pages(FIRST, LAST))
    assert len(store.asked) == 2


def test_a_search_refused_at_its_start_divides_no_window():
    store = Store(httpx.Response(400))

    with pytest.raises(LightspeedRefused):
        list(store.client().search_sales().pages(FIRST, LAST))
    assert len(store.asked) == 1


@pytest.fixture(scope="module")
def lived():
    store = SimulatedStore(1, customers=60, opened_on=OPENED)
    store.advance_to(datetime(2026, 6, 1, tzinfo=UTC))
    return store


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("deepest", [None, 60])
def test_every_sale_is_found_in_windows_far_from_the_limit(
    lived, counts, deepest, monkeypatch
):
    """Whether the store counts, and whether it refuses a deep offset or not."""
    monkeypatch.setattr(search_module, "MOST_IN_A_WINDOW", 50)
    monkeypatch.setattr(search_module, "PAGE_SIZE", 20)
    quirks = Quirks(search_total_count=counts, search_window=deepest)
    app = build_app(lived, token=TOKEN, rate_limit=1_000_000, quirks=quirks)
    with (
        serve(app) as origin,
        LightspeedClient(Connection(origin, TOKEN, "2026-07")) as client,
    ):
        search = client.search_sales()
        found = ids(search.pages(datetime(2026, 1, 1, tzinfo=UTC), lived.state.now))

        assert set(found) == set(lived.state.sales)
        assert search.windows > len(lived.state.sales) // 50
        if counts:
            # One request for each window that had to be divided, and no page twice.
            assert len(found) == len(lived.state.sales)
            pages = len(lived.state.sales) // 20 + search.windows
            assert client.requests <= pages + 2 * search.windows


def test_more_sales_in_one_second_than_a_window_holds_are_read_all_the_same(
    monkeypatch,
):
    monkeypatch.setattr(search_module, "MOST_IN_A_WINDOW", 2)
    store = Store(counted(3, 2, total=3), counted(1, total=3), counted(total=3))

    second = FIRST.replace(microsecond=0)

    found = ids(store.client().search_sales().pages(second, second))

    assert len(found) == 3
    assert store.params("date_from") == store.params("date_to")
