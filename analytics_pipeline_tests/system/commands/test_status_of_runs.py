"""`status` after real runs: how the last one ended, since when, and what to do."""

import io
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from filelock import FileLock
from pydantic import SecretStr
from rich.console import Console

from analytics_pipeline.commands import status as screen
from analytics_pipeline.commands.entry import in_json
from analytics_pipeline.commands.runs import RunEnding
from analytics_pipeline.commands.state import State, read_state
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.model.errors import DirectoryInUse
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import hold_directory, open_shop
from analytics_pipeline.simulator.faults import FaultKind, FaultPlan
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop

MORNING = datetime.combine(FIRST_DAY + timedelta(days=1), datetime.min.time(), UTC)
SEVEN = MORNING + timedelta(hours=11)  # 7 a.m. in New York


def state_of(shop: SimulatedShop) -> State:
    return read_state(open_shop(shop.settings, lambda: SEVEN))


def shown(state: State) -> str:
    out = Console(record=True, width=100, file=io.StringIO())
    screen._show(state, Terminal(out=out))
    return out.export_text()


def run(shop: SimulatedShop, settings: Settings) -> int:
    """Update FIRST_DAY with other *settings*; return the exit code."""
    failure = SimulatedShop(shop.store, shop.simulator, settings).update(FIRST_DAY)
    code = getattr(failure.failure, "code", 0)
    assert isinstance(code, int)
    return code


@pytest.mark.nightly
def test_a_revoked_token_comes_first_until_a_run_is_done(
    small_shop: SimulatedShop,
) -> None:
    assert run(small_shop, small_shop.settings) == 0
    assert state_of(small_shop).is_good
    assert shown(state_of(small_shop)).startswith("Last run\n done ")

    revoked = small_shop.settings.model_copy(update={"token": SecretStr("old")})
    assert run(small_shop, revoked) == 3

    state = state_of(small_shop)
    assert state.fresh
    assert not state.is_good
    first = shown(state).splitlines()[:4]
    assert first[0] == "Last run"
    assert "failed" in first[1]
    assert f"daily_update of {FIRST_DAY}, exit code 3" in first[1]
    assert "does not accept the token (401)" in first[2]
    assert "Make a new one at Setup > Personal Tokens" in first[3]
    document = in_json({"runs": state.runs})["runs"]
    assert document["failed"]["exit_code"] == 3
    assert document["last"] == document["failed"]
    assert "then run: analytics-pipeline update" in state.advice[0].lower()

    with hold_directory(small_shop.data, wait=False):
        assert not state_of(small_shop).is_good
    assert run(small_shop, small_shop.settings) == 0
    state = state_of(small_shop)
    assert state.is_good
    assert state.runs.failed is None


def test_a_run_without_a_token_says_so(small_shop: SimulatedShop) -> None:
    without = small_shop.settings.model_copy(update={"token": None})

    assert run(small_shop, without) == 2

    failed = state_of(small_shop).runs.failed
    assert failed is not None
    assert (failed.outcome, failed.exit_code) == (RunEnding.FAILED, 2)
    assert "LIGHTSPEED_TOKEN is not set" in failed.cause


@pytest.mark.nightly
def test_a_run_that_a_gate_stopped_is_reported_once_with_what_the_gate_found(
    small_shop: SimulatedShop,
) -> None:
    export = small_shop.data / "ecom_orders_export.csv"
    whole = export.read_bytes()
    export.write_bytes(b"nothing of the kind")
    assert run(small_shop, small_shop.settings) == 1

    state = state_of(small_shop)
    text = shown(state)
    assert not state.is_good
    assert "cause   a gate failed: see Failed" in text
    assert "ecom_orders  export_is_readable, since" in text
    assert text.count(state.failures[0].sentence[:40]) == 1

    export.write_bytes(whole)
    assert run(small_shop, small_shop.settings) == 0
    assert state_of(small_shop).is_good


def test_a_disk_that_fails_is_reported_with_its_code(
    small_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: object, **_more: object) -> None:
        raise OSError(28, "No space left on device", "outlets.parquet")

    with monkeypatch.context() as patch:
        patch.setattr("analytics_pipeline.storage.tables.Warehouse.write", full)
        assert run(small_shop, small_shop.settings) == 5

    failed = state_of(small_shop).runs.failed
    assert failed is not None
    assert failed.exit_code == 5
    assert "No space left on device" in failed.cause


def test_a_refused_command_leaves_the_last_run_what_it_was(
    small_shop: SimulatedShop,
) -> None:
    """Exit code 4 ends a command before its run begins."""
    without = small_shop.settings.model_copy(update={"token": None})
    assert run(small_shop, without) == 2
    before = state_of(small_shop).runs
    assert before.failed is not None
    with (
        FileLock(small_shop.data / ".lock"),  # as another process holds it
        pytest.raises(DirectoryInUse),
        hold_directory(small_shop.data, wait=False),
    ):
        pass

    assert state_of(small_shop).runs == before


@pytest.mark.nightly
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_command_that_is_stopped_is_under_way_and_then_interrupted(
    small_shop: SimulatedShop, how: signal.Signals
) -> None:
    slow = dict.fromkeys(range(1, 1000), FaultKind.SLOW_PAGE)
    small_shop.simulator.use_faults(FaultPlan(slow, slow_seconds=1.0))
    command = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "analytics_pipeline",
            "update",
            "--full",
            f"--as-of={FIRST_DAY}",
        ],
        env=os.environ
        | small_shop.settings.as_environment()
        | {"PYTHONPATH": clock.PYTHON_PATH},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while state_of(small_shop).runs.under_way is None:
            assert command.poll() is None, "it was done too soon"
            assert time.monotonic() < end
        assert "under way" in shown(state_of(small_shop))
    finally:
        command.send_signal(how)
        command.wait()

    runs = state_of(small_shop).runs
    assert runs.under_way is None
    assert runs.failed is not None
    assert (runs.failed.outcome, runs.failed.exit_code) == (RunEnding.INTERRUPTED, 130)
    assert runs.failed.remedy == "Run it again: analytics-pipeline update"
