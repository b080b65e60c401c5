"""The state of a shop: tables and runs, what failed since when, what to do."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from io import StringIO
from itertools import takewhile

import dagster as dg

from analytics_pipeline.alerts.delivery import look_around
from analytics_pipeline.commands.probes import (
    SWITCH_ON,
    describe_switched_off,
    is_held,
    list_switched_off,
)
from analytics_pipeline.domain.incidents import Incidents, group_warnings, list_news
from analytics_pipeline.model.text import for_shop, go_on, say
from analytics_pipeline.orchestration.code_location import is_of_command
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.orchestration.jobs import (
    DAILY_UPDATE,
    ECOM_IMPORT,
    FULL_REBUILD,
    SHOP_TAG,
)
from analytics_pipeline.orchestration.run_records import (
    GONE,
    GRACE,
    LOCATION_TAG,
    explain_run_failure,
    name_job,
    shop_of,
)
from analytics_pipeline.orchestration.tables import asset_key
from analytics_pipeline.shop import Shop, find_holder
from analytics_pipeline.storage.files import AnyPath, read_if_there
from analytics_pipeline.storage.state import AlertMemory, FailedCheck, Holder
from analytics_pipeline.tables import SNAPSHOTS, TABLES, Kept

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
# The state of each table: what it holds, until when, and its gate.


MASTER_TABLE = "customer_analytics_master"
EXPORTS = {
    spec.name: spec.file
    for spec in TABLES.values()
    if spec.kept is Kept.NOT and spec.file
}
"""The tables that are files for people, and nothing else."""


@dataclass(frozen=True, slots=True)
class TableState:
    """One table: how much it holds, until which day, and whether its gate is open."""

    table: str
    rows: int | None
    as_of: str | None
    materialized: str | None
    gate: str


def last_made(
    instance: dg.DagsterInstance, shop: str | None
) -> dict[str, datetime | None]:
    """Return when each table was made last, in UTC; nothing for one that never was."""
    events = {
        table: instance.get_latest_materialization_event(asset_key(table, shop))
        for table in TABLES
    }
    return {
        name: datetime.fromtimestamp(event.timestamp, UTC) if event else None
        for name, event in events.items()
    }


def read_table(shop: Shop, name: str, made: datetime | None) -> TableState:
    """Return the state of the table of that *name*, which was *made* last then."""
    gate = (
        "failed" if shop.warehouse.failures(name) else "open" if made else "not run yet"
    )
    rows, as_of = _size(shop, name)
    moment = as_store_time(shop, made) if made else None
    return TableState(name, rows, as_of, moment, gate)


def _size(shop: Shop, name: str) -> tuple[int | None, str | None]:
    """Return how many rows a table holds, and the day that it reaches."""
    if name == "sales_feed":
        walk = shop.warehouse.last_catch_up(name)
        read_at = walk.began_at.isoformat() if walk else None
        return shop.sales_log().row_count(), in_store_time(shop, read_at)
    published = shop.publication.published()
    if name in EXPORTS:
        file = shop.publication.folder / EXPORTS[name]
        rows = published.rows if published and name == MASTER_TABLE else None
        return (
            rows if rows is not None else _count_rows(file),
            published.as_of if published else None,
        )
    days = [day for day in shop.warehouse.partitions(name) if day != name]
    count = shop.warehouse.row_count
    if name == "raw_sales" and days:
        return sum(count(name, day) for day in days), days[-1]
    if days:
        return count(name, days[-1]), days[-1]
    return (count(name) if shop.warehouse.exists(name) else None), None


def _count_rows(file: AnyPath) -> int | None:
    """Count the rows of a published file; a cell may hold line breaks."""
    content = read_if_there(file)
    if content is None:
        return None
    lines = StringIO(content.decode("utf-8"), newline="")
    return max(sum(1 for _ in csv.reader(lines)) - 1, 0)


def in_store_time(shop: Shop, moment: str | None) -> str | None:
    """Return an ISO moment as the store's clocks show it, with their offset."""
    if moment is None:
        return None
    return as_store_time(shop, datetime.fromisoformat(moment))


def as_store_time(shop: Shop, moment: datetime) -> str:
    """Return a moment as the store's clocks show it, with their offset."""
    return moment.astimezone(shop.zone).isoformat(timespec="seconds")


# ----------------------------------------------------------------------------------
# Which runs of a shop Dagster's records hold, and which of them have no process.


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
    if begun and is_held(shop.settings):
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
    run = record.dagster_run
    return LOCATION_TAG in run.tags and not is_of_command(run)


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
    shop: Shop, instance: dg.DagsterInstance, made: dict[str, datetime | None]
) -> Runs:
    """Read the last runs of *shop*.

    Args:
        shop: whose runs.
        instance: where they are recorded.
        made: when each table was made last.
    """
    records = list_records(shop, instance)
    dead = list_dead(shop, instance, records)
    ended = [
        each
        for each in records
        if each.dagster_run.status in ENDED or each.dagster_run.run_id in dead
    ]
    alive = [
        each
        for each in records
        if each.dagster_run.status in UNDER_WAY and each.dagster_run.run_id not in dead
    ]
    reader = _Reader(shop, instance, made, sorted(ended, key=end_of_run, reverse=True))
    return Runs(reader.last(), reader.standing(), _describe_alive(shop, alive))


def _describe_alive(shop: Shop, alive: Sequence[dg.RunRecord]) -> RunUnderWay | None:
    """Describe the run that works; where none does, the first that waits."""
    if not alive:
        return None
    working = [each for each in alive if is_begun(each)]
    chosen = min(working or alive, key=begin_of)
    return RunUnderWay(
        name_job(chosen.dagster_run.job_name),
        day_of_run(chosen.dagster_run),
        _moment(shop, begin_of(chosen)),
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
            if oldest is not None and end_of_run(record) < oldest.timestamp():
                return None  # every table has been made since
            if self._needs_action(record):
                return self._describe(place)
        return None

    def _moments(self) -> Iterator[datetime]:
        for moment in self.made.values():
            yield moment or datetime.fromtimestamp(0, UTC)

    def _needs_action(self, record: dg.RunRecord) -> bool:
        """Say whether a run that is not done left a table that was not made since."""
        if _is_done(record):
            return False
        unmade = self._unmade(record)
        if not unmade:
            return False
        return not (self._is_past(record) and unmade <= _SNAPSHOTS)

    def _is_past(self, record: dg.RunRecord) -> bool:
        """Say whether it was for a day before the published one."""
        published = self.shop.publication.published()
        day = day_of_run(record.dagster_run)
        return bool(published and day and day[-10:] < published.as_of)

    def _unmade(self, record: dg.RunRecord) -> set[str]:
        """Return the tables that the run was to make and that were not made since."""
        planned = self.instance.get_records_for_run(
            record.dagster_run.run_id,
            of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        ).records
        begun = begin_of(record)
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
            day_of_run(run),
            outcome,
            _moment(self.shop, end_of_run(record)),
            _moment(self.shop, end_of_run(row[-1] if row else record)),
            code,
            cause,
            remedy,
            self._needs_action(record),
        )

    def _explain(self, record: dg.RunRecord) -> tuple[RunEnding, int, str, str]:
        """Return how a run ended, with which exit code, why, and what to do."""
        run = record.dagster_run
        command = _COMMANDS.get(run.job_name, "analytics-pipeline ui")
        again = f"Run it again: {command}"
        if run.status is Status.SUCCESS:
            return RunEnding.DONE, 0, "", ""
        if run.status is Status.CANCELED:
            cause = "It was canceled in the UI."
            return RunEnding.INTERRUPTED, INTERRUPTED_CODE, cause, again
        if run.status is not Status.FAILURE:
            return RunEnding.INTERRUPTED, INTERRUPTED_CODE, GONE, again
        failure = explain_run_failure(self.instance, run.run_id)
        if failure.is_interrupted:
            cause = failure.cause or "It was interrupted; what was published stays."
            return RunEnding.INTERRUPTED, INTERRUPTED_CODE, cause, again
        code = failure.exit_code or UNKNOWN_CODE
        return RunEnding.FAILED, code, failure.cause, go_on(failure.remedy, command)


def _is_done(record: dg.RunRecord) -> bool:
    return record.dagster_run.status is Status.SUCCESS


_SNAPSHOTS = frozenset({*SNAPSHOTS, "ecom_reconciliation"})
"""What no later day needs of a day before the published one."""


def _moment(shop: Shop, timestamp: float) -> str:
    """Return a moment of the records in store time."""
    return as_store_time(shop, datetime.fromtimestamp(timestamp, UTC))


# ----------------------------------------------------------------------------------
# The state of a shop: its tables, what failed and since when, what to do.


@dataclass(frozen=True, slots=True)
class Found:
    """A check that failed for a table, or for some of its days."""

    table: str
    check: str
    days: list[str]
    since: str
    sentence: str

    @property
    def what(self) -> str:
        """The table and the days, as a person would name them."""
        of = f" of {self.days[-1]}" if self.days else ""
        others = len(self.days) - 1
        more = f" and {say(others, 'day', 'days')} before" if others > 0 else ""
        return f"{self.table}{of}{more}"


@dataclass(frozen=True, slots=True)
class Failure(Found):
    """A check that stopped a table, or some days of it, and still does.

    ``is_past`` says that it stopped days before the published one, which no later day
    needs; ``can_be_accepted``, that a person may know better than the check.
    """

    can_be_accepted: bool
    is_past: bool


@dataclass(frozen=True, slots=True)
class Warned(Found):
    """A check that warns of a table, or of some of its last days; it stops nothing."""


@dataclass(frozen=True, slots=True)
class SilentChannel:
    """A channel that did not accept its last alert, and how many wait for it."""

    channel: str
    since: str
    waiting: int


@dataclass(frozen=True, slots=True)
class State:
    """The shop's runs and tables, what is published, what failed, what to do next.

    ``switched_off`` names the schedule and sensors that are so in Dagster, and
    ``holder`` the run that holds the data directory at this moment.
    """

    runs: Runs
    holder: Holder | None
    published: str | None
    provisional: bool
    people: int | None
    updated: str | None
    fresh: bool
    due: str
    failures: list[Failure]
    warnings: list[Warned]
    silent_channels: list[SilentChannel]
    switched_off: list[str]
    tables: list[TableState]
    advice: list[str]

    @property
    def is_good(self) -> bool:
        """Whether the published master is fresh and nothing that matters failed."""
        is_open = all(failure.is_past for failure in self.failures)
        return self.fresh and is_open and self.runs.failed is None


def read_state(shop: Shop) -> State:
    """Gather the state from the stored tables and from Dagster's records.

    Raises:
        WrongUse: a newer program wrote the tables.
    """
    shop.versions.refuse_newer()
    published = shop.publication.published()
    due = shop.due_day.isoformat()
    settings = shop.settings
    instance = open_instance(settings)
    alerts = look_around(shop, instance)
    made = last_made(instance, settings.shop_name)
    runs = read_runs(shop, instance, made)
    failures = [failure for table in TABLES for failure in _failures(shop, table)]
    warnings = _warnings(shop, alerts.incidents)
    switched_off = list_switched_off(settings, instance)
    fresh = published is not None and published.as_of >= due
    return State(
        runs,
        find_holder(settings),
        published.as_of if published else None,
        published.provisional if published else False,
        published.rows if published else None,
        in_store_time(shop, shop.publication.stamp()),
        fresh,
        due,
        failures,
        warnings,
        _silent_channels(shop, alerts),
        switched_off,
        [read_table(shop, name, moment) for name, moment in made.items()],
        [
            for_shop(sentence, settings.shop_name)
            for sentence in _advise(shop, runs, due, failures, warnings, switched_off)
        ],
    )


def _failures(shop: Shop, table: str) -> list[Failure]:
    """Return what failed at the last attempts, days that failed the same together."""
    together: dict[tuple[str, bool], list[tuple[str, FailedCheck]]] = {}
    for day, checks in sorted(shop.warehouse.failures(table).items()):
        is_past = _is_past(shop, table, day)
        for check in checks:
            together.setdefault((check.check, is_past), []).append((day, check))
    return [
        _failure(shop, table, is_past, found)
        for (_check, is_past), found in together.items()
    ]


def _failure(
    shop: Shop, table: str, is_past: bool, found: list[tuple[str, FailedCheck]]
) -> Failure:
    """Describe one check that some days of a table failed."""
    _day, last = found[-1]
    since = min(check.since for _, check in found)
    return Failure(
        table,
        last.check,
        [day for day, _ in found if day],
        in_store_time(shop, since) or since,
        last.rule,
        last.fingerprint is not None,
        is_past,
    )


def _warnings(shop: Shop, incidents: Incidents) -> list[Warned]:
    """Return what warns now, the days of one check together."""
    return [
        Warned(
            table,
            check,
            [each.subject[2] for each in found if each.subject[2]],
            as_store_time(shop, min(each.since for each in found)),
            found[-1].sentence,
        )
        for (table, check), found in group_warnings(incidents).items()
    ]


def _silent_channels(shop: Shop, alerts: AlertMemory) -> list[SilentChannel]:
    """Return the channels that refuse, with what waits for them."""
    return [
        SilentChannel(
            refusal.label,
            as_store_time(shop, refusal.since),
            len(list_news(alerts.incidents, channel)),
        )
        for channel, refusal in alerts.refusals.items()
    ]


def _is_past(shop: Shop, table: str, day: str) -> bool:
    """Say whether a snapshot of that day is one that a later, sound one has passed."""
    published = shop.publication.published()
    return table in SNAPSHOTS and published is not None and day < published.as_of


def _advise(
    shop: Shop,
    runs: Runs,
    due: str,
    failures: Sequence[Failure],
    warnings: Sequence[Warned],
    switched_off: list[str],
) -> list[str]:
    """Say what a person should do next, the most urgent first."""
    advice = [_remedy(failure) for failure in failures]
    if (failed := runs.failed) and not (failed.is_gate and failures):
        advice.insert(0, failed.remedy)
    if shop.versions.is_outdated():
        advice.append(
            "The tables are of an older version of this program, and the next run "
            "brings them up to date. Run: analytics-pipeline update"
        )
    published = shop.publication.published()
    if published is None:
        advice.append("Master CSV not found. Run: analytics-pipeline update")
    elif published.as_of < due and not advice:
        advice.append("Data seems outdated. Run: analytics-pipeline update")
    if not advice and _no_recent_sales(shop):
        advice.append(
            "No recent sales found in the last seven days. That is no error; if the "
            "shop was open, see whether its tills are online."
        )
    if switched_off:
        advice.append(f"{describe_switched_off(switched_off)} {SWITCH_ON}")
    if not advice and warnings:
        worth = say(len(warnings), "warning is", "warnings are")
        return [f"Nothing must be done; {worth} worth a look."]
    return advice or ["Nothing: all is well."]


def _remedy(failure: Failure) -> str:
    """Say what to do about *failure*."""
    if failure.is_past:
        return (
            f"{failure.what} was never made, which no later day needs. To make it: "
            f"analytics-pipeline update --as-of {failure.days[-1]}"
        )
    remedy = f"{failure.what}: fix the cause, then run: analytics-pipeline update"
    if failure.can_be_accepted:
        remedy += (
            f"\n    or, if it is as it should be: analytics-pipeline update --accept "
            f'{failure.table}.{failure.check} --reason "why it is right"'
        )
    return remedy


def _no_recent_sales(shop: Shop) -> bool:
    """Say whether the last seven stored days hold no sale."""
    days = shop.warehouse.partitions("raw_sales")[-7:]
    return not any(shop.warehouse.row_count("raw_sales", day) for day in days)
