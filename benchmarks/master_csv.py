"""Writing the master CSV: the product's writer and the usual ones.

Each starts from the table in its own kind of frame and ends with the file; money,
dates, yes and no, and the guard against formulas are part of the work.
"""

from benchmarks.harness import LIMIT, PEER, PRODUCT, Bench, Case, Measure, Section

WAYS = (
    ("product", "product", PRODUCT),
    ("pandas, to_csv", "pandas", PEER),
    ("csv module", "csv", PEER),
    ("pyarrow.csv", "arrow", PEER),
    ("Polars, write_csv", "polars", PEER),
    ("writing the finished bytes", "bytes", LIMIT),
)


def run(bench: Bench) -> list[Case]:
    """Measure each writer on each number of people."""
    cases = []
    for count in bench.sizes:
        function = "benchmarks.invented_master:write_master"
        folder = bench.prepare(f"master-{count}", function, count=count)
        measures = [
            Measure(
                label,
                "benchmarks.csv_ways:measure",
                {"folder": str(folder), "way": way},
                role,
            )
            for label, way, role in WAYS
        ]
        case = bench.compare(f"{count:,} people", measures)
        _compare_bytes(case)
        cases.append(case)
    return cases


def _compare_bytes(case: Case) -> None:
    """Say whose file is the product's to the byte; the cells are the same anyway."""
    ours = case.tallies[0].figures["bytes"]
    for tally in case.tallies:
        same = tally.figures["bytes"] == ours
        tally.figures["bytes"] = "the same" if same else "quoted otherwise"


SECTION = Section(
    name="csv",
    unit="people",
    sizes=(10_000, 1_000_000),
    quick_sizes=(2_000,),
    libraries=("pandas", "pyarrow", "polars"),
    run=run,
)
