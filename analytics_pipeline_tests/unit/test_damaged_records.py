"""Damaged records of Dagster are called damaged, with what is lost without them."""

import shlex
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.settings import load_settings


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 400)


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def header(path: Path) -> None:
    path.write_bytes(b"SQLite format 2" + path.read_bytes()[15:])


def pages(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))


FILES = ["runs.db", "runs/index.db", "schedules/schedules.db"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the records of a shop of which a run is known."""
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with open_instance(load_settings()) as instance:
        instance.add_run(dg.DagsterRun(job_name="daily_update"))
        instance.report_runless_asset_event(dg.AssetMaterialization("customers"))
    home = tmp_path / ".dagster"
    for path in home.rglob("*.db"):  # what SQLite keeps beside it belongs to it
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
    return home


BY_DAY = list(zip(FILES, (garbage, header, pages), strict=True))


def find(home: Path, name: str) -> Path:
    return next(path for path in home.rglob("*.db") if str(path).endswith(name))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        pytest.param(
            name,
            damage,
            marks=() if (name, damage) in BY_DAY else pytest.mark.nightly,
        )
        for name, damage in product(FILES, (garbage, zeros, header, pages))
    ],
)
def test_damaged_records_are_reported_with_what_is_lost_and_the_remedy_works(
    home: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(find(home, name))

    refused = CliRunner().invoke(app, ["status"])

    assert refused.exit_code == 5, refused.output
    cause, remedy = refused.stderr.splitlines()
    assert "records" in cause
    assert "are damaged" in cause
    assert "Lost are the history of runs" in remedy
    assert "tables, master and archive are not in them" in remedy
    words = shlex.split(remedy[remedy.index("mv ") : remedy.index("  New")])
    shutil.move(words[1], words[2])
    assert CliRunner().invoke(app, ["status"]).exit_code == 1, "nothing is published"
    assert Path(words[2]).is_dir()
