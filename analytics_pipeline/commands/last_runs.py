"""The last run of a shop: which, how it ended, since when runs fail, and what to do.

Taken from Dagster's records of runs, to which commands, schedules and clicks all write.
A command that ends before its run begins (wrong use, another run under way) has changed
nothing and leaves nothing here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import takewhile

import dagster as dg

from analytics_pipeline.commands.table_states import as_store_time
from analytics_pipeline.dead_runs import GONE, GRACE
from analytics_pipeline.domain.typed_commands import for_shop
from analytics_pipeline.jobs import DAILY_UPDATE, ECOM_IMPORT, FULL_REBUILD, SHOP_TAG
from analytics_pipeline.probes.machine import is_held
from analytics_pipeline.run_reports import (
    LOCATION_TAG,
    explain_run_failure,
    name_job,
    shop_of,
)
from analytics_pipeline.shop import Shop

MOST_RUNS = 50
"""How many runs are looked at, the newest first."""

INTERRUPTED_CODE, GATE_CODE, UNKNOWN_CODE = 130, 1, 5

PARTITION_TAG = "dagster/partition"
RANGE_TAGS = (
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)

_Status = dg.DagsterRunStatus
_UNDER_WAY = (
    _Status.QUEUED,
    _Status.NOT_STARTED,
    _Status.STARTING,
    _Status.STARTED,
    _Status.CANCELING,
)
_BEGUN = (_Status.NOT_STARTED, _Status.STARTING, _Status.STARTED)
_ENDED = (_Status.SUCCESS, _Status.FAILURE, _Status.CANCELED)

_COMMANDS = {
    DAILY_UPDATE: "analytics-pipeline update",
    FULL_REBUILD: "analytics-pipeline rebuild",
    ECOM_IMPORT: "analytics-pipeline update",
}
"""What makes good a run that was cut short."""


class RunEnding(StrEnum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class LastRun:
    """A run that ended: how, when and why.

    Attributes:
        job: its job, or ``materialization`` for one started from the UI's assets.
        day: the day, or the days, that it was for; empty if for none.
        outcome: how it ended.
        at: when, in store time.
        since: when the first of an unbroken row of runs that were not done ended.
        exit_code: the exit code that its command ended with, or would have.
        cause: why it failed; empty if it is done.
        remedy: what to do about it.
        is_standing: whether something has to be done about it: it is not done, and some
            table that it was to make has not been made since.
    """

    job: str
    day: str
    outcome: RunEnding
    at: str
    since: str
    exit_code: int
    cause: str
    remedy: str
    is_standing: bool

    @property
    def is_gate(self) -> bool:
        """Whether a gate stopped it."""
        return self.exit_code == GATE_CODE


@dataclass(frozen=True, slots=True)
class RunUnderWay:
    """A run that has not ended: its job and day, and since when it runs or waits."""

    job: str
    day: str
    since: str
    is_queued: bool


@dataclass(frozen=True, slots=True)
class Runs:
    """What the records say of the runs of one shop.

    ``last`` is the last one that ended; ``failed`` the newest about which something has
    to be done, often the same; ``under_way`` the one that works or waits now.
    """

    last: LastRun | None = None
    failed: LastRun | None = None
    under_way: RunUnderWay | None = None


def read_runs(
    shop: Shop, instance: dg.DagsterInstance, made: dict[str, datetime | None]
) -> Runs:
    """Read the last runs of *shop*.

    Args:
        shop: whose runs.
        instance: where they are recorded.
        made: when each table was made last.
    """
    records = _records(shop, instance)
    dead = _list_dead(shop, instance, records)
    ended = [
        each
        for each in records
        if each.dagster_run.status in _ENDED or each.dagster_run.run_id in dead
    ]
    alive = [
        each
        for each in records
        if each.dagster_run.status in _UNDER_WAY and each.dagster_run.run_id not in dead
    ]
    reader = _Reader(shop, instance, made, sorted(ended, key=_end_of, reverse=True))
    return Runs(reader.last(), reader.standing(), _describe_alive(shop, alive))


def _records(shop: Shop, instance: dg.DagsterInstance) -> list[dg.RunRecord]:
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


def _list_dead(
    shop: Shop, instance: dg.DagsterInstance, records: Sequence[dg.RunRecord]
) -> set[str]:
    """Return the runs that are recorded as begun, but that no process works on.

    A command holds the data directory before its run begins and until after it ends.  A
    run that Dagster launched may wait for the directory, and so is given some time.
    """
    begun = [each for each in records if _is_begun(each)]
    typed = [each for each in begun if not _is_launched(each)]
    if begun and is_held(shop.settings.data_dir):
        # Of several commands only the newest can hold the directory.
        newest = max(typed, key=_begin_of, default=None)
        return {each.dagster_run.run_id for each in typed if each is not newest}
    oldest = (shop.clock() - GRACE).timestamp()
    launched = [each for each in begun if _is_launched(each)]
    waiting = [each for each in launched if _begin_of(each) >= oldest]
    suspects = [each.dagster_run.run_id for each in begun if each not in waiting]
    if not suspects:
        return set()
    # One that ended between the two looks is recorded as ended by now.
    still = dg.RunsFilter(run_ids=suspects, statuses=list(_BEGUN))
    return {run.run_id for run in instance.get_runs(still)}


def _is_begun(record: dg.RunRecord) -> bool:
    """Say whether a process is, or was, at work on a run that has not ended.

    That of a command is from the moment on at which the run is recorded; one that
    Dagster launches waits first.
    """
    status = record.dagster_run.status
    return status in (_BEGUN if not _is_launched(record) else (_Status.STARTED,))


def _is_launched(record: dg.RunRecord) -> bool:
    """Say whether Dagster launched the run, and no command."""
    return LOCATION_TAG in record.dagster_run.tags


def _begin_of(record: dg.RunRecord) -> float:
    return record.start_time or record.create_timestamp.timestamp()


def _end_of(record: dg.RunRecord) -> float:
    """Return when a run ended; of a dead one, when something was last heard of it."""
    return record.end_time or record.update_timestamp.timestamp()


def _describe_alive(shop: Shop, alive: Sequence[dg.RunRecord]) -> RunUnderWay | None:
    """Describe the run that works; where none does, the first that waits."""
    if not alive:
        return None
    working = [each for each in alive if _is_begun(each)]
    chosen = min(working or alive, key=_begin_of)
    return RunUnderWay(
        name_job(chosen.dagster_run.job_name),
        _day_of(chosen.dagster_run),
        _moment(shop, _begin_of(chosen)),
        is_queued=not working,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the runs that *ended*, the newest first."""

    shop: Shop
    instance: dg.DagsterInstance
    made: dict[str, datetime | None]
    ended: Sequence[dg.RunRecord]

    def last(self) -> LastRun | None:
        """Return the last run that ended."""
        return self._describe(0) if self.ended else None

    def standing(self) -> LastRun | None:
        """Return the newest run about which something has to be done."""
        oldest = min((moment for moment in self._moments()), default=None)
        for place, record in enumerate(self.ended):
            if oldest is not None and _end_of(record) < oldest.timestamp():
                return None  # every table has been made since
            if self._stands(record):
                return self._describe(place)
        return None

    def _moments(self) -> Iterator[datetime]:
        for moment in self.made.values():
            yield moment or datetime.fromtimestamp(0, UTC)

    def _stands(self, record: dg.RunRecord) -> bool:
        """Say whether a run that is not done left a table that nobody made since."""
        if _is_done(record):
            return False
        unmade = self._unmade(record)
        if not unmade:
            return False
        return not (self._is_past(record) and unmade <= _SNAPSHOTS)

    def _is_past(self, record: dg.RunRecord) -> bool:
        """Say whether it was for a day before the published one."""
        published = self.shop.publication.published()
        day = _day_of(record.dagster_run)
        return bool(published and day and day[-10:] < published.as_of)

    def _unmade(self, record: dg.RunRecord) -> set[str]:
        """Return the tables that the run was to make and that were not made since."""
        planned = self.instance.get_records_for_run(
            record.dagster_run.run_id,
            of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        ).records
        begun = _begin_of(record)
        tables = {
            event.asset_key.path[-1]
            for each in planned
            if (event := each.event_log_entry.get_dagster_event()).asset_key
        }
        return {
            table
            for table in tables or set(self.made)
            if (moment := self.made.get(table)) is None or moment.timestamp() < begun
        }

    def _describe(self, place: int) -> LastRun:
        """Describe the run at that *place*."""
        record = self.ended[place]
        run = record.dagster_run
        outcome, code, cause, remedy = self._explain(record)
        remedy = for_shop(remedy, self.shop.settings.shop_name)
        row = list(takewhile(lambda each: not _is_done(each), self.ended[place:]))
        return LastRun(
            name_job(run.job_name),
            _day_of(run),
            outcome,
            _moment(self.shop, _end_of(record)),
            _moment(self.shop, _end_of(row[-1] if row else record)),
            code,
            cause,
            remedy,
            self._stands(record),
        )

    def _explain(self, record: dg.RunRecord) -> tuple[RunEnding, int, str, str]:
        """Return how a run ended, with which exit code, why, and what to do."""
        run = record.dagster_run
        command = _COMMANDS.get(run.job_name, "analytics-pipeline ui")
        again = f"Run it again: {command}"
        if run.status is _Status.SUCCESS:
            return RunEnding.DONE, 0, "", ""
        if run.status is _Status.CANCELED:
            cause = "It was canceled in the UI."
            return RunEnding.INTERRUPTED, INTERRUPTED_CODE, cause, again
        if run.status is not _Status.FAILURE:
            return RunEnding.INTERRUPTED, INTERRUPTED_CODE, GONE, again
        told = explain_run_failure(self.instance, run.run_id)
        if told.is_interrupted:
            cause = told.cause or "It was interrupted; what was published stays."
            return RunEnding.INTERRUPTED, INTERRUPTED_CODE, cause, again
        code = told.exit_code or UNKNOWN_CODE
        return RunEnding.FAILED, code, told.cause, _go_on(told.remedy, command)


def _go_on(remedy: str, command: str) -> str:
    """Return *remedy* with what to type when it is done, where it does not say so."""
    if not remedy:
        return f"Run it again: {command}"
    says_so = "analytics-pipeline" in remedy or "again" in remedy
    return remedy if says_so else f"{remedy} Then run: {command}"


def _is_done(record: dg.RunRecord) -> bool:
    return record.dagster_run.status is _Status.SUCCESS


_SNAPSHOTS = frozenset({
    "customer_analytics", "first_time_buyers", "customer_analytics_master",
    "customer_changes", "customer_report", "ecom_reconciliation",
})  # fmt: skip
"""What no later day needs of a day before the published one."""


def _day_of(run: dg.DagsterRun) -> str:
    """Return the day that a run was for, or its first and last."""
    first, last = (run.tags.get(tag, "") for tag in RANGE_TAGS)
    if first and last and first != last:
        return f"{first} to {last}"
    return run.tags.get(PARTITION_TAG) or first


def _moment(shop: Shop, timestamp: float) -> str:
    """Return a moment of the records in store time."""
    return as_store_time(shop, datetime.fromtimestamp(timestamp, UTC))
