"""``doctor`` and ``status`` say what somebody has switched off in Dagster's UI."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from typer.testing import CliRunner, Result

from analytics_pipeline.cli import app
from analytics_pipeline.commands.doctor import Grade, check_records, check_switches
from analytics_pipeline.commands.probes import Records
from analytics_pipeline.commands.state import read_state
from analytics_pipeline.commands.switches import WITHOUT, find_switched_off
from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.orchestration.run_records import RecordsByDagster
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline_tests import clock

SCHEDULE, ALERTS = "daily_update_schedule", "alerts"
OFF, ON = InstigatorStatus.STOPPED, InstigatorStatus.RUNNING
UNTOUCHED = InstigatorStatus.DECLARED_IN_CODE


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return load_settings()


@pytest.fixture(scope="module")
def empty_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = load_settings(data_dir=tmp_path_factory.mktemp("empty"))
    open_instance(settings).dispose()
    return settings.records_dir


@pytest.fixture
def instance(settings: Settings, empty_records: Path) -> Iterator[dg.DagsterInstance]:
    shutil.copytree(empty_records, settings.records_dir)
    with open_instance(settings) as instance:
        yield instance


def switch(
    instance: dg.DagsterInstance,
    name: str,
    to: InstigatorStatus,
    location: str = "analytics_pipeline",
) -> None:
    """Note the state of a schedule or a sensor as the UI and the daemon do."""
    target = LoadableTargetOrigin(module_name="analytics_pipeline.definitions")
    place = ManagedGrpcPythonEnvCodeLocationOrigin(target, location)
    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(place, "__repository__"), name
    )
    if name == SCHEDULE:
        of, data = InstigatorType.SCHEDULE, ScheduleInstigatorData("0 2 * * *")
    else:
        of, data = InstigatorType.SENSOR, SensorInstigatorData()
    instance.add_instigator_state(InstigatorState(origin, of, to, data))


def switched_off(settings: Settings, instance: dg.DagsterInstance) -> list[str]:
    records = RecordsByDagster(settings.shop_name, instance)
    return find_switched_off(records.switches())


def type_in(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_every_schedule_and_sensor_of_the_definitions_is_known(
    settings: Settings,
) -> None:
    built = build_definitions(settings)
    names = {each.name for each in (*built.schedules, *built.sensors)}

    assert names == set(WITHOUT)


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        pytest.param([], [], id="a shop that a timer updates"),
        pytest.param(
            [(SCHEDULE, UNTOUCHED), (ALERTS, UNTOUCHED)], [], id="a daemon runs"
        ),
        pytest.param([(SCHEDULE, OFF)], [SCHEDULE], id="the schedule"),
        pytest.param([(ALERTS, OFF), (SCHEDULE, ON)], [ALERTS], id="the alerts"),
        pytest.param(
            [(ALERTS, OFF), (SCHEDULE, OFF)], [SCHEDULE, ALERTS], id="both, in order"
        ),
        pytest.param([("dead_runs", OFF)], ["dead_runs"], id="dead runs"),
        pytest.param(
            [("ecom_export_changed", OFF)], ["ecom_export_changed"], id="exports"
        ),
        pytest.param([("a_sensor_of_theirs", OFF)], [], id="what is not ours"),
    ],
)
def test_what_is_switched_off_is_named(
    settings: Settings,
    instance: dg.DagsterInstance,
    noted: list[tuple[str, InstigatorStatus]],
    expected: list[str],
) -> None:
    for name, status in noted:
        switch(instance, name, status)

    assert switched_off(settings, instance) == expected
    assert read_state(open_shop(settings)).switched_off == expected


def test_one_that_was_switched_off_under_an_earlier_location_is_in_use(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    switch(instance, SCHEDULE, OFF, "analytics_pipeline.definitions")
    switch(instance, SCHEDULE, UNTOUCHED)

    assert switched_off(settings, instance) == []


def test_in_a_chain_only_the_shop_with_the_schedule_off_says_so(
    settings: Settings,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    switch(instance, SCHEDULE, OFF, "north")
    switch(instance, SCHEDULE, UNTOUCHED, "south")

    def off(shop: str) -> list[str]:
        monkeypatch.setattr(Settings, "shop_name", property(lambda _: shop))
        return switched_off(settings, instance)

    assert (off("north"), off("south")) == ([SCHEDULE], [])


def test_status_says_what_does_not_happen_and_where_to_switch_it_on(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    before = type_in("status")
    switch(instance, SCHEDULE, OFF)

    result = type_in("status")

    assert "Switched off" not in before.output
    assert "daily_update_schedule (no update starts at night)" in (result.stdout)
    assert "Automation" in result.stdout
    assert result.exit_code == before.exit_code, "nothing failed"
    assert "daily_update_schedule" in type_in("status", "--quiet").stderr
    assert json.loads(type_in("status", "--json").stdout)["switched_off"] == [SCHEDULE]


def test_doctor_says_so_with_the_state_of_the_daemon(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    switch(instance, ALERTS, OFF)

    document = json.loads(type_in("doctor", "--json").stdout)["checks"]

    found = {each["check"]: each for each in document}["switches"]
    assert found["grade"] == "warning"
    assert (
        "alerts (a failure is reported only when a command ends)" in found["sentence"]
    )
    assert "Automation" in found["remedy"]


@pytest.mark.parametrize(
    ("off", "grade", "kept"),
    [((), Grade.OK, "keeps the schedule"), ((SCHEDULE,), Grade.WARNING, "lives")],
)
def test_a_living_daemon_keeps_no_schedule_that_is_switched_off(
    tmp_path: Path, off: tuple[str, ...], grade: Grade, kept: str
) -> None:
    records = Records(tmp_path, clock.now(), off)

    assert kept in check_records(records, clock.now()).sentence
    assert check_switches(records).grade is grade


def test_a_shop_without_records_has_nothing_switched_off() -> None:
    assert check_switches(None).grade is Grade.OK
