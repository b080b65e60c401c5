"""What every test starts from: no environment of the machine, no state of another."""

import gc
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from analytics_pipeline.commands.running import COLLECT_RARELY
from analytics_pipeline.model.errors import note_interruption
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.simulator.faults import NEVER_WHOLE, FaultKind
from analytics_pipeline.sources import connection
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.built_once import BuiltOnce, shared_by_workers
from analytics_pipeline_tests.examples import choose_profile, is_night, is_property
from analytics_pipeline_tests.light_run import run_light
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    SimulatedShop,
    open_simulated_shop,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    words = f"the day, or moment in UTC, of the tests' clock ({clock.TODAY})"
    parser.addoption("--today", help=words)


def pytest_configure(config: pytest.Config) -> None:
    clock.pin(config.getoption("--today"))
    choose_profile(config)
    _listen_to_signals()


@pytest.hookimpl(tryfirst=True)  # before tests are left out by their marks
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Let a property run at night too, where it is tried on all its examples."""
    if is_night(config):
        for item in filter(is_property, items):
            item.add_marker(pytest.mark.nightly)


def _listen_to_signals() -> None:
    """Let what a test starts be interrupted, as in the foreground of a terminal.

    A shell lets its background jobs ignore SIGINT, and processes inherit that.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


gc.set_threshold(*COLLECT_RARELY)  # as the commands do: a tenth of the time


@event.listens_for(Engine, "connect")
def trust_the_power(connection: Any, _record: Any) -> None:
    """Let Dagster's records of a test go to disk when they will: a fifth of a run."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


SMALL: Any = {
    "seed": 1,
    "customers": 20,
    "opened_on": FIRST_DAY - timedelta(days=12),
}
OURS = ("LIGHTSPEED_", "ECWID_", "ANALYTICS_", "ALERT_", "DAGSTER_", "SPARK_", "AWS_")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_environment(monkeypatch, tmp_path)
    note_interruption(came=False)  # a signal of another test is over


def forget_environment(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Forget what the machine says about a store, and work in *folder*."""
    for name in list(os.environ):
        if name.startswith(OURS) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
    monkeypatch.chdir(folder)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SimulatedShop]:
    """A small simulated store, seven weeks old, and an empty data directory."""
    with open_simulated_shop(tmp_path / "data", seed=1, customers=60) as simulated:
        yield simulated


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> BuiltOnce:
    """What all workers of this run share, to be copied and never changed."""
    return shared_by_workers(tmp_path_factory.getbasetemp())


@pytest.fixture
def hung(kind: FaultKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a reply never comes, wait a fraction of a second and not minutes."""
    if kind is FaultKind.READ_TIMEOUT:
        monkeypatch.setattr(connection, "_TIMEOUT", httpx.Timeout(0.5))
    if kind in NEVER_WHOLE:
        monkeypatch.setattr(connection, "WHOLE_REQUEST", 0.5)


def _update_first_day(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, folder)
        with open_simulated_shop(folder / "data", seed=1, customers=60) as simulated:
            assert simulated.update(FIRST_DAY).failure is None


@pytest.fixture(scope="session")
def first_days_data(built_once: BuiltOnce) -> Path:
    """What a first update of that store leaves behind: made once, never changed."""
    return built_once.get("first_day", _update_first_day) / "data"


@pytest.fixture
def updated_shop(first_days_data: Path, tmp_path: Path) -> Iterator[SimulatedShop]:
    """The store of ``shop`` with a data directory that holds FIRST_DAY already.

    The same seed lives through the same days, so the copy is of this very store.
    """
    data = shutil.copytree(first_days_data, tmp_path / "data")
    with open_simulated_shop(data, seed=1, customers=60) as simulated:
        yield simulated


def _update_small_shop(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, folder)
        with open_simulated_shop(folder / "data", **SMALL) as simulated:
            run_light(simulated.settings, FIRST_DAY)
            open_instance(simulated.settings).dispose()  # its tables are made slowly


@pytest.fixture(scope="session")
def small_shops_data(built_once: BuiltOnce) -> Path:
    """What an update of a store of twelve days leaves behind: made once."""
    return built_once.get("small_shop", _update_small_shop) / "data"


@pytest.fixture
def small_shop(small_shops_data: Path, tmp_path: Path) -> Iterator[SimulatedShop]:
    """A store of twelve days whose last one, FIRST_DAY, is published."""
    data = shutil.copytree(small_shops_data, tmp_path / "data")
    with open_simulated_shop(data, **SMALL) as simulated:
        yield simulated
