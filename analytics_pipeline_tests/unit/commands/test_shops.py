"""Which shop a command is for, and what it says where that is not clear."""

import json
import sysconfig
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.commands.ui import environment_of
from analytics_pipeline.orchestration.code_location import write_workspace
from analytics_pipeline.settings import Chain, read_chain
from analytics_pipeline_tests.chain_of_shops import write_shop
from analytics_pipeline_tests.receivers import open_webhook

OF_ONE = ("update", "rebuild", "import-ecom x.csv", "replay", "explain x")


@pytest.fixture
def shops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A chain of two shops that have never run, as the environment names it."""
    monkeypatch.setenv("ANALYTICS_SHOPS", "shops")
    for name in ("north", "south"):
        write_shop(tmp_path / "shops", name)
    return tmp_path / "shops"


def type_in(line: str) -> Result:
    return CliRunner().invoke(app, line.split())


@pytest.mark.parametrize("command", OF_ONE)
def test_in_a_chain_a_command_about_one_shop_asks_which(
    shops: Path, command: str
) -> None:
    result = type_in(command)

    assert result.exit_code == 2
    assert "2 shops: north, south" in result.stderr
    assert f"analytics-pipeline --shop north {command.split()[0]}" in result.stderr


@pytest.mark.parametrize("command", [*OF_ONE, "status", "alert-test"])
def test_a_shop_without_a_chain_is_refused(command: str) -> None:
    result = type_in(f"--shop north {command}")

    assert result.exit_code == 2
    assert "ANALYTICS_SHOPS is not set" in result.stderr
    assert "Leave out --shop" in result.stderr


@pytest.mark.parametrize("command", ["demo", "simulate", "ui"])
def test_a_command_about_no_shop_takes_none(shops: Path, command: str) -> None:
    result = type_in(f"--shop north {command}")

    assert result.exit_code == 2
    assert f"Run: analytics-pipeline {command}" in result.stderr


@pytest.mark.parametrize("command", ["update", "status", "alert-test"])
def test_a_shop_that_is_not_there_is_refused(shops: Path, command: str) -> None:
    result = type_in(f"--shop west {command}")

    assert result.exit_code == 2
    assert "no shop 'west'" in result.stderr
    assert "north, south" in result.stderr


def test_the_shop_may_be_named_by_the_environment_and_the_option_goes_before(
    shops: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYTICS_SHOP", "south")

    assert json.loads(type_in("status --json").stdout)["shop"] == "south"
    assert json.loads(type_in("--shop north status --json").stdout)["shop"] == "north"


def test_the_status_of_a_chain_is_that_of_each_shop_with_its_own_next_step(
    shops: Path,
) -> None:
    result = type_in("status")

    assert result.exit_code == 1
    for name in ("north", "south"):
        assert f"Run: analytics-pipeline --shop {name} update" in result.stdout


def test_a_broken_shop_is_listed_and_sets_the_exit_code(
    shops: Path,
) -> None:
    write_shop(shops, "berlin", LIGHTSPEED_TOKEN="")

    result = type_in("status")

    assert result.exit_code == 2
    assert "error: berlin.env cannot be used: LIGHTSPEED_TOKEN" in result.stderr
    assert "--shop north update" in result.stdout
    assert "--shop south update" in result.stdout
    assert type_in("--shop north status").exit_code == 1


def test_a_fault_has_the_name_of_its_own_shop(
    shops: Path,
) -> None:
    write_shop(shops, "zurich", LIGHTSPEED_TOKEN="")

    assert "error: zurich.env" in type_in("status").stderr


def test_alert_test_tries_the_channels_of_every_shop(shops: Path) -> None:
    with open_webhook() as north, open_webhook() as south:
        write_shop(shops, "north", ALERT_URLS=north.url)
        write_shop(shops, "south", ALERT_URLS=south.url)
        assert type_in("alert-test").exit_code == 0
        assert north.titles == ["[north] TEST of alerts"]
        assert south.titles == ["[south] TEST of alerts"]

        assert type_in("--shop south alert-test").exit_code == 0
        assert (len(north.titles), len(south.titles)) == (1, 2)


def test_alert_test_goes_on_after_a_shop_without_a_channel(
    shops: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_webhook() as south:
        monkeypatch.setenv("ALERT_URLS", south.url)
        write_shop(shops, "south", ALERT_URLS=south.url)

        result = type_in("alert-test")

        assert result.exit_code == 2
        assert "error: north: ALERT_URLS is not set" in result.stderr
        assert str(shops / "north.env") in result.stderr
        assert south.titles == ["[south] TEST of alerts"]


def test_a_file_that_others_can_read_is_reported_with_every_command(
    shops: Path,
) -> None:
    (shops / "north.env").chmod(0o644)

    assert f"chmod 600 {shops / 'north.env'}" in type_in("--shop north status").stderr
    assert "chmod" not in type_in("--shop south status").stderr


# The UI ----------------------------------------------------------------------------


@pytest.fixture
def chain(shops: Path, tmp_path: Path) -> Chain:
    write_shop(shops, "West")
    return read_chain(shops, tmp_path / "data")


def test_the_workspace_has_a_location_a_shop_broken_ones_among_them(
    chain: Chain, tmp_path: Path
) -> None:
    path = write_workspace(chain.data_dir, chain)

    assert path.parent == tmp_path / "data/.dagster"
    assert json.loads(path.read_text())["load_from"] == [
        {
            "python_module": {
                "module_name": "analytics_pipeline.locations",
                "attribute": name,
                "location_name": name,
                # else Dagster takes modules from the current folder
                "working_directory": sysconfig.get_path("stdlib"),
            }
        }
        for name in ("West", "north", "south")
    ]


def test_dagsters_processes_inherit_where_the_chain_is_and_no_ones_secrets(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIGHTSPEED_TOKEN", "ALERT_URLS", "ANALYTICS_STORE", "OTHER"):
        monkeypatch.setenv(name, "of-no-one")

    environment = environment_of(chain)

    assert [name for name in environment if environment[name] == "of-no-one"] == [
        "OTHER"
    ]
    assert environment["ANALYTICS_SHOPS"] == str(tmp_path / "shops")
    assert environment["ANALYTICS_DATA_DIR"] == str(tmp_path / "data")
    assert environment["DAGSTER_HOME"] == str(tmp_path / "data/.dagster")
