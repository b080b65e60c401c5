"""Runs recorded in PostgreSQL are shown and published as those in SQLite are."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.orchestration.jobs import business_days
from analytics_pipeline.orchestration.run_records import (
    list_ends,
    name_records,
    read_end,
)
from analytics_pipeline.orchestration.schedules import missed_days
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop
from analytics_pipeline_tests.system.shared_deployment.server import Server
from analytics_pipeline_tests.system.test_alerts_of_a_shop import (
    break_sales,
    pointed_at,
)

DAY = FIRST_DAY + timedelta(days=2)


ZONES = {"America/New_York"}


def on_sqlite(
    shop: SimulatedShop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> SimulatedShop:
    """The same shop on the same morning, with Dagster's records in files."""
    monkeypatch.delenv("DAGSTER_HOME")
    data = shutil.copytree(shop.data, folder)
    settings = shop.settings.model_copy(update={"data_dir": data})
    return SimulatedShop(shop.store, shop.simulator, settings)


def records_in_files(shop: SimulatedShop) -> dict[str, bytes]:
    """Dagster's records in the data directory: those of before there was a server."""
    return {str(path): path.read_bytes() for path in shop.data.rglob("*.db")}


@pytest.mark.nightly
def test_updates_are_recorded_alerted_and_published_as_with_sqlite(
    database: str,
    server: Server,
    small_shop: SimulatedShop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = pointed_at(small_shop, monkeypatch)
    files = records_in_files(shop)
    assert shop.update(FIRST_DAY).failure is None
    shop.live_until(DAY)
    with monkeypatch.context() as elsewhere:
        other = on_sqlite(shop, tmp_path / "sqlite", elsewhere)
        assert other.update(DAY).failure is None
    outcome = shop.update(DAY)

    assert outcome.failure is None
    assert shop.reproducible(DAY) == other.reproducible(DAY)
    assert records_in_files(shop) == files
    runs = server.ask("SELECT run_id, status FROM runs ORDER BY id", database)
    assert runs[1:] == [(outcome.run_id, "SUCCESS")]
    status = CliRunner().invoke(app, ["status"])
    assert f"as of {DAY}" in status.stdout
    assert "not run yet" not in status.stdout.split("ecom_reconciliation")[0]
    with open_instance(shop.settings) as instance:
        days = business_days(shop.settings)
        after = (DAY + timedelta(days=1)).isoformat()
        missed = (DAY - timedelta(days=1)).isoformat()
        assert missed_days(instance, days, after, zones=ZONES) == [missed]

    assert_the_next_end_is_reported_once(shop)


def assert_the_next_end_is_reported_once(shop: SimulatedShop) -> None:
    with open_instance(shop.settings) as instance:
        ends, cursors = list_ends(instance, {})
        assert len(ends) == 2
        records = name_records(instance)
    break_sales(shop)
    failed = shop.update(DAY)
    with open_instance(shop.settings) as instance:
        assert name_records(instance) == records
        (end,), seen = list_ends(instance, cursors)
        assert end.run_id == failed.run_id
        values = {each.subject: each.failed for each in read_end(instance, end, {})}
        assert values["sales_feed", "rows_are_sound", ""]
        assert list_ends(instance, seen) == ([], seen)
