"""One measure in a process of its own: ``python -m benchmarks.worker REPLY``.

Reads ``{"function": "module:name", "arguments": {…}}`` from standard input, calls the
function and writes what it took to the file REPLY.  Nothing is imported here that the
measured code might not need: it would count as its memory.
"""

import importlib
import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter, process_time

MEGABYTE = 1 << 20
OWN_STATUS = Path("/proc/self/status")

Figure = int | float | str


@dataclass
class Outcome:
    """What a measure found: a fingerprint of its result, and figures to show."""

    fingerprint: str | None = None
    figures: dict[str, Figure] = field(default_factory=dict)


@dataclass
class Stopwatch:
    """What the timed part of a measure took.

    Attributes:
        seconds: by a clock on the wall.
        cpu: seconds of the processors, children's included.
        peak: MB that the process, or a child, held at most until the end of that part.
    """

    seconds: float = 0.0
    cpu: float = 0.0
    peak: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time the block; several add up."""
        began, worked = perf_counter(), _work()
        try:
            yield
        finally:
            self.seconds += perf_counter() - began
            self.cpu += _work() - worked
            self.peak = peak_memory()


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
    module, name = task["function"].split(":")
    function = getattr(importlib.import_module(module), name)
    stopwatch = Stopwatch()
    outcome = function(stopwatch, **task["arguments"]) or Outcome()
    reply = asdict(stopwatch) | asdict(outcome)
    Path(sys.argv[1]).write_text(json.dumps(reply), encoding="utf-8")


if __name__ == "__main__":
    main()
