"""One measure in a process of its own: ``python -m benchmarks.worker REPLY``.

Reads ``{"function": "module:name", "arguments": {…}}`` from standard input, calls the
function and writes what it took to the file REPLY.  Nothing is imported here that the
measured code might not need: it would count as its memory.

Imports are timed separately, wherever the function makes them, and are left out of its
seconds.  A command is a process of its own, so its seconds include its imports.
"""

import builtins
import importlib
import json
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

MEGABYTE = 1 << 20
IMPORTS, WITHIN = "imports, s", "within"
"""A figure, and what it is where the imports are in the seconds."""

OWN_STATUS = Path("/proc/self/status")

Figure = int | float | str


@dataclass
class Outcome:
    """What a measure found: a fingerprint of its result, and figures to show."""

    fingerprint: str | None = None
    figures: dict[str, Figure] = field(default_factory=dict)


class Imports:
    """What the imports of the main thread have taken so far, by both clocks."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.seconds = self.cpu = 0.0
        self._running = False

    def time_separately(self) -> None:
        """Time every import from now on, those within another one with it."""
        plain, main = builtins.__import__, threading.get_ident()

        def timed(*given: Any, **named: Any) -> Any:
            if self._running or threading.get_ident() != main:
                return plain(*given, **named)
            self._running = True
            began, worked = perf_counter(), process_time()
            try:
                return plain(*given, **named)
            finally:
                self._running = False
                self.seconds += perf_counter() - began
                self.cpu += process_time() - worked

        builtins.__import__ = timed


IMPORTED = Imports()


@dataclass
class Stopwatch:
    """What the timed part of a measure took, without imports.

    Attributes:
        seconds: by a clock on the wall.
        cpu: seconds of the processors, children's included.
        peak: MB that the process, or a child, held at most until the end of that part.
        imports: seconds of the imports until then.
    """

    seconds: float = 0.0
    cpu: float = 0.0
    peak: float = 0.0
    imports: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time the block; several add up."""
        began, worked = now()
        try:
            yield
        finally:
            ended, done = now()
            self.seconds += ended - began
            self.cpu += done - worked
            self.peak = peak_memory()
            self.imports = IMPORTED.seconds


def now() -> tuple[float, float]:
    """Return the time on the wall and that of the processors, both without imports."""
    return perf_counter() - IMPORTED.seconds, _work() - IMPORTED.cpu


def _work() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


def peak_memory() -> float:
    """Return the most memory that this process, or a child of it, ever held, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    return max(_own_peak(unit), children) / MEGABYTE


def _own_peak(unit: int) -> int:
    """Return the peak of this program's own memory in bytes.

    Linux hands ``ru_maxrss`` down from the process that started this one, however
    large that was; the status file is about this one alone.
    """
    if OWN_STATUS.exists():
        for line in OWN_STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main() -> None:
    """Do what standard input asks for."""
    task = json.load(sys.stdin)
    IMPORTED.time_separately()
    module, name = task["function"].split(":")
    function = getattr(importlib.import_module(module), name)
    stopwatch = Stopwatch()
    outcome = function(stopwatch, **task["arguments"]) or Outcome()
    outcome.figures.setdefault(IMPORTS, stopwatch.imports)
    reply = asdict(stopwatch) | asdict(outcome)
    Path(sys.argv[1]).write_text(json.dumps(reply), encoding="utf-8")


if __name__ == "__main__":
    # Under its own name, by which the measured functions know it.
    importlib.import_module("benchmarks.worker").main()
