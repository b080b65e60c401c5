"""Why a run failed, as Dagster's records tell it, in words that quote no data."""

from dataclasses import dataclass
from typing import Any

import dagster as dg

from analytics_pipeline import errors


@dataclass(frozen=True, slots=True)
class RunFailure:
    """Why a run failed.

    Attributes:
        cause: what happened; empty where the run says nothing.
        remedy: what to do about it; empty where nobody wrote one.
        exit_code: with which code its command ended; nothing where that is not known.
        is_interrupted: whether it was stopped from outside: by Ctrl-C, a signal, or
            because its process or the machine was gone.
    """

    cause: str
    remedy: str = ""
    exit_code: int | None = None
    is_interrupted: bool = False


def name_job(job: str) -> str:
    """Return the name of a job for people; the UI's buttons make one without."""
    return "materialization" if job.startswith("__") else job


def explain_run_failure(instance: dg.DagsterInstance, run_id: str) -> RunFailure:
    """Return why a run that is recorded as failed did so."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    entries = instance.get_records_for_run(run_id, of_type=kinds).records
    events = [each.event_log_entry.get_dagster_event() for each in entries]
    for event in events:
        if event.is_step_failure and (told := _told_by_step(event)):
            return told
    for event in events:
        if told := told_before_steps(event):
            return told
    causes = [each for event in events if (each := error_of(event))]
    if not causes:
        words = next((event.message or "" for event in events), "")
        return RunFailure(words, is_interrupted=True)
    if any("Interrupt" in name for name, _message in causes):
        return RunFailure("", is_interrupted=True)
    written = [message for name, message in causes if name == "Failure" and message]
    unexpected = f"Something unexpected failed ({causes[0][0]})."
    return RunFailure(written[0] if written else unexpected)


def told_before_steps(event: dg.DagsterEvent) -> RunFailure | None:
    """Return what a run says that failed before its first step, if it is for people.

    Of such a failure Dagster keeps no metadata: cause and remedy are its two lines, and
    the exit code is that of the error it was raised from.
    """
    data: Any = event.event_specific_data
    error = getattr(data, "error", None)
    while error is not None and error.cls_name != "Failure":
        error = error.cause
    if error is None or error.cause is None:
        return None
    kind = getattr(errors, str(error.cause.cls_name), None)
    cause, _, remedy = (
        str(error.message).partition("Failure: ")[2].strip().partition("\n")
    )
    if not (isinstance(kind, type) and issubclass(kind, errors.PipelineError)):
        return None
    return RunFailure(cause, remedy, kind.exit_code)


def _told_by_step(event: dg.DagsterEvent) -> RunFailure | None:
    """Return what a failed step says, if it says anything for people."""
    told = event.step_failure_data.user_failure_data
    metadata = told.metadata if told else {}
    if "exit_code" not in metadata:
        return None
    cause, remedy = (str(metadata[name].value) for name in ("cause", "remedy"))
    return RunFailure(cause, remedy, int(str(metadata["exit_code"].value)))


def error_of(event: dg.DagsterEvent) -> tuple[str, str] | None:
    """Return the kind of the error in *event*, and its message if it is written for us.

    Other messages may quote what nobody should read.
    """
    data: Any = event.event_specific_data
    error = getattr(data, "error", None)
    if error is None:
        return None
    error = error.cause or error
    name = str(error.cls_name)
    return name, str(error.message).partition(f"{name}: ")[2].strip()
