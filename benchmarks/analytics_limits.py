"""What the files of the sales cost, whatever is done with them."""

from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.analytics_result import NEEDED
from benchmarks.worker import MEGABYTE, Outcome, Stopwatch


def read_bytes(stopwatch: Stopwatch, folder: str) -> Outcome:
    """Read the files of the sales, and nothing more."""
    total = 0
    with stopwatch.running():
        for path in sorted(Path(folder).glob("warehouse/raw_sales/*.parquet")):
            total += len(path.read_bytes())
    return Outcome(None, {"MB read": total / MEGABYTE})


def decode_columns(stopwatch: Stopwatch, folder: str) -> Outcome:
    """Decode the columns needed, of all sales, with Arrow."""
    paths = sorted(str(p) for p in Path(folder).glob("warehouse/raw_sales/*.parquet"))
    with stopwatch.running():
        pq.read_table(paths, columns=list(NEEDED))
    return Outcome()
