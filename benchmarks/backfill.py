"""Ten years of business days cut again in one run of Dagster, as the UI does it.

The peer is one hand-written statement that cuts the same days: no gate, no records, no
atomic swap.
"""

import hashlib
import os
import tempfile
from pathlib import Path

from benchmarks.daily import BEFORE_LAST, open_store, write_history
from benchmarks.harness import LIMIT, PRODUCT, Bench, Case, Measure, Section, copy_of
from benchmarks.worker import MEGABYTE, Outcome, Stopwatch

UNUSED = "http://127.0.0.1:9"
"""A backfill asks the store nothing."""

ONE_RUN, ONE_COPY = "product, one run", "DuckDB, one COPY … PARTITION_BY"
MOVING = "reading the log, writing the bytes of the days"
EVENTS_AT_ONCE = "50"

CUT = """
COPY (
  WITH latest AS (
    SELECT * FROM read_parquet($log)
    QUALIFY row_number() OVER (
      PARTITION BY sale_id ORDER BY version DESC, segment DESC) = 1
  ),
  placed AS (
    SELECT latest.*, coalesce(time_zone, $zone) AS zone,
      timezone(coalesce(time_zone, $zone), timezone('UTC', sale_date))::DATE AS day,
      NOT latest.is_deleted AND (state = 'closed' OR (state = 'pending'
        AND list_has_any(string_split(attributes, ';'), ['pickup', 'delivery'])
        AND NOT list_has_any(string_split(attributes, ';'), ['layby', 'onaccount'])
        AND paid_cents >= total_incl_cents - 1)) AS is_completed
    FROM latest LEFT JOIN read_parquet($outlets) AS outlets USING (outlet_id)
  )
  SELECT sale_id, day::TIMESTAMP AS business_date, version, sale_date,
    zone AS time_zone, outlet_id, customer_id, source, source_id, web_order_number,
    return_for, state, status, attributes, is_deleted, is_completed,
    is_completed AND return_for IS NULL AND sold_line_count > 0 AS is_order,
    total_incl_cents, total_excl_cents, paid_cents, refunded_incl_cents,
    refunded_excl_cents, sold_line_count, day
  FROM placed WHERE day <= $last::DATE ORDER BY day, sale_id
) TO '{target}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (day))
"""

FINGERPRINT = """
SELECT count(*), sum(hash(sale_id, business_date, version, time_zone, customer_id,
  is_deleted, is_completed, is_order, total_incl_cents, refunded_incl_cents))::VARCHAR
FROM read_parquet($files)
"""


def run(bench: Bench) -> list[Case]:
    """Measure the run, and the statement."""
    with open_store(bench) as store:
        shops = {days: write_history(bench, store, days) for days in bench.sizes}
    return [
        bench.compare(f"{days:,} days", _measures(str(data), start))
        for days, (data, start) in shops.items()
    ]


def _measures(data: str, start: str) -> list[Measure]:
    given = {"data": data}
    return [
        Measure(ONE_RUN, f"{__name__}:product", given | {"start": start}, PRODUCT),
        Measure(ONE_COPY, f"{__name__}:copy_days", given),
        Measure(MOVING, f"{__name__}:move_bytes", given, LIMIT),
    ]


def product(stopwatch: Stopwatch, data: str, start: str) -> Outcome:
    """Materialize every day as the UI does: one run over the range."""
    import dagster as dg

    from analytics_pipeline.definitions import build_definitions
    from analytics_pipeline.orchestration.instance import open_instance
    from benchmarks.own_steps import settings_for

    os.environ["DAGSTER_EVENT_BATCH_SIZE"] = EVENTS_AT_ONCE
    with copy_of(Path(data)) as folder:
        for path in folder.glob("warehouse/raw_sales/*.parquet"):
            path.unlink()
        settings = settings_for(str(folder), UNUSED, start)
        with stopwatch.running():
            instance = open_instance(settings)
            job = build_definitions(settings).resolve_implicit_global_asset_job_def()
            result = job.execute_in_process(
                instance=instance,
                asset_selection=[dg.AssetKey("raw_sales")],
                tags={
                    "dagster/asset_partition_range_start": start,
                    "dagster/asset_partition_range_end": BEFORE_LAST.isoformat(),
                },
                run_config={
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}
                },
            )
        outcome = _evaluate(folder / "warehouse/raw_sales")
        outcome.figures["events"] = len(instance.all_logs(result.run_id))
        kept = (folder / ".dagster").rglob("*.db")
        size = sum(path.stat().st_size for path in kept)
        outcome.figures["MB of Dagster's records"] = size / MEGABYTE
        return outcome


def copy_days(stopwatch: Stopwatch, data: str) -> Outcome:
    """Cut the same days with one statement."""
    import duckdb

    warehouse = Path(data) / "warehouse"
    with tempfile.TemporaryDirectory(dir=Path(data).parent) as scratch:
        target = Path(scratch) / "raw_sales"
        given = {
            "log": list_segments(warehouse),
            "outlets": str(warehouse / "outlets/outlets.parquet"),
            "zone": "America/New_York",
            "last": BEFORE_LAST.isoformat(),
        }
        with stopwatch.running(), duckdb.connect() as connection:
            connection.execute(CUT.format(target=target), given)
        return _evaluate(target, "*/*.parquet")


def move_bytes(stopwatch: Stopwatch, data: str) -> Outcome:
    """Read the segments of the log, and write as many bytes as the days are."""
    days = sorted((Path(data) / "warehouse/raw_sales").glob("*.parquet"))
    contents = {path.name: path.read_bytes() for path in days}
    segments = map(Path, list_segments(Path(data) / "warehouse"))
    scratch = tempfile.TemporaryDirectory(dir=Path(data).parent)
    with scratch as target, stopwatch.running():
        for segment in segments:
            segment.read_bytes()
        for name, content in contents.items():
            (Path(target) / name).write_bytes(content)
    return Outcome(None, {"files": len(days)})


def list_segments(warehouse: Path) -> list[str]:
    """Return the segments of the log, without the bundles that hold them again."""
    return sorted(
        str(path) for path in warehouse.glob("sales_feed/generation-*/*.parquet")
    )


def _evaluate(folder: Path, pattern: str = "*.parquet") -> Outcome:
    """Fingerprint what was cut, whatever the order of rows and files."""
    import duckdb

    files = sorted(str(path) for path in folder.glob(pattern))
    with duckdb.connect() as connection:
        rows, digest = connection.execute(FINGERPRINT, {"files": files}).fetchall()[0]
    fingerprint = hashlib.sha256(f"{rows} {digest}".encode()).hexdigest()
    return Outcome(fingerprint, {"files": len(files), "sales": rows})


SECTION = Section(
    name="backfill",
    unit="days",
    sizes=(3_652,),
    quick_sizes=(100,),
    libraries=("dagster", "duckdb", "pandas", "pandera"),
    run=run,
    rounds=3,
)
