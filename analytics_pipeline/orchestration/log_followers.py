"""The processes by which Dagster shows the output of a step while it runs.

A terminal sends Ctrl-C to every process that it started.  These would each answer with
a traceback of their own, and the run ends them anyway when it ends.  So they are
started deaf to it.  The run itself hears it as soon as they are there.

Dagster has no setting for this, so the name under which it knows ``subprocess`` in that
one module is replaced.  A Dagster that has no such name is left as it is.
"""

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from dagster._core.execution import compute_logs

_ENDING = (signal.SIGINT, signal.SIGTERM)


class _Deaf:
    """The module ``subprocess``, whose processes do not hear Ctrl-C."""

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    @staticmethod
    def Popen(*args: Any, **options: Any) -> subprocess.Popen[Any]:  # noqa: N802
        """Start a process; if the run is ended meanwhile, end it with the run."""
        started: list[subprocess.Popen[Any]] = []
        with _signals_kept(started), _deaf():
            started.append(subprocess.Popen(*args, **options))
        return started[0]


@contextmanager
def _deaf() -> Iterator[None]:
    """Let what is started meanwhile not hear Ctrl-C, because it inherits that."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _signals_kept(started: list[subprocess.Popen[Any]]) -> Iterator[None]:
    """Keep back the signals that end a run until whatever is *started* is there.

    Then it is ended too, because nothing else would know of it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # no other thread hears signals
        return
    kept: list[int] = []
    before = {each: signal.getsignal(each) for each in _ENDING}
    for each in _ENDING:
        if callable(before[each]):
            signal.signal(each, lambda number, _frame: kept.append(number))
    try:
        yield
    finally:
        for each, handler in before.items():
            if callable(handler):
                signal.signal(each, handler)
        if kept:
            for process in started:
                process.kill()
                process.wait()
            signal.raise_signal(signal.Signals(kept[0]))


def start_followers_deaf() -> None:
    """Let Dagster start them deaf to Ctrl-C, if it starts them as it used to."""
    if isinstance(vars(compute_logs).get("subprocess"), ModuleType):
        vars(compute_logs)["subprocess"] = _Deaf()
