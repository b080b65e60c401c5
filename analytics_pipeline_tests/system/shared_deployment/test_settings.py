"""The settings of a shared deployment are those of one machine, and more."""

import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
SHARED = ROOT / "deploy/postgres/dagster.yaml"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_shared_part_is_that_of_one_machine() -> None:
    ours, shared = read(ROOT / "analytics_pipeline/instance.yaml"), read(SHARED)

    assert shared.pop("storage").keys() == {"postgres"}
    # What only several shops, or several machines, need.
    assert shared["concurrency"]["runs"].pop("tag_concurrency_limits")
    shared["run_monitoring"].pop("max_runtime_seconds", None)
    ours["run_monitoring"].pop("max_runtime_seconds", None)
    assert shared == ours


def test_two_runs_of_one_shop_are_never_launched_side_by_side() -> None:
    (limit,) = read(SHARED)["concurrency"]["runs"]["tag_concurrency_limits"]

    assert limit == {
        "key": "dagster/code_location",
        "value": {"applyLimitPerUniqueValue": True},
        "limit": 1,
    }


def test_a_run_that_no_process_works_on_ends_at_last() -> None:
    assert 0 < read(SHARED)["run_monitoring"]["max_runtime_seconds"] <= 6 * 3600


def test_whatever_opens_the_database_comes_from_the_environment() -> None:
    (database,) = read(SHARED)["storage"]["postgres"].values()

    for name in ("hostname", "port", "username", "password", "db_name"):
        assert database[name]["env"].startswith("DAGSTER_PG_")


def test_the_storage_is_of_dagsters_own_release() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    postgres = extras["project"]["optional-dependencies"]["postgres"]
    core = tuple(map(int, version("dagster").split(".")))

    # A library of Dagster's is 0.(16 + minor).patch, as dagster is 1.minor.patch.
    assert f"dagster-postgres==0.{core[1] + 16}.{core[2]}" in postgres
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert f"dagster-postgres==0.{core[1] + 16}.{core[2]}" in lock
    pytest.importorskip("dagster_postgres", reason="pip install '.[postgres]'")
    assert version("dagster-postgres") == f"0.{core[1] + 16}.{core[2]}"
