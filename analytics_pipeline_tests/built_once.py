"""What is built once in a run of the tests, for all its workers.

A worker that needs it while another one builds it waits.  It is kept for one run only,
because what a data directory holds was written by the pinned clock of that run; and
no one may change it, so a test takes a copy.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock


@dataclass(frozen=True)
class BuiltOnce:
    """Folders that the workers of a run share, in one of their own."""

    folder: Path

    def get(self, name: str, build: Callable[[Path], None]) -> Path:
        """Return the folder *name*, which *build* fills if no worker has yet."""
        built, done = self.folder / name, self.folder / f"{name}.done"
        with FileLock(self.folder / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(built, ignore_errors=True)  # of a build that failed
                built.mkdir()
                build(built)
                done.touch()
        return built


def shared_by_workers(of_this_worker: Path) -> BuiltOnce:
    """Return what the workers of this run share, given the folder of one of them."""
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    of_the_run = of_this_worker.parent if is_worker else of_this_worker
    folder = of_the_run / "built-once"
    folder.mkdir(exist_ok=True)
    return BuiltOnce(folder)
