"""The product's first load and daily update of a store, with Dagster and without.

Nothing of the product is imported before the clock runs: to import it is part of what
a run takes.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb

from benchmarks.copies import link_table
from benchmarks.requests_peer import count_requests, forget_requests
from benchmarks.worker import Outcome, Stopwatch

EXPORT = "ecom_orders_export.csv"
LATEST = """
SELECT sale_id, version, total_incl_cents
FROM read_parquet(?)
QUALIFY row_number() OVER (
  PARTITION BY sale_id ORDER BY version DESC, segment DESC) = 1
ORDER BY sale_id
"""


@contextmanager
def data_directory(loaded: str, export: str) -> Iterator[Path]:
    """Yield a data directory: a copy of a *loaded* one, if that is there, or none."""
    with tempfile.TemporaryDirectory(dir=Path(export).parent) as scratch:
        folder = Path(scratch) / "data"
        if loaded:
            shutil.copytree(loaded, folder, copy_function=link_table)
        else:
            folder.mkdir()
        shutil.copy(export, folder / EXPORT)
        yield folder


def update(
    stopwatch: Stopwatch,
    origin: str,
    start: str,
    day: str,
    export: str,
    loaded: str = "",
    keep: str = "",
) -> Outcome:
    """Run the command ``update`` of *day*; *keep* its data directory if wanted."""
    forget_requests(origin)
    with data_directory(loaded, export) as folder:
        with stopwatch.running():
            began = perf_counter()
            settings, terminal, command = _import_command(folder, origin, start)
            imported = perf_counter() - began
            command(settings, terminal, as_of=date.fromisoformat(day))
        requests = count_requests(origin)
        if keep and not Path(keep).exists():
            shutil.copytree(folder, keep, copy_function=link_table)
        within = _seconds_in_steps(settings)
        figures = {
            "requests": requests,
            "imports, s": imported,
            "steps, s": within,
            "around steps, s": stopwatch.seconds - imported - within,
        }
        return Outcome(fingerprint_sales(folder), figures)


def _import_command(folder: Path, origin: str, start: str) -> tuple[Any, Any, Any]:
    """Import what the command needs; return it with its settings and terminal."""
    from rich.console import Console

    from analytics_pipeline.commands.terminal import Terminal
    from analytics_pipeline.commands.update import update as command
    from benchmarks.own_steps import settings_for

    terminal = Terminal(out=Console(quiet=True), err=Console(quiet=True))
    return settings_for(str(folder), origin, start), terminal, command


def _seconds_in_steps(settings: Any) -> float:
    """Return the seconds between start and success of every step, as Dagster notes."""
    from dagster import DagsterEventType

    from analytics_pipeline.orchestration.instance import open_instance

    instance = open_instance(settings)
    run = instance.get_run_records(limit=1)[0].dagster_run.run_id
    began: dict[str, float] = {}
    total = 0.0
    for entry in instance.all_logs(run):
        event = entry.dagster_event
        if event is None or event.step_key is None:
            continue
        if event.event_type is DagsterEventType.STEP_START:
            began[event.step_key] = entry.timestamp
        elif event.event_type is DagsterEventType.STEP_SUCCESS:
            total += entry.timestamp - began[event.step_key]
    return total


def own_steps(
    stopwatch: Stopwatch,
    origin: str,
    start: str,
    day: str,
    export: str,
    loaded: str = "",
) -> Outcome:
    """Run the steps alone; to import them, and Dagster, is not counted."""
    from benchmarks.own_steps import run_steps, settings_for

    forget_requests(origin)
    with data_directory(loaded, export) as folder:
        settings = settings_for(str(folder), origin, start)
        with stopwatch.running():
            run_steps(settings, day)
        figures = {"requests": count_requests(origin), "steps, s": stopwatch.seconds}
        return Outcome(fingerprint_sales(folder), figures)


def fingerprint_sales(folder: Path) -> str:
    """Return what identifies the sales that the log holds now."""
    log = sorted(
        str(path) for path in folder.glob("warehouse/**/generation-*/*.parquet")
    )
    with duckdb.connect() as connection:
        rows = connection.execute(LATEST, [log]).fetchall()
    return hashlib.sha256(repr(rows).encode()).hexdigest()
