"""Ten years of business days cut again in one run of Dagster, as the UI does it."""

from datetime import timedelta

from benchmarks.daily import DAY, open_store, write_history
from benchmarks.harness import LIMIT, MORE, PRODUCT, Bench, Case, Measure, Section

BATCHES = (50, 1)
"""How many events Dagster stores at once (``DAGSTER_EVENT_BATCH_SIZE``)."""


def run(bench: Bench) -> list[Case]:
    """Measure the run, and one hand-written statement that cuts the same days."""
    copy = "benchmarks.backfill_copy"
    last = (DAY - timedelta(days=1)).isoformat()
    cases = []
    with open_store(bench) as store:
        shops = {days: write_history(bench, store, days) for days in bench.sizes}
    for days, (data, start) in shops.items():
        given = {"data": str(data)}
        measures = [
            Measure(
                f"product, one run, events stored by {batch}",
                "benchmarks.backfill_ways:product",
                given | {"start": start, "last": last, "batch": batch},
                PRODUCT if batch == BATCHES[0] else MORE,
            )
            for batch in BATCHES
        ]
        label = "DuckDB, one COPY … PARTITION_BY"
        measures.append(Measure(label, f"{copy}:copy", given | {"last": last}))
        label = "reading the log's bytes"
        measures.append(Measure(label, f"{copy}:read_log", given, LIMIT))
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
