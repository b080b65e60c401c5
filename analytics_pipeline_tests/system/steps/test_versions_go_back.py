"""Versions that go backwards: a restored store, and a version far above the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from analytics_pipeline.domain import feed_versions
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline.sources.lightspeed import client as feed_pages
from analytics_pipeline_tests.conftest import SMALL
from analytics_pipeline_tests.light_run import SOURCES, exit_code_of, run_light
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    PUBLISHED,
    TOKEN,
    SimulatedShop,
)

NEXT_DAY = FIRST_DAY + timedelta(days=1)
MASTER, _ = PUBLISHED
AT_NIGHT = pytest.mark.nightly
RULE = "version_is_near_its_neighbours"
EVERY_VERSION = pytest.mark.parametrize(
    "version",
    [
        pytest.param(2**63 - 2, id="2^63-2", marks=AT_NIGHT),
        pytest.param(2**63 - 1, id="2^63-1", marks=AT_NIGHT),
        pytest.param(2**62, id="2^62", marks=AT_NIGHT),
        pytest.param(2**53, id="2^53", marks=AT_NIGHT),
        pytest.param(10**13, id="10^13"),
    ],
)
FROM_THE_CURSOR_OR_A_FULL_READ = pytest.mark.parametrize(
    "full",
    [
        pytest.param(False, id="from the cursor"),
        pytest.param(True, id="full read", marks=AT_NIGHT),
    ],
)


def explanation_of(failure: dg.Failure) -> dict[str, str]:
    return {name: str(entry.value) for name, entry in failure.metadata.items()}


def assert_stops(shop: SimulatedShop, **how: Any) -> None:
    """The run ends with 3, names the way out, and leaves what was published."""
    published = (shop.data / MASTER).read_bytes()
    with pytest.raises(dg.Failure) as stopped:
        run_light(shop.settings, NEXT_DAY, **how)
    reported = explanation_of(stopped.value)
    assert exit_code_of(stopped.value) == 3
    assert reported["cause"].startswith("Lightspeed")
    assert "analytics-pipeline update --full" in reported["remedy"]
    assert (shop.data / MASTER).read_bytes() == published


@contextmanager
def restored(shop: SimulatedShop, days: int) -> Iterator[SimulatedShop]:
    """The store of *shop* as it was so many days before, restored from a copy."""
    store = Store(
        SMALL["seed"], customers=SMALL["customers"], opened_on=SMALL["opened_on"]
    )
    app = build_app(store, token=TOKEN, rate_limit=1_000_000)
    with serve(app) as origin:
        settings = shop.settings.model_copy(update={"api_url": origin})
        older = SimulatedShop(store, app.state.simulator, settings)
        older.live_until(FIRST_DAY - timedelta(days=days))
        yield older


@pytest.mark.parametrize(
    ("days", "compared"),
    [
        (1, 7),
        (9, 0),
        pytest.param(2, 0, marks=AT_NIGHT),
        pytest.param(5, 7, marks=AT_NIGHT),
        pytest.param(9, 7, marks=AT_NIGHT),
    ],
)
def test_a_restored_store_stops_the_run(
    small_shop: SimulatedShop, days: int, compared: int
) -> None:
    with restored(small_shop, days) as older:
        cursor = older.local.sales_log().cursor()
        assert_stops(older, days=compared)
        assert older.local.sales_log().cursor() == cursor


@pytest.mark.nightly
@pytest.mark.parametrize("days", [1, pytest.param(5, marks=AT_NIGHT)])
def test_a_full_read_follows_a_restored_store(
    small_shop: SimulatedShop, days: int
) -> None:
    with restored(small_shop, days) as older:
        assert_stops(older)

        run_light(older.settings, NEXT_DAY, full_resync=True, tables=SOURCES)

        log, state = older.local.sales_log(), older.store.state
        assert log.cursor() == max(sale.version for sale in state.sales.values())
        assert log.row_count() == len(state.sales)
        run_light(older.settings, NEXT_DAY, tables=SOURCES)


# A version far above its neighbours -------------------------------------------------


def some_sale(shop: SimulatedShop, place: str) -> Any:
    """A sale of a customer in the order of the feed."""
    state = shop.store.state
    sales = sorted(
        (
            sale
            for sale in state.sales.values()
            if sale.customer_id not in (None, state.default_customer_id)
            and sale.state == "closed"
            and sale.deleted_at is None
        ),
        key=lambda sale: sale.version,
    )
    return sales[{"first": 0, "middle": len(sales) // 2, "last": -1}[place]]


def true_cursor(shop: SimulatedShop) -> int:
    sales = shop.store.state.sales.values()
    return max(sale.version for sale in sales if sale.version < 10**12)


def quarantined(shop: SimulatedShop) -> list[tuple[str, str]]:
    log = shop.local.sales_log()
    away = log.rejections()
    return list(zip(away["record_id"], away["rule"], strict=True))


@EVERY_VERSION
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_version_far_above_its_neighbours_does_not_become_the_cursor(
    small_shop: SimulatedShop, version: int, place: str
) -> None:
    sale = some_sale(small_shop, place)
    sale.version = version

    run_light(small_shop.settings, FIRST_DAY, tables=SOURCES)

    log = small_shop.local.sales_log()
    assert log.cursor() == true_cursor(small_shop) or place == "last"
    assert log.cursor() < 10**12
    assert quarantined(small_shop) == [(sale.id, RULE)]


@pytest.mark.nightly
@FROM_THE_CURSOR_OR_A_FULL_READ
def test_sales_after_it_are_read_and_its_correction_counts(
    small_shop: SimulatedShop, full: bool
) -> None:
    sale = some_sale(small_shop, "middle")
    sale.version = 2**63 - 2
    run_light(small_shop.settings, FIRST_DAY, full_resync=full, recut_all_days=full)
    segments = len(small_shop.local.sales_log().segments())
    run_light(small_shop.settings, FIRST_DAY)
    assert len(small_shop.local.sales_log().segments()) == segments, "rule 7.4"

    small_shop.live_until(NEXT_DAY)
    run_light(small_shop.settings, NEXT_DAY)
    assert small_shop.local.sales_log().cursor() == true_cursor(small_shop)
    assert expected_master(small_shop.store.state, NEXT_DAY) != small_shop.rows(MASTER)

    state = small_shop.store.state
    small_shop.store._shop.timeline.edit(sale, state.now)
    run_light(small_shop.settings, NEXT_DAY)
    assert expected_master(state, NEXT_DAY) == small_shop.rows(MASTER)


@pytest.mark.nightly
def test_a_replay_does_not_believe_the_version_either(
    small_shop: SimulatedShop,
) -> None:
    sale = some_sale(small_shop, "middle")
    sale.version = 2**63 - 2
    run_light(small_shop.settings, FIRST_DAY, tables=SOURCES)
    run_light(small_shop.settings, FIRST_DAY, tables=SOURCES, replay=True)

    assert quarantined(small_shop) == [(sale.id, RULE)]


@pytest.mark.nightly
@EVERY_VERSION
@FROM_THE_CURSOR_OR_A_FULL_READ
def test_customers_are_treated_alike(
    small_shop: SimulatedShop, version: int, full: bool
) -> None:
    state = small_shop.store.state
    person = next(
        each
        for each in state.customers.values()
        if each.id != state.default_customer_id and each.deleted_at is None
    )
    person.version = version
    figures: dict[str, Any] = {}

    for replay in (False, True):
        run_light(
            small_shop.settings,
            FIRST_DAY,
            tables=SOURCES,
            full_resync=full,
            replay=replay,
            figures=figures,
        )
        entries = (small_shop.data / "quarantine/customers/records.csv").read_text()
        assert RULE in entries
        assert person.id in entries

    small_shop.store._shop.timeline.edit(person, state.now)
    run_light(small_shop.settings, FIRST_DAY)
    assert expected_master(state, FIRST_DAY) == small_shop.rows(MASTER)


def poison_the_cursor(shop: SimulatedShop, kind: str, version: int) -> tuple[Any, int]:
    """Let the cursor be *version*, as earlier releases did; return whose that is."""
    record = max(
        getattr(shop.store.state, kind).values(), key=lambda each: each.version
    )
    true_version, record.version = record.version, version
    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr(
            feed_pages, "highest_plausible", lambda _after, _versions: 2**63 - 1
        )
        run_light(shop.settings, FIRST_DAY, days=0, tables=SOURCES)
    shop.live_until(NEXT_DAY)
    return record, true_version


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["sales", "customers"])
@EVERY_VERSION
def test_a_cursor_that_was_poisoned_before_stops_the_run(
    small_shop: SimulatedShop, kind: str, version: int
) -> None:
    record, true_version = poison_the_cursor(small_shop, kind, version)

    assert_stops(small_shop)
    if version == 10**13:  # and so it does where the record is right again
        record.version = true_version
        assert_stops(small_shop)


@AT_NIGHT
@pytest.mark.parametrize("kind", ["sales", "customers"])
@pytest.mark.parametrize("version", [2**63 - 2, 10**13])
def test_a_full_read_fixes_a_cursor_that_was_poisoned(
    small_shop: SimulatedShop, kind: str, version: int
) -> None:
    run_light(small_shop.settings, FIRST_DAY, days=0)
    record, true_version = poison_the_cursor(small_shop, kind, version)

    assert_stops(small_shop)
    if version == 10**13:  # and so it does where the record is right again
        record.version = true_version
        assert_stops(small_shop)
        record.version = version
    run_light(small_shop.settings, NEXT_DAY, full_resync=True, recut_all_days=True)
    run_light(small_shop.settings, NEXT_DAY)
    assert small_shop.local.sales_log().cursor() <= true_cursor(small_shop)
    small_shop.store._shop.timeline.edit(record, small_shop.store.state.now)
    run_light(small_shop.settings, NEXT_DAY)
    assert expected_master(small_shop.store.state, NEXT_DAY) == small_shop.rows(MASTER)


def test_the_bounds_are_those_that_the_documents_name() -> None:
    bounds = (feed_versions.NEVER_FAR, feed_versions.FACTOR)
    assert bounds == (1_000_000_000_000, 100)
