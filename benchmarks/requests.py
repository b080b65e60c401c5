"""First load and daily update of a simulated store, against fetching its pages."""

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from benchmarks.daily import DAY, noon_after
from benchmarks.harness import LIMIT, MORE, PRODUCT, Bench, Case, Measure, Section
from benchmarks.simulated_store import serving

BEFORE = DAY - timedelta(days=1)
DAYS, QUICK_DAYS = 1_096, 40
SALES_OF_A_CUSTOMER = 110_000 / 9_300
EXTRA_SALES = 1.06
"""How many sales a store has for each that is planned; a small one has more."""

LATENCIES = (0, 50)
"""How many milliseconds the store takes for an answer."""


def run(bench: Bench) -> list[Case]:
    """Measure the first load of a store up to one day, then the update of the next."""
    cases = []
    days = QUICK_DAYS if bench.quick else DAYS
    for sales in bench.sizes:
        opened_on = DAY - timedelta(days=days)
        bench.say(f"  making a store of about {sales:,} sales …")
        with serving(
            seed=5,
            customers=round(sales / SALES_OF_A_CUSTOMER),
            opened_on=opened_on.isoformat(),
            sales_per_day=sales / days / EXTRA_SALES,
            advance=noon_after(BEFORE).isoformat(),
            latencies=LATENCIES,
        ) as store:
            cases += _measure_both(bench, store, opened_on)
    return cases


def _measure_both(bench: Bench, store: Any, opened_on: date) -> Iterator[Case]:
    """Yield the first load and, after the store has lived another day, the update."""
    export = bench.cache / "requests-export.csv"
    loaded = bench.cache / "requests-loaded"
    shutil.rmtree(loaded, ignore_errors=True)
    given = {"start": opened_on.isoformat(), "export": str(export)}
    for what, day in (("first load", BEFORE), ("daily update", DAY)):
        held = store.advance(noon_after(day), export)
        given |= {"day": day.isoformat()}
        if day == DAY:
            given |= {"loaded": str(loaded)}
        for latency in LATENCIES:
            size = (
                f"{what}: {held['sales']:,} sales, {held['customers']:,} customers, "
                f"{latency} ms"
            )
            origin = store.origins[str(latency)]
            measures = list(_measures(origin, given))
            if day == BEFORE:
                measures[0].arguments["keep"] = str(loaded)
                measures.append(_bare(origin))
            yield bench.compare(size, measures)
    shutil.rmtree(loaded)


def _measures(origin: str, given: dict[str, str]) -> Iterator[Measure]:
    ways, asked = "benchmarks.requests_ways", {"origin": origin}
    yield Measure("product: `update`", f"{ways}:update", asked | given, PRODUCT)
    label = "product's steps without Dagster, imported before"
    yield Measure(label, f"{ways}:own_steps", asked | given, MORE)


def _bare(origin: str) -> Measure:
    label = "fetching the same pages, decoding nothing"
    function = "benchmarks.requests_peer:fetch_pages"
    return Measure(label, function, {"origin": origin}, LIMIT)


SECTION = Section(
    name="requests",
    unit="sales",
    sizes=(110_000,),
    quick_sizes=(600,),
    libraries=("dagster", "httpx", "pandas", "duckdb"),
    run=run,
    rounds=3,
)
