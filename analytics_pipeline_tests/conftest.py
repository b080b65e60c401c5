"""What every test starts from: no environment of the machine, no state of another."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics_pipeline_tests.simulated_shop import SimulatedShop, open_simulated_shop

OURS = ("LIGHTSPEED_", "ANALYTICS_", "ALERT_", "DAGSTER_")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(OURS) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SimulatedShop]:
    """A small simulated store, seven weeks old, and an empty data directory."""
    with open_simulated_shop(tmp_path / "data", seed=1, customers=60) as simulated:
        yield simulated
