"""Updates on a disk of this process's own: too small, or one that no one may write to.

Run it below ``unshare -rm``: what is mounted then is seen by no other process, and
gone when this one ends.  Each line of the input is a case, each line of the output
says what became of it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.shop import hold_directory
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.light_run import (
    TABLES,
    PatientLightspeed,
    exit_code_of,
    run_light,
)
from analytics_pipeline_tests.simulated_shop import SimulatedShop
from analytics_pipeline_tests.system.crashes.crashing_shop import published

UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")
PAGE = 4096


@dataclass(frozen=True, slots=True)
class Case:
    """A data directory on a disk with so many free pages; none: it is read-only.

    ``by_command`` types the command; otherwise the update runs without Dagster, whose
    records take room of their own.
    """

    environment: Mapping[str, str]
    before: str
    day: str
    free_pages: int | None
    by_command: bool = False


@dataclass(frozen=True, slots=True)
class Became:
    """What the update said on that disk, what it left, and what the next one made."""

    code: int
    said: str
    is_published_alone: bool
    is_all_alone: bool
    scratch: list[str]
    completed: Mapping[str, str]


def may_mount() -> bool:
    """Say whether this machine lets an ordinary user mount a disk for itself."""
    if shutil.which("unshare") is None:
        return False
    probe = [*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0


def try_cases(cases: list[Case]) -> list[Became]:
    """Try each of *cases* in a process that has disks of its own."""
    done = subprocess.run(
        [*UNSHARE, sys.executable, "-W", "ignore", "-m", __name__],
        input="".join(json.dumps(asdict(case)) + "\n" for case in cases),
        env=os.environ | {"PYTHONPATH": clock.PYTHON_PATH},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [Became(**json.loads(line)) for line in done.stdout.splitlines()]


# Inside the process ----------------------------------------------------------------


def try_case(case: Case) -> Became:
    """Run the command on the disk; then, with room and right, once more."""
    os.environ.update(case.environment)
    settings = load_settings()
    data = settings.data_dir
    data.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "tmpfs", str(data))
    try:
        fill(data, Path(case.before), case.free_pages)
        old, tree = published(data), tree_of(data)
        code, said = (type_update if case.by_command else run_update)(settings, case)
        became = Became(
            code,
            said,
            published(data) == old,
            tree_of(data) == tree,
            [path.name for path in data.rglob("*.partial")],
            {},
        )
        mount("-o", "remount,rw,size=256m", str(data))
        again, why = run_update(settings, case)
        assert again == 0, why
        shop = SimulatedShop(None, None, settings)  # type: ignore[arg-type]
        files = shop.reproducible(date.fromisoformat(case.day))
        return replace(became, completed=files)
    finally:
        subprocess.run(["umount", "--lazy", str(data)], check=True)


def fill(data: Path, before: Path, free_pages: int | None) -> None:
    """Put the directory on its disk and leave only so much of it free."""
    shutil.copytree(before, data, dirs_exist_ok=True)
    if free_pages is None:
        mount("-o", "remount,ro", str(data))
        return
    disk = os.statvfs(data)
    used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    mount("-o", f"remount,size={used + free_pages * PAGE}", str(data))


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, stdout=sys.stderr)


def type_update(settings: Settings, case: Case) -> tuple[int, str]:
    """Type the command; return its exit code and what it said of a failure."""
    result = CliRunner().invoke(app, ["update", "--as-of", case.day])
    return result.exit_code, result.stderr


def run_update(settings: Settings, case: Case) -> tuple[int, str]:
    """Run the update without Dagster; return what the command would say."""
    day = date.fromisoformat(case.day)
    try:
        with hold_directory(settings.data_dir, wait=False):
            run_light(
                settings,
                day,
                tables=TABLES,
                lightspeed=PatientLightspeed(settings),
            )
    except dg.Failure as failure:
        facts = failure.metadata
        said = f"{facts['cause'].value} {facts['remedy'].value}"
        return exit_code_of(failure), said
    return 0, ""


def tree_of(data: Path) -> dict[str, Any]:
    """Every file of the directory with its bytes."""
    return {
        str(path.relative_to(data)): path.read_bytes()
        for path in data.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def main() -> None:
    for line in sys.stdin:
        became = try_case(Case(**json.loads(line)))
        print(json.dumps(asdict(became)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
