"""The cost of a daily update after one, three and ten years of daily updates.

The steps alone, without Dagster around them: what each takes, reads and writes.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from shutil import copy
from typing import Any

from benchmarks import LAST
from benchmarks.chart import draw_lines
from benchmarks.harness import (
    LIMIT,
    MORE,
    PRODUCT,
    Bench,
    Case,
    Section,
    Tally,
    add_reply,
    copy_of,
    run_alone,
)
from benchmarks.simulated_store import StoreProcess, count_requests, serving
from benchmarks.worker import (
    MEGABYTE,
    Figure,
    Outcome,
    Stopwatch,
    now,
    peak_memory,
)

STORE_DAYS = 12
"""How many days the simulated store itself has lived: all that a day compares."""

SALES_PER_DAY, QUICK_SALES_PER_DAY = 100, 15
CUSTOMERS, QUICK_CUSTOMERS = 9_300, 400
SHOWN = ("MB read", "MB written")
WHOLE = "whole update, own time"
READING = "reading all days and the log once"
LINES_SHOWN = 4
BEFORE_LAST = LAST - timedelta(days=1)


def noon_after(day: date) -> datetime:
    """Return the noon after *day*, when the store has ended it everywhere."""
    return datetime.combine(day + timedelta(days=1), time(12), UTC)


def open_store(bench: Bench) -> AbstractContextManager[StoreProcess]:
    """Serve the store as it was at the end of the day before."""
    return serving(
        seed=5,
        customers=300,
        opened_on=(LAST - timedelta(days=STORE_DAYS)).isoformat(),
        sales_per_day=float(QUICK_SALES_PER_DAY if bench.quick else SALES_PER_DAY),
        older_customers=QUICK_CUSTOMERS if bench.quick else CUSTOMERS,
        advance=noon_after(BEFORE_LAST).isoformat(),
    )


def write_history(bench: Bench, store: StoreProcess, days: int) -> tuple[Path, str]:
    """Return the data directory of a shop so many days old, and its first day."""
    export = bench.cache / "export-before.csv"
    store.advance(noon_after(BEFORE_LAST), export)
    start = (LAST - timedelta(days=days)).isoformat()
    size = QUICK_SALES_PER_DAY if bench.quick else SALES_PER_DAY
    # The port differs each time, and what is read there does not: not in the note.
    folder = bench.prepare(
        f"history-{days}-{size}",
        "benchmarks.invented_shop:write_history",
        unnoted={"origin": store.origin, "export": str(export)},
        start=start,
        opened_on=(LAST - timedelta(days=STORE_DAYS)).isoformat(),
        updated=BEFORE_LAST.isoformat(),
        sales_per_day=size,
        older_customers=QUICK_CUSTOMERS if bench.quick else CUSTOMERS,
    )
    return folder / "data", start


def run(bench: Bench) -> list[Case]:
    """Measure an update of the same day over each length of history."""
    with open_store(bench) as store:
        shops = {days: write_history(bench, store, days) for days in bench.sizes}
        export = bench.cache / "export.csv"
        store.advance(noon_after(LAST), export)
        cases = {days: Case(f"{days:,} days", []) for days in shops}
        for number in range(1, bench.rounds + 1):
            for days, (data, start) in shops.items():
                bench.say(f"  {days:,} days of history, round {number}")
                given = {"data": str(data), "start": start, "export": str(export)}
                update = run_alone(
                    "benchmarks.daily:measure", given | {"origin": store.origin}
                )
                reads = run_alone("benchmarks.daily:read_bytes", {"data": str(data)})
                _add_round(cases[days], update, reads)
    return list(cases.values())


def _add_round(case: Case, update: dict[str, Any], reads: dict[str, Any]) -> None:
    """Add what a round took: the whole first, then each step, then the limit."""
    steps = update["figures"].pop("steps")
    if not case.tallies:
        case.tallies += [Tally(WHOLE, PRODUCT), *(Tally(step, MORE) for step in steps)]
        case.tallies.append(Tally(READING, LIMIT))
    whole, *each, reading = case.tallies
    add_reply(whole, update)
    add_reply(reading, reads)
    for tally in each:
        add_reply(tally, steps[tally.label])


def draw(cases: list[Case]) -> str:
    """Draw the seconds of the whole update and of its slowest steps by history."""
    longest = cases[-1].tallies
    slowest = sorted(longest[1:-1], key=lambda step: -step.median)[:LINES_SHOWN]
    shown = [WHOLE, *(step.label for step in slowest)]
    years = [int(case.size.split()[0].replace(",", "")) / 365.25 for case in cases]
    lines = {
        label: [
            next(t.median for t in case.tallies if t.label == label) for case in cases
        ]
        for label in shown
    }
    title = "Cost of a day over ten years of history"
    return draw_lines(title, "years of history", "seconds", years, lines)


# ----------------------------------------------------------------------------------
# What is measured.


def measure(
    stopwatch: Stopwatch, data: str, origin: str, start: str, export: str
) -> Outcome:
    """Update the last day on a copy of *data*, step by step."""
    from benchmarks.own_steps import run_steps, settings_for

    before = count_requests(origin)
    with copy_of(Path(data)) as folder:
        copy(export, folder / "ecom_orders_export.csv")
        settings, meter = settings_for(str(folder), origin, start), Meter()
        with stopwatch.running():
            run_steps(settings, LAST.isoformat(), watch=meter.watch)
    figures: dict[str, Any] = {
        name: sum(step["figures"][name] for step in meter.steps.values())
        for name in SHOWN
    }
    figures |= {"requests": count_requests(origin) - before, "steps": meter.steps}
    return Outcome(None, figures)


def read_bytes(stopwatch: Stopwatch, data: str) -> Outcome:
    """Read every day and every segment of the log once, and nothing more."""
    total = 0
    with stopwatch.running():
        for table in ("raw_sales", "sales_feed"):
            for path in (Path(data) / "warehouse" / table).rglob("*.parquet"):
                total += len(path.read_bytes())
    return Outcome(None, {"MB read": total / MEGABYTE})


class Meter:
    """Notes of each step what it took, read and wrote, in the form of a reply."""

    def __init__(self) -> None:
        """Begin with no step."""
        self.steps: dict[str, dict[str, Any]] = {}

    @contextmanager
    def watch(self, step: str, _shop: Any) -> Iterator[None]:
        """Note what *step* takes."""
        import psutil

        process = psutil.Process()
        before, (began, worked) = process.io_counters(), now()
        yield
        (ended, done), after = now(), process.io_counters()
        figures: dict[str, Figure] = {
            "MB read": (after.read_chars - before.read_chars) / MEGABYTE,
            "MB written": (after.write_chars - before.write_chars) / MEGABYTE,
        }
        self.steps[step] = {
            "seconds": ended - began,
            "cpu": done - worked,
            "peak": peak_memory(),
            "figures": figures,
        }


SECTION = Section(
    name="daily",
    unit="days of history",
    sizes=(365, 1_096, 3_652),
    quick_sizes=(100, 130),
    libraries=("duckdb", "ibis-framework", "pandas"),
    run=run,
    picture=draw,
    picture_name="cost-of-a-day.svg",
)
