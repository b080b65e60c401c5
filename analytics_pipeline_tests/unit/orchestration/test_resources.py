"""What a run waits for, and what it says of it."""

import logging
import sqlite3
import threading
import time
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock
from pydantic import SecretStr

from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.model.errors import LocalFailure, PipelineError, WrongUse
from analytics_pipeline.orchestration import resources
from analytics_pipeline.orchestration.resources import shop_resource
from analytics_pipeline.orchestration.run_records import explain_run_failure
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.storage.state import Holder, kept_note


def test_a_run_says_that_it_waits_for_another_one_and_goes_on_after_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "analytics_pipeline.orchestration.resources")
    resource = shop_resource(lambda: open_shop(load_settings(data_dir=tmp_path)))
    held = threading.Event()

    def run() -> None:
        with dg.build_init_resource_context() as context:
            opened = resource.resource_fn(context)
            next(opened)
            held.set()
            opened.close()

    with FileLock(tmp_path / ".lock", mode=0o600):
        waiting = threading.Thread(target=run, daemon=True)
        waiting.start()
        while "Waiting until it is done" not in caplog.text:
            assert waiting.is_alive()
        assert not held.is_set()
    waiting.join(30)

    assert held.is_set()
    assert f"Another run is using {tmp_path}." in caplog.text


@pytest.mark.parametrize("error", [LocalFailure, WrongUse])
def test_a_failure_before_the_run_has_remedy_and_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[PipelineError]
) -> None:
    def refuse(*_given: object) -> None:
        raise error("A file is damaged.", "Put it back.")

    monkeypatch.setattr(resources, "set_damaged_aside", refuse)
    shop = shop_resource(lambda: open_shop(load_settings(data_dir=tmp_path)))

    @dg.op(required_resource_keys={"shop"})
    def never(_context: dg.OpExecutionContext) -> None:
        raise AssertionError

    @dg.job(resource_defs={"shop": shop})
    def job() -> None:
        never()

    with dg.DagsterInstance.ephemeral() as instance:
        run = job.execute_in_process(instance=instance, raise_on_error=False)
        failure = explain_run_failure(instance, run.run_id)

    assert (failure.cause, failure.remedy) == ("A file is damaged.", "Put it back.")
    assert failure.exit_code == error.exit_code


def test_a_run_that_waits_says_for_whom_and_says_it_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "analytics_pipeline.orchestration.resources")
    monkeypatch.setattr(resources, "LOG_EVERY", 0.1)
    resource = shop_resource(lambda: open_shop(load_settings(data_dir=tmp_path)))
    at_work = Holder(
        "analytics-pipeline rebuild", 4711, "till", "2026-11-25T07:00:00+00:00", "",
        "2026-11-25T07:00:00+00:00",
    )  # fmt: skip

    def run() -> None:
        with dg.build_init_resource_context() as context:
            opened = resource.resource_fn(context)
            next(opened)
            opened.close()

    waiting = threading.Thread(target=run, daemon=True)
    with FileLock(tmp_path / ".lock", mode=0o600), kept_note(tmp_path) as note:
        assert note is not None
        note.write(at_work)
        waiting.start()
        while "at outlets" not in caplog.text:
            assert waiting.is_alive()
            if "Waiting until it is done" in caplog.text:
                note.write(replace(at_work, doing="outlets"))
            time.sleep(0.01)
    waiting.join(30)

    assert not waiting.is_alive()
    assert "analytics-pipeline rebuild (process 4711 on till), since" in caplog.text


def test_no_record_of_dagster_holds_the_token(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, token=SecretStr("t0p-secret"))
    given = build_definitions(settings).resources

    @dg.op(required_resource_keys={"lightspeed"})
    def look(context: dg.OpExecutionContext) -> None:
        assert context.resources.lightspeed.settings == settings

    @dg.job(resource_defs={"lightspeed": given["lightspeed"]})
    def job() -> None:
        look()

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert job.execute_in_process(instance=instance).success

    assert b"The way to Lightspeed" in held(tmp_path / "history" / "runs.db")
    assert not [path for path in databases(tmp_path) if b"t0p-secret" in held(path)]


def databases(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix == ".db"]


def held(database: Path) -> bytes:
    """Return every value of *database*, what is compressed as it was before."""
    with closing(sqlite3.connect(database)) as records:
        tables = records.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        rows = [
            row
            for (table,) in tables.fetchall()
            for row in records.execute(f'SELECT * FROM "{table}"')
        ]
    return b"\n".join(plain(value) for row in rows for value in row)


def plain(value: object) -> bytes:
    raw = value if isinstance(value, bytes) else str(value).encode()
    try:
        return zlib.decompress(raw)
    except zlib.error:
        return raw
