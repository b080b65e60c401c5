"""Tests for orchestration.instance: records of an older Dagster are reported."""

import sqlite3
from pathlib import Path

import dagster as dg
import pytest

from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.orchestration.home import equip
from analytics_pipeline.orchestration.instance import open_home, records_kept

OLDER = "1aca709bba64"
"""A revision of Dagster's tables that is not the last one."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Records in the form of an older Dagster, whose tables lack a column."""
    home = equip(tmp_path / ".dagster", "instance.yaml")
    open_home(home).dispose()
    with sqlite3.connect(home / "history/runs.db") as records:
        records.execute("ALTER TABLE runs RENAME COLUMN status TO not_yet_status")
        records.execute("UPDATE alembic_version SET version_num = ?", (OLDER,))
    return home


def test_records_of_an_older_dagster_are_named_with_their_remedy(home: Path) -> None:
    instance = open_home(home)

    with pytest.raises(LocalFailure) as caught, records_kept(lambda: home):
        instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))

    assert str(home) in caught.value.cause
    assert "in the form of an older Dagster" in caught.value.cause
    assert caught.value.remedy.endswith(f"DAGSTER_HOME={home} dagster instance migrate")


def test_dagsters_own_error_on_older_records_is_explained_too(
    tmp_path: Path,
) -> None:
    with pytest.raises(LocalFailure) as caught, records_kept(lambda: tmp_path):
        raise dg.DagsterInvariantViolationError(
            "Asset checks require a database schema migration. Run `dagster instance "
            "migrate`."
        )

    assert "in the form of an older Dagster" in caught.value.cause


def test_records_that_fail_in_their_own_form_are_not_called_old(home: Path) -> None:
    with sqlite3.connect(home / "history/runs.db") as records:
        newest = open_home(home).run_storage.alembic_version()[1]
        records.execute("UPDATE alembic_version SET version_num = ?", (newest,))
    instance = open_home(home)

    with pytest.raises(LocalFailure) as caught, records_kept(lambda: home):
        instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))

    assert "are damaged: no such column" in caught.value.cause
