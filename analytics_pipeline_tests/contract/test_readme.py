"""What the README and the settings files promise is so."""

import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from analytics_pipeline.cli import app
from analytics_pipeline.model.policy import AnomalyLimits, RunLimits
from analytics_pipeline.settings import (
    Settings,
    load_anomaly_limits,
    load_export_dialect,
    load_policy,
    load_run_limits,
)
from analytics_pipeline.tables import TABLES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHARED = (
    "telemetry",
    "nux",
    "concurrency",
    "python_logs",
    "run_monitoring",
    "run_retries",
    "retention",
)


def rows_under(heading: str) -> list[str]:
    """The first cells of the table below a heading, without their marks."""
    section = README.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| `?([a-z_-]+)[^|]*\|", section, flags=re.MULTILINE)
    return [cell for cell in cells if cell not in {"table", "command"}]


def test_every_table_is_listed_in_the_order_in_which_it_is_made() -> None:
    assert set(TABLES) == set(rows_under("What you get"))


def test_every_command_is_listed() -> None:
    commands = {
        command.name or command.callback.__name__  # type: ignore[union-attr]
        for command in app.registered_commands
    }

    assert commands == set(rows_under("Run it for your shop"))


def test_every_variable_is_named() -> None:
    variables = {field.alias for field in Settings.model_fields.values()}

    assert set() == {name for name in variables if f"{name}" not in README}


@pytest.mark.parametrize("heading", ["Try it", "Test it"])
def test_one_command_does_it_all(heading: str) -> None:
    section = README.split(f"## {heading}\n")[1].split("\n## ")[0]

    assert len(re.findall(r"^\$ ", section, flags=re.MULTILINE)) == 1


def test_both_instances_have_the_same_settings() -> None:
    root = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    ours = yaml.safe_load(
        (ROOT / "analytics_pipeline/instance.yaml").read_text(encoding="utf-8")
    )

    assert set(SHARED) == set(ours)
    assert ours == {name: root[name] for name in SHARED}


def test_the_example_of_policies_holds_every_key_and_is_valid(tmp_path: Path) -> None:
    example = (ROOT / "data/analytics.example.toml").read_text(encoding="utf-8")
    active = re.sub(
        r"^# (\[?[a-z_A-Z]+\]?( =.*)?)$", r"\1", example, flags=re.MULTILINE
    )
    path = tmp_path / "analytics.toml"
    path.write_text(active, encoding="utf-8")

    chosen = load_policy(path)

    assert chosen.phone_region == "US"
    assert chosen.max_quarantined == 10
    dialect, anomaly_limits = load_export_dialect(path), load_anomaly_limits(path)
    limits = load_run_limits(path)
    assert limits == RunLimits()
    assert anomaly_limits == replace(
        AnomalyLimits(), closed_days=anomaly_limits.closed_days
    )
    assert len(anomaly_limits.closed_days) == 2
    tables = (chosen, dialect, anomaly_limits, limits)
    for name in (field.name for table in tables for field in fields(table)):
        assert f"# {name} = " in example or f"# [{name}]" in example
    assert "ecom_export" in tomllib.loads(active)


def test_the_lock_names_versions_and_no_place() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()

    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^ ]+( ; .+)?", line) for line in lines)


def test_the_lock_holds_what_the_package_and_each_extra_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = [project["dependencies"], *project["optional-dependencies"].values()]
    needed = [Requirement(text) for texts in named for text in texts]
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    held = {
        canonicalize_name(name): version.partition(" ;")[0]
        for name, _, version in (line.partition("==") for line in lines)
    }

    lacking = [
        str(each)
        for each in needed
        if canonicalize_name(each.name) != project["name"]
        and not each.specifier.contains(held.get(canonicalize_name(each.name), "0"))
    ]

    assert lacking == []
