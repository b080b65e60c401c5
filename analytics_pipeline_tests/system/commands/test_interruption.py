"""Ctrl-C, a second one, and SIGTERM: one line, code 130, never a traceback."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import duckdb
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytics_pipeline.commands import entry, interruption, running
from analytics_pipeline.commands.terminal import OutputOptions, Terminal
from analytics_pipeline.engine.signals import interrupt_queries
from analytics_pipeline.model.errors import (
    LocalFailure,
    is_interruption,
    note_interruption,
)
from analytics_pipeline.orchestration.gate import as_dagster_failure
from analytics_pipeline.shop import hold_directory
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop

SENTENCE = "interrupted; what was published stays"
LONGEST = 60.0
"""Seconds until a command must have come to a moment, and until it must have ended."""


@contextmanager
def typed(*words: object, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A command at work in a group of its own, as in a terminal."""
    process = subprocess.Popen(
        [sys.executable, "-m", "analytics_pipeline", *map(str, words)],
        env=os.environ | {"PYTHONPATH": clock.PYTHON_PATH} | variables,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + LONGEST
    while not is_so():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_ended_quietly(process: subprocess.Popen[str]) -> str:
    """The command must end soon, with 130, one sentence, and no traceback."""
    out, err = process.communicate(timeout=LONGEST)
    assert process.returncode == 130, out + err
    assert "Traceback" not in out + err
    assert "Aborted" not in out + err
    assert err.count(SENTENCE) == 1
    return out


@pytest.fixture
def variables(small_shop: SimulatedShop) -> dict[str, str]:
    return small_shop.settings.as_environment()


# Moments ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "number"),
    [
        ("typer", signal.SIGINT),
        pytest.param("pandas", signal.SIGINT, marks=pytest.mark.nightly),
        ("dagster", signal.SIGTERM),
    ],
)
def test_while_the_program_is_being_imported(
    module: str, number: signal.Signals, tmp_path: Path
) -> None:
    """The moment is that of an import: a module of that name raises the signal."""
    stand_in = tmp_path / "stand_in"
    (stand_in / module).mkdir(parents=True)
    (stand_in / module / "__init__.py").write_text(
        f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(30)\n"
    )
    path = {"PYTHONPATH": f"{stand_in}{os.pathsep}{clock.PYTHON_PATH}"}

    with typed("update", **path) as command:
        assert_ended_quietly(command)


@contextmanager
def silent_store() -> Iterator[tuple[str, list[str]]]:
    """A store that takes every request and never answers; the paths asked for."""
    asked: list[str] = []

    async def hang(request: Request) -> Response:
        asked.append(request.url.path)
        while not await request.is_disconnected():
            await asyncio.sleep(0.05)
        return Response()

    with serve(Starlette(routes=[Route("/{rest:path}", hang)])) as origin:
        yield origin, asked


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("words", "number"),
    [
        (("update",), signal.SIGINT),
        (("doctor",), signal.SIGTERM),
    ],
)
def test_while_lightspeed_is_waited_for(
    words: tuple[str, ...], number: signal.Signals, variables: dict[str, str]
) -> None:
    with silent_store() as (origin, asked):
        pointed = variables | {"LIGHTSPEED_API_URL": origin}
        with typed(*words, **pointed) as command:
            wait_until(lambda: bool(asked), command)
            os.kill(command.pid, number)
            assert_ended_quietly(command)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("table", "number"),
    [("outlets", signal.SIGINT), ("customer_analytics", signal.SIGTERM)],
)
def test_while_the_tables_are_made(
    table: str, number: signal.Signals, variables: dict[str, str], tmp_path: Path
) -> None:
    data = tmp_path / "fresh"
    fresh = variables | {"ANALYTICS_DATA_DIR": str(data)}
    folder = data / "warehouse" / table

    with typed("update", "--as-of", FIRST_DAY, "--days", 0, **fresh) as command:
        wait_until(lambda: any(folder.rglob("*.parquet")), command)
        os.kill(command.pid, number)
        assert_ended_quietly(command)

    assert not (data / "customer_analytics_master.csv").exists()
    with hold_directory(data, wait=False):
        """Nothing holds it any more."""


def test_a_simulated_store_stops() -> None:
    with typed("simulate", "--customers", 3, "--opened-on", "2026-11-20") as command:
        assert command.stdout is not None
        while "stop it" not in (line := command.stdout.readline()):
            assert line
        time.sleep(0.3)
        os.killpg(command.pid, signal.SIGINT)
        assert_ended_quietly(command)


def test_a_second_one_ends_at_once_whatever_is_still_going_on() -> None:
    """The first is taken by a command that then hangs in its own ending."""
    hang = (
        "import os, signal, sys, time\n"
        "from analytics_pipeline.commands.interruption import ending_quietly\n"
        "with ending_quietly():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(30)\n"
        "    except KeyboardInterrupt:\n"
        "        print('ending', flush=True)\n"
        "        time.sleep(30)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hang],
        env=os.environ | {"PYTHONPATH": clock.PYTHON_PATH},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ending\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)

    assert process.returncode == 130
    assert err == ""


def test_a_signal_that_the_shell_ignores_stays_ignored() -> None:
    """As Ctrl-C is by what runs in the background of a script."""
    script = 'trap "" INT; exec "$@"'
    ends = (
        "import os, signal\n"
        "from analytics_pipeline.commands.interruption import ending_quietly\n"
        "with ending_quietly():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('goes on')\n"
    )
    ended = subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-c", ends],
        env=os.environ | {"PYTHONPATH": clock.PYTHON_PATH},
        capture_output=True, text=True, timeout=LONGEST, check=False,
    )  # fmt: skip

    assert (ended.returncode, ended.stdout) == (0, "goes on\n"), ended.stderr


@pytest.mark.parametrize(
    "text", ["exec('raise KeyboardInterrupt')", "eval('interrupt()')"]
)
@pytest.mark.parametrize("code", [130, 0, 5])
def test_the_exit_code_stays_that_of_the_command_wherever_ctrl_c_came(
    text: str, code: int, tmp_path: Path
) -> None:
    """With ``-m`` Python kills itself after a text that was run is interrupted."""
    script = (
        "import sys\n"
        "from analytics_pipeline.commands.interruption import ending_quietly\n"
        "def interrupt():\n    raise KeyboardInterrupt\n"
        "with ending_quietly():\n"
        f"    try:\n        {text}\n"
        f"    except KeyboardInterrupt:\n        sys.exit({code})\n"
    )
    (tmp_path / "interrupted_within.py").write_text(script, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "interrupted_within"], cwd=tmp_path, check=False,
        env=os.environ | {"PYTHONPATH": clock.PYTHON_PATH},
    )  # fmt: skip

    assert ended.returncode == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("code", [0, 5])
def test_one_that_comes_when_all_is_done_changes_no_exit_code(
    number: signal.Signals, code: int
) -> None:
    """Python takes itself apart then, and with it what sends the signal."""
    script = (
        "import os, sys\n"
        "from analytics_pipeline.commands.interruption import ending_quietly\n"
        "class Last:\n"
        "    def __del__(self, kill=os.kill, own=os.getpid()):\n"
        f"        kill(own, {int(number)})\n"
        "last = Last()\n"
        f"with ending_quietly():\n    sys.exit({code})\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": clock.PYTHON_PATH}, check=False,
    )  # fmt: skip

    assert ended.returncode == code


@pytest.mark.parametrize(
    ("error", "shown"), [("KeyboardInterrupt", False), ("OSError", True)]
)
def test_what_a_library_logs_of_its_interruption_is_not_shown(
    error: str, shown: bool
) -> None:
    """As the pool of database connections does, where one is being closed."""
    script = (
        "import logging, sys\n"
        "from analytics_pipeline.commands.interruption import ending_quietly\n"
        "with ending_quietly():\n"
        f"    try:\n        raise {error}\n"
        f"    except {error}:\n"
        "        logging.getLogger('pool').error('closing', exc_info=True)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": clock.PYTHON_PATH},
    )  # fmt: skip

    assert bool(ended.stderr) is shown


# How an interruption shows -----------------------------------------------------------


class InterruptException(Exception):
    """As DuckDB calls it."""


DagsterInterruption = type("DagsterExecutionInterruptedError", (BaseException,), {})


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (KeyboardInterrupt(), True),
        (DagsterInterruption(), True),
        (RuntimeError("Query interrupted"), True),
        (InterruptException("INTERRUPT Error: Interrupted!"), True),
        (InterruptedError("a system call"), False),
        (RuntimeError("the query was interrupted by a power cut"), False),
        (SystemExit(1), False),
        (OSError("Interrupted"), False),
    ],
)
def test_an_interruption_is_distinguished_from_a_failure(
    error: BaseException, expected: bool
) -> None:
    assert is_interruption(error) is expected


def test_an_interruption_that_a_destructor_swallows_comes_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", interruption._raise_again)

    class Garbage:
        def __del__(self) -> None:
            raise KeyboardInterrupt

    def work() -> None:
        Garbage()
        time.sleep(LONGEST)

    with pytest.raises(KeyboardInterrupt):
        work()

    assert capsys.readouterr().err == ""


@pytest.fixture
def after_a_signal() -> Iterator[None]:
    interrupt_queries()
    yield
    note_interruption(came=False)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("no such result"), True),
        (duckdb.InvalidInputException("No open result set"), True),
        (LocalFailure("The disk is full.", "Make room."), False),
        (SystemExit(1), False),
    ],
)
def test_what_fails_unexpectedly_after_a_signal_is_the_interruption(
    error: BaseException, expected: bool, after_a_signal: None
) -> None:
    assert is_interruption(error) is expected


def test_the_next_command_knows_of_no_signal(after_a_signal: None) -> None:
    def work() -> None:
        raise RuntimeError("no such result")

    assert entry._attempt(Terminal(OutputOptions()), work).code == 5


def test_a_run_that_dagster_canceled_was_interrupted() -> None:
    canceled = SimpleNamespace(
        event_type=dg.DagsterEventType.PIPELINE_CANCELED,
        is_step_failure=False,
        is_failure=False,
    )
    failed = SimpleNamespace(success=False, all_events=[canceled])

    with pytest.raises(KeyboardInterrupt):
        running._failure_of(failed)  # type: ignore[arg-type]


def test_a_run_that_failed_after_a_signal_was_interrupted(after_a_signal: None) -> None:
    failed = SimpleNamespace(success=False, all_events=[])

    with pytest.raises(KeyboardInterrupt):
        running._failure_of(failed)  # type: ignore[arg-type]


def test_a_gate_takes_a_failure_after_a_signal_for_the_interruption(
    after_a_signal: None,
) -> None:
    with pytest.raises(KeyboardInterrupt), as_dagster_failure():
        raise duckdb.InvalidInputException("No open result set")


@pytest.mark.nightly
def test_what_duckdb_makes_of_a_signal_is_an_interruption() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.3)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), as_dagster_failure():
            duckdb.connect().execute(
                "SELECT count(*) FROM range(100000) a, range(100000) b "
                "WHERE a.range % 7 = b.range % 5"
            )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), DagsterInterruption(), RuntimeError("Query interrupted")],
)
def test_a_command_ends_with_130_however_the_interruption_shows(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        raise error

    end = entry._attempt(Terminal(OutputOptions()), work)

    assert end.code == 130
    assert SENTENCE in capsys.readouterr().err


def test_dagster_still_names_its_interruption_so() -> None:
    from dagster._core.errors import DagsterExecutionInterruptedError

    assert is_interruption(DagsterExecutionInterruptedError())
    assert issubclass(dg.Failure, Exception), "and a failure is none"
