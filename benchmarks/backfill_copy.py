"""Ten years of business days cut from the log by one hand-written statement."""

import hashlib
import tempfile
from pathlib import Path

import duckdb

from benchmarks.worker import Outcome, Stopwatch

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


def copy(stopwatch: Stopwatch, data: str, last: str) -> Outcome:
    """Cut the same days with one statement; no gate, no records, no atomic swap."""
    warehouse = Path(data) / "warehouse"
    log = sorted(str(path) for path in warehouse.rglob("generation-*/*.parquet"))
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "raw_sales"
        given = {
            "log": log,
            "outlets": str(warehouse / "outlets/outlets.parquet"),
            "zone": "America/New_York",
            "last": last,
        }
        with stopwatch.running(), duckdb.connect() as connection:
            connection.execute(CUT.format(target=target), given)
        return evaluate(sorted(str(path) for path in target.rglob("*.parquet")))


def evaluate(files: list[str]) -> Outcome:
    """Fingerprint what was cut, whatever the order of rows and files."""
    with duckdb.connect() as connection:
        rows, digest = connection.execute(FINGERPRINT, {"files": files}).fetchall()[0]
    fingerprint = hashlib.sha256(f"{rows} {digest}".encode()).hexdigest()
    return Outcome(fingerprint, {"files": len(files), "sales": rows})
