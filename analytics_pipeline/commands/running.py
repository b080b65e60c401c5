"""Run a job in this process, recorded on the instance that the UI shows."""

import gc
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any

import dagster as dg

from analytics_pipeline.alerts import tell_people
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.contracts import table_of
from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.domain.findings import ACCEPTED
from analytics_pipeline.domain.incidents import Incidents, group_warnings
from analytics_pipeline.domain.wording import say
from analytics_pipeline.errors import PipelineError
from analytics_pipeline.instance import instance_home, open_instance, records_kept
from analytics_pipeline.run_failures import told_before_steps
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.storage.objects import open_root
from analytics_pipeline.storage.ownership import claim_store
from analytics_pipeline.storage.stored_versions import StoredVersions

COLLECT_RARELY = (10_000, 20, 20)
"""How often Python looks for unreachable cycles; pages of JSON make none, but many
objects, and by default a fifth of a first load is spent on looking."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run: figures by table, warnings, and the failure if any.

    ``accepted`` is what a person has accepted, and ``standing`` how many warnings there
    are now, those of earlier runs among them, as `status` counts.
    """

    run_id: str
    figures: Mapping[str, Mapping[str, Any]]
    days: Mapping[str, int]
    warnings: Sequence[str]
    failure: PipelineError | None = field(default=None)
    accepted: Sequence[str] = ()
    standing: int = 0


class RunFailed(PipelineError):
    """A run failed; how is in the cause, and the exit code comes from the failure."""

    def __init__(self, cause: str, remedy: str, exit_code: int) -> None:
        """Take over what the failed step said."""
        super().__init__(cause, remedy)
        self.code = exit_code


def run_job(
    settings: Settings,
    job: str,
    day: date,
    config: Mapping[str, Any],
    terminal: Terminal,
    tags: Mapping[str, str] | None = None,
) -> Outcome:
    """Run *job* for *day* and return what became of it.

    Raises:
        LocalFailure: Dagster's own records cannot be kept.
        WrongUse: the store is that of another data directory, or of a newer program.
        StoreFailure: its bucket could not be used.
    """
    store = open_root(settings.warehouse_url)
    claim_store(store, settings.data_dir)
    StoredVersions(store).refuse_newer()
    gc.set_threshold(*COLLECT_RARELY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        definitions = build_definitions(
            settings,
            progress=terminal.progress,
            tell=lambda sentence: terminal.note(f"note: {sentence}"),
            on_wait=terminal.waiting,
        )
        quiet = {"loggers": {"console": {"config": {"log_level": terminal.log_level}}}}
        with records_kept(partial(instance_home, settings)), _log_beside(terminal):
            instance = open_instance(settings)
            result = definitions.resolve_job_def(job).execute_in_process(
                instance=instance,
                partition_key=day.isoformat(),
                run_config={**config, **quiet},
                tags=dict(tags or {}),
                raise_on_error=False,
            )
            terminal.progress("alerts", 0, None)
            incidents = _tell_people(settings, instance, terminal)
    outcome = _read(result)
    known = outcome.warnings if incidents is None else group_warnings(incidents)
    return replace(outcome, standing=len(known))


def _log_beside(terminal: Terminal) -> AbstractContextManager[object]:
    """Keep Dagster's own log, which goes to standard output, out of the results."""
    return redirect_stdout(sys.stderr) if terminal.manner.debug else nullcontext()


def _tell_people(
    settings: Settings, instance: dg.DagsterInstance, terminal: Terminal
) -> Incidents | None:
    """Send the alerts of a run; return what is wrong now, if that is known.

    That one could not be sent changes no run's outcome.
    """
    try:
        with records_kept(partial(instance_home, settings)):
            told = tell_people(open_shop(settings), instance, is_patient=False)
    except PipelineError as error:
        terminal.warn(f"No alert could be sent. {error.cause} {error.remedy}")
        return None
    except OSError as error:
        terminal.warn(f"No alert could be sent ({type(error).__name__}).")
        return None
    if told.refusing:
        terminal.warn(
            f"{', '.join(told.refusing)} did not accept an alert; it is tried again "
            "with the next run. To try now: analytics-pipeline alert-test"
        )
    return told.incidents


def _read(result: dg.ExecuteInProcessResult) -> Outcome:
    """Gather figures, warnings and the failure from the events of a run."""
    figures: dict[str, dict[str, Any]] = {}
    days: dict[str, int] = {}
    told: dict[tuple[str, str], list[str]] = {}
    accepted: dict[tuple[str, str], list[str]] = {}
    for event in result.all_events:
        if event.is_step_materialization:
            table = table_of(event.asset_key) if event.asset_key else ""
            metadata = event.materialization.metadata
            figures[table] = {name: entry.value for name, entry in metadata.items()}
            days[table] = days.get(table, 0) + 1
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity is dg.AssetCheckSeverity.WARN:
                table = table_of(check.asset_key)
                kind = accepted if ACCEPTED in check.metadata else told
                kind.setdefault((table, check.check_name), []).append(
                    f"{table}: {check.description}"
                )
    return Outcome(
        result.run_id,
        figures,
        days,
        [_in_short(s) for s in told.values()],
        _failure_of(result),
        [_in_short(s) for s in accepted.values()],
    )


def _in_short(sentences: list[str]) -> str:
    """Tell a warning that several days share once."""
    more = len(sentences) - 1
    return (
        f"{sentences[-1]} (and on {say(more, 'more day', 'more days')})"
        if more
        else sentences[0]
    )


def _failure_of(result: dg.ExecuteInProcessResult) -> PipelineError | None:
    """Return why the run failed, as the failed step told it."""
    if result.success:
        return None
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.user_failure_data:
            told = event.step_failure_data.user_failure_data.metadata
            if "exit_code" in told:
                return RunFailed(
                    str(told["cause"].value),
                    str(told["remedy"].value),
                    int(str(told["exit_code"].value)),
                )
    for event in result.all_events:
        if event.is_failure and (before := told_before_steps(event)):
            return RunFailed(before.cause, before.remedy, before.exit_code or 5)
    causes = [
        (error.cause or error)
        for event in result.all_events
        if event.is_step_failure and (error := event.step_failure_data.error)
    ]
    if any("Interrupt" in str(cause.cls_name) for cause in causes):
        raise KeyboardInterrupt
    kinds = sorted({str(cause.cls_name) for cause in causes if cause.cls_name})
    return RunFailed(
        f"Something unexpected failed ({', '.join(kinds) or 'unknown'}).",
        "Run it again with --debug, or look at the run in: analytics-pipeline ui",
        5,
    )
