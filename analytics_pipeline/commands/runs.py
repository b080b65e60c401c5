"""The last runs of a shop: how they ended, why, and what to do about them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import takewhile

from analytics_pipeline.model.text import for_shop, go_on
from analytics_pipeline.orchestration.records import (
    DAILY_UPDATE,
    ECOM_IMPORT,
    FULL_REBUILD,
    GONE,
    GRACE,
    LOCATION_TAG,
    RecordedRun,
    RunRecords,
    is_of_command,
    name_job,
)
from analytics_pipeline.shop import Shop, is_held
from analytics_pipeline.tables import SNAPSHOTS

# ----------------------------------------------------------------------------------
# What is said of a shop's runs: the last one, one that failed, one under way.


GATE_CODE = 1
"""The exit code of a run that a gate stopped."""


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


# ----------------------------------------------------------------------------------
# Which runs of a shop Dagster's records hold, and which of them have no process.


PARTITION_TAG = "dagster/partition"
RANGE_TAGS = (
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)

QUEUED, STARTED = "QUEUED", "STARTED"
SUCCESS, FAILURE, CANCELED = "SUCCESS", "FAILURE", "CANCELED"
BEGUN = ("NOT_STARTED", "STARTING", STARTED)
UNDER_WAY = (QUEUED, *BEGUN, "CANCELING")
ENDED = (SUCCESS, FAILURE, CANCELED)
"""The states of a run, as Dagster calls them."""


def list_dead(shop: Shop, records: RunRecords, runs: Sequence[RecordedRun]) -> set[str]:
    """Return the runs that are recorded as begun, but that no process works on.

    A command holds the data directory before its run begins and until after it ends.  A
    run that Dagster launched may wait for the directory, and so is given some time.
    """
    begun = [each for each in runs if is_begun(each)]
    typed = [each for each in begun if not _is_launched(each)]
    if begun and is_held(shop.settings):
        # Of several commands only the newest can hold the directory.
        newest = max(typed, key=begin_of, default=None)
        return {each.run_id for each in typed if each is not newest}
    oldest = (shop.clock() - GRACE).timestamp()
    launched = [each for each in begun if _is_launched(each)]
    waiting = [each for each in launched if begin_of(each) >= oldest]
    suspects = [each.run_id for each in begun if each not in waiting]
    # One that ended between the two looks is recorded as ended by now.
    return records.still_begun(suspects) if suspects else set()


def is_begun(run: RecordedRun) -> bool:
    """Say whether a process is, or was, at work on a run that has not ended.

    That of a command is from the moment on at which the run is recorded; one that
    Dagster launches waits first.
    """
    return run.status in (BEGUN if not _is_launched(run) else (STARTED,))


def _is_launched(run: RecordedRun) -> bool:
    """Say whether Dagster launched the run, and no command."""
    return LOCATION_TAG in run.tags and not is_of_command(run)


def begin_of(run: RecordedRun) -> float:
    """Return when a run began, or was asked for if it has not."""
    return run.started or run.created


def end_of_run(run: RecordedRun) -> float:
    """Return when a run ended; of a dead one, when something was last heard of it."""
    return run.ended or run.updated


def day_of_run(run: RecordedRun) -> str:
    """Return the day that a run was for, or its first and last."""
    first, last = (run.tags.get(tag, "") for tag in RANGE_TAGS)
    if first and last and first != last:
        return f"{first} to {last}"
    return run.tags.get(PARTITION_TAG) or first


# ----------------------------------------------------------------------------------
# The last run of a shop: which, how it ended, since when runs fail, and what to do.
#
# Taken from Dagster's records of runs, to which commands, schedules and clicks all
# write. A command that ends before its run begins (wrong use, another run under way)
# has changed nothing and leaves nothing here.


INTERRUPTED_CODE, UNKNOWN_CODE = 130, 5

_COMMANDS = {
    DAILY_UPDATE: "analytics-pipeline update",
    FULL_REBUILD: "analytics-pipeline rebuild",
    ECOM_IMPORT: "analytics-pipeline update",
}
"""What makes good a run that was cut short."""


def read_runs(
    shop: Shop, records: RunRecords, made: Mapping[str, datetime | None]
) -> Runs:
    """Read the last runs of *shop*.

    Args:
        shop: whose runs.
        records: where they are recorded.
        made: when each table was made last.
    """
    runs = records.newest_runs()
    dead = list_dead(shop, records, runs)
    ended = [each for each in runs if each.status in ENDED or each.run_id in dead]
    alive = [
        each for each in runs if each.status in UNDER_WAY and each.run_id not in dead
    ]
    reader = _Reader(shop, records, made, sorted(ended, key=end_of_run, reverse=True))
    return Runs(reader.last(), reader.standing(), _describe_alive(shop, alive))


def _describe_alive(shop: Shop, alive: Sequence[RecordedRun]) -> RunUnderWay | None:
    """Describe the run that works; where none does, the first that waits."""
    if not alive:
        return None
    working = [each for each in alive if is_begun(each)]
    chosen = min(working or alive, key=begin_of)
    return RunUnderWay(
        name_job(chosen.job),
        day_of_run(chosen),
        _moment(shop, begin_of(chosen)),
        is_queued=not working,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the runs that *ended*, the newest first."""

    shop: Shop
    records: RunRecords
    made: Mapping[str, datetime | None]
    ended: Sequence[RecordedRun]

    def last(self) -> LastRun | None:
        """Return the last run that ended."""
        return self._describe(0) if self.ended else None

    def standing(self) -> LastRun | None:
        """Return the newest run about which something has to be done."""
        oldest = min((moment for moment in self._moments()), default=None)
        for place, run in enumerate(self.ended):
            if oldest is not None and end_of_run(run) < oldest.timestamp():
                return None  # every table has been made since
            if self._needs_action(run):
                return self._describe(place)
        return None

    def _moments(self) -> Iterator[datetime]:
        for moment in self.made.values():
            yield moment or datetime.fromtimestamp(0, UTC)

    def _needs_action(self, run: RecordedRun) -> bool:
        """Say whether a run that is not done left a table that was not made since."""
        if _is_done(run):
            return False
        unmade = self._unmade(run)
        if not unmade:
            return False
        return not (self._is_past(run) and unmade <= _SNAPSHOTS)

    def _is_past(self, run: RecordedRun) -> bool:
        """Say whether it was for a day before the published one."""
        published = self.shop.publication.published()
        day = day_of_run(run)
        return bool(published and day and day[-10:] < published.as_of)

    def _unmade(self, run: RecordedRun) -> set[str]:
        """Return the tables that the run was to make and that were not made since."""
        begun = begin_of(run)
        tables = self.records.planned_tables(run.run_id)
        return {
            table
            for table in tables or set(self.made)
            if (moment := self.made.get(table)) is None or moment.timestamp() < begun
        }

    def _describe(self, place: int) -> LastRun:
        """Describe the run at that *place*."""
        run = self.ended[place]
        outcome, code, cause, remedy = self._explain(run)
        remedy = for_shop(remedy, self.shop.settings.shop_name)
        row = list(takewhile(lambda each: not _is_done(each), self.ended[place:]))
        return LastRun(
            name_job(run.job),
            day_of_run(run),
            outcome,
            _moment(self.shop, end_of_run(run)),
            _moment(self.shop, end_of_run(row[-1] if row else run)),
            code,
            cause,
            remedy,
            self._needs_action(run),
        )

    def _explain(self, run: RecordedRun) -> tuple[RunEnding, int, str, str]:
        """Return how a run ended, with which exit code, why, and what to do."""
        command = _COMMANDS.get(run.job, "analytics-pipeline ui")
        again = f"Run it again: {command}"
        if run.status == SUCCESS:
            return RunEnding.DONE, 0, "", ""
        if run.status == CANCELED:
            cause = "It was canceled in the UI."
            return RunEnding.INTERRUPTED, INTERRUPTED_CODE, cause, again
        if run.status != FAILURE:
            return RunEnding.INTERRUPTED, INTERRUPTED_CODE, GONE, again
        failure = self.records.explain_failure(run.run_id)
        if failure.is_interrupted:
            cause = failure.cause or "It was interrupted; what was published stays."
            return RunEnding.INTERRUPTED, INTERRUPTED_CODE, cause, again
        code = failure.exit_code or UNKNOWN_CODE
        return RunEnding.FAILED, code, failure.cause, go_on(failure.remedy, command)


def _is_done(run: RecordedRun) -> bool:
    return run.status == SUCCESS


_SNAPSHOTS = frozenset({*SNAPSHOTS, "ecom_reconciliation"})
"""What no later day needs of a day before the published one."""


def _moment(shop: Shop, timestamp: float) -> str:
    """Return a moment of the records in store time."""
    return shop.show(datetime.fromtimestamp(timestamp, UTC))
