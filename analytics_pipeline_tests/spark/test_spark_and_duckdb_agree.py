"""Spark and DuckDB, given one store, come to the same bytes in every table and file."""

from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from analytics_pipeline.engine import connect
from analytics_pipeline.settings import Engine
from analytics_pipeline_tests import light_run
from analytics_pipeline_tests.conftest import forget_environment
from analytics_pipeline_tests.crashes.crash_server import noon_after
from analytics_pipeline_tests.light_run import TABLES, PatientLightspeed, run_light
from analytics_pipeline_tests.simulated_shop import SimulatedShop, open_simulated_shop

# The sockets of Py4J are closed by Java.
pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

OPENED = date(2026, 6, 17)
DAYS = (date(2026, 6, 20), date(2026, 6, 22))
NOTED_BY_THE_CLOCK = {"sales_feed/catch_up.json", "customers/catch_up.json"}


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
        name: value for name, value in found.items() if name not in NOTED_BY_THE_CLOCK
    }


def twins(
    shop: SimulatedShop, folder: Path, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Let two data directories live through the days, one with each engine."""
    duck = connect(Engine.DUCKDB)
    ours, theirs = shop.with_data(folder / "duckdb"), shop.with_data(folder / "other")
    for day in DAYS:
        if day != DAYS[0]:
            shop.live_until(day)
            export = "ecom_orders_export.csv"
            for each in (ours, theirs):
                (each.data / export).write_bytes((shop.data / export).read_bytes())
        run_with(duck, ours, monkeypatch, day)
        # The first load is the lesser half of the work: the late changes are not.
        run_with(engine, theirs, monkeypatch, day)
        yield hashes_of(ours), hashes_of(theirs)


@pytest.mark.timeout(600)
def test_an_update_by_spark_is_byte_for_byte_that_of_duckdb_rule_7_3(
    shop: SimulatedShop,
    spark: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    duck = connect(Engine.DUCKDB)
    ours = shop.with_data(tmp_path / "duckdb")
    run_with(duck, ours, monkeypatch, DAYS[0])
    theirs = shop.with_data(tmp_path / "spark")
    run_with(spark, theirs, monkeypatch, DAYS[0])

    expected, found = hashes_of(ours), hashes_of(theirs)

    assert found == expected
    assert len([name for name in found if name.startswith("raw_sales/")]) >= 4
    assert {"customer_analytics_master.csv", "first_time_buyers.csv"} <= found.keys()


@pytest.mark.nightly
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("place", ["local", "connect"])
def test_late_changes_by_spark_are_those_of_duckdb_here_and_by_spark_connect(
    place: str,
    shop: SimulatedShop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if place == "local":
        engine = request.getfixturevalue("spark")
    else:
        engine = connect(Engine.SPARK, request.getfixturevalue("connect_server"))

    for expected, found in twins(shop, tmp_path, engine, monkeypatch):
        assert found == expected
