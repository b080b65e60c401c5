"""One store to a log, and no sale lost by a full read."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from analytics_pipeline.assets import sales_feed as known_sales
from analytics_pipeline_tests.doctored import doctored
from analytics_pipeline_tests.light_run import (
    SOURCES,
    UP_TO_PUBLISHING,
    evidence_of,
    exit_code_of,
    run_light,
)
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    PUBLISHED,
    SimulatedShop,
    open_simulated_shop,
)
from analytics_pipeline_tests.system.faults.two_days import sources_in
from analytics_pipeline_tests.system.steps.held_records import (
    assert_holds_every_record,
)

MASTER, _ = PUBLISHED
OPENED = FIRST_DAY - timedelta(days=12)


@pytest.fixture
def shop(small_shop: SimulatedShop) -> SimulatedShop:
    return small_shop


def some_sales(shop: SimulatedShop, count: int) -> list[Any]:
    state = shop.store.state
    counted = [
        sale
        for sale in state.sales.values()
        if sale.state == "closed"
        and sale.deleted_at is None
        and sale.total_price_incl > 1
        and sale.customer_id not in (None, state.default_customer_id)
    ]
    return counted[:count]


def full_read(
    shop: SimulatedShop, way: Any = None, tables: tuple[str, ...] = SOURCES
) -> dict[str, Any]:
    events = run_light(
        shop.settings,
        FIRST_DAY,
        days=0,
        full_resync=True,
        lightspeed=way,
        tables=tables,
    )
    return evidence_of(events, "sales_feed", "no_known_sale_is_lost")


def files(shop: SimulatedShop) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in shop.data.rglob("*") if path.is_file()}


def test_a_full_read_that_finds_everything_fetches_nothing(
    shop: SimulatedShop,
) -> None:
    shop.simulator.clear_stats()

    found = full_read(shop)

    assert (found["lacking"], found["gone"]) == (0, 0)
    assert found["known"] == len(shop.store.state.sales)
    assert "single/sales" not in shop.simulator.stats()["kinds"]


def test_a_sale_that_a_full_read_lacks_is_fetched(shop: SimulatedShop) -> None:
    lost = {sale.id for sale in some_sales(shop, 3)}
    way = doctored(shop, lambda path, it: path != "sales" or it["id"] not in lost)

    found = full_read(shop, way, UP_TO_PUBLISHING)

    assert (found["lacking"], found["gone"]) == (3, 0)
    assert expected_master(shop.store.state, FIRST_DAY) == shop.rows(MASTER)


@pytest.mark.nightly
def test_a_sale_unknown_to_the_store_is_reported_and_leaves(
    shop: SimulatedShop,
) -> None:
    sale = some_sales(shop, 1)[0]
    del shop.store.state.sales[sale.id]

    found = full_read(shop)

    assert (found["gone"], found["sales"]) == (1, sale.id)
    assert sources_in(shop.data).sales.keys() == shop.store.state.sales.keys()


def test_a_full_read_that_lacks_many_is_not_believed(
    shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_sales, "MOST_FETCHED", 20)
    lost = {sale.id for sale in some_sales(shop, 30)}
    way = doctored(shop, lambda path, it: path != "sales" or it["id"] not in lost)
    before = [(shop.data / name).read_bytes() for name in PUBLISHED]
    rows = shop.local.sales_log().row_count()

    with pytest.raises(dg.Failure) as caught:
        full_read(shop, way)

    assert exit_code_of(caught.value) == 1
    assert "lacks 30 of the" in str(caught.value.description)
    assert before == [(shop.data / name).read_bytes() for name in PUBLISHED]
    assert shop.local.sales_log().row_count() == rows

    run_light(shop.settings, FIRST_DAY, tables=SOURCES)
    assert_holds_every_record(shop)


@pytest.mark.parametrize("table", ["sales_feed", "outlets"])
def test_another_store_is_refused_before_anything_is_read(
    shop: SimulatedShop, tmp_path: Path, table: str
) -> None:
    before = files(shop)
    with open_simulated_shop(
        tmp_path / "other", seed=9, customers=20, opened_on=OPENED
    ) as other:
        swapped = shop.settings.model_copy(update={"api_url": other.settings.api_url})
        with pytest.raises(dg.Failure) as caught:
            run_light(swapped, FIRST_DAY, tables=[table])

    assert exit_code_of(caught.value) == 2
    assert "another store" in str(caught.value.metadata["cause"].value)
    assert files(shop) == before


def test_a_store_without_an_id_is_read(shop: SimulatedShop) -> None:
    def nameless(path: str, it: dict[str, Any]) -> bool:
        if path == "retailer":
            it["id"] = None
        return True

    way = doctored(shop, nameless)
    run_light(shop.settings, FIRST_DAY, lightspeed=way, tables=SOURCES)

    assert_holds_every_record(shop)
