"""Tests for analytics_pipeline.sqlite_records: Dagster's own files, kept open."""

import sqlite3
import sys
import threading
import uuid
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.storage.event_log import SqliteEventLogStorage

from analytics_pipeline import kept_open
from analytics_pipeline.kept_open import MOST_OPEN, PAGE_BYTES, KeptOpenEventLog
from analytics_pipeline_tests.examples import each_at_night


def write_settings(home: Path, *, is_ours: bool) -> Path:
    ours = {
        "custom": {
            "module": "analytics_pipeline.sqlite_records",
            "class": "SqliteRecords",
            "config": {"base_dir": str(home)},
        }
    }
    storage = ours if is_ours else {"sqlite": {"base_dir": str(home)}}
    home.mkdir(exist_ok=True)
    text = yaml.safe_dump({"storage": storage, "telemetry": {"enabled": False}})
    (home / "dagster.yaml").write_text(text, encoding="utf-8")
    return home


@dg.asset(check_specs=[dg.AssetCheckSpec("is_fine", asset="table")])
def table():
    yield dg.AssetCheckResult(passed=True)
    yield dg.Output(None, metadata={"rows": 3})


JOB = dg.Definitions(assets=[table], jobs=[dg.define_asset_job("make")])


def run(instance: dg.DagsterInstance) -> str:
    result = JOB.resolve_job_def("make").execute_in_process(instance=instance)
    assert result.success
    return result.run_id


def reported(instance: dg.DagsterInstance, run_id: str) -> dict[str, object]:
    """What the records say of a run, by every road that the product asks."""
    key = table.key
    latest = instance.get_latest_materialization_event(key)
    assert latest is not None
    ended = instance.fetch_run_status_changes(
        dg.DagsterEventType.RUN_SUCCESS, limit=100
    )
    return {
        "status": instance.get_run_by_id(run_id).status,  # type: ignore[union-attr]
        "events": [
            record.event_log_entry.dagster_event.event_type_value  # type: ignore[union-attr]
            for record in instance.get_records_for_run(run_id).records
            if record.event_log_entry.dagster_event
        ],
        "materialized_by": latest.run_id,
        "ended": sorted(record.event_log_entry.run_id for record in ended.records),
        "check": instance.event_log_storage.get_latest_asset_check_execution_by_key(
            [dg.AssetCheckKey(key, "is_fine")]
        )[dg.AssetCheckKey(key, "is_fine")].status,
    }


@pytest.mark.parametrize(
    "is_ours",
    [
        pytest.param(True, id="ours first"),
        pytest.param(False, id="Dagsters first", marks=pytest.mark.nightly),
    ],
)
def test_either_storage_reads_what_the_other_wrote(tmp_path, is_ours):
    write_settings(tmp_path, is_ours=is_ours)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.event_log_storage, KeptOpenEventLog) is is_ours
        first = run(instance)
        before = reported(instance, first)
    write_settings(tmp_path, is_ours=not is_ours)

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert reported(instance, first) == before
        second = run(instance)
        assert reported(instance, second)["ended"] == sorted([first, second])


DAYS = dg.StaticPartitionsDefinition([f"2026-06-{day:02d}" for day in range(1, 31)])
"""The days of a range in one run, each of which has its check planned."""


@dg.multi_asset(
    specs=[dg.AssetSpec("daily", partitions_def=DAYS)],
    check_specs=[dg.AssetCheckSpec("is_fine", asset="daily", partitions_def=DAYS)],
)
def daily(context):
    yield dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey("daily"),
        check_name="is_fine",
        passed=True,
        partition=context.partition_keys[0],
    )
    yield dg.Output(None, output_name="daily_is_fine")
    yield dg.MaterializeResult(asset_key="daily")


def days_recorded(home: Path) -> tuple[list[tuple[object, ...]], list[str]]:
    """The planned and run checks of a run over all days, and its events in order."""
    job = dg.Definitions(assets=[daily]).resolve_implicit_global_asset_job_def()
    tags = {
        "dagster/asset_partition_range_start": DAYS.get_partition_keys()[0],
        "dagster/asset_partition_range_end": DAYS.get_partition_keys()[-1],
    }
    with dg.DagsterInstance.from_config(str(home)) as instance:
        result = job.execute_in_process(instance=instance, tags=tags)
        logs = instance.all_logs(result.run_id)
    with closing(sqlite3.connect(home / "history" / "runs" / "index.db")) as records:
        rows = records.execute(
            "SELECT asset_key, check_name, partition, execution_status, "
            "evaluation_event LIKE '%ASSET_CHECK_EVALUATION%', "
            "evaluation_event_timestamp IS NULL, evaluation_event_storage_id "
            "FROM asset_check_executions ORDER BY partition"
        ).fetchall()
    return rows, [
        log.dagster_event.event_type_value for log in logs if log.is_dagster_event
    ]


@pytest.mark.parametrize("at_once", each_at_night(["7", "0"], by_day=2))
def test_the_days_of_a_range_are_recorded_as_dagster_does_it(
    tmp_path, monkeypatch, at_once
):
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", at_once)
    ours = write_settings(tmp_path / "ours", is_ours=True)
    theirs = write_settings(tmp_path / "theirs", is_ours=False)

    checks, events = days_recorded(ours)

    assert len(checks) == len(DAYS.get_partition_keys())
    assert events.count("ASSET_MATERIALIZATION") == len(DAYS.get_partition_keys())
    assert (checks, events) == days_recorded(theirs)


def test_of_a_batch_that_fails_nothing_is_stored(tmp_path, monkeypatch):
    write_settings(tmp_path, is_ours=True)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        run_id = run(instance)
        log, before = instance.event_log_storage, instance.all_logs(run_id)
        with monkeypatch.context() as patch:
            patch.setattr(log, "store_asset_check_event", fail)
            with pytest.raises(dg.DagsterError, match="the disk is full"):
                log.store_event_batch(before)

        assert instance.all_logs(run_id) == before
        log.store_event_batch(before[:1])
        assert len(instance.all_logs(run_id)) == len(before) + 1


def fail(*_given):
    raise dg.DagsterError("the disk is full")


def test_a_new_file_has_small_pages(tmp_path):
    write_settings(tmp_path, is_ours=True)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        run_id = run(instance)

    files = [tmp_path / "history" / "runs" / f"{name}.db" for name in ("index", run_id)]
    for file in files:
        with closing(sqlite3.connect(file)) as records:
            assert records.execute("PRAGMA page_size").fetchone() == (PAGE_BYTES,)


def test_the_log_of_a_run_can_be_removed_alone(tmp_path):
    """As docs/operations.md says: all but the page of that run stays."""
    write_settings(tmp_path, is_ours=True)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        first, second = run(instance), run(instance)
        before = reported(instance, first)
    (tmp_path / "history" / "runs" / f"{first}.db").unlink()

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert reported(instance, first) == before | {"events": []}
        assert reported(instance, second)["events"] == before["events"]
        made = instance.fetch_materializations(table.key, limit=9).records
        assert [each.run_id for each in made] == [second, first]
        checks = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(table.key, "is_fine"), limit=9
        )
        assert [each.run_id for each in checks] == [second, first]
        assert reported(instance, run(instance))["events"] == before["events"]


def break_class(monkeypatch):
    def other(*_given):
        raise AttributeError(
            "'SqliteRunStorage' object has no attribute '_conn_string'"
        )

    monkeypatch.setattr(kept_open.KeptOpenRecords, "__init__", other)


def break_import(monkeypatch):
    monkeypatch.setitem(sys.modules, "analytics_pipeline.kept_open", None)


@pytest.mark.parametrize(
    "become_another",
    [pytest.param(break_class, marks=pytest.mark.nightly), break_import],
)
def test_with_a_dagster_of_other_parts_its_own_storage_keeps_the_records(
    tmp_path, monkeypatch, caplog, become_another
):
    write_settings(tmp_path, is_ours=True)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        first = run(instance)
        before = reported(instance, first)
    become_another(monkeypatch)

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        assert reported(instance, first) == before
        assert (
            reported(instance, run(instance))["status"] == dg.DagsterRunStatus.SUCCESS
        )
    assert "slower" in caplog.text


def test_what_is_written_is_seen_by_another_process_at_once(tmp_path):
    write_settings(tmp_path, is_ours=True)
    with (
        dg.DagsterInstance.from_config(str(tmp_path)) as writer,
        dg.DagsterInstance.from_config(str(tmp_path)) as reader,
    ):
        run_id = run(writer)

        assert reported(reader, run_id) == reported(writer, run_id)


def test_the_ui_sees_each_event_during_the_run(tmp_path):
    """It watches the time of the run's file, anyone who keeps that open."""
    write_settings(tmp_path, is_ours=True)
    seen, arrived = [], threading.Event()

    def see(entry, _cursor):
        seen.append(entry.message)
        arrived.set()

    with dg.DagsterInstance.from_config(str(tmp_path)) as writer:
        run_id = run(writer)
        watcher = SqliteEventLogStorage(str(tmp_path / "history" / "runs"))
        watcher.register_instance(writer)
        cursor = writer.get_records_for_run(run_id).cursor
        watcher.watch(run_id, cursor, see)
        try:
            written = writer.get_run_by_id(run_id)
            writer.report_engine_event("still here", written)
            assert arrived.wait(20)
        finally:
            watcher.end_watch(run_id, see)
            watcher.dispose()
    assert seen[-1] == "still here"


def test_the_files_of_few_runs_stay_open(tmp_path):
    log = KeptOpenEventLog(str(tmp_path))
    for _ in range(MOST_OPEN + 3):
        run_id = str(uuid.uuid4())
        with log.run_connection(run_id) as connection:
            connection.exec_driver_sql("select 1")

    assert len(log._engines) == MOST_OPEN
    log.wipe()
    assert not [path for path in tmp_path.glob("*.db") if path.stem != "index"]
    log.dispose()


def test_a_table_is_asked_for_until_it_is_there(tmp_path, monkeypatch):
    """Dagster asks at every event of a check, and opens the file for it."""
    answers = [False, True]
    log = KeptOpenEventLog(str(tmp_path))
    monkeypatch.setattr(
        SqliteEventLogStorage, "has_table", lambda _log, _table: answers.pop(0)
    )

    assert [log.has_table("later") for _ in range(3)] == [False, True, True]
    log.dispose()
