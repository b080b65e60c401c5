"""End the runs whose process is gone, so that they do not hold up the queue.

A machine that went down, or a command that was killed, leaves a run that Dagster takes
for a running one for ever, and the next night's waits behind it.  A run holds the data
directory for as long as it works, so where nobody holds it none does.
"""

import json
from collections.abc import Callable, Collection
from datetime import timedelta

import dagster as dg

from analytics_pipeline.errors import PipelineError
from analytics_pipeline.run_reports import shop_of
from analytics_pipeline.shop import Shop, hold_directory

GRACE = timedelta(minutes=5)
"""How long a run may take to get hold of the data directory."""

GONE = (
    "The process of this run is gone: it was killed, or the machine went down. "
    "What was published stays."
)


def list_dead_runs(shop: Shop, instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Return the runs of *shop* that began long ago and that no process works on.

    One that only waits for the directory looks like them for a moment, when whoever
    held it lets it go: look twice.

    Raises:
        DirectoryInUse: some run works on it, so nothing can be said of the others.
        LocalFailure: the directory cannot be written.
    """
    begun_before = (shop.clock() - GRACE).timestamp()
    records = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    )
    old = [
        record.dagster_run
        for record in records
        if _is_of(shop, record.dagster_run)
        and record.start_time is not None
        and record.start_time < begun_before
    ]
    if old:
        with hold_directory(shop.settings.data_dir, wait=False):
            pass
    return old


def _is_of(shop: Shop, run: dg.DagsterRun) -> bool:
    """Say whether *run* is of *shop*; without a chain there is no other."""
    return shop.settings.shop_name in (None, shop_of(run))


def end_dead_runs(
    shop: Shop, instance: dg.DagsterInstance, suspects: Collection[str]
) -> list[str]:
    """Mark those *suspects* as failed that look dead again; return the new ones."""
    dead = list_dead_runs(shop, instance)
    for run in dead:
        if run.run_id in suspects:
            instance.report_run_failed(run, GONE)
    return [run.run_id for run in dead if run.run_id not in suspects]


def build_dead_run_sensor(open_shop: Callable[[], Shop]) -> dg.SensorDefinition:
    """Build the sensor that frees the queue while the daemon runs."""

    @dg.sensor(
        name="dead_runs",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends the runs whose process is gone, so that the next ones start.",
    )
    def dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """End what looked dead at the last tick and does so again."""
        suspects = json.loads(context.cursor or "[]")
        try:
            left = end_dead_runs(open_shop(), context.instance, suspects)
        except PipelineError as error:
            context.update_cursor("[]")
            return dg.SkipReason(error.cause)
        context.update_cursor(json.dumps(left))
        return dg.SkipReason(f"{len(left)} runs may be dead: they are looked at again.")

    return dead_runs
