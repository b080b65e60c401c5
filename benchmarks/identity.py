"""Which records are one person: 10,000 to a million of them."""

from benchmarks.harness import MORE, PRODUCT, Bench, Case, Measure, Section

WAYS = (
    ("product: `link_records`", "link", PRODUCT),
    ("pandas, label propagation", "labels", "peer"),
    ("product: `resolve_identities`, with evidence", "resolve", MORE),
    ("… and its gate, `judge_people`", "judge", MORE),
)


def run(bench: Bench) -> list[Case]:
    """Measure each way on each number of records."""
    cases = []
    for count in bench.sizes:
        function = "benchmarks.identity_ways:write_records"
        folder = bench.prepare(f"identity-{count}", function, count=count)
        measures = [
            Measure(
                label,
                "benchmarks.identity_ways:measure",
                {"folder": str(folder), "way": way},
                role,
            )
            for label, way, role in WAYS
        ]
        cases.append(bench.compare(f"{count:,} records", measures))
    return cases


SECTION = Section(
    name="identity",
    unit="records",
    sizes=(10_000, 300_000, 1_000_000),
    quick_sizes=(2_000,),
    libraries=("pandas", "numpy"),
    run=run,
)
