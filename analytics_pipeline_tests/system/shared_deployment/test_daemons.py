"""The daemon of a shared deployment: its queue, a second daemon, a worker killed.

Everything here is real: the processes as the documentation starts them, on a server.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import ScheduleInstigatorData

from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.orchestration.records import update_config
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.light_run import TABLES, run_light
from analytics_pipeline_tests.simulated_shop import (
    SimulatedShop,
    open_simulated_shop,
)
from analytics_pipeline_tests.system.shared_deployment.processes import (
    MODULE,
    environment,
    running,
    start,
    wait_until,
)
from analytics_pipeline_tests.system.shared_deployment.server import Server
from analytics_pipeline_tests.system.test_alerts_of_a_shop import pointed_at

YESTERDAY = clock.now().date() - timedelta(days=1)
DAY_BEFORE = YESTERDAY - timedelta(days=1)
NOT_SUPPORTED = "daemon is still sending heartbeats"
BY_HAND = ("dagster-daemon", "run", *MODULE)

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]


@pytest.fixture
def shop(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimulatedShop]:
    """A store of these days, published as of the day before yesterday."""
    with open_simulated_shop(
        tmp_path / "data",
        seed=1,
        customers=20,
        opened_on=YESTERDAY - timedelta(days=12),
        day=DAY_BEFORE,
        time_zone="UTC",
    ) as opened:
        pointed_at(opened, monkeypatch)
        assert opened.update(DAY_BEFORE).failure is None
        export = opened.data / "ecom_orders_export.csv"
        taken_in = export.read_bytes()
        opened.live_until(YESTERDAY)
        export.write_bytes(taken_in)  # nothing for the sensor of new exports
        yield opened


@pytest.fixture
def instance(shop: SimulatedShop) -> Iterator[dg.DagsterInstance]:
    with open_instance(shop.settings) as opened:
        yield opened


def submit(*days: date) -> None:
    """Ask for an update of each day, all at once, as the UI would: by the queue."""
    asked = [
        subprocess.Popen(
            [sys.executable, "-m", "dagster", "job", "launch", *MODULE,
             "--job", "daily_update", "--config-json", json.dumps(update_config()),
             "--tags", f'{{"dagster/partition": "{day}", "shop": "demo"}}'],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for day in days
    ]  # fmt: skip
    assert [each.wait() for each in asked] == [0] * len(days)


def by_daemon(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """The runs that a daemon launched; the first one ever was typed."""
    return list(instance.get_runs())[:-1]


def all_done(instance: dg.DagsterInstance, count: int) -> Callable[[], bool]:
    def done() -> bool:
        runs = by_daemon(instance)
        return len(runs) >= count and all(run.is_finished for run in runs)

    return done


def steps_of(instance: dg.DagsterInstance, run_id: str) -> tuple[float, float]:
    """When a run began its first step and ended its last: it held the directory."""
    moments = [
        record.event_log_entry.timestamp
        for record in instance.get_records_for_run(
            run_id,
            of_type={dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS},
        ).records
    ]
    return min(moments), max(moments)


def assert_one_after_the_other(
    instance: dg.DagsterInstance, runs: list[dg.DagsterRun]
) -> None:
    spans = sorted(steps_of(instance, run.run_id) for run in runs)
    for (_began, ended), (began, _ended) in pairwise(spans):
        assert ended <= began


def assert_published_as_by_one_rebuild(shop: SimulatedShop) -> None:
    other = shop.with_data(shop.data.parent / "other")
    run_light(other.settings, YESTERDAY, tables=TABLES, full_resync=True)
    assert shop.reproducible(YESTERDAY) == other.reproducible(YESTERDAY)


def worker_of(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The process that a run's steps are in, once it makes tables."""
    entries = instance.all_logs(run_id)
    kinds = {entry.dagster_event_type for entry in entries if entry.is_dagster_event}
    if dg.DagsterEventType.ASSET_MATERIALIZATION not in kinds:
        return None
    text = " ".join(entry.message for entry in entries)
    found = re.search(r"process \(pid: (\d+)\)", text)
    return int(found[1]) if found else None


def test_two_updates_asked_for_at_once_run_one_after_the_other(
    shop: SimulatedShop, instance: dg.DagsterInstance, tmp_path: Path, server: Server
) -> None:
    words = [sys.executable, "-m", "analytics_pipeline", "update"]
    with start(tmp_path / "daemon", "daemon") as daemon:
        submit(DAY_BEFORE, YESTERDAY)
        wait_until(
            lambda: any(worker_of(instance, r.run_id) for r in by_daemon(instance))
        )
        typed = subprocess.run(
            words, env=environment(), capture_output=True, text=True, check=False
        )
        wait_until(all_done(instance, 2))
        reported = daemon.words + arguments_of_all()

    assert (typed.returncode, typed.stdout) == (4, ""), typed.stderr
    assert "Another run is using" in typed.stderr
    runs = by_daemon(instance)
    assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS] * 2
    assert_one_after_the_other(instance, runs)
    assert server.password not in reported
    assert_published_as_by_one_rebuild(shop)


def arguments_of_all() -> str:
    """What every process of this machine was started with: anybody can read that."""
    return " ".join(
        path.read_bytes().decode(errors="replace")
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.exists()
    )


def test_a_second_daemon_waits_and_takes_over(
    shop: SimulatedShop, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    with (
        start(tmp_path / "first", "daemon") as first,
        start(tmp_path / "second", "daemon") as second,
    ):
        wait_until(lambda: "Instance is configured" in first.words + second.words)
        if "Instance is configured" in second.words:
            first, second = second, first
        submit(YESTERDAY)
        wait_until(all_done(instance, 1))
        assert second.words == ""

        first.process.send_signal(signal.SIGKILL)
        wait_until(lambda: "Instance is configured" in second.words)
        submit(YESTERDAY)
        wait_until(all_done(instance, 2))
        assert NOT_SUPPORTED not in first.words + second.words

    assert_published_as_by_one_rebuild(shop)


def test_two_daemons_started_past_the_lock_publish_nothing_wrong(
    shop: SimulatedShop,
    instance: dg.DagsterInstance,
    tmp_path: Path,
) -> None:
    """What Dagster calls not supported: both take the same tick, and the same file."""
    with running(tmp_path / "before", *BY_HAND):
        wait_until(lambda: miss_last_night(instance))
    shop.live_until(YESTERDAY)  # with a new export of the web shop
    with (
        running(tmp_path / "one", *BY_HAND) as one,
        running(tmp_path / "two", *BY_HAND) as two,
    ):
        wait_until(all_done(instance, 2))
        wait_until(lambda: NOT_SUPPORTED in one.words and NOT_SUPPORTED in two.words)
        wait_until(all_done(instance, 2))
        ticks = [log.words.count("Evaluating schedule") for log in (one, two)]

    runs = by_daemon(instance)
    assert sum(ticks) >= 1
    keys = [run.tags["dagster/run_key"] for run in runs]
    assert len(keys) == len(set(keys))
    assert all(run.status is dg.DagsterRunStatus.SUCCESS for run in runs)
    assert_one_after_the_other(instance, runs)
    assert_published_as_by_one_rebuild(shop)


def miss_last_night(instance: dg.DagsterInstance) -> bool:
    """Let the schedule look as if no one had been there last night, once it runs."""
    for state in instance.all_instigator_state():
        known = state.instigator_data
        if state.instigator_type is InstigatorType.SCHEDULE and isinstance(
            known, ScheduleInstigatorData
        ):
            long_ago = (clock.now() - timedelta(hours=25)).timestamp()
            missed = ScheduleInstigatorData(known.cron_schedule, long_ago, long_ago)
            instance.update_instigator_state(state.with_data(missed))
            return True
    return False


def test_a_worker_that_was_killed_is_found_and_its_run_tried_once_more(
    shop: SimulatedShop, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    with start(tmp_path / "daemon", "daemon"):
        submit(YESTERDAY)
        wait_until(lambda: worker_of(instance, by_daemon(instance)[0].run_id))
        (killed,) = by_daemon(instance)
        os.kill(int(str(worker_of(instance, killed.run_id))), signal.SIGKILL)
        wait_until(lambda: len(by_daemon(instance)) == 2)
        wait_until(all_done(instance, 2))

    second, first = by_daemon(instance)
    assert first.run_id == killed.run_id
    assert first.status is dg.DagsterRunStatus.FAILURE
    assert second.status is dg.DagsterRunStatus.SUCCESS
    assert second.tags["dagster/parent_run_id"] == first.run_id
    assert second.tags["dagster/retry_number"] == "1"
    text = " ".join(entry.message for entry in instance.all_logs(first.run_id))
    assert "was terminated by signal 9 (SIGKILL)" in text
    assert_published_as_by_one_rebuild(shop)


def test_a_run_whose_machine_went_down_frees_the_queue_at_last(
    shop: SimulatedShop, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """No one is left to find that its process is gone; so does a killed command."""
    with start(tmp_path / "daemon", "daemon") as daemon:
        submit(YESTERDAY)
        wait_until(lambda: worker_of(instance, by_daemon(instance)[0].run_id))
        kill_all_of(daemon.process.pid)
    (lost,) = by_daemon(instance)
    assert lost.status is dg.DagsterRunStatus.STARTED
    settings = Path(os.environ["DAGSTER_HOME"]) / "dagster.yaml"
    text = settings.read_text(encoding="utf-8")
    assert "max_runtime_seconds: 21600" in text
    settings.write_text(text.replace("21600", "5"), encoding="utf-8")

    with start(tmp_path / "again", "daemon"):
        wait_until(lambda: instance.get_run_by_id(lost.run_id).is_finished)  # type: ignore[union-attr]
        settings.write_text(text, encoding="utf-8")
    with start(tmp_path / "at last", "daemon"):
        submit(YESTERDAY)
        wait_until(all_done(instance, 2))

    runs = by_daemon(instance)
    assert runs[0].status is dg.DagsterRunStatus.SUCCESS
    assert runs[-1].status is dg.DagsterRunStatus.FAILURE
    assert_published_as_by_one_rebuild(shop)


def kill_all_of(process: int) -> None:
    """Kill a process and all that came from it, as the power going off would."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        if path.exists() and path.read_text().rpartition(")")[2].split()[1] == str(
            process
        ):
            kill_all_of(int(path.parent.name))
    os.kill(process, signal.SIGKILL)
