"""A process that runs updates in forks of itself, and lets them be killed.

It imports all that an update needs, and opens nothing: no thread, no engine and no
connection is forked.  Each line of its input is an order, each line of its output
says what became of it.
"""

import gc
import importlib
import json
import os
import secrets
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from subprocess import PIPE, Popen
from typing import Any

from analytics_pipeline.assets.table import function_of
from analytics_pipeline.report import page
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.shop import hold_directory
from analytics_pipeline.tables import TABLES as SPECS
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.light_run import TABLES, PatientLightspeed, run_light
from analytics_pipeline_tests.system.crashes.operations import Kill, Operations

WITHOUT_THREADS = {
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""A process with several threads must not be forked."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: the signal that killed it or its exit code, and what it did."""

    signal: int
    code: int
    reported: list[str]

    @property
    def operations(self) -> list[str]:
        return [line for line in self.reported if not line.startswith("fsync ")]


class CrashServer:
    """The process, from the outside."""

    def __init__(self, process: "Popen[str]") -> None:
        self._process = process

    def run(
        self,
        settings: Settings,
        day: date,
        *,
        days: int = 7,
        full_resync: bool = False,
        kill: Kill | None = None,
        prepare: str | None = None,
    ) -> Ended:
        """Run an update in a fork, to its end or to the kill.

        The function that *prepare* names, ``module:function``, is called there first.
        """
        order = {
            "environment": settings.as_environment(),
            "day": day.isoformat(),
            "days": days,
            "full_resync": full_resync,
            "kill": asdict(kill) if kill else None,
            "prepare": prepare,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the crash server died"
        return Ended(**json.loads(answer))


@contextmanager
def open_crash_server() -> Iterator[CrashServer]:
    """Start the process; end it afterwards."""
    environment = os.environ | WITHOUT_THREADS | {"PYTHONPATH": clock.PYTHON_PATH}
    command = [sys.executable, "-W", "ignore", "-m", __name__]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=environment) as process:
        yield CrashServer(process)
        assert process.stdin is not None
        process.stdin.close()


# Inside the process ----------------------------------------------------------------


def serve() -> None:
    """Carry out one order after the other."""
    for line in sys.stdin:
        order = json.loads(line)
        load_tables()
        threads = os.listdir("/proc/self/task")  # noqa: PTH208
        assert len(threads) == 1, "a process with threads must not be forked"
        ended = _carry_out(order)
        _import(ended.reported.pop())
        print(json.dumps(asdict(ended)), flush=True)  # noqa: T201


def load_tables() -> None:
    """Import what makes each table, once for all children."""
    for spec in SPECS.values():
        function_of(spec)


def _carry_out(order: dict[str, Any]) -> Ended:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(_update(order, writing))
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as stream:
        reported = stream.read().splitlines()
    _, status = os.waitpid(child, 0)
    if not reported or not reported[-1].startswith("modules "):
        reported.append("modules ")
    if os.WIFSIGNALED(status):
        return Ended(os.WTERMSIG(status), 0, reported)
    return Ended(0, os.WEXITSTATUS(status), reported)


def _import(modules: str) -> None:
    """Import what a run had to import, so that later ones find it there."""
    for name in modules.split()[1:]:
        if name not in sys.modules:
            importlib.import_module(name)


def _update(order: dict[str, Any], writing: int) -> int:
    """Run an update as a command does: it holds the directory, then works."""

    def record(line: str) -> None:
        os.write(writing, f"{line}\n".encode())

    gc.disable()  # a process this short has no need of it
    known = set(sys.modules)
    try:
        for name, value in order["environment"].items():
            os.environ[name] = value
        if order["prepare"]:
            module, _, function = order["prepare"].partition(":")
            getattr(importlib.import_module(module), function)()
        settings = load_settings()
        kill = Kill(**order["kill"]) if order["kill"] else None
        vars(page)["draw"] = lambda _chart: "<svg></svg>"  # to save a second a run
        # The same keys in every run.
        vars(secrets)["token_hex"] = lambda length: "5e" * length
        Operations(settings.data_dir, record, kill).install()
        day = date.fromisoformat(order["day"])
        with hold_directory(settings.data_dir, wait=False):
            run_light(
                settings,
                day,
                days=order["days"],
                full_resync=order["full_resync"],
                tables=TABLES,
                lightspeed=PatientLightspeed(settings),
                clock=lambda: noon_after(day),
            )
        fresh = sorted(set(sys.modules) - known)
        record("modules " + " ".join(name for name in fresh if _is_plain(name)))
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _is_plain(name: str) -> bool:
    """Say whether a module is one that can be imported by its name."""
    spec = getattr(sys.modules[name], "__spec__", None)
    return spec is not None and spec.name == name


def noon_after(day: date) -> datetime:
    """When a simulated store that has lived through *day* has its clock."""
    return datetime.combine(day + timedelta(days=1), time(12, tzinfo=UTC))


if __name__ == "__main__":
    serve()
