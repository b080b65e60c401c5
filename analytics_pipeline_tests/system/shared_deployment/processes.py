"""The processes of a shared deployment, started as its documentation says."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from analytics_pipeline_tests import clock

ROOT = Path(__file__).parents[3]
MODULE = ("--workspace", str(ROOT / "workspace.yaml"))
SOON = 240.0
"""Seconds in which a process that is well has done what it was asked."""


@dataclass
class Started:
    """A process that runs, and the file that it writes its log to."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


def environment() -> dict[str, str]:
    """The test's environment, with this code and this Python's programs first."""
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {
        "PYTHONPATH": clock.PYTHON_PATH,
        "PYTHONWARNINGS": "ignore",
        "PATH": programs,
    }


@contextmanager
def running(log: Path, *words: str | Path) -> Iterator[Started]:
    """Start a process; kill it and its children at the end, without a word."""
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            [str(word) for word in words],
            env=environment(),
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Started(process, log)
        finally:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with its children, as the power going off would."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def start(log: Path, *words: str) -> AbstractContextManager[Started]:
    """Start one process by the script that is delivered for it."""
    return running(log, ROOT / "deploy/postgres/start", *words)


def wait_until(happened: Callable[[], object], seconds: float = SOON) -> None:
    """Wait until *happened* says something true."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, happened
        time.sleep(0.25)
