"""What a command imports before it answers: nothing that it does not need.

To import pandas, Arrow, an engine or Dagster takes longer than the rest of a command
that only says something.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from analytics_pipeline.commands import state as state_of_shop
from analytics_pipeline.commands.state import State, read_state
from analytics_pipeline.orchestration.home import instance_home
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.orchestration.record_files import AskDagster
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    SimulatedShop,
    open_simulated_shop,
)

HEAVY = frozenset(
    {
        *(
            "pandas",
            "numpy",
            "scipy",
            "pandera",
            "pyarrow",
            "ibis",
            "duckdb",
            "pyspark",
        ),
        *("dagster", "sqlalchemy", "apprise", "plotly", "altair", "uvicorn"),
    }
)
IN_TURN = f"""
import json, sys
from typer.testing import CliRunner
from analytics_pipeline.cli import app
for words in sys.argv[1:]:
    done = CliRunner().invoke(app, words.split())
    imported = sorted({set(HEAVY | {"httpx"})!r} & set(sys.modules))
    print(json.dumps([words, done.exit_code, imported, done.output]))
"""


@dataclass(frozen=True)
class Typed:
    """How a command ended, what it or one before it imported, and what it said."""

    code: int
    imported: set[str]
    said: str


def type_in_turn(variables: Mapping[str, str], *commands: str) -> dict[str, Typed]:
    """Type *commands* one after the other, in one process, which takes a second."""
    done = subprocess.run(
        [sys.executable, "-c", IN_TURN, *commands],
        env=os.environ | variables | {"PYTHONPATH": clock.PYTHON_PATH},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {words: Typed(code, set(names), said) for words, code, names, said in lines}


@pytest.fixture(scope="module")
def of_a_night(
    first_days_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SimulatedShop]:
    """A shop after its nightly update."""
    data = shutil.copytree(first_days_data, tmp_path_factory.mktemp("night") / "data")
    with open_simulated_shop(data, seed=1, customers=60) as shop:
        instance_home(shop.settings)  # which names the copy
        yield shop


def test_help_and_status_import_nothing_heavy(of_a_night: SimulatedShop) -> None:
    helps = ("--help", "--version", "status --help")
    screens = ("status", "status --quiet", "status --json")

    typed = type_in_turn(of_a_night.settings.as_environment(), *helps, *screens)

    assert {typed[words].code for words in helps} == {0}
    assert "customer_analytics_master.csv" in typed["status"].said
    assert json.loads(typed["status --json"].said)["published"] == str(FIRST_DAY)
    assert [each.imported for each in typed.values()] == [set()] * len(typed)


def test_doctor_imports_only_what_it_asks_the_store_with(
    of_a_night: SimulatedShop,
) -> None:
    words = "doctor --json"

    typed = type_in_turn(of_a_night.settings.as_environment(), words)[words]

    checks = {each["check"]: each for each in json.loads(typed.said)["checks"]}
    assert {"store", "currency", "web shop", "Dagster", "switches"} <= checks.keys()
    assert "orders in the export" in checks["web shop"]["sentence"]
    assert typed.imported == {"httpx"}


WRONG = [
    "update --as-of nonsense",
    "update --as-of 2199-01-01",
    "update --as-of 1999-01-01",
    "update --accept rows_are_sound",
    "update --accept no_such_check --reason why",
    "update --accept matches_schema --reason why",
    "update --accept rows_are_sound --reason why",
    "update --days 9999",
    "rebuild --as-of 2199-01-01",
    "explain ann --as-of 2199-01-01",
    "explain",
    "outlook --within 91",
    "import-ecom no-such-file.csv",
    "import-ecom no-such-file.csv --accept x --reason why",
    "alert-test",
    "no-such-command",
]


def test_wrong_use_is_refused_before_anything_heavy_is_imported(
    of_a_night: SimulatedShop,
) -> None:
    typed = type_in_turn(of_a_night.settings.as_environment(), *WRONG)

    for words, each in typed.items():
        assert (words, each.code) == (words, 2), each.said
        assert (words, each.imported) == (words, set())


COMMANDS = [
    *("update", "rebuild", "replay", "status", "doctor", "alert-test"),
    *("explain ann", "outlook", "import-ecom orders.csv", "ui", "demo", "simulate"),
]


def test_wrong_settings_are_refused_before_anything_heavy_is_imported() -> None:
    typed = type_in_turn({"ANALYTICS_TIMEZONE": "Nowhere/At_All"}, *COMMANDS)

    for words, each in typed.items():
        assert (words, each.code) == (words, 2), each.said
        assert "ANALYTICS_TIMEZONE" in each.said, words
        assert (words, each.imported - {"httpx"}) == (words, set())


# The answer is the same with Dagster as without ---------------------------------------


def by_dagster(shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch) -> State:
    """The state of a shop where every question is put to Dagster."""

    def in_doubt(_settings: Settings) -> None:
        raise AskDagster

    with monkeypatch.context() as patch:
        patch.setattr(state_of_shop, "open_record_files", in_doubt)
        return read_state(open_shop(shop.settings, clock.now))


def without_dagster(shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch) -> State:
    """The state of a shop where Dagster cannot be asked."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "analytics_pipeline.commands.by_dagster", None)
        return read_state(open_shop(shop.settings, clock.now))


def test_the_state_is_what_dagster_says(
    of_a_night: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = without_dagster(of_a_night, monkeypatch)

    assert found == by_dagster(of_a_night, monkeypatch)
    assert found.runs.last is not None
    assert found.published == FIRST_DAY.isoformat()
    assert all(table.materialized for table in found.tables)
    assert sum(table.rows or 0 for table in found.tables) > 0


def fail(shop: SimulatedShop) -> None:
    """Let a run fail as soon as it asks the store."""
    failing = shop.settings.model_copy(update={"token": None})
    SimulatedShop(shop.store, shop.simulator, failing).update(FIRST_DAY)


def test_why_a_run_failed_is_what_dagster_says(
    first_days_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = shutil.copytree(first_days_data, tmp_path / "data")
    with open_simulated_shop(data, seed=1, customers=60) as shop:
        instance_home(shop.settings)
        fail(shop)

        found = without_dagster(shop, monkeypatch)

        assert found == by_dagster(shop, monkeypatch)
        assert found.runs.failed is not None
        assert "LIGHTSPEED_TOKEN is not set" in found.runs.failed.cause


def forget_the_alerts(shop: SimulatedShop) -> None:
    (shop.data / ".dagster/alerts.json").unlink()


def die(shop: SimulatedShop) -> None:
    """Leave a run whose process is gone."""
    with open_instance(shop.settings) as instance:
        run = dg.DagsterRun("daily_update", status=dg.DagsterRunStatus.STARTED)
        instance.add_run(run)


@pytest.mark.parametrize("act", [die, forget_the_alerts])
def test_what_only_dagster_can_read_is_asked_of_it(
    first_days_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[SimulatedShop], None],
) -> None:
    data = shutil.copytree(first_days_data, tmp_path / "data")
    with open_simulated_shop(data, seed=1, customers=60) as shop:
        instance_home(shop.settings)
        act(shop)

        with pytest.raises(ImportError):
            without_dagster(shop, monkeypatch)
        assert read_state(open_shop(shop.settings, clock.now)) == by_dagster(
            shop, monkeypatch
        )


def test_a_damaged_day_is_noticed_without_dagster_too(
    first_days_data: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(first_days_data, tmp_path / "data")
    with open_simulated_shop(data, seed=1, customers=60) as shop:
        instance_home(shop.settings)
        day = data / "warehouse/raw_sales" / f"{FIRST_DAY}.parquet"
        content = bytearray(day.read_bytes())
        content[len(content) // 2] ^= 1
        day.write_bytes(content)

        typed = type_in_turn(shop.settings.as_environment(), "status")["status"]

    assert typed.code == 5
    assert f"The stored raw_sales of {FIRST_DAY} is damaged" in typed.said
    assert typed.imported == set()
