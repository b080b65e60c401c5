"""A command does its work, and ends the same way, with or without a reader."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from analytics_pipeline.commands import streams
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline_tests import clock

AT_NIGHT = pytest.mark.nightly  # a process takes seconds to begin
TOKEN = "a-token-of-no-one"
COMMAND = [sys.executable, "-m", "analytics_pipeline"]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data directory of a shop whose simulated store answers."""
    opened = clock.now().date() - timedelta(days=4)
    store = Store(1, customers=10, opened_on=opened)
    store.advance_to(clock.now())
    monkeypatch.chdir(tmp_path)
    with serve(build_app(store, token=TOKEN, clock=clock.now)) as origin:
        for name, value in {
            "LIGHTSPEED_DOMAIN_PREFIX": "demo",
            "LIGHTSPEED_TOKEN": TOKEN,
            "LIGHTSPEED_API_URL": origin,
            "ANALYTICS_START_DATE": str(opened),
            "ANALYTICS_DATA_DIR": str(tmp_path / "data"),
        }.items():
            monkeypatch.setenv(name, value)
        yield tmp_path / "data"


def without_reader() -> int:
    """Return the end of a pipe to write to, whose other end is closed."""
    to_read, to_write = os.pipe()
    os.close(to_read)
    return to_write


def run_in(*words: str, stdout: int, stderr: int) -> int:
    ended = subprocess.run(
        [*COMMAND, *words], stdout=stdout, stderr=stderr, timeout=120, check=False
    )
    return ended.returncode


def run_by_shell(words: str, redirection: str) -> "subprocess.CompletedProcess[str]":
    line = f'exec "$0" -m analytics_pipeline {words} {redirection}'
    return subprocess.run(
        ["/bin/sh", "-c", line, sys.executable],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.nightly
@pytest.mark.parametrize(
    "redirection",
    ["2>&-", ">&-", "<&-", "<&- >&- 2>&-", "2>/dev/full"],
)
def test_status_ends_as_ever_with_streams_closed_or_full(
    shop: Path, redirection: str
) -> None:
    ended = run_by_shell("status", redirection)

    assert ended.returncode == 1, "nothing is published yet"
    assert "Traceback" not in ended.stdout + ended.stderr
    if ">&-" not in redirection.replace("2>&-", ""):
        assert "Master CSV not found" in ended.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("update", "--accept", "x"), 2),
        *(
            pytest.param(*each, marks=AT_NIGHT)
            for each in (
                (("doctor",), 0),
                (("status",), 1),
                (("status", "--json"), 1),
                (("import-ecom", "missing.csv"), 2),
            )
        ),
    ],
)
def test_a_closed_pipe_changes_no_exit_code(
    shop: Path, words: tuple[str, ...], code: int
) -> None:
    pipe = without_reader()
    try:
        assert run_in(*words, stdout=pipe, stderr=pipe) == code
    finally:
        os.close(pipe)


@AT_NIGHT
def test_the_reader_of_a_pipe_sees_no_traceback(shop: Path) -> None:
    pipe = without_reader()
    try:
        ended = subprocess.run(
            [*COMMAND, "status"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(pipe)

    assert ended.stderr == ""


@pytest.mark.nightly
def test_an_update_publishes_without_any_stream(shop: Path) -> None:
    run_by_shell("update", "<&- >&- 2>&-")

    assert (shop / "customer_analytics_master.csv").exists()
    assert run_by_shell("status", "").returncode == 0


@pytest.mark.nightly
def test_an_update_that_loses_both_readers_ends_with_0(shop: Path) -> None:
    pipe = without_reader()
    try:
        assert run_in("update", stdout=pipe, stderr=pipe) == 0
    finally:
        os.close(pipe)

    assert (shop / "customer_analytics_master.csv").exists()


@pytest.mark.nightly
def test_a_result_that_a_full_disk_takes_is_a_failure(shop: Path) -> None:
    ended = run_by_shell("status", ">/dev/full")

    assert ended.returncode == 5
    assert "No space left" in ended.stderr


@pytest.mark.parametrize("typed", ["--version", "--help", "status --help"])
def test_what_no_command_says_fails_on_a_full_disk_as_commands_do(typed: str) -> None:
    ended = run_by_shell(typed, ">/dev/full")

    assert ended.returncode == 5
    assert ended.stderr.startswith("error: The output could not be written (No space")


def test_the_next_file_does_not_get_the_number_of_a_closed_stream(
    tmp_path: Path,
) -> None:
    program = (
        "from analytics_pipeline.commands.streams import keep_open; keep_open()\n"
        "import os, sys\n"
        "file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)\n"
        "os.write(2, b'a library complains')\n"
        "sys.exit(file)\n"
    )
    line = 'exec "$0" -c "$1" "$2" <&- >&- 2>&-'

    ended = subprocess.run(
        ["/bin/sh", "-c", line, sys.executable, program, str(tmp_path / "database")],
        timeout=60,
        check=False,
    )

    assert ended.returncode > 2
    assert (tmp_path / "database").read_bytes() == b""


@pytest.mark.parametrize("kind", [streams.Speaker, streams.ErrorSpeaker])
def test_a_console_falls_silent_when_its_reader_goes(
    kind: Callable[..., streams.Speaker],
) -> None:
    with os.fdopen(without_reader(), "w") as stream:
        console = kind(file=stream)

        console.print("no one hears this")
        console.print("nor that")

        assert console.quiet
