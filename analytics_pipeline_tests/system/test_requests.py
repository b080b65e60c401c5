"""How many requests a first load and a day cost: they grow with the change alone."""

from datetime import UTC, datetime, time, timedelta
from math import ceil
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline.sources.lightspeed import client as search
from analytics_pipeline_tests.doctored import doctored
from analytics_pipeline_tests.light_run import SOURCES, evidence_of, run_light
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    TOKEN,
    SimulatedShop,
    open_simulated_shop,
)

NEXT_DAY = FIRST_DAY + timedelta(days=1)
OTHER_REQUESTS = 12
"""For outlets, registers, groups, store and empty pages the ten that the design allows,
and two that confirm the end of the products."""


@pytest.fixture(params=[37, pytest.param(5_000, marks=pytest.mark.nightly)])
def paged(tmp_path: Path, request: Any) -> Any:
    """A shop whose feeds grant so many records a page, with that number."""
    with open_simulated_shop(tmp_path / "data", seed=2, customers=60) as shop:
        app = build_app(
            shop.store, token=TOKEN, page_limit=request.param, rate_limit=1_000_000
        )
        with serve(app) as origin:
            settings = shop.settings.model_copy(update={"api_url": origin})
            simulator = app.state.simulator
            yield SimulatedShop(shop.store, simulator, settings), request.param


def changed_since(records: Any, version: int) -> int:
    return sum(record.version > version for record in records.values())


def sales_of(shop: SimulatedShop, days: int) -> int:
    """How many sales the search has for the last days before NEXT_DAY ended."""
    zone = ZoneInfo("America/New_York")
    end = datetime.combine(NEXT_DAY + timedelta(days=1), time(), zone).astimezone(UTC)
    # Outlets further west end their day later, and those further east begin earlier.
    margin = timedelta(hours=8)
    first = end - timedelta(days=days) - margin
    sales = shop.store.state.sales.values()
    return sum(first <= sale.sale_date <= end + margin for sale in sales)


def test_a_first_load_costs_its_pages_and_ten(paged: Any) -> None:
    shop, page = paged

    run_light(shop.settings, FIRST_DAY, tables=SOURCES)

    state = shop.store.state
    kinds = (state.sales, state.customers, state.products)
    pages = sum(ceil(len(records) / page) for records in kinds)
    stats = shop.simulator.stats()
    assert stats["total"] <= pages + OTHER_REQUESTS
    assert stats["kinds"]["feed/sales"] == ceil(len(state.sales) / page) + 2
    assert stats["kinds"]["feed/products"] == ceil(len(state.products) / page) + 2


@pytest.mark.parametrize("days", [0, 7, pytest.param(30, marks=pytest.mark.nightly)])
def test_a_day_costs_what_changed_and_the_days_compared(paged: Any, days: int) -> None:
    shop, page = paged
    run_light(shop.settings, FIRST_DAY, tables=SOURCES)
    before = shop.store.state
    newest, latest, last = (
        max(each.version for each in records.values())
        for records in (before.sales, before.customers, before.products)
    )
    shop.live_until(NEXT_DAY)
    shop.simulator.clear_stats()

    events = run_light(shop.settings, NEXT_DAY, tables=SOURCES, days=days)

    state = shop.store.state
    pages = ceil(changed_since(state.sales, newest) / page)
    pages += ceil(changed_since(state.customers, latest) / page)
    pages += ceil(changed_since(state.products, last) / page)
    found = evidence_of(events, "sales_feed", "agrees_with_search")
    compared = ceil(sales_of(shop, days) / search.PAGE_SIZE) if days else 0
    allowed = pages + compared + found.get("windows", 0) + found.get("repaired", 0)
    assert shop.simulator.stats()["total"] <= allowed + OTHER_REQUESTS


@pytest.mark.nightly
def test_repairs_cost_one_request_each(tmp_path: Path) -> None:
    with open_simulated_shop(tmp_path / "data", seed=2, customers=60) as shop:
        run_light(shop.settings, FIRST_DAY, tables=SOURCES)
        shop.live_until(NEXT_DAY)
        held = shop.local.sales_log().cursor()
        shop.simulator.clear_stats()

        def leave_out(path: str, it: dict[str, Any]) -> bool:
            return path != "sales" or it["_metadata"]["version"] <= held

        way = doctored(shop, leave_out)
        events = run_light(shop.settings, NEXT_DAY, tables=SOURCES, lightspeed=way)

        found = evidence_of(events, "sales_feed", "agrees_with_search")
        assert found["repaired"] > 0
        kinds = shop.simulator.stats()["kinds"]
        assert kinds["single/sales"] == found["differed"]


@pytest.mark.nightly
def test_a_day_costs_the_same_however_long_the_history_is(tmp_path: Path) -> None:
    """Only what changed is asked for, after one month as after three."""
    costs = []
    for months in (1, 3):
        opened = FIRST_DAY - timedelta(days=30 * months)
        folder = tmp_path / str(months)
        with open_simulated_shop(
            folder, seed=2, customers=40, opened_on=opened
        ) as shop:
            run_light(shop.settings, FIRST_DAY, tables=SOURCES)
            shop.live_until(NEXT_DAY)
            shop.simulator.clear_stats()
            run_light(shop.settings, NEXT_DAY, tables=SOURCES)
            costs.append(shop.simulator.stats()["total"])

    # A page and an empty one of sales, customers, outlets, registers and the search;
    # the page that confirms the end of the first two; one of the customer groups; the
    # store itself; and of products, of which some changed, a page, and two for its end.
    assert max(costs) <= 5 * 2 + 2 + 2 + 3


@pytest.mark.nightly
def test_a_night_on_which_no_product_changed_costs_one_request_for_them(
    tmp_path: Path,
) -> None:
    with open_simulated_shop(tmp_path / "data", seed=2, customers=20) as shop:
        run_light(shop.settings, FIRST_DAY, tables=SOURCES)
        shop.simulator.clear_stats()

        run_light(shop.settings, FIRST_DAY, tables=SOURCES)

        assert shop.simulator.stats()["kinds"]["feed/products"] == 1
