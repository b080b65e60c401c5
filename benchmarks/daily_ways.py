"""One daily update over a long history: what each step takes, reads and opens."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import psutil

from analytics_pipeline.shop import Shop
from benchmarks.copies import copy_of
from benchmarks.own_steps import STEPS, run_steps, settings_for
from benchmarks.worker import MEGABYTE, Outcome, Stopwatch, peak_memory

OPENED = "SELECT count(*) FROM duckdb_logs_parsed('FileSystem') WHERE op = 'OPEN'"


def measure(
    stopwatch: Stopwatch,
    data: str,
    origin: str,
    start: str,
    day: str,
    export: str,
    counted: bool,
) -> Outcome:
    """Update *day* on a copy of *data*, step by step.

    With *counted* the files opened are counted, which takes time: not for seconds.
    """
    with copy_of(Path(data)) as folder:
        shutil.copy(export, folder / "ecom_orders_export.csv")
        settings = settings_for(str(folder), origin, start)
        meter = Meter(str(folder), counted)
        with stopwatch.running():
            run_steps(settings, day, watch=meter.watch)
    return Outcome(None, meter.figures)


def read_bytes(stopwatch: Stopwatch, data: str) -> Outcome:
    """Read every day and every segment of the log once, and nothing more."""
    total = 0
    with stopwatch.running():
        for table in ("raw_sales", "sales_feed"):
            for path in (Path(data) / "warehouse" / table).rglob("*.parquet"):
                total += len(path.read_bytes())
    return Outcome(None, {"MB read": total / MEGABYTE})


class Meter:
    """Notes of each step: seconds, CPU, peak, MB read and written, files opened."""

    def __init__(self, folder: str, counted: bool) -> None:
        """Count openings under *folder* from now on, if wanted."""
        self.figures: dict[str, Any] = {}
        self._process = psutil.Process()
        self._counted = counted
        self._opened = 0
        if counted:
            sys.addaudithook(lambda event, given: self._note(folder, event, given))

    def _note(self, folder: str, event: str, given: Any) -> None:
        if event == "open" and str(given[0]).startswith(folder):
            self._opened += 1

    def _openings(self, shop: Shop) -> int:
        """Return how many files Python and the engine have opened so far."""
        if not self._counted:
            return 0
        engine: Any = shop.engine
        return self._opened + int(engine.con.execute(OPENED).fetchall()[0][0])

    @contextmanager
    def watch(self, step: str, shop: Shop) -> Iterator[None]:
        """Note what *step* takes."""
        if self._counted and step == STEPS[0]:
            engine: Any = shop.engine
            engine.con.execute("CALL enable_logging('FileSystem')").fetchall()
        before, opened = self._process.io_counters(), self._openings(shop)
        began, worked = perf_counter(), process_time()
        yield
        self.figures[f"{step}: seconds"] = perf_counter() - began
        self.figures[f"{step}: cpu"] = process_time() - worked
        self.figures[f"{step}: peak"] = peak_memory()
        after = self._process.io_counters()
        self.figures[f"{step}: MB read"] = (
            after.read_chars - before.read_chars
        ) / MEGABYTE
        self.figures[f"{step}: MB written"] = (
            after.write_chars - before.write_chars
        ) / MEGABYTE
        if self._counted:
            self.figures[f"{step}: files opened"] = self._openings(shop) - opened
