"""The promise, end to end: the store's own ledger against the published files."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from analytics_pipeline_tests.light_run import TABLES, evidence_of, run_light
from analytics_pipeline_tests.oracle.ledger import (
    expected_first_time_buyers,
    expected_master,
    expected_totals,
)
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    LONG_AGO,
    SimulatedShop,
    open_simulated_shop,
)

NEXT_DAY = FIRST_DAY + timedelta(days=1)


def assert_equal_to_the_ledger(shop: SimulatedShop, day: date) -> None:
    state = shop.store.state
    assert expected_master(state, day) == shop.rows("customer_analytics_master.csv")
    assert expected_first_time_buyers(state, day) == shop.rows("first_time_buyers.csv")


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("seed", "api_version"),
    [
        (1, "2026-07"),
        (2, "2.0"),
        (3, "2026-07"),
    ],
)
def test_two_days_in_a_row_equal_the_stores_own_ledger(
    tmp_path: Path, seed: int, api_version: str
) -> None:
    with open_simulated_shop(
        tmp_path,
        seed=seed,
        customers=300,
        opened_on=LONG_AGO,
        api_version=api_version,
    ) as shop:
        run_light(shop.settings, FIRST_DAY)
        assert_equal_to_the_ledger(shop, FIRST_DAY)

        shop.live_until(NEXT_DAY)
        events = run_light(shop.settings, NEXT_DAY)
        assert_equal_to_the_ledger(shop, NEXT_DAY)

        totals = expected_totals(shop.store.state, NEXT_DAY)
        found = evidence_of(events, "customer_analytics", "conserves_money")
        assert totals["revenue_cents"] == found["sales_cents"]
        assert totals["unattributed_cents"] == found["unattributed_cents"]
        assert totals["added_web_orders_cents"] == found["web_orders_cents"]


@pytest.mark.nightly
def test_five_days_of_updates_equal_one_rebuild_byte_for_byte(
    updated_shop: SimulatedShop, tmp_path: Path
) -> None:
    shop, last = updated_shop, FIRST_DAY + timedelta(days=4)
    for number in (1, 2, 3):
        day = FIRST_DAY + timedelta(days=number)
        shop.live_until(day)
        run_light(shop.settings, day)
    shop.live_until(last)
    assert shop.update(last).failure is None

    rebuilt = shop.with_data(tmp_path / "rebuilt")
    run_light(rebuilt.settings, last, tables=TABLES, full_resync=True)

    assert shop.reproducible(last) == rebuilt.reproducible(last)


def update_lightly(shop: SimulatedShop) -> None:
    run_light(shop.settings, FIRST_DAY, tables=TABLES)


def update_by_dagster(shop: SimulatedShop) -> None:
    assert shop.update(FIRST_DAY).failure is None


def files_of(shop: SimulatedShop) -> dict[Path, bytes]:
    """Every file of the data directory but Dagster's records."""
    return {
        path: path.read_bytes()
        for path in shop.data.rglob("*")
        if path.is_file() and ".dagster" not in path.parts
    }


@pytest.mark.parametrize(
    "update",
    [update_lightly, pytest.param(update_by_dagster, marks=pytest.mark.nightly)],
)
def test_running_an_update_again_changes_nothing_but_the_stamp(
    small_shop: SimulatedShop, update: Callable[[SimulatedShop], None]
) -> None:
    update(small_shop)  # the files of a copy are others
    before = files_of(small_shop)

    update(small_shop)

    after = files_of(small_shop)
    changed = {
        "catch_ups" if "catch_ups" in path.parts else path.name
        for path in before.keys() | after.keys()
        if before.get(path) != after.get(path)
    }  # fmt: skip
    # That the feeds were read to the end once more is kept (design 2, rule 15.2).
    assert changed <= {".last_update_timestamp", "catch_ups"}
