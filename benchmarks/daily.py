"""The cost of a daily update after one, three and ten years of daily updates."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

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
    run_alone,
)
from benchmarks.simulated_store import StoreProcess, serving

DAY = date(2026, 6, 30)
STORE_DAYS = 12
"""How many days the simulated store itself has lived: all that a day compares."""

SALES_PER_DAY, QUICK_SALES_PER_DAY = 100, 15
CUSTOMERS, QUICK_CUSTOMERS = 9_300, 400
SHOWN = ("MB read", "MB written", "files opened")
WHOLE = "whole update, own time"
READING = "reading all days and the log once"
LINES_SHOWN = 4


def noon_after(day: date) -> datetime:
    """Return the noon after *day*, when the store has ended it everywhere."""
    return datetime.combine(day + timedelta(days=1), time(12), UTC)


def open_store(bench: Bench) -> Any:
    """Serve the store as it was at the end of the day before."""
    return serving(
        seed=5,
        customers=300,
        opened_on=(DAY - timedelta(days=STORE_DAYS)).isoformat(),
        sales_per_day=float(QUICK_SALES_PER_DAY if bench.quick else SALES_PER_DAY),
        older_customers=QUICK_CUSTOMERS if bench.quick else CUSTOMERS,
        advance=noon_after(DAY - timedelta(days=1)).isoformat(),
        latencies=[0],
    )


def write_history(bench: Bench, store: StoreProcess, days: int) -> tuple[Path, str]:
    """Return the data directory of a shop so many days old, and its first day."""
    export = bench.cache / "export-before.csv"
    store.advance(noon_after(DAY - timedelta(days=1)), export)
    start = (DAY - timedelta(days=days)).isoformat()
    size = QUICK_SALES_PER_DAY if bench.quick else SALES_PER_DAY
    # The port differs each time, and what is read there does not: not in the note.
    folder = bench.prepare(
        f"history-{days}-{size}",
        "benchmarks.history:write_history",
        unnoted={"origin": store.origins["0"], "export": str(export)},
        start=start,
        opened_on=(DAY - timedelta(days=STORE_DAYS)).isoformat(),
        updated=(DAY - timedelta(days=1)).isoformat(),
        sales_per_day=size,
        older_customers=QUICK_CUSTOMERS if bench.quick else CUSTOMERS,
    )
    return folder / "data", start


def run(bench: Bench) -> list[Case]:
    """Measure an update of the same day over each length of history."""
    with open_store(bench) as store:
        shops = {days: write_history(bench, store, days) for days in bench.sizes}
        export = bench.cache / "export.csv"
        store.advance(noon_after(DAY), export)
        replies: dict[int, list[dict[str, Any]]] = {days: [] for days in shops}
        opened: dict[int, Mapping[str, Any]] = {}
        for number in range(bench.rounds + 1):
            for days, (data, start) in shops.items():
                bench.say(f"  {days:,} days of history, round {number}")
                given = {"data": str(data), "start": start, "export": str(export)}
                given |= {"origin": store.origins["0"], "day": DAY.isoformat()}
                counted = number == 0
                reply = run_alone(
                    "benchmarks.daily_ways:measure", given | {"counted": counted}
                )
                reads = run_alone(
                    "benchmarks.daily_ways:read_bytes", {"data": str(data)}
                )
                if counted:
                    opened[days] = reply["figures"]
                else:
                    replies[days].append(reply | {"reads": reads})
    return [_case(days, replies[days], opened[days]) for days in shops]


def _case(days: int, replies: list[dict[str, Any]], opened: Mapping[str, Any]) -> Case:
    """Return the steps of an update as rows, the whole first."""
    keys = [key.removesuffix(": seconds") for key in opened if key.endswith("seconds")]
    whole, reading = Tally(WHOLE, PRODUCT), Tally(READING, LIMIT)
    steps = [Tally(key, MORE) for key in keys]
    for reply in replies:
        figures = reply["figures"]
        for step in steps:
            step.seconds.append(figures[f"{step.label}: seconds"])
            step.cpu.append(figures[f"{step.label}: cpu"])
            step.peak.append(figures[f"{step.label}: peak"])
        add_reply(whole, reply)
        add_reply(reading, reply["reads"])
    for step in steps:
        every = replies[-1]["figures"] | {
            f"{step.label}: files opened": opened[f"{step.label}: files opened"]
        }
        step.figures = {name: every[f"{step.label}: {name}"] for name in SHOWN}
    whole.figures = {
        name: sum(step.figures[name] for step in steps)  # type: ignore[misc]
        for name in SHOWN
    }
    return Case(f"{days:,} days", [whole, *steps, reading])


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
