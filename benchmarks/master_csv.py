"""Writing the master CSV: the product's writer and that of Polars.

Each starts from the table in its own kind of frame and ends with the file; money,
dates, yes and no, and the guard against formulas are part of the work.
"""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.harness import LIMIT, PEER, PRODUCT, Bench, Case, Measure, Section
from benchmarks.worker import MEGABYTE, Outcome, Stopwatch

FILE = "master.parquet"
PRODUCT_CSV, POLARS_CSV = "product", "Polars, write_csv"


def run(bench: Bench) -> list[Case]:
    """Measure each writer on each number of people."""
    cases = []
    for count in bench.sizes:
        function = "benchmarks.invented_people:write_master"
        folder = bench.prepare(f"master-{count}", function, count=count)
        given = {"folder": str(folder)}
        measures = [
            Measure(PRODUCT_CSV, f"{__name__}:product", given, PRODUCT),
            Measure(POLARS_CSV, f"{__name__}:polars", given, PEER),
            Measure("writing the bytes", f"{__name__}:write_bytes", given, LIMIT),
        ]
        cases.append(bench.compare(f"{count:,} people", measures))
    return cases


def product(stopwatch: Stopwatch, folder: str) -> Outcome:
    """Write the table in *folder* with the product's writer."""
    from analytics_pipeline.model.schemas.exports import CustomerAnalyticsMaster
    from analytics_pipeline.storage.csv import render_csv

    frame = _read_master(folder)

    def write(path: Path) -> None:
        path.write_bytes(render_csv(frame, CustomerAnalyticsMaster))

    return _measure(stopwatch, write)


def polars(stopwatch: Stopwatch, folder: str) -> Outcome:
    """Write it with Polars."""
    import polars as pl
    import pyarrow.parquet as pq

    from analytics_pipeline.model.schemas.exports import CustomerAnalyticsMaster

    columns = CustomerAnalyticsMaster.to_schema().columns
    headers = {name: str(column.title) for name, column in columns.items()}
    frame: Any = pl.from_arrow(pq.read_table(Path(folder) / FILE))

    def write(path: Path) -> None:
        kinds = frame.schema
        shown = [
            _shown(pl, name, kinds[name]).alias(header)
            for name, header in headers.items()
        ]
        frame.select(shown).write_csv(path, quote_style="necessary")

    return _measure(stopwatch, write)


def write_bytes(stopwatch: Stopwatch, folder: str) -> Outcome:
    """Write the bytes of the file, which are there already."""
    from analytics_pipeline.model.schemas.exports import CustomerAnalyticsMaster
    from analytics_pipeline.storage.csv import render_csv

    content = render_csv(_read_master(folder), CustomerAnalyticsMaster)
    return _measure(stopwatch, lambda path: path.write_bytes(content))


def _read_master(folder: str) -> Any:
    import pyarrow.parquet as pq

    from analytics_pipeline.model.schemas.exports import CustomerAnalyticsMaster
    from analytics_pipeline.storage.parquet import shape

    stored = pq.read_table(Path(folder) / FILE).to_pandas()
    return shape(stored, CustomerAnalyticsMaster)


def _measure(stopwatch: Stopwatch, write: Callable[[Path], Any]) -> Outcome:
    """Measure a writer; its bytes must be those of the other one."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "master.csv"
        with stopwatch.running():
            write(path)
        content = path.read_bytes()
    figures = {"MB": len(content) / MEGABYTE}
    return Outcome(hashlib.sha256(content).hexdigest(), {**figures})


# ----------------------------------------------------------------------------------
# What the cells are.


DECIMALS = {"tenths": 1, "cents": 2, "hundredths": 2, "thousandths": 3}
FLAGS = ("is_vip", "is_high_value")
FORMULA = r"^[=+\-@\t\r]"
PHONE = r"^\+[0-9]+$"


def _shown(pl: Any, name: str, kind: Any) -> Any:
    """Return the cells of a column as rules 8.1 and 8.5 want them."""
    column = pl.col(name)
    if decimals := DECIMALS.get(name.rpartition("_")[2]):
        unit = 10**decimals
        whole, rest = column.abs() // unit, column.abs() % unit
        sign = pl.when(column < 0).then(pl.lit("-")).otherwise(pl.lit(""))
        digits = rest.cast(pl.String).str.zfill(decimals)
        text = pl.concat_str(sign, whole.cast(pl.String), pl.lit("."), digits)
        return pl.when(column.is_not_null()).then(text)
    if kind == pl.Datetime:
        return column.dt.date()
    if name in FLAGS:
        return pl.when(column).then(pl.lit("Yes")).otherwise(pl.lit("No"))
    if kind == pl.String:
        risky = column.str.contains(FORMULA) & ~column.str.contains(PHONE)
        guarded = pl.concat_str(pl.lit("'"), column)
        return pl.when(risky).then(guarded).otherwise(column)
    return column


SECTION = Section(
    name="csv",
    unit="people",
    sizes=(1_000_000,),
    quick_sizes=(2_000,),
    libraries=("pandas", "pyarrow", "polars"),
    run=run,
)
