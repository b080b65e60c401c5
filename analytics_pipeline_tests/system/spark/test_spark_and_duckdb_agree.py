"""Spark and DuckDB, given one store, come to the same bytes in every table and file."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from analytics_pipeline.engine.duckdb import connect
from analytics_pipeline.settings import Engine, load_settings
from analytics_pipeline_tests import light_run
from analytics_pipeline_tests.conftest import forget_environment
from analytics_pipeline_tests.light_run import TABLES, PatientLightspeed, run_light
from analytics_pipeline_tests.simulated_shop import SimulatedShop, open_simulated_shop
from analytics_pipeline_tests.system.crashes.crash_server import noon_after

# The sockets of Py4J are closed by Java.
pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

OPENED = date(2026, 6, 17)
DAYS = (date(2026, 6, 20), date(2026, 6, 22))
THEIR_OWN = {
    "raw_sales/agreement.json",
    "raw_sales/bundles/index.json",
}
"""How day files differ from older ones; and each catch-up, when it began."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedShop]:
    """A small store with a first load by DuckDB, and late changes since."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, folder)
        with open_simulated_shop(
            folder / "data", seed=1, customers=12, opened_on=OPENED, day=DAYS[0]
        ) as opened:
            (opened.data / ".identity_key").write_text("5e" * 32 + "\n")
            yield opened


def run_with(
    engine: Any, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch, day: date
) -> None:
    monkeypatch.setattr(light_run, "_engine", lambda: engine)
    run_light(
        shop.settings,
        day,
        tables=TABLES,
        lightspeed=PatientLightspeed(shop.settings),
        clock=lambda: noon_after(day),
    )


def hashes_of(shop: SimulatedShop) -> dict[str, str]:
    """Fingerprint everything that a run writes, tables, notes and published files."""
    found = {
        str(path.relative_to(shop.data)).removeprefix("warehouse/"): sha256(
            path.read_bytes()
        ).hexdigest()
        for path in shop.data.rglob("*")
        if path.is_file() and path.name != ".lock"
    }
    return {
        name: value
        for name, value in found.items()
        if name not in THEIR_OWN and "/catch_ups/" not in name
    }


def live_twice(
    shop: SimulatedShop,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    update: Callable[[SimulatedShop, date], None],
) -> None:
    """Let two data directories live through the days; *update* is to make the same."""
    duck = connect(Engine.DUCKDB)
    ours, theirs = shop.with_data(folder / "duckdb"), shop.with_data(folder / "other")
    for day in DAYS:
        shop.live_until(day)
        export = "ecom_orders_export.csv"
        for each in (ours, theirs):
            (each.data / export).write_bytes((shop.data / export).read_bytes())
        run_with(duck, ours, monkeypatch, day)
        update(theirs, day)
        assert hashes_of(theirs) == hashes_of(ours)


@pytest.mark.timeout(600)
def test_a_load_by_spark_is_byte_for_byte_that_of_duckdb_rule_7_3(
    shop: SimulatedShop,
    spark: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = shop.with_data(tmp_path / "duckdb"), shop.with_data(tmp_path / "it")
    run_with(connect(Engine.DUCKDB), ours, monkeypatch, DAYS[0])
    run_with(spark, theirs, monkeypatch, DAYS[0])

    found = hashes_of(theirs)

    assert found == hashes_of(ours)
    assert len([name for name in found if name.startswith("raw_sales/")]) >= 4
    assert {"customer_analytics_master.csv", "first_time_buyers.csv"} <= found.keys()


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_late_changes_by_spark_are_those_of_duckdb(
    shop: SimulatedShop,
    spark: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live_twice(
        shop,
        tmp_path,
        monkeypatch,
        lambda other, day: run_with(spark, other, monkeypatch, day),
    )


@cache
def by_connect(address: str) -> Any:
    return connect(Engine.SPARK, address)


def run_by_connect(address: str, environment: dict[str, str], day: date) -> None:
    """What a process of its own does: one has a session of Connect, or of its own."""
    os.environ.update(environment)
    light_run._engine = lambda: by_connect(address)
    settings = load_settings()
    run_light(
        settings,
        day,
        tables=TABLES,
        lightspeed=PatientLightspeed(settings),
        clock=partial(noon_after, day),
    )


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_late_changes_by_spark_connect_are_those_of_duckdb(
    shop: SimulatedShop,
    connect_server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:

        def update(other: SimulatedShop, day: date) -> None:
            environment = other.settings.as_environment()
            pool.submit(run_by_connect, connect_server, environment, day).result()

        live_twice(shop, tmp_path, monkeypatch, update)
