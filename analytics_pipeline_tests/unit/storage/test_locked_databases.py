"""A database that another program holds is reported as that, not as a full disk."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy.exc import OperationalError

from analytics_pipeline import kept_open
from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.orchestration.gate import as_dagster_failure
from analytics_pipeline.orchestration.home import equip
from analytics_pipeline.orchestration.instance import open_home, records_kept
from analytics_pipeline.storage.machine import (
    MOST_NAMED,
    explain_lock,
    is_locked,
    name_locked,
)

RUNS, SCHEDULES, EVENTS = (
    "history/runs.db", "schedules/schedules.db", "history/runs/index.db"
)  # fmt: skip


@contextmanager
def held(*paths: Path) -> Iterator[None]:
    """Another program holds these databases for itself."""
    others = [sqlite3.connect(path, isolation_level=None) for path in paths]
    try:
        for other in others:
            other.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        for other in others:
            other.close()


def lock_error(path: Path) -> sqlite3.OperationalError:
    """The error that SQLite raises for a database that is held."""
    with (
        held(path),
        closing(sqlite3.connect(path, timeout=0)) as database,
        pytest.raises(sqlite3.OperationalError) as caught,
    ):
        database.execute("CREATE TABLE another (one)")
    return caught.value


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Dagster's records, for which a write waits but a moment."""
    monkeypatch.setattr(kept_open, "BUSY_SECONDS", 0.2)
    home = equip(tmp_path / "it's here" / ".dagster", "instance.yaml")
    open_home(home).dispose()
    return home


def write_runs(instance: dg.DagsterInstance) -> None:
    instance.daemon_cursor_storage.set_cursor_values({"a": "b"})


def write_events(instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions("days", ["2026-01-01"])


def write_schedules(instance: dg.DagsterInstance) -> None:
    storage = instance.schedule_storage
    assert storage is not None
    with storage.connect() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("CREATE TABLE another (one)")


@pytest.mark.parametrize(
    ("file", "write"),
    [(RUNS, write_runs), (EVENTS, write_events), (SCHEDULES, write_schedules)],
)
def test_records_that_another_program_holds_are_named_with_the_file(home, file, write):
    with (
        open_home(home) as instance,
        held(home / file),
        pytest.raises(LocalFailure) as caught,
        records_kept(lambda: home),
    ):
        write(instance)

    assert caught.value.cause == (
        f"Dagster's records in {home} are in use by another program: {file}."
    )
    assert "Make room" not in caught.value.remedy
    assert "backup" in caught.value.remedy


@pytest.mark.parametrize(
    ("file", "write"),
    [(RUNS, write_runs), (EVENTS, write_events), (SCHEDULES, write_schedules)],
)
def test_a_program_that_lets_go_in_time_hinders_nothing(home, file, write, monkeypatch):
    """It holds the file for longer than Dagster's own storage of runs would wait."""
    monkeypatch.setattr(kept_open, "BUSY_SECONDS", 30)
    with open_home(home) as instance:
        other = sqlite3.connect(
            home / file, isolation_level=None, check_same_thread=False
        )
        other.execute("BEGIN EXCLUSIVE")
        letting_go = threading.Timer(1.0, other.close)
        letting_go.start()
        write(instance)
        letting_go.join()


def test_every_engine_of_the_records_waits_as_long(home):
    with open_home(home) as instance:
        storages = (instance.run_storage, instance.schedule_storage)
        for storage in storages:
            with storage.connect() as connection:
                waits = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
            assert waits == 200


def wrapped_by_a_library(error: Exception) -> Exception:
    return OperationalError("INSERT …", {}, error)


def raised_from(error: Exception) -> Exception:
    other = RuntimeError("it failed")
    other.__cause__ = wrapped_by_a_library(error)
    return other


def raised_within(error: Exception) -> Exception:
    other = dg.DagsterError("it failed")
    other.__context__ = error
    return other


def unwrapped(error: Exception) -> Exception:
    return error


def without_its_cause(_error: Exception) -> Exception:
    return OperationalError(
        "INSERT …", {}, sqlite3.OperationalError("database is locked")
    )


WRAPPINGS = [
    unwrapped, wrapped_by_a_library, raised_from, raised_within, without_its_cause
]  # fmt: skip


@pytest.mark.parametrize("wrap", WRAPPINGS)
def test_a_lock_is_seen_however_it_is_wrapped(wrap, tmp_path):
    failure = explain_lock(wrap(lock_error(tmp_path / "a.db")))

    assert failure is not None
    assert failure.exit_code == 5
    assert "in use by another program" in failure.cause


@pytest.mark.parametrize("wrap", WRAPPINGS[:4])
def test_a_step_that_meets_a_lock_says_so(wrap, tmp_path):
    with pytest.raises(dg.Failure) as failed, as_dagster_failure():
        raise wrap(lock_error(tmp_path / "a.db"))

    assert "in use by another program" in str(failed.value.metadata["cause"].value)


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.OperationalError("attempt to write a readonly database"),
        sqlite3.DatabaseError("database is locked"),
        OSError("database is locked"),
        RuntimeError("the door is locked"),
        None,
    ],
)
def test_another_trouble_is_not_called_a_lock(error):
    assert explain_lock(error) is None
    assert error is None or not is_locked(error)


@pytest.mark.parametrize("count", [0, 1, MOST_NAMED, MOST_NAMED + 1])
def test_the_files_that_are_held_are_named_up_to_a_few(tmp_path, count):
    paths = [tmp_path / f"no. {number} #%.db" for number in range(count)]
    (tmp_path / "no database.db").write_text("text")
    with closing(sqlite3.connect(tmp_path / "free.db")) as free:
        free.execute("CREATE TABLE one (one)")
    with held(*paths):
        named = name_locked(tmp_path)

    assert named.count(".db") == min(count, MOST_NAMED)
    assert named.endswith(", …") is (count > MOST_NAMED)
