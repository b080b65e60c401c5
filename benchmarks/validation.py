"""The gate's audit of three tables, against one query that counts the same faults."""

from benchmarks.harness import PEER, PRODUCT, Bench, Case, Measure, Section

TABLES = ("raw_sales", "customers", "customer_analytics")
WAYS = (
    ("product: the gate's audit", "gate", PRODUCT),
    ("one DuckDB query that counts", "sql", PEER),
)


def run(bench: Bench) -> list[Case]:
    """Measure each way on each table and number of rows."""
    cases = []
    for count in bench.sizes:
        function = "benchmarks.validation_rules:write_tables"
        folder = bench.prepare(f"validation-{count}", function, count=count)
        for table in TABLES:
            measures = [
                Measure(
                    label,
                    "benchmarks.validation_ways:measure",
                    {"folder": str(folder), "table": table, "way": way},
                    role,
                )
                for label, way, role in WAYS
            ]
            cases.append(bench.compare(f"{table}, {count:,} rows", measures))
    return cases


SECTION = Section(
    name="validation",
    unit="rows",
    sizes=(100_000, 1_000_000),
    quick_sizes=(2_000,),
    libraries=("pandera", "pandas", "duckdb"),
    run=run,
)
