"""Ten years of business days cut from the log: in one run of Dagster."""

import os
from pathlib import Path

import dagster as dg

from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.orchestration.instance import open_instance
from benchmarks.backfill_copy import evaluate
from benchmarks.copies import copy_of
from benchmarks.own_steps import settings_for
from benchmarks.worker import MEGABYTE, Outcome, Stopwatch

UNUSED = "http://127.0.0.1:9"
"""A backfill asks the store nothing."""

EVENTS_AT_ONCE = "50"


def product(stopwatch: Stopwatch, data: str, start: str, last: str) -> Outcome:
    """Materialize every day up to *last* as the UI does: one run over the range."""
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
                    "dagster/asset_partition_range_end": last,
                },
                run_config={
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}
                },
            )
        files = sorted(str(p) for p in folder.glob("warehouse/raw_sales/*.parquet"))
        outcome = evaluate(files)
        outcome.figures["events"] = len(instance.all_logs(result.run_id))
        kept = (folder / ".dagster").rglob("*.db")
        size = sum(path.stat().st_size for path in kept)
        outcome.figures["MB of Dagster's records"] = size / MEGABYTE
        return outcome
