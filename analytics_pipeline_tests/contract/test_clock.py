"""The pinned clock reaches whatever the tests run, and moves nothing else."""

import multiprocessing
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import grpc
import pandas as pd
import pytest
from time_machine import escape_hatch

from analytics_pipeline.assets import export_in_place
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.clock_of_processes.sitecustomize import OF_GRPC

SHORT = timedelta(minutes=2)
"""Longer than a process takes to start on a busy machine."""
PRINT_TIME = "from datetime import *; print(datetime.now(UTC).isoformat())"
PRINT_TIME_IN_A_CHILD = (
    f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{PRINT_TIME}'])"
)
PRINT_PINNED_TIME = (
    "from analytics_pipeline_tests import clock; "
    "clock.pin('2028-02-29'); clock.pin('2031-01-01'); print(clock.now().isoformat())"
)


def reported(*words: str, env: dict[str, str] | None = None) -> datetime:
    """Return the moment that a process prints."""
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return datetime.fromisoformat(done.stdout.strip())


def in_the_shell() -> datetime:
    script = f'{clock.exported()}; exec "$0" -c "$1"'
    return reported("sh", "-c", script, sys.executable, PRINT_TIME, env={})


def in_a_fork_server() -> datetime:
    processes = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, processes) as pool:
        return pool.submit(clock.now).result()


@pytest.mark.parametrize(
    "ask",
    [
        clock.now,
        lambda: datetime.fromtimestamp(time.time(), UTC),
        lambda: datetime.fromtimestamp(time.time_ns() / 10**9, UTC),
        lambda: pd.Timestamp.now(UTC).to_pydatetime(),
        lambda: reported(sys.executable, "-c", PRINT_TIME),
        lambda: reported(sys.executable, "-c", PRINT_TIME, env=clock.variables()),
        lambda: reported(
            sys.executable, "-c", PRINT_TIME_IN_A_CHILD, env=clock.variables()
        ),
        in_the_shell,
        in_a_fork_server,
    ],
    ids=[
        *("helper", "time", "time_ns", "pandas"),
        *("process", "process with a new environment", "its child", "shell"),
        "fork server",
    ],
)
def test_every_reader_gets_the_pinned_moment(ask) -> None:
    real = escape_hatch.datetime.datetime.now(UTC)
    pinned = real + timedelta(seconds=float(os.environ[clock.OFFSET]))

    assert pinned - timedelta(seconds=1) < ask() < pinned + SHORT


def test_a_clock_is_pinned_once_and_to_what_was_asked_for() -> None:
    environment = {**os.environ, "PYTHONPATH": str(clock.ROOT)}
    del environment[clock.OFFSET]

    moment = reported(sys.executable, "-c", PRINT_PINNED_TIME, env=environment)

    assert timedelta() <= moment - datetime(2028, 2, 29, 12, tzinfo=UTC) < SHORT


@pytest.mark.parametrize(
    ("today", "moment"),
    [
        ("2028-02-29", "2028-02-29T12:00:00+00:00"),
        ("2027-03-14T06:45", "2027-03-14T06:45:00+00:00"),
        ("2027-01-01T00:00:00+01:00", "2026-12-31T23:00:00+00:00"),
    ],
)
def test_a_day_is_its_noon_and_a_moment_is_of_utc(today: str, moment: str) -> None:
    assert clock.read_moment(today) == datetime.fromisoformat(moment)


def test_a_day_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="day is out of range"):
        clock.read_moment("2027-02-29")


def test_a_deadline_of_grpc_is_a_moment_of_the_real_clock() -> None:
    real = escape_hatch.time.time()

    for name in OF_GRPC:
        module = import_module(f"grpc.{name}")
        assert abs(module.time.time() - real) < SHORT.total_seconds()
    with (
        grpc.insecure_channel("127.0.0.1:9") as channel,  # where no one listens
        pytest.raises(grpc.FutureTimeoutError),
    ):
        grpc.channel_ready_future(channel).result(timeout=0.2)


CALL = """
import grpc
from concurrent import futures
server = grpc.server(futures.ThreadPoolExecutor(1))
answer = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
server.add_generic_rpc_handlers(
    (grpc.method_handlers_generic_handler("tests", {"answer": answer}),)
)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    print(channel.unary_unary("/tests/answer")(b"well", timeout=30).decode())
server.stop(None)
"""


@pytest.mark.parametrize("days", [-400, 400])
def test_grpc_serves_and_answers_with_a_clock_that_is_far_behind_or_ahead(
    days: int,
) -> None:
    seconds = str(timedelta(days=days).total_seconds())
    environment = {"PYTHONPATH": clock.PYTHON_PATH, clock.OFFSET: seconds}

    done = subprocess.run(
        [sys.executable, "-c", CALL],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (done.returncode, done.stdout) == (0, "well\n"), done.stderr


@pytest.mark.parametrize("age", [timedelta(), timedelta(days=9), timedelta(days=-1)])
def test_the_age_of_a_file_is_by_the_pinned_clock(
    tmp_path: Path, age: timedelta
) -> None:
    shop = open_shop(load_settings(data_dir=tmp_path))
    path = tmp_path / "file"
    path.touch()
    if age:
        clock.set_modified(path, clock.now() - age)

    assert timedelta(seconds=-1) < export_in_place.age_of(shop, path) - age < SHORT
