"""The analytics of a day from daily files: 5 and 20 million sales.

The product's steps, one hand-written DuckDB query and Polars, all from the
same stored tables to a frame of the same values, identities and web orders included.
"""

from collections.abc import Iterator

from benchmarks.harness import PRODUCT, Bench, Case, Measure, Section

CUSTOMERS = {5_000_000: 300_000, 20_000_000: 1_000_000}
SALES_OF_A_CUSTOMER = 17
FEWEST_CUSTOMERS = 200
DAYS, QUICK_DAYS = 1_096, 100


def run(bench: Bench) -> list[Case]:
    """Measure each way on each number of sales."""
    cases = []
    for sales in bench.sizes:
        customers = CUSTOMERS.get(
            sales, max(FEWEST_CUSTOMERS, sales // SALES_OF_A_CUSTOMER)
        )
        days = QUICK_DAYS if bench.quick else DAYS
        folder = bench.prepare(
            f"shop-{sales}-{days}",
            "benchmarks.invented_shop:write_shop",
            sales=sales,
            customers=customers,
            days=days,
        )
        size = f"{sales:,} sales, {customers:,} customers, {days:,} files"
        cases.append(bench.compare(size, list(_measures(str(folder), days))))
    return cases


def _measures(folder: str, days: int) -> Iterator[Measure]:
    given = {"folder": folder}
    product = "product (Ibis on DuckDB)"
    yield Measure(
        product, "benchmarks.analytics_ways:product", given | {"days": days}, PRODUCT
    )
    yield Measure("DuckDB, one tuned query", "benchmarks.analytics_sql:measure", given)
    yield Measure("Polars, streaming", "benchmarks.analytics_polars:measure", given)


SECTION = Section(
    name="customer_analytics",
    unit="sales",
    sizes=tuple(CUSTOMERS),
    quick_sizes=(5_000,),
    libraries=("duckdb", "ibis-framework", "polars", "pandas", "pyarrow"),
    run=run,
)
