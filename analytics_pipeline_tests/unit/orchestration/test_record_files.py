"""Tests for analytics_pipeline.orchestration.record_files: what Dagster would say."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
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
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat

from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.orchestration.home import find_own_home, instance_home
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.orchestration.record_files import (
    AskDagster,
    RecordFiles,
    open_record_files,
)
from analytics_pipeline.orchestration.records import LOCATION_TAG, SHOP_TAG
from analytics_pipeline.orchestration.run_records import (
    RecordsByDagster,
    list_ends,
    name_records,
)
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.examples import each_at_night

FILES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return load_settings(data_dir=tmp_path)


@pytest.fixture(scope="module")
def empty_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = load_settings(data_dir=tmp_path_factory.mktemp("empty"))
    open_instance(settings).dispose()
    return settings.records_dir


@pytest.fixture
def instance(settings: Settings, empty_records: Path) -> Iterator[dg.DagsterInstance]:
    shutil.copytree(empty_records, settings.records_dir)
    with open_instance(settings) as instance:
        name_records(instance)  # which gives them a name
        yield instance


def run(
    instance: dg.DagsterInstance,
    *,
    shop: str | None = None,
    fails: bool = False,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Record a run that makes two tables; return its id."""
    above = [shop] if shop else []

    @dg.asset(key=[*above, "customers"])
    def customers() -> None: ...

    @dg.asset(key=[*above, "raw_sales"], deps=[customers])
    def raw_sales() -> None:
        if fails:
            raise dg.Failure("failed", metadata={"exit_code": 3}, allow_retries=False)

    made = [customers, raw_sales]
    job = dg.define_asset_job("daily_update", made)
    result = (
        dg.Definitions(assets=made, jobs=[job], executor=dg.in_process_executor)
        .resolve_job_def("daily_update")
        .execute_in_process(
            instance=instance,
            raise_on_error=False,
            tags={
                "dagster/partition": "2026-06-20",
                **({SHOP_TAG: shop} if shop else {}),
                **(tags or {}),
            },
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    )
    return result.run_id


def switch_off(instance: dg.DagsterInstance, name: str, location: str) -> None:
    target = LoadableTargetOrigin(module_name="analytics_pipeline.definitions")
    place = ManagedGrpcPythonEnvCodeLocationOrigin(target, location)
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(place, "repository"), name)
    schedule = ScheduleInstigatorData("0 2 * * *")
    off = InstigatorStatus.STOPPED
    instance.add_instigator_state(
        InstigatorState(origin, InstigatorType.SCHEDULE, off, schedule)
    )


def assert_as_by_dagster(settings: Settings, instance: dg.DagsterInstance) -> None:
    by_dagster = RecordsByDagster(settings.shop_name, instance)
    with open_record_files(settings) as files:
        assert files.newest_runs() == by_dagster.newest_runs()
        assert files.last_made() == by_dagster.last_made()
        assert list(files.switches()) == list(by_dagster.switches())
        assert files.name() == name_records(instance)


def test_the_files_of_the_installed_dagster_are_read(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    """Where this fails, FORM is that of an earlier Dagster: see what has changed."""
    assert_as_by_dagster(settings, instance)


def test_runs_tables_and_switches_are_those_that_dagster_reads(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    for _ in range(3):
        run(instance)
    run(instance, fails=True, tags={"launched_by": "command", LOCATION_TAG: "here"})
    instance.add_run(
        dg.DagsterRun(
            job_name="daily_update", root_run_id="another", parent_run_id="another"
        )
    )
    for location in ("analytics_pipeline", "elsewhere"):
        switch_off(instance, "alerts", location)

    assert_as_by_dagster(settings, instance)
    with open_record_files(settings) as files:
        assert len(files.newest_runs()) == 5
        assert files.last_made()["raw_sales"] is not None
        assert files.last_made()["outlets"] is None
        assert len(list(files.switches())) == 2


def test_a_table_that_was_only_planned_was_never_made(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    run(instance, fails=True)

    assert_as_by_dagster(settings, instance)
    with open_record_files(settings) as files:
        assert files.last_made()["customers"] is not None
        assert files.last_made()["raw_sales"] is None


def test_of_a_chain_only_what_is_of_the_shop_is_read(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shop in ("north", "south"):
        run(instance, shop=shop)
        switch_off(instance, "alerts", shop)
    run(instance, tags={LOCATION_TAG: "north"})
    instance.dispose()
    for shop in ("north", "south", "west"):
        monkeypatch.setattr(Settings, "shop_name", property(lambda _, name=shop: name))
        instance_home(settings)  # a chain has settings of its own
        with open_instance(settings) as chain:
            assert_as_by_dagster(settings, chain)


def test_the_daemon_was_seen_when_dagster_says(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    seen_at = clock.now() - timedelta(minutes=3)
    with open_record_files(settings) as files:
        assert files.daemon_seen_at("SCHEDULER") is None

    instance.add_daemon_heartbeat(
        DaemonHeartbeat(seen_at.timestamp(), "SCHEDULER", "an id", None)
    )

    with open_record_files(settings) as files:
        assert files.daemon_seen_at("SCHEDULER") == seen_at
        assert files.daemon_seen_at("SENSOR") is None


def raised(error: BaseException) -> Callable[[], object]:
    def act() -> object:
        raise error

    return act


def fail_by_itself() -> object:
    said = {
        "exit_code": 3,
        "cause": "The token is refused.",
        "remedy": "Wait.\nThen go.",
    }
    raise dg.Failure("failed", metadata=said, allow_retries=False)


def fail_like_a_resource() -> object:
    try:
        raise WrongUse("No token.", "Set it.")
    except WrongUse as error:
        raise dg.Failure("No token.\nSet it.", allow_retries=False) from error


def run_failing(
    instance: dg.DagsterInstance, act: Callable[[], object], *, early: bool
) -> str:
    """Record a run that fails in its second step, or before the first."""

    @dg.resource
    def shop(_context: object) -> object:
        return act() if early else None

    @dg.asset(required_resource_keys={"shop"})
    def customers() -> None: ...

    @dg.asset(deps=[customers])
    def raw_sales() -> None:
        act()

    made = [customers, raw_sales]
    result = (
        dg.Definitions(
            assets=made,
            jobs=[dg.define_asset_job("daily_update", made)],
            resources={"shop": shop},
            executor=dg.in_process_executor,
        )
        .resolve_job_def("daily_update")
        .execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    )
    return result.run_id


@pytest.mark.parametrize(
    ("act", "early", "code"),
    [
        (fail_by_itself, False, 3),
        (fail_like_a_resource, False, 2),
        (fail_like_a_resource, True, 2),
    ],
)
def test_a_failure_in_words_for_people_is_the_one_that_dagster_reads(
    settings: Settings,
    instance: dg.DagsterInstance,
    act: Callable[[], object],
    early: bool,
    code: int,
) -> None:
    run_id = run_failing(instance, act, early=early)

    by_dagster = RecordsByDagster(None, instance)
    with open_record_files(settings) as files:
        assert files.explain_failure(run_id) == by_dagster.explain_failure(run_id)
        assert files.explain_failure(run_id).exit_code == code
        assert files.planned_tables(run_id) == by_dagster.planned_tables(run_id)
        assert files.planned_tables(run_id) == {"customers", "raw_sales"}


@pytest.mark.parametrize(
    ("act", "early"),
    [
        (raised(ValueError("personal")), False),
        (raised(ValueError("personal")), True),
        (raised(dg.Failure("failed", metadata={"other": 1})), False),
    ],
)
def test_a_failure_in_other_words_is_left_to_dagster(
    settings: Settings,
    instance: dg.DagsterInstance,
    act: Callable[[], object],
    early: bool,
) -> None:
    run_id = run_failing(instance, act, early=early)

    with open_record_files(settings) as files, pytest.raises(AskDagster):
        files.explain_failure(run_id)


def test_a_run_of_which_nothing_is_kept_is_left_to_dagster(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    run_id = run(instance, fails=True)
    instance.dispose()
    (settings.records_dir / f"history/runs/{run_id}.db").unlink()

    with open_record_files(settings) as files:
        for ask in (files.explain_failure, files.planned_tables):
            with pytest.raises(AskDagster):
                ask(run_id)
    assert not (settings.records_dir / f"history/runs/{run_id}.db").exists()


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_that_ended_since_the_cursors_is_noticed(
    settings: Settings, instance: dg.DagsterInstance, fails: bool
) -> None:
    def has_ended(cursors: Mapping[str, str]) -> bool:
        with open_record_files(settings) as files:
            return files.has_ended_since(cursors)

    assert not has_ended({})
    run(instance, fails=not fails)
    assert has_ended({})
    _, cursors = list_ends(instance, {})
    assert not has_ended(cursors)

    run(instance, fails=fails)

    assert has_ended(cursors)
    assert not has_ended(list_ends(instance, cursors)[1])


def test_the_end_of_a_run_of_another_shop_is_no_news(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    run(instance, shop="north")
    _, cursors = list_ends(instance, {})
    run(instance, shop="south")

    def has_ended(shop: str | None) -> bool:
        with RecordFiles(settings.records_dir, shop) as files:
            for name in FILES:
                files.open(name.removesuffix(".db"), ())
            return files.has_ended_since(cursors)

    assert [has_ended(shop) for shop in ("north", "south", None)] == [False, True, True]


def ask_everything(settings: Settings) -> None:
    with open_record_files(settings) as files:
        files.name()
        files.newest_runs()
        files.last_made()
        list(files.switches())


def change(query: str, name: str) -> Callable[[Path], None]:
    def act(home: Path) -> None:
        with sqlite3.connect(home / name) as file:
            file.execute(query)
        file.close()

    return act


ANOTHER_FORM = "UPDATE alembic_version SET version_num = 'another'"

DOUBTS = {
    "other settings": lambda home: (home / "dagster.yaml").write_text("{}"),
    "no settings": lambda home: (home / "dagster.yaml").unlink(),
    **{f"no {name}": lambda home, name=name: (home / name).unlink() for name in FILES},
    **{
        f"garbage in {name}": lambda home, name=name: (home / name).write_bytes(
            b"no database" * 999
        )
        for name in FILES
    },
    **{
        f"another form of {name}": change(
            "UPDATE alembic_version SET version_num='x'", name
        )
        for name in FILES
    },
    "data not migrated": change("DELETE FROM secondary_indexes", FILES[2]),
    "no such table": change("DROP TABLE instance_info", FILES[0]),
    "no name": change("DELETE FROM instance_info", FILES[0]),
    "a run that is no JSON": change("UPDATE runs SET run_body='x'", FILES[0]),
    "a run without tags": change("UPDATE runs SET run_body='{}'", FILES[0]),
    "a wiped table": change("UPDATE asset_keys SET asset_details='{}'", FILES[1]),
    "an older event": change(
        """UPDATE asset_keys SET last_materialization='{"__class__": "Older"}'""",
        FILES[1],
    ),
    "a table of which the last event is gone": change(
        "UPDATE asset_keys SET last_materialization=NULL", FILES[1]
    ),
    "a location without a name": change(
        """UPDATE instigators SET instigator_body='{"origin": {}}'""", FILES[2]
    ),
}


@pytest.mark.parametrize("doubt", each_at_night(DOUBTS, by_day=4))
def test_in_doubt_dagster_is_asked(
    settings: Settings, instance: dg.DagsterInstance, doubt: str
) -> None:
    run(instance)
    switch_off(instance, "alerts", "analytics_pipeline")
    instance.dispose()
    ask_everything(settings)
    for path in settings.records_dir.rglob("*.db"):
        with sqlite3.connect(path) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.close()

    DOUBTS[doubt](settings.records_dir)

    with pytest.raises(AskDagster):
        ask_everything(settings)


def test_records_elsewhere_are_left_to_dagster(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_own_home(settings) == settings.records_dir
    monkeypatch.setenv("DAGSTER_HOME", str(settings.records_dir))

    assert find_own_home(settings) is None
    with pytest.raises(AskDagster):
        ask_everything(settings)


def test_a_locked_file_is_left_to_dagster(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics_pipeline.orchestration.record_files.PATIENCE", 0.05)
    instance.dispose()
    with sqlite3.connect(settings.records_dir / FILES[0]) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(AskDagster):
            ask_everything(settings)
    other.close()


@pytest.mark.parametrize("cursor", ["", "not base64", "e30=", "eyJ0eXBlIjogIlgifQ=="])
def test_a_cursor_that_is_not_known_is_left_to_dagster(
    settings: Settings, instance: dg.DagsterInstance, cursor: str
) -> None:
    with open_record_files(settings) as files, pytest.raises(AskDagster):
        files.has_ended_since({"PIPELINE_SUCCESS": cursor})


def test_nothing_is_made_or_changed(settings: Settings) -> None:
    with pytest.raises(AskDagster):
        ask_everything(settings)

    assert not settings.records_dir.exists()


def test_nothing_can_be_written(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    with open_record_files(settings) as files, pytest.raises(AskDagster):
        files._ask("history/runs", "DELETE FROM runs")
