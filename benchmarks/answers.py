"""What an answer takes: ``status``, ``explain``, and a refusal of wrong use."""

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.copies import copy_of
from benchmarks.daily import open_store, write_history
from benchmarks.harness import MORE, PRODUCT, ROOT, Bench, Case, Measure, Section
from benchmarks.worker import Outcome, Stopwatch

MASTER = "customer_analytics_master.csv"
REFUSED = ("update", "--as-of", "2999-01-01")


def run(bench: Bench) -> list[Case]:
    """Measure each command as a process of its own, its imports included."""
    with open_store(bench) as store:
        shops = {days: write_history(bench, store, days) for days in bench.sizes}
    cases = []
    for days, (data, start) in shops.items():
        commands: list[tuple[str, Sequence[str]]] = [
            ("`status`", ("status",)),
            ("`explain` of one customer", ("explain", _first_customer(data))),
            ("a refusal of wrong use", REFUSED),
        ]
        measures = [
            Measure(
                label,
                "benchmarks.answers:answer",
                {"data": str(data), "start": start, "typed": list(typed)},
                PRODUCT if typed == ("status",) else MORE,
            )
            for label, typed in commands
        ]
        cases.append(bench.compare(f"{days:,} days of history", measures))
    return cases


def _first_customer(data: Path) -> str:
    with (data / MASTER).open(newline="", encoding="utf-8") as stream:
        return next(csv.DictReader(stream))["Customer ID"]


def answer(
    stopwatch: Stopwatch, data: str, start: str, typed: Sequence[str]
) -> Outcome:
    """Type a command once to warm up, and once by the clock."""
    with copy_of(Path(data)) as folder:
        _type(typed, folder, start)
        with stopwatch.running():
            code = _type(typed, folder, start)
    return Outcome(None, {"exit code": code})


def _type(typed: Sequence[str], folder: Path, start: str) -> int:
    """Run a command on the shop in *folder*; return how it ended."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "ANALYTICS_DATA_DIR": str(folder),
        "ANALYTICS_START_DATE": start,
        "LIGHTSPEED_DOMAIN_PREFIX": "demo",
        "LIGHTSPEED_TOKEN": "simulated",
    }
    done = subprocess.run(
        [sys.executable, "-m", "analytics_pipeline", *typed],
        env=environment,
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return done.returncode


SECTION = Section(
    name="answers",
    unit="days of history",
    sizes=(1_096,),
    quick_sizes=(100,),
    libraries=("dagster", "duckdb", "pandas"),
    run=run,
    rounds=3,
)
