"""What finished runs say of tables and checks, read from Dagster's records.

Dagster's own sensors of runs tell each run at most once, and nothing of checks that
only warn; so the ends of runs are walked here with a cursor of our own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from analytics_pipeline.contracts import table_of
from analytics_pipeline.domain.findings import ACCEPTED, FOLLOWS, Severity
from analytics_pipeline.domain.incidents import Incidents, Observation, Subject
from analytics_pipeline.domain.typed_commands import go_on
from analytics_pipeline.jobs import SHOP_TAG
from analytics_pipeline.run_failures import error_of, name_job

RUN = "run"
"""The check that stands for a run, or for a step that failed without a gate."""

ENDS = (
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
)
MOST_RUNS_AT_FIRST = 50
"""How far back the first look goes: what fails now was seen in one of these."""

LOCATION_TAG = "dagster/code_location"
"""Dagster gives it to every run that it launches, whoever asked for it."""

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
    """Return what tells the records of *instance* apart from any other's."""
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


def shop_of(run: dg.DagsterRun) -> str | None:
    """Return the shop of a chain that *run* is of: its code location, else its tag.

    Only the runs of commands have no location.
    """
    return run.tags.get(LOCATION_TAG) or run.tags.get(SHOP_TAG)


def _those_of(
    shop: str, ends: Sequence[RunEnd], instance: dg.DagsterInstance
) -> list[RunEnd]:
    """Return the ends of the runs of *shop*; what has been deleted is nobody's."""
    ours: set[str] = set()
    for first in range(0, len(ends), _PAGE):
        ids = [end.run_id for end in ends[first : first + _PAGE]]
        runs = instance.get_runs(dg.RunsFilter(run_ids=ids))
        ours |= {run.run_id for run in runs if shop_of(run) == shop}
    return [end for end in ends if end.run_id in ours]


def read_end(
    instance: dg.DagsterInstance, end: RunEnd, incidents: Incidents
) -> list[Observation]:
    """Return what a run that ended says, in the order in which it said it."""
    said = read_run(instance, end.run_id, incidents)
    is_explained = any(
        seen.failed and (seen.severity is Severity.ERROR or seen.subject[1] == RUN)
        for seen in said
    )
    return [*said, *_read_outcome(end, is_explained)]


def read_run(
    instance: dg.DagsterInstance, run_id: str, incidents: Incidents
) -> list[Observation]:
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


def _read_check(entry: dg.EventLogEntry) -> Iterator[Observation]:
    """Read the verdict of a check."""
    if entry.get_dagster_event().event_type_value != "ASSET_CHECK_EVALUATION":
        return
    verdict = entry.get_dagster_event().asset_check_evaluation_data
    yield Observation(
        (table_of(verdict.asset_key), verdict.check_name, _day_of(verdict)),
        datetime.fromtimestamp(entry.timestamp, UTC),
        failed=not verdict.passed and ACCEPTED not in verdict.metadata,
        severity=Severity[verdict.severity.value],
        sentence=verdict.description or "",
        follows=_read_subject(verdict.metadata),
        accepted=ACCEPTED in verdict.metadata,
    )


def _read_subject(metadata: Mapping[str, Any]) -> Subject | None:
    """Read which other check found the cause: ``table.check``, perhaps ``.day``."""
    if FOLLOWS not in metadata:
        return None
    table, check, day = (*str(metadata[FOLLOWS].value).split("."), "")[:3]
    return table, check, day


def _name_causes(
    steps: Sequence[Observation], incidents: Incidents
) -> list[Observation]:
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


def _day_of(verdict: dg.AssetCheckEvaluation) -> str:
    return verdict.partition or ""


def _read_made(
    entry: dg.EventLogEntry, incidents: Incidents, failed: set[Subject]
) -> Iterator[Observation]:
    """Read a table, or a day of it, that was stored: what had stopped it is past.

    A run of very many days reports the checks of few of them.
    """
    event = entry.get_dagster_event()
    if event.event_type_value != "ASSET_MATERIALIZATION" or event.asset_key is None:
        return
    table, day = table_of(event.asset_key), event.partition or ""
    at = datetime.fromtimestamp(entry.timestamp, UTC)
    yield Observation((table, RUN, ""), at, failed=False, sentence="It was made.")
    for subject, incident in incidents.items():
        is_it = subject[0] == table and subject[2] == day and subject not in failed
        if is_it and incident.severity is Severity.ERROR:
            yield Observation(subject, at, failed=False)


def _read_step(entry: dg.EventLogEntry, stopped: set[str]) -> Iterator[Observation]:
    """Read a step that failed for another reason than a check told in this run."""
    event = entry.get_dagster_event()
    if event.event_type_value != "STEP_FAILURE":
        return
    table = event.step_key or ""
    if table in stopped:
        return
    told = event.step_failure_data.user_failure_data
    metadata = told.metadata if told else {}
    cause, remedy = (
        str(metadata[name].value) if name in metadata else ""
        for name in ("cause", "remedy")
    )
    error = error_of(event)
    if not cause and error is not None and "Interrupt" in error[0]:
        cause = "The run was interrupted; what was published stays."
    yield Observation(
        (table, RUN, ""),
        datetime.fromtimestamp(entry.timestamp, UTC),
        failed=True,
        sentence=cause or "Something unexpected failed.",
        remedy=go_on(remedy) if remedy else "",
        follows=_read_subject(metadata),
    )


def _read_outcome(end: RunEnd, is_explained: bool) -> Sequence[Observation]:
    """Read how the run ended; one that died says nothing else."""
    subject = (name_job(end.job), RUN, "")
    if end.outcome is dg.DagsterEventType.RUN_SUCCESS:
        return [Observation(subject, end.at, failed=False, sentence="It went through.")]
    if is_explained:
        return []
    words = {
        dg.DagsterEventType.RUN_CANCELED: "The run was canceled.",
        dg.DagsterEventType.RUN_FAILURE: "The run died without a word: its process was "
        "killed, or the machine went down.",
    }
    return [Observation(subject, end.at, failed=True, sentence=words[end.outcome])]
