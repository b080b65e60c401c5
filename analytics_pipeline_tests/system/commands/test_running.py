"""The message where Dagster's own records cannot be kept."""

import sqlite3
from datetime import date
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.commands import running
from analytics_pipeline.shop import Shop
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop


def test_a_full_disk_under_dagsters_records_is_named(
    shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_settings: Any) -> Any:
        cause = sqlite3.OperationalError("database or disk is full")
        raise OperationalError("INSERT INTO event_logs …", {"secret": 1}, cause)

    monkeypatch.setattr(running, "open_instance", full)
    monkeypatch.setattr(Shop, "today", date(2026, 6, 21))
    environment = shop.settings.as_environment()

    result = CliRunner().invoke(
        app, ["update", "--as-of", str(FIRST_DAY)], env=environment
    )

    assert result.exit_code == 5
    assert str(shop.data / ".dagster") in result.stderr
    assert "database or disk is full" in result.stderr
    assert "INSERT" not in result.stderr
