"""Which runs of a shop Dagster's records hold, and which of them nobody works on."""

from collections.abc import Sequence

import dagster as dg

from analytics_pipeline.dead_runs import GRACE
from analytics_pipeline.jobs import SHOP_TAG
from analytics_pipeline.probes.machine import is_held
from analytics_pipeline.run_reports import LOCATION_TAG, shop_of
from analytics_pipeline.shop import Shop

MOST_RUNS = 50
"""How many runs are looked at, the newest first."""

PARTITION_TAG = "dagster/partition"
RANGE_TAGS = (
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)

Status = dg.DagsterRunStatus
UNDER_WAY = (
    Status.QUEUED,
    Status.NOT_STARTED,
    Status.STARTING,
    Status.STARTED,
    Status.CANCELING,
)
BEGUN = (Status.NOT_STARTED, Status.STARTING, Status.STARTED)
ENDED = (Status.SUCCESS, Status.FAILURE, Status.CANCELED)


def list_records(shop: Shop, instance: dg.DagsterInstance) -> list[dg.RunRecord]:
    """Return the newest records of the runs of *shop*, which a chain keeps together."""
    name = shop.settings.shop_name
    if name is None:
        return list(instance.get_run_records(limit=MOST_RUNS))
    found = {
        record.dagster_run.run_id: record
        for tag in (SHOP_TAG, LOCATION_TAG)
        for record in instance.get_run_records(
            dg.RunsFilter(tags={tag: name}), limit=MOST_RUNS
        )
    }
    return [each for each in found.values() if shop_of(each.dagster_run) == name]


def list_dead(
    shop: Shop, instance: dg.DagsterInstance, records: Sequence[dg.RunRecord]
) -> set[str]:
    """Return the runs that are recorded as begun, but that no process works on.

    A command holds the data directory before its run begins and until after it ends.  A
    run that Dagster launched may wait for the directory, and so is given some time.
    """
    begun = [each for each in records if is_begun(each)]
    typed = [each for each in begun if not _is_launched(each)]
    if begun and is_held(shop.settings.data_dir):
        # Of several commands only the newest can hold the directory.
        newest = max(typed, key=begin_of, default=None)
        return {each.dagster_run.run_id for each in typed if each is not newest}
    oldest = (shop.clock() - GRACE).timestamp()
    launched = [each for each in begun if _is_launched(each)]
    waiting = [each for each in launched if begin_of(each) >= oldest]
    suspects = [each.dagster_run.run_id for each in begun if each not in waiting]
    if not suspects:
        return set()
    # One that ended between the two looks is recorded as ended by now.
    still = dg.RunsFilter(run_ids=suspects, statuses=list(BEGUN))
    return {run.run_id for run in instance.get_runs(still)}


def is_begun(record: dg.RunRecord) -> bool:
    """Say whether a process is, or was, at work on a run that has not ended.

    That of a command is from the moment on at which the run is recorded; one that
    Dagster launches waits first.
    """
    status = record.dagster_run.status
    return status in (BEGUN if not _is_launched(record) else (Status.STARTED,))


def _is_launched(record: dg.RunRecord) -> bool:
    """Say whether Dagster launched the run, and no command."""
    return LOCATION_TAG in record.dagster_run.tags


def begin_of(record: dg.RunRecord) -> float:
    """Return when a run began, or was asked for if it has not."""
    return record.start_time or record.create_timestamp.timestamp()


def end_of_run(record: dg.RunRecord) -> float:
    """Return when a run ended; of a dead one, when something was last heard of it."""
    return record.end_time or record.update_timestamp.timestamp()


def day_of_run(run: dg.DagsterRun) -> str:
    """Return the day that a run was for, or its first and last."""
    first, last = (run.tags.get(tag, "") for tag in RANGE_TAGS)
    if first and last and first != last:
        return f"{first} to {last}"
    return run.tags.get(PARTITION_TAG) or first
