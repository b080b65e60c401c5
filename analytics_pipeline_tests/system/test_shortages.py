"""Too few open files, a full disk, missing rights: reported as such, not as damage."""

import errno
import os
import resource
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import duckdb
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics_pipeline.engine.duckdb import explain_failure
from analytics_pipeline.model.errors import (
    LightspeedRefused,
    LocalFailure,
    PipelineError,
)
from analytics_pipeline.orchestration.gate import as_dagster_failure
from analytics_pipeline.sources.lightspeed.outlets import _time_zone
from analytics_pipeline.sources.patience import explain_no_reply
from analytics_pipeline.storage import machine as shortages
from analytics_pipeline.storage.machine import (
    allow_more_files,
    explain_shortage,
    refuse_few_files,
    refuse_shortage,
)
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.light_run import run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop

FULL = OSError(errno.EMFILE, "Too many open files", "some.file")


@pytest.fixture
def few_files(tmp_path: Path) -> Iterator[Path]:
    """A process that can open nothing more; what is needed to fail is there before."""
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    sqlite3.connect(tmp_path / "warm.db").close()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir()) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
    opened = []
    try:
        while True:
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        assert error.errno == errno.EMFILE  # noqa: PT017
    try:
        yield tmp_path
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def failure_of(act: Callable[[], object]) -> Exception:
    try:
        act()
    except Exception as error:
        return error
    raise AssertionError("it did not fail")


def wrapped(
    error: BaseException, *, by: BaseException, is_cause: bool
) -> BaseException:
    if is_cause:
        by.__cause__ = error
    else:
        by.__context__ = error
    return by


def assert_names_the_remedy(reported: PipelineError | None) -> None:
    assert isinstance(reported, LocalFailure)
    assert "Too many files are open" in reported.cause
    for remedy in ("ulimit -n 1024", "LimitNOFILE=1024", "nofile"):
        assert remedy in reported.remedy
    assert "rebuild" not in reported.remedy.replace("nothing has to be rebuilt", "")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_each_library_that_can_open_nothing_is_understood(few_files: Path) -> None:
    table = few_files / "a.parquet"
    failures = {
        "a file": failure_of(table.read_bytes),
        "Arrow": failure_of(lambda: pq.ParquetFile(str(table))),
        "SQLite": failure_of(lambda: sqlite3.connect(few_files / "new.db").execute("")),
        "a socket": failure_of(lambda: socket.create_connection(("127.0.0.1", 9))),
        "a process": failure_of(lambda: subprocess.run(["true"], check=False)),
        "a name": failure_of(lambda: socket.getaddrinfo("shop.invalid", 443)),
    }
    values = {name: explain_shortage(error) for name, error in failures.items()}

    for name, each in values.items():
        assert each is not None, (name, failures[name])
        assert_names_the_remedy(each)


def test_duckdb_without_files_speaks_of_no_damage() -> None:
    error = duckdb.IOException('IO Error: Cannot open file "a": Too many open files')

    assert_names_the_remedy(explain_failure(error))
    assert_names_the_remedy(explain_shortage(error))


@pytest.mark.parametrize(
    "error",
    [
        duckdb.IOException('IO Error: Cannot open "a": Too many open files in system'),
        OSError(errno.ENFILE, "Too many open files in system"),
    ],
)
def test_file_limits_of_machine_and_program_are_distinguished(
    error: Exception,
) -> None:
    failure = explain_failure(error) or explain_shortage(error)

    assert failure is not None
    assert "by all programs together" in failure.cause
    assert "fs.file-max" in failure.remedy


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ('Could not write to file "a": No space left on device', "Make room"),
        ('Could not write file "a": Disk quota exceeded', "quota"),
        ('Cannot open file "a": Permission denied', "right"),
        ('Cannot open file "a": Operation not permitted', "right"),
        ('Cannot open file "a": Read-only file system', "mounted read-only"),
    ],
)
def test_duckdb_says_the_machine_from_damage(words: str, part: str) -> None:
    failure = explain_failure(duckdb.IOException(f"IO Error: {words}"))

    assert isinstance(failure, LocalFailure)
    assert part in failure.remedy
    assert "damage" not in str(failure)
    assert '"a"' not in str(failure)


@pytest.mark.parametrize(
    "error",
    [
        duckdb.IOException("IO Error: No files found that match the pattern"),
        duckdb.InvalidInputException("No magic bytes found at end of file 'a'"),
        duckdb.IOException("IO Error: Could not read enough bytes from file"),
        duckdb.InvalidInputException("Permission denied is in a record"),
    ],
)
def test_damage_is_still_damage(error: Exception) -> None:
    failure = explain_failure(error)

    assert failure is not None
    assert "rebuild" in failure.remedy


def test_an_engine_without_memory_is_reported() -> None:
    failure = explain_failure(duckdb.OutOfMemoryException("Out of Memory Error: …"))

    assert failure is not None
    assert "ran out of memory" in failure.cause


@pytest.mark.parametrize("is_cause", [True, False])
@pytest.mark.parametrize(
    "by",
    [
        LocalFailure("customers is damaged.", "Run: analytics-pipeline rebuild"),
        httpx.ConnectError("no connection"),
        RuntimeError("anything"),
        ValueError("no such zone"),
    ],
)
def test_it_is_found_however_it_is_wrapped(by: BaseException, is_cause: bool) -> None:
    within = wrapped(FULL, by=OSError("in between"), is_cause=not is_cause)

    assert_names_the_remedy(explain_shortage(wrapped(within, by=by, is_cause=is_cause)))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_run_reports_its_own_reason_not_the_steps(number: int) -> None:
    def read() -> None:
        try:
            raise OSError(number, os.strerror(number))
        except OSError as error:
            raise LocalFailure("The table is damaged.", "Run: rebuild") from error

    with pytest.raises(dg.Failure) as failed, as_dagster_failure():
        read()

    assert "Too many files are open" in str(failed.value.metadata["cause"].value)
    assert failed.value.metadata["exit_code"].value == 5


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("unable to open database file"),
        socket.gaierror(-3, "Temporary failure in name resolution"),
        FileNotFoundError("No usable temporary directory found"),
    ],
)
def test_what_may_have_this_reason_has_it_where_no_file_can_be_opened(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortages, "_are_few_left", lambda: True)

    assert_names_the_remedy(explain_shortage(error))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOENT, "none"),
        OSError(errno.EIO, "broken"),
        ValueError("Too many open files"),
        sqlite3.OperationalError("unable to open database file"),
        socket.gaierror(-2, "Name or service not known"),
        FileNotFoundError("No usable temporary directory found"),
        LocalFailure("a", "b"),
        None,
    ],
)
def test_what_has_another_reason_is_left_as_it_is(error: Exception | None) -> None:
    assert explain_shortage(error) is None
    if error is not None:
        refuse_shortage(error)


def test_no_connection_for_want_of_files_is_not_tried_again() -> None:
    error = httpx.ConnectError("no connection")
    error.__cause__ = FULL

    with pytest.raises(LocalFailure, match="Too many files"):
        explain_no_reply(error, "demo.example.com", LightspeedRefused)


def test_a_time_zone_that_cannot_be_read_is_not_one_that_does_not_exist(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the outlet's sales would be put on the store's days."""

    def fail(_name: str) -> None:
        raise FULL

    monkeypatch.setattr("analytics_pipeline.sources.lightspeed.outlets.ZoneInfo", fail)

    with pytest.raises(LocalFailure, match="Too many files"):
        _time_zone("Europe/Berlin")
    monkeypatch.undo()
    assert _time_zone("Europe") is None


def test_an_engine_is_not_opened_where_it_would_end_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_few_files()
    monkeypatch.setattr(shortages, "_are_few_left", lambda: True)

    with pytest.raises(LocalFailure) as refused:
        refuse_few_files()
    assert_names_the_remedy(refused.value)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ((256, 20_000), (4096, 20_000)),
        ((256, 512), (512, 512)),
        ((64, 64), (64, 64)),
        ((8_000, 20_000), (8_000, 20_000)),
        ((1_024, resource.RLIM_INFINITY), (4096, resource.RLIM_INFINITY)),
        ((resource.RLIM_INFINITY,) * 2, (resource.RLIM_INFINITY,) * 2),
    ],
)
def test_as_many_files_as_are_wanted_and_allowed(
    limits: tuple[int, int], expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [limits]
    monkeypatch.setattr(resource, "getrlimit", lambda _which: now[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _which, to: now.append(to))

    allow_more_files()

    assert now[-1] == expected


def test_a_system_that_does_not_allow_it_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_which: int, _to: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _which: (10, 20))
    monkeypatch.setattr(resource, "setrlimit", refuse)

    allow_more_files()


@pytest.mark.nightly
@pytest.mark.parametrize("allowed", [8, 11, 14, 17, 20, 24, 30])
def test_a_command_with_few_files_says_so_and_damages_nothing(
    allowed: int, small_shop: SimulatedShop
) -> None:
    settings = small_shop.settings
    limit = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, {(allowed,) * 2})"
    )
    run = f"{limit}; from analytics_pipeline.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", run, "update", "--as-of", str(FIRST_DAY)],
        env=os.environ | settings.as_environment() | {"PYTHONPATH": clock.PYTHON_PATH},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 5, ended.stderr
    assert f"this program may open {allowed} at once" in ended.stderr
    assert "ulimit -n 1024" in ended.stderr
    assert "Run: analytics-pipeline rebuild" not in ended.stderr
    assert "Traceback" not in ended.stderr
    run_light(settings, FIRST_DAY)
