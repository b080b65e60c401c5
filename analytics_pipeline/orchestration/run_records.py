"""What Dagster's records say of runs: checks, failures, dead processes."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

from analytics_pipeline.domain.incidents import (
    CheckStatus,
    Incidents,
    Subject,
    group_warnings,
)
from analytics_pipeline.model.checks import (
    ACCEPTED,
    FOLLOWS,
    LastResult,
    Outcome,
    Severity,
)
from analytics_pipeline.model.errors import PipelineError
from analytics_pipeline.model.text import go_on
from analytics_pipeline.orchestration.records import (
    GONE,
    GRACE,
    LOCATION_TAG,
    MOST_RUNS,
    SHOP_TAG,
    RecordedRun,
    RunFailure,
    name_job,
    read_early_failure,
    shop_of,
)
from analytics_pipeline.orchestration.tables import asset_key, table_of
from analytics_pipeline.shop import Shop, hold_shop
from analytics_pipeline.tables import TABLES

# ----------------------------------------------------------------------------------
# Why a run failed, as Dagster's records have it, in words that quote no data.


def explain_run_failure(instance: dg.DagsterInstance, run_id: str) -> RunFailure:
    """Return why a run that is recorded as failed did so."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    entries = instance.get_records_for_run(run_id, of_type=kinds).records
    events = [each.event_log_entry.get_dagster_event() for each in entries]
    for event in events:
        if event.is_step_failure and (facts := _explain_step(event)):
            return facts
    for event in events:
        if facts := explain_early_failure(event):
            return facts
    causes = [each for event in events if (each := error_of(event))]
    if not causes:
        words = next((event.message or "" for event in events), "")
        return RunFailure(words, is_interrupted=True)
    if any("Interrupt" in name for name, _message in causes):
        return RunFailure("", is_interrupted=True)
    written = [message for name, message in causes if name == "Failure" and message]
    unexpected = f"Something unexpected failed ({causes[0][0]})."
    return RunFailure(written[0] if written else unexpected)


def explain_early_failure(event: dg.DagsterEvent) -> RunFailure | None:
    """Return what a run says that failed before its first step, if it is for people."""
    data: Any = event.event_specific_data
    error, chain = getattr(data, "error", None), []
    while error is not None:
        chain.append((str(error.cls_name), str(error.message)))
        error = error.cause
    return read_early_failure(chain)


def _explain_step(event: dg.DagsterEvent) -> RunFailure | None:
    """Return what a failed step says, if it says anything for people."""
    facts = event.step_failure_data.user_failure_data
    metadata = facts.metadata if facts else {}
    if "exit_code" not in metadata:
        return None
    cause, remedy = (str(metadata[name].value) for name in ("cause", "remedy"))
    return RunFailure(cause, remedy, int(str(metadata["exit_code"].value)))


def error_of(event: dg.DagsterEvent) -> tuple[str, str] | None:
    """Return the kind of the error in *event*, and its message if it is written for us.

    Other messages may quote personal data.
    """
    data: Any = event.event_specific_data
    error = getattr(data, "error", None)
    if error is None:
        return None
    error = error.cause or error
    name = str(error.cls_name)
    return name, str(error.message).partition(f"{name}: ")[2].strip()


# ----------------------------------------------------------------------------------
# What finished runs say of tables and checks, read from Dagster's records.
#
# Dagster's own sensors of runs report each run at most once, and no checks that
# only warn; so the ends of runs are walked here with a cursor of our own.


RUN = "run"
"""The check that represents a run, or a step that failed without a gate."""

ENDS = (
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
)
MOST_RUNS_AT_FIRST = 50
"""How far back the first look goes: what fails now was seen in one of these."""

_PAGE = 100
_OF_INTEREST = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.STEP_FAILURE,
}


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The end of a run: which, how, and when."""

    run_id: str
    job: str
    outcome: dg.DagsterEventType
    at: datetime


def name_records(instance: dg.DagsterInstance) -> str:
    """Return what identifies the records of *instance*."""
    storage: Any = instance.run_storage  # each of SQL has such an id
    return str(storage.get_run_storage_id())


def list_ends(
    instance: dg.DagsterInstance, cursors: Mapping[str, str], shop: str | None = None
) -> tuple[list[RunEnd], Mapping[str, str]]:
    """Return the runs that ended since *cursors*, in order, and the cursors after.

    In a chain only those of *shop*, which shares its records with the others.
    """
    ends: list[RunEnd] = []
    after = dict(cursors)
    for kind in ENDS:
        while True:
            page = instance.fetch_run_status_changes(
                kind, limit=_PAGE, cursor=after.get(kind.value), ascending=True
            )
            for record in page.records:
                entry = record.event_log_entry
                at = datetime.fromtimestamp(entry.timestamp, UTC)
                ends.append(RunEnd(entry.run_id, entry.job_name or "", kind, at))
            if page.records:
                after[kind.value] = page.cursor
            if not page.has_more:
                break
    if shop is not None:
        ends = _those_of(shop, ends, instance)
    ends.sort(key=lambda end: end.at)
    return (ends if cursors else ends[-MOST_RUNS_AT_FIRST:]), after


def _those_of(
    shop: str, ends: Sequence[RunEnd], instance: dg.DagsterInstance
) -> list[RunEnd]:
    """Return the ends of the runs of *shop*; deleted runs belong to no shop."""
    ours: set[str] = set()
    for first in range(0, len(ends), _PAGE):
        ids = [end.run_id for end in ends[first : first + _PAGE]]
        runs = instance.get_runs(dg.RunsFilter(run_ids=ids))
        ours |= {run.run_id for run in runs if shop_of(run) == shop}
    return [end for end in ends if end.run_id in ours]


def read_end(
    instance: dg.DagsterInstance, end: RunEnd, incidents: Incidents
) -> list[CheckStatus]:
    """Return what a run that ended says, in the order in which it said it."""
    said = read_run(instance, end.run_id, incidents)
    is_explained = any(
        seen.failed and (seen.severity is Severity.ERROR or seen.subject[1] == RUN)
        for seen in said
    )
    return [*said, *_read_outcome(end, is_explained)]


def read_run(
    instance: dg.DagsterInstance, run_id: str, incidents: Incidents
) -> list[CheckStatus]:
    """Return what a run has said so far, in the order in which it said it."""
    entries = [
        record.event_log_entry
        for record in instance.get_records_for_run(run_id, of_type=_OF_INTEREST).records
    ]
    checks = [seen for entry in entries for seen in _read_check(entry)]
    failed = {seen.subject for seen in checks if seen.failed}
    stopped = {
        seen.subject[0]
        for seen in checks
        if seen.failed and seen.severity is Severity.ERROR
    }
    made = [seen for entry in entries for seen in _read_made(entry, incidents, failed)]
    steps = _name_causes(
        [seen for entry in entries for seen in _read_step(entry, stopped)], incidents
    )
    return [*checks, *made, *steps]


def _read_check(entry: dg.EventLogEntry) -> Iterator[CheckStatus]:
    """Read the result of a check."""
    if entry.get_dagster_event().event_type_value != "ASSET_CHECK_EVALUATION":
        return
    schema_result = entry.get_dagster_event().asset_check_evaluation_data
    yield CheckStatus(
        (
            table_of(schema_result.asset_key),
            schema_result.check_name,
            _day_of(schema_result),
        ),
        datetime.fromtimestamp(entry.timestamp, UTC),
        failed=not schema_result.passed and ACCEPTED not in schema_result.metadata,
        severity=Severity[schema_result.severity.value],
        sentence=schema_result.description or "",
        follows=_read_subject(schema_result.metadata),
        accepted=ACCEPTED in schema_result.metadata,
    )


def _read_subject(metadata: Mapping[str, Any]) -> Subject | None:
    """Read which other check found the cause: ``table.check``, perhaps ``.day``."""
    if FOLLOWS not in metadata:
        return None
    table, check, day = (*str(metadata[FOLLOWS].value).split("."), "")[:3]
    return table, check, day


def _name_causes(
    steps: Sequence[CheckStatus], incidents: Incidents
) -> list[CheckStatus]:
    """Let a step follow the first one, of this run or before, that says the same."""
    first = {
        each.sentence: each.subject
        for each in incidents.values()
        if each.is_open and each.subject[1] == RUN
    }
    named = []
    for step in steps:
        cause = first.setdefault(step.sentence, step.subject)
        is_another = step.follows is None and cause != step.subject
        named.append(replace(step, follows=cause) if is_another else step)
    return named


def _day_of(schema_result: dg.AssetCheckEvaluation) -> str:
    return schema_result.partition or ""


def _read_made(
    entry: dg.EventLogEntry, incidents: Incidents, failed: set[Subject]
) -> Iterator[CheckStatus]:
    """Read a table, or a day of it, that was stored: what had stopped it is past.

    A run of very many days reports the checks of few of them.
    """
    event = entry.get_dagster_event()
    if event.event_type_value != "ASSET_MATERIALIZATION" or event.asset_key is None:
        return
    table, day = table_of(event.asset_key), event.partition or ""
    at = datetime.fromtimestamp(entry.timestamp, UTC)
    yield CheckStatus((table, RUN, ""), at, failed=False, sentence="It was made.")
    for subject, incident in incidents.items():
        is_it = subject[0] == table and subject[2] == day and subject not in failed
        if is_it and incident.severity is Severity.ERROR:
            yield CheckStatus(subject, at, failed=False)


def _read_step(entry: dg.EventLogEntry, stopped: set[str]) -> Iterator[CheckStatus]:
    """Read a step that failed for another reason than a check reported in this run."""
    event = entry.get_dagster_event()
    if event.event_type_value != "STEP_FAILURE":
        return
    table = event.step_key or ""
    if table in stopped:
        return
    facts = event.step_failure_data.user_failure_data
    metadata = facts.metadata if facts else {}
    cause, remedy = (
        str(metadata[name].value) if name in metadata else ""
        for name in ("cause", "remedy")
    )
    error = error_of(event)
    if not cause and error is not None and "Interrupt" in error[0]:
        cause = "The run was interrupted; what was published stays."
    yield CheckStatus(
        (table, RUN, ""),
        datetime.fromtimestamp(entry.timestamp, UTC),
        failed=True,
        sentence=cause or "Something unexpected failed.",
        remedy=go_on(remedy) if remedy else "",
        follows=_read_subject(metadata),
    )


def _read_outcome(end: RunEnd, is_explained: bool) -> Sequence[CheckStatus]:
    """Read how the run ended; one that died says nothing else."""
    subject = (name_job(end.job), RUN, "")
    if end.outcome is dg.DagsterEventType.RUN_SUCCESS:
        return [CheckStatus(subject, end.at, failed=False, sentence="It went through.")]
    if is_explained:
        return []
    words = {
        dg.DagsterEventType.RUN_CANCELED: "The run was canceled.",
        dg.DagsterEventType.RUN_FAILURE: "The run died without a word: its process was "
        "killed, or the machine went down.",
    }
    return [CheckStatus(subject, end.at, failed=True, sentence=words[end.outcome])]


# ----------------------------------------------------------------------------------
# End the runs whose process is gone, so that they do not hold up the queue.
#
# A machine that went down, or a command that was killed, leaves a run that Dagster
# takes for a running one forever, and the next night's waits behind it. A run holds
# the data directory for as long as it works, so where it is free none does.


def list_dead_runs(shop: Shop, instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Return the runs of *shop* that began long ago and that no process works on.

    One that only waits for the directory looks like them for a moment, when
    its holder lets it go: look twice.

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
        with hold_shop(shop.settings, "a look for dead runs", wait=False):
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


# ----------------------------------------------------------------------------------
# What every check said last, from Dagster's records, for the report.


def read_last_results(
    instance: dg.DagsterInstance, shop: str | None, but: str
) -> list[LastResult]:
    """Return the last outcome of each check of every table *but* that one."""
    keys = [
        (spec.name, dg.AssetCheckKey(asset_key(spec.name, shop), name))
        for spec in TABLES.values()
        if spec.name != but
        for name in spec.all_checks
    ]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [key for _, key in keys]
    )
    return [_read(table, key, records) for table, key in keys]


def keep_warnings(
    last_results: Sequence[LastResult], incidents: Incidents
) -> list[LastResult]:
    """Return the last results, a check as warning while it warns of some earlier day.

    So that there are as many as in `status`, which forgets no day of the last weeks.
    """
    warnings = group_warnings(incidents)
    return [
        replace(
            each,
            outcome=Outcome.WARNS,
            sentence=warnings[each.table, each.check][-1].sentence,
            day=warnings[each.table, each.check][-1].subject[2],
        )
        if each.outcome is Outcome.PASSED and (each.table, each.check) in warnings
        else each
        for each in last_results
    ]


def _read(
    table: str,
    key: dg.AssetCheckKey,
    records: Mapping[dg.AssetCheckKey, AssetCheckExecutionRecord],
) -> LastResult:
    """Return the last outcome of one check."""
    record = records.get(key)
    done = (
        AssetCheckExecutionRecordStatus.SUCCEEDED,
        AssetCheckExecutionRecordStatus.FAILED,
    )
    event = record.event if record else None
    if record is None or record.status not in done or event is None:
        return LastResult(table, key.name, Outcome.NOT_RUN, "It has not run yet.")
    evaluation = event.get_dagster_event().asset_check_evaluation_data
    if evaluation.passed or ACCEPTED in evaluation.metadata:
        outcome = Outcome.PASSED
    elif evaluation.severity is dg.AssetCheckSeverity.WARN:
        outcome = Outcome.WARNS
    else:
        outcome = Outcome.FAILED
    sentence = evaluation.description or ""
    return LastResult(table, key.name, outcome, sentence, evaluation.partition or "")


# ----------------------------------------------------------------------------------
# What the records say of one shop, asked of Dagster.


class RecordsByDagster:
    """The records of one shop, as Dagster itself reads them."""

    def __init__(self, shop: str | None, instance: dg.DagsterInstance) -> None:
        """Read the records of *instance* that are of *shop*, one of a chain."""
        self._shop = shop
        self._instance = instance

    def newest_runs(self) -> list[RecordedRun]:
        """Return the newest runs of the shop, which a chain keeps together."""
        if self._shop is None:
            found = self._instance.get_run_records(limit=MOST_RUNS)
            return [_as_recorded(each) for each in found]
        both = {
            record.dagster_run.run_id: record
            for tag in (SHOP_TAG, LOCATION_TAG)
            for record in self._instance.get_run_records(
                dg.RunsFilter(tags={tag: self._shop}), limit=MOST_RUNS
            )
        }
        return [
            _as_recorded(each)
            for each in both.values()
            if shop_of(each.dagster_run) == self._shop
        ]

    def still_begun(self, run_ids: Collection[str]) -> set[str]:
        """Return those of the runs that are recorded as begun at this moment."""
        begun = [
            dg.DagsterRunStatus.NOT_STARTED,
            dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.STARTED,
        ]
        still = dg.RunsFilter(run_ids=list(run_ids), statuses=begun)
        return {run.run_id for run in self._instance.get_runs(still)}

    def planned_tables(self, run_id: str) -> set[str]:
        """Return the tables that a run was to make."""
        planned = self._instance.get_records_for_run(
            run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
        ).records
        return {
            table_of(event.asset_key)
            for each in planned
            if (event := each.event_log_entry.get_dagster_event()).asset_key
        }

    def explain_failure(self, run_id: str) -> RunFailure:
        """Return why a run that is recorded as failed did so."""
        return explain_run_failure(self._instance, run_id)

    def last_made(self) -> dict[str, datetime | None]:
        """Return when each table was made last, in UTC; nothing for one never made."""
        events = {
            table: self._instance.get_latest_materialization_event(
                asset_key(table, self._shop)
            )
            for table in TABLES
        }
        return {
            name: datetime.fromtimestamp(event.timestamp, UTC) if event else None
            for name, event in events.items()
        }

    def switches(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the state of each schedule and sensor of the shop."""
        for noted in self._instance.all_instigator_state():
            location = noted.origin.repository_origin.code_location_origin.location_name
            if self._shop in (None, location):
                yield noted.instigator_name, noted.status.value


def _as_recorded(record: dg.RunRecord) -> RecordedRun:
    run = record.dagster_run
    return RecordedRun(
        run.run_id,
        run.job_name,
        run.status.value,
        run.tags,
        run.parent_run_id,
        record.create_timestamp.timestamp(),
        record.update_timestamp.timestamp(),
        record.start_time,
        record.end_time,
    )
