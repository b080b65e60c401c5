"""Ten years of business days cut again in one run of Dagster, as the UI does it."""

from datetime import timedelta

from benchmarks.daily import DAY, open_store, write_history
from benchmarks.harness import PRODUCT, Bench, Case, Measure, Section


def run(bench: Bench) -> list[Case]:
    """Measure the run, and one hand-written statement that cuts the same days."""
    last = (DAY - timedelta(days=1)).isoformat()
    cases = []
    with open_store(bench) as store:
        shops = {days: write_history(bench, store, days) for days in bench.sizes}
    for days, (data, start) in shops.items():
        given = {"data": str(data)}
        measures = [
            Measure(
                "product, one run",
                "benchmarks.backfill_ways:product",
                given | {"start": start, "last": last},
                PRODUCT,
            ),
            Measure(
                "DuckDB, one COPY … PARTITION_BY",
                "benchmarks.backfill_copy:copy",
                given | {"last": last},
            ),
        ]
        cases.append(bench.compare(f"{days:,} days", measures))
    return cases


SECTION = Section(
    name="backfill",
    unit="days",
    sizes=(3_652,),
    quick_sizes=(100,),
    libraries=("dagster", "duckdb", "pandas", "pandera"),
    run=run,
    rounds=3,
)
