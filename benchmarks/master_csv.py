"""Writing the master CSV: the product's writer and that of Polars.

Each starts from the table in its own kind of frame and ends with the file; money,
dates, yes and no, and the guard against formulas are part of the work.
"""

from benchmarks.harness import PEER, PRODUCT, Bench, Case, Measure, Section

WAYS = (("product", "product", PRODUCT), ("Polars, write_csv", "polars", PEER))


def run(bench: Bench) -> list[Case]:
    """Measure each writer on each number of people."""
    cases = []
    for count in bench.sizes:
        function = "benchmarks.invented_master:write_master"
        folder = bench.prepare(f"master-{count}", function, count=count)
        measures = [
            Measure(label, f"benchmarks.csv_ways:{way}", {"folder": str(folder)}, role)
            for label, way, role in WAYS
        ]
        cases.append(bench.compare(f"{count:,} people", measures))
    return cases


SECTION = Section(
    name="csv",
    unit="people",
    sizes=(1_000_000,),
    quick_sizes=(2_000,),
    libraries=("pandas", "pyarrow", "polars"),
    run=run,
)
