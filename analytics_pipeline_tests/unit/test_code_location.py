"""Tests for orchestration.code_location: one name, and runs that are found under it."""

import json
import tomllib
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import RemoteJobOrigin
from dagster._core.workspace.load_target import get_origins_from_toml

from analytics_pipeline.orchestration.code_location import (
    origin_of_job,
    record_like_launched,
    tags_of_command,
    write_workspace,
)
from analytics_pipeline.orchestration.records import COMMAND, LAUNCHED_BY, is_of_command
from analytics_pipeline.settings import load_settings, read_chain
from analytics_pipeline_tests.chain_of_shops import write_shop

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "pyproject.toml"


@dg.asset
def table() -> None:
    """A table that is made at once."""


def names_in(workspace: str) -> list[str]:
    entries = yaml.safe_load(workspace)["load_from"]
    return [entry["python_module"]["location_name"] for entry in entries]


def test_the_location_has_one_name_however_it_is_started(tmp_path: Path) -> None:
    written = write_workspace(tmp_path, None).read_text(encoding="utf-8")
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]

    names = {
        "analytics-pipeline ui": names_in(written),
        "dagster dev": names_in((ROOT / "workspace.yaml").read_text(encoding="utf-8")),
        "dagster, by the project": [
            origin.location_name for origin in get_origins_from_toml(str(PROJECT))
        ],
        "dg dev": [project["dg"]["project"]["code_location_name"]],
        "runs": [origin_of_job(load_settings(), "daily_update").location_name],
    }

    assert names == {start: ["analytics_pipeline"] for start in names}


def test_the_workspace_is_next_to_the_records_and_not_in_dagsters_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "repository"))

    path = write_workspace(tmp_path / "data", None)

    assert path == tmp_path / "data/.dagster/workspace.yaml"
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_origin_of_a_run_is_the_job_where_the_ui_finds_it(tmp_path: Path) -> None:
    origin = origin_of_job(load_settings(), "daily_update")

    assert isinstance(origin, RemoteJobOrigin)
    assert origin.job_name == "daily_update"
    assert origin.repository_origin.get_label() == "__repository__@analytics_pipeline"
    loaded = origin.repository_origin.code_location_origin.loadable_target_origin
    (entry,) = json.loads(write_workspace(tmp_path, None).read_text())["load_from"]
    assert loaded.module_name == entry["python_module"]["module_name"]
    assert loaded.working_directory == entry["python_module"]["working_directory"]


def test_a_shop_of_a_chain_is_a_location_of_its_own_name(tmp_path: Path) -> None:
    write_shop(tmp_path / "shops", "north")
    chain = read_chain(tmp_path / "shops", tmp_path / "data")

    origin = origin_of_job(chain.settings_of("north"), "daily_update")

    assert origin.location_name == "north"
    target = origin.repository_origin.code_location_origin.loadable_target_origin
    assert target.module_name == "analytics_pipeline.locations"
    assert target.attribute == "north"


def test_a_run_in_process_is_recorded_like_one_that_was_launched() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        made = dg.Definitions(
            assets=[table], jobs=[dg.define_asset_job("daily_update")]
        )

        record_like_launched(instance, load_settings(), "daily_update")
        result = made.resolve_job_def("daily_update").execute_in_process(
            instance=instance, tags=tags_of_command()
        )

        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        assert run.tags["dagster/code_location"] == "analytics_pipeline"
        assert run.tags[LAUNCHED_BY] == COMMAND
        label = {".dagster/repository": "__repository__@analytics_pipeline"}
        assert [
            found.run_id for found in instance.get_runs(dg.RunsFilter(tags=label))
        ] == [result.run_id]
        assert is_of_command(run)
