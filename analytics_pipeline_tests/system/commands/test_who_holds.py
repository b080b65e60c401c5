"""Who holds the data directory, and what becomes of a run that holds it too long."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import pytest
from typer.testing import CliRunner, Result

from analytics_pipeline import holding
from analytics_pipeline.cli import app
from analytics_pipeline.holding import watched
from analytics_pipeline.simulator.faults import FaultKind, FaultPlan
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop

HOLD = (
    "import sys\n"
    "from analytics_pipeline.settings import load_settings\n"
    "from analytics_pipeline.shop import hold_for_run\n"
    "with hold_for_run(load_settings(), 'analytics-pipeline replay') as holding:\n"
    "    holding.listening(lambda *_: None)('sales', 12000, None)\n"
    "    holding.look()\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


@pytest.fixture
def typed(small_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch) -> SimulatedShop:
    for name, value in small_shop.settings.as_environment().items():
        monkeypatch.setenv(name, value)
    return small_shop


@pytest.fixture
def other(typed: SimulatedShop) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the directory, with a run that has got somewhere."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=typed.data,
        env=os.environ | {"PYTHONPATH": clock.PYTHON_PATH},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def type_in(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.nightly
def test_who_is_refused_status_and_doctor_say_who_is_at_work(
    typed: SimulatedShop, other: subprocess.Popen[bytes]
) -> None:
    refused = type_in("update", "--as-of", FIRST_DAY)

    who = f"analytics-pipeline replay (process {other.pid} on "
    assert refused.exit_code == 4
    assert f"Another run is using {typed.data}: {who}" in refused.stderr
    assert ", at sales 12,000 (last progress at 2" in refused.stderr
    assert f"To stop it: kill -INT {other.pid}" in refused.stderr
    assert f"at work  {who}" in type_in("status").stdout
    assert who in type_in("doctor").stdout
    reported = type_in("status", "--json").stdout
    assert f'"pid": {other.pid}' in reported
    assert '"doing": "sales 12,000"' in reported

    other.kill()
    other.wait()

    assert "at work" not in type_in("status").stdout
    assert '"holder": null' in type_in("status", "--json").stdout


HELD_UP_AT = 4
"""Of the requests of a first load, that one and those after it are not answered."""


@pytest.fixture
def hours_pass_then(
    typed: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> SimulatedShop:
    """As soon as the store does not answer, the clock of the run goes ahead."""

    def hours() -> float:
        asked = int(str(typed.simulator.stats()["total"]))
        return 1e6 if asked >= HELD_UP_AT else 0.0

    monkeypatch.setattr(holding, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(
        "analytics_pipeline.shop.watched", partial(watched, clock=hours)
    )
    typed.simulator.clear_stats()
    return typed


@pytest.mark.nightly
@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.DRIPPING_BODY,
        FaultKind.STALLED_BODY,
        FaultKind.ENDLESS_BODY,
        FaultKind.READ_TIMEOUT,
        FaultKind.RATE_LIMITED,
    ],
)
def test_a_run_that_the_store_holds_up_ends_with_3_and_the_next_one_goes_on(
    kind: FaultKind, hours_pass_then: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = hours_pass_then
    held_up = dict.fromkeys(range(HELD_UP_AT, 500), kind)
    shop.simulator.use_faults(
        FaultPlan(held_up, retry_after_seconds=300, drip_seconds=0.1)
    )

    ended = type_in("update", "--as-of", FIRST_DAY)

    assert ended.exit_code == 3, ended.output
    assert "made no progress for 60 minutes" in ended.stderr
    assert "idle_minutes below [run_limits]" in ended.stderr
    assert "Traceback" not in ended.output
    monkeypatch.setattr("analytics_pipeline.shop.watched", watched)
    shop.simulator.use_faults(FaultPlan())
    reported = type_in("status", "--json").stdout
    assert '"exit_code": 3' in reported
    assert '"outcome": "failed"' in reported

    assert type_in("update", "--as-of", FIRST_DAY).exit_code == 0
    assert shop.rows("customer_analytics_master.csv")
