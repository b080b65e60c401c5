"""The analytics of a day from daily files: 5 and 20 million sales, three and ten years.

The product's whole asset, loaded and made as the gate does it, its comparison of the
stored days with the log included; one hand-written DuckDB query and Polars, all from
the same stored tables to a frame of the same values.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

from benchmarks import LAST
from benchmarks.harness import (
    LIMIT,
    MORE,
    PRODUCT,
    Bench,
    Case,
    Measure,
    Section,
    copy_of,
)
from benchmarks.worker import MEGABYTE, Outcome, Stopwatch, now

CUSTOMERS = {5_000_000: 300_000, 20_000_000: 1_000_000}
SALES_OF_A_CUSTOMER = 17
FEWEST_CUSTOMERS = 200
DAYS, TEN_YEARS, QUICK_DAYS = 1_096, 3_652, 100
LONG_HISTORY = 5_000_000
"""The number of sales that are measured over ten years too."""

NIGHT = "product, as every night"
WITHOUT = "product, without a checkpoint"
FIRST = "product, the first time"
TUNED = "DuckDB, one tuned query"
POLARS = "Polars, streaming"
BYTES = "reading the bytes of the days"
COMPARING = "comparison, s"


def run(bench: Bench) -> list[Case]:
    """Measure each way on each number of sales."""
    shops = [(sales, QUICK_DAYS if bench.quick else DAYS) for sales in bench.sizes]
    if LONG_HISTORY in bench.sizes:
        shops.append((LONG_HISTORY, TEN_YEARS))
    return [_compare(bench, sales, days) for sales, days in shops]


def _compare(bench: Bench, sales: int, days: int) -> Case:
    default = max(FEWEST_CUSTOMERS, sales // SALES_OF_A_CUSTOMER)
    customers = CUSTOMERS.get(sales, default)
    folder = bench.prepare(
        f"shop-{sales}-{days}",
        "benchmarks.invented_shop:write_shop",
        sales=sales,
        customers=customers,
        days=days,
    )
    size = f"{sales:,} sales, {days:,} days, {customers:,} customers"
    return bench.compare(size, list(_measures(str(folder), days)))


def _measures(folder: str, days: int) -> Iterator[Measure]:
    given: dict[str, Any] = {"folder": folder}
    ours = given | {"days": days}
    yield Measure(NIGHT, f"{__name__}:every_night", ours, PRODUCT)
    yield Measure(WITHOUT, f"{__name__}:without_checkpoint", ours, MORE)
    yield Measure(FIRST, f"{__name__}:first_time", ours, MORE)
    yield Measure(TUNED, "benchmarks.analytics_sql:measure", given)
    yield Measure(POLARS, "benchmarks.analytics_polars:measure", given)
    yield Measure(BYTES, f"{__name__}:read_bytes", given, LIMIT)


# ----------------------------------------------------------------------------------
# The product.


def every_night(stopwatch: Stopwatch, folder: str, days: int) -> Outcome:
    """Make the table with the checkpoint of the night before.

    The last day has just been cut; all before it was compared with the log.
    """
    with copy_of(Path(folder)) as data:
        return _make(stopwatch, data, days)


def without_checkpoint(stopwatch: Stopwatch, folder: str, days: int) -> Outcome:
    """Make it from the days alone, as a rebuild does."""
    with copy_of(Path(folder)) as data:
        return _make(stopwatch, data, days, uses_checkpoints=False)


def first_time(stopwatch: Stopwatch, folder: str, days: int) -> Outcome:
    """Make it, and the checkpoints; all days are compared with the log."""
    from upath import UPath

    from analytics_pipeline.storage.checkpoints import FOLDER
    from analytics_pipeline.storage.state import forget_agreement

    with copy_of(Path(folder)) as data:
        sales = data / "warehouse/raw_sales"
        forget_agreement(UPath(sales))
        rmtree(sales / FOLDER)
        return _make(stopwatch, data, days)


def _make(
    stopwatch: Stopwatch, data: Path, days: int, *, uses_checkpoints: bool = True
) -> Outcome:
    """Make the table as the gate does, up to storing it.

    A run proves that its files are sound before its first table, so this is done
    before the clock.

    Raises:
        ValueError: a check result blocks.
    """
    from analytics_pipeline.assets.inputs import check_before, make_candidates
    from analytics_pipeline.assets.table import function_of
    from analytics_pipeline.orchestration.upkeep import set_damaged_aside
    from analytics_pipeline.tables import CUSTOMER_ANALYTICS as SPEC
    from benchmarks.invented_shop import shop_in
    from benchmarks.own_steps import run_for

    shop = shop_in(data, days)
    shop.uses_checkpoints = uses_checkpoints
    began, _ = now()
    set_damaged_aside(shop)
    hashed = now()[0] - began
    with stopwatch.running():
        (began, _), run_of_day = now(), run_for(shop, [LAST])
        check_before(SPEC, run_of_day.of(LAST))  # kept: the gate finds it done
        compared = now()[0] - began
        (candidate,) = make_candidates(SPEC, function_of(SPEC), run_of_day)
    blocking = [each for each in candidate.check_results if each.blocks]
    if blocking or candidate.frame is None:
        raise ValueError(f"The table would not be stored: {blocking}")
    outcome = evaluate(candidate.frame)
    outcome.figures |= {COMPARING: compared, "hashing before, s": hashed}
    return outcome


# ----------------------------------------------------------------------------------
# The limit, and when two tables are the same.


def read_bytes(stopwatch: Stopwatch, folder: str) -> Outcome:
    """Read the files of the days, and decode nothing."""
    size = 0
    with stopwatch.running():
        for path in (Path(folder) / "warehouse/raw_sales").glob("*.parquet"):
            size += len(path.read_bytes())
    return Outcome(None, {"MB read": size / MEGABYTE})


def evaluate(frame: Any) -> Outcome:
    """Fingerprint every value of the figures, whatever order they come in."""
    import pandas as pd

    # Not before the clock has stopped: a peer must not hold the product in memory.
    from analytics_pipeline.model.schemas.customers import CustomerAnalytics
    from analytics_pipeline.storage.parquet import shape

    rows = shape(frame, CustomerAnalytics).sort_values("customer_id")
    digests = pd.util.hash_pandas_object(rows, index=False).to_numpy()
    people = {"people": len(rows)}
    return Outcome(hashlib.sha256(digests.tobytes()).hexdigest(), {**people})


SECTION = Section(
    name="customer_analytics",
    unit="sales",
    sizes=tuple(CUSTOMERS),
    quick_sizes=(5_000,),
    libraries=("duckdb", "ibis-framework", "polars", "pandas", "pyarrow"),
    run=run,
    rounds=3,
)
