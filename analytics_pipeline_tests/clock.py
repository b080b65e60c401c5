"""The clock of every test: pinned, so that no test depends on the day it is run on.

``pytest --today=2028-02-29`` runs the tests as on that day at noon UTC, and
``--today=2027-03-14T06:30`` as from that moment of UTC on; without it they run as on
``TODAY``.  The clock goes on from there.  Processes that a test starts share it, if
their PYTHONPATH holds ``HOOK`` and their environment ``OFFSET``, as ``os.environ``
does; a monotonic clock is real everywhere.  Only this module knows the real clock.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analytics_pipeline_tests.clock_of_processes.sitecustomize import OFFSET, travel

ROOT = Path(__file__).parents[1]
HOOK = Path(__file__).parent / "clock_of_processes"
PYTHON_PATH = f"{ROOT}{os.pathsep}{HOOK}"
"""What PYTHONPATH of a process must be that runs this code by the pinned clock."""
TODAY = "2026-11-25"
"""A Wednesday, far from the end of a month and from any change of a clock."""


def pin(today: str | None) -> None:
    """Pin the clock of this process and of those that it starts.

    Where it is pinned already, as in a worker of xdist, it stays as it is.

    Raises:
        ValueError: *today* is neither a day nor a moment.
    """
    if OFFSET not in os.environ:
        moment = read_moment(today or TODAY)
        os.environ[OFFSET] = repr(moment.timestamp() - time.time())
        known = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(HOOK), known)))
    travel(float(os.environ[OFFSET]))


def read_moment(today: str) -> datetime:
    """Return the moment that *today* means: noon of a day, or a moment, in UTC."""
    moment = datetime.fromisoformat(today)
    if "T" not in today:
        moment = moment.replace(hour=12)
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def now() -> datetime:
    """Return the present moment of the pinned clock."""
    return datetime.now(UTC)


def variables() -> dict[str, str]:
    """Return what a process needs that does not inherit the environment."""
    return {"PYTHONPATH": PYTHON_PATH, OFFSET: os.environ[OFFSET]}


def exported() -> str:
    """Return a line that gives the same to a process that a shell starts."""
    given = (f'{name}="{value}"' for name, value in variables().items())
    return f"export {' '.join(given)}"


def set_modified(path: Path, moment: datetime) -> None:
    """Let the file at *path* have been written at *moment* of the pinned clock."""
    real = (moment - timedelta(seconds=float(os.environ[OFFSET]))).timestamp()
    os.utime(path, times=(real, real))
