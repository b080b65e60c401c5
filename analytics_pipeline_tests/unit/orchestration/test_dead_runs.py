"""Tests for orchestration.run_records: a run without a process blocks no other."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock

from analytics_pipeline.orchestration.records import GONE, GRACE
from analytics_pipeline.orchestration.run_records import SHOP_TAG, build_dead_run_sensor
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline_tests import clock


@dg.op
def work() -> None: ...


@dg.job(tags={SHOP_TAG: "north"})
def in_the_north() -> None:
    work()


@dg.job
def anywhere() -> None:
    work()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop whose clock is well past the start of any run of these tests."""
    settings = load_settings(data_dir=tmp_path)
    return open_shop(settings, lambda: clock.now() + 2 * GRACE)


def start(instance: dg.DagsterInstance, job: dg.JobDefinition = anywhere) -> str:
    """A run that was begun and whose process says nothing any more."""
    run = instance.create_run_for_job(job, tags=job.tags)
    begun = dg.DagsterEventType.RUN_START.value
    event = dg.DagsterEvent(begun, job_name=run.job_name, message="begun")
    instance.report_dagster_event(event, run_id=run.run_id)
    assert status(instance, run.run_id) is dg.DagsterRunStatus.STARTED
    return run.run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def held_by_a_run(shop: Shop) -> FileLock:
    """The lock as another process holds it; one's own is given again."""
    shop.settings.data_dir.mkdir(parents=True, exist_ok=True)
    return FileLock(shop.settings.data_dir / ".lock", is_singleton=False)


class Ticks:
    """The sensor, tick after tick."""

    def __init__(self, shop: Shop, instance: dg.DagsterInstance) -> None:
        self._sensor = build_dead_run_sensor(lambda: shop)
        self._instance = instance
        self._cursor: str | None = None

    def __call__(self) -> None:
        context = dg.build_sensor_context(self._instance, cursor=self._cursor)
        self._sensor(context)
        self._cursor = context.cursor


def test_a_run_whose_process_is_gone_is_ended_at_the_second_look(shop, instance):
    run, tick = start(instance), Ticks(shop, instance)

    tick()
    assert status(instance, run) is dg.DagsterRunStatus.STARTED
    tick()

    assert status(instance, run) is dg.DagsterRunStatus.FAILURE
    values = [entry.dagster_event for entry in instance.all_logs(run)]
    assert any(event and event.message == GONE for event in values)


def test_a_run_that_works_is_left_alone(shop, instance):
    run, tick = start(instance), Ticks(shop, instance)

    with held_by_a_run(shop):
        for _ in range(3):
            tick()

    assert status(instance, run) is dg.DagsterRunStatus.STARTED


def test_a_run_that_waited_for_the_directory_has_it_by_the_second_look(shop, instance):
    run, tick = start(instance), Ticks(shop, instance)

    tick()
    with held_by_a_run(shop):
        tick()
    tick()

    assert status(instance, run) is dg.DagsterRunStatus.STARTED


def test_a_run_that_has_just_begun_is_given_time(tmp_path, instance):
    settings = load_settings(data_dir=tmp_path)
    soon = open_shop(settings, lambda: clock.now() + GRACE - timedelta(minutes=1))
    run, tick = start(instance), Ticks(soon, instance)

    tick()
    tick()

    assert status(instance, run) is dg.DagsterRunStatus.STARTED


class North(Settings):
    """The settings of one shop of a chain."""

    @property
    def shop_name(self) -> str:
        return "north"


def test_another_shops_run_is_none_of_ours(shop, instance):
    north, other = start(instance, in_the_north), start(instance)
    settings = North(data_dir=shop.settings.data_dir, _env_file=None)
    tick = Ticks(open_shop(settings, shop.clock), instance)

    tick()
    tick()

    assert status(instance, north) is dg.DagsterRunStatus.FAILURE
    assert status(instance, other) is dg.DagsterRunStatus.STARTED


def test_runs_that_ended_or_have_not_begun_are_not_looked_at(shop, instance):
    waiting = instance.create_run_for_job(anywhere)
    done = anywhere.execute_in_process(instance=instance)
    tick = Ticks(shop, instance)

    tick()
    tick()

    assert status(instance, waiting.run_id) is dg.DagsterRunStatus.NOT_STARTED
    assert status(instance, done.run_id) is dg.DagsterRunStatus.SUCCESS
