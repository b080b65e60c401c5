"""Commands as somebody types them, each a process of its own, its imports included.

The section *answers* takes what somebody waits for who types a question: ``status``,
``explain``, ``doctor`` and a refusal of wrong use, with the ``--help`` of the command
line as what no command can beat.
"""

import csv
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.daily import open_store, write_history
from benchmarks.harness import (
    LIMIT,
    MORE,
    PRODUCT,
    ROOT,
    Bench,
    Case,
    Measure,
    Section,
    copy_of,
    environment_of,
)
from benchmarks.simulated_store import TOKEN
from benchmarks.worker import IMPORTS, WITHIN, Outcome, Stopwatch

MASTER = "customer_analytics_master.csv"
STATUS, EXPLAIN, DOCTOR = "`status`", "`explain` of one customer", "`doctor`"
REFUSAL = "a refusal of wrong use"
REFUSED = ("update", "--as-of", "2999-01-01")


def run(bench: Bench) -> list[Case]:
    """Measure each command on a shop of each length of history."""
    with open_store(bench) as store:
        return [
            _compare(bench, store.origin, days, *write_history(bench, store, days))
            for days in bench.sizes
        ]


def _compare(bench: Bench, origin: str, days: int, data: Path, start: str) -> Case:
    commands: list[tuple[str, Sequence[str], str]] = [
        (STATUS, ("status",), PRODUCT),
        (EXPLAIN, ("explain", _first_customer(data)), MORE),
        (DOCTOR, ("doctor",), MORE),
        (REFUSAL, REFUSED, MORE),
        ("`--help`", ("--help",), LIMIT),
    ]
    given = {"data": str(data), "origin": origin, "start": start}
    measures = [
        Measure(
            label, "benchmarks.commands:answer", {**given, "typed": list(typed)}, role
        )
        for label, typed, role in commands
    ]
    return bench.compare(f"{days:,} days of history", measures)


def _first_customer(data: Path) -> str:
    with (data / MASTER).open(newline="", encoding="utf-8") as stream:
        return next(csv.DictReader(stream))["Customer ID"]


def answer(
    stopwatch: Stopwatch, data: str, origin: str, start: str, typed: Sequence[str]
) -> Outcome:
    """Type a command once to warm up, and once by the clock."""
    with copy_of(Path(data)) as folder:
        type_command(typed, folder, origin, start)
        with stopwatch.running():
            done = type_command(typed, folder, origin, start)
    return Outcome(None, {"exit code": done.returncode, IMPORTS: WITHIN})


def type_command(
    typed: Sequence[str], folder: Path, origin: str, start: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command on the shop in *folder*, whose store is at *origin*."""
    environment = environment_of(ROOT) | {
        "ANALYTICS_DATA_DIR": str(folder),
        "ANALYTICS_START_DATE": start,
        "LIGHTSPEED_DOMAIN_PREFIX": "demo",
        "LIGHTSPEED_TOKEN": TOKEN,
        "LIGHTSPEED_API_URL": origin,
    }
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "analytics_pipeline", *typed],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


SECTION = Section(
    name="answers",
    unit="days of history",
    sizes=(1_096,),
    quick_sizes=(100,),
    libraries=("dagster", "duckdb", "pandas"),
    run=run,
    rounds=3,
)
