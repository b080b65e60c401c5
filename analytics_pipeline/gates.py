"""The gate: judge a table, and store it only if nothing blocks.

Write, audit, publish: a table is judged *before* it takes the place of the stored
one.  A blocking check of Dagster alone would fire after the write, so the gate yields
the failed check and then raises, and nothing is written.
"""

import traceback
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from analytics_pipeline.candidate import Candidate
from analytics_pipeline.contracts import Contract
from analytics_pipeline.domain.findings import FOLLOWS, LISTED_IN, Finding
from analytics_pipeline.engine import explain_failure
from analytics_pipeline.errors import (
    InputFailed,
    LocalFailure,
    PipelineError,
    RunEnded,
    is_interruption,
)
from analytics_pipeline.holding import why_overdue
from analytics_pipeline.run_log import (
    tell_beginning,
    tell_failure,
    tell_stored,
    tell_warnings,
)
from analytics_pipeline.running_queries import interruptible_queries
from analytics_pipeline.shop import Shop
from analytics_pipeline.shortages import explain_shortage
from analytics_pipeline.storage.files import is_local
from analytics_pipeline.storage.gate_notes import FailedCheck
from analytics_pipeline.storage.locked_databases import explain_lock
from analytics_pipeline.storage.owners_lists import OwnersLists

Event = dg.AssetCheckEvaluation | dg.AssetCheckResult | dg.Output[None]


@contextmanager
def told_to_people() -> Iterator[None]:
    """Turn a failure into one line of cause and one of remedy for the run.

    A run that was ended begins no other table: Dagster would go on with those that do
    not depend on the one that failed.
    """
    try:
        if overdue := why_overdue():
            raise overdue
        with interruptible_queries():
            yield
    except dg.Failure:
        raise
    except PipelineError as error:
        raise _failure(explain_shortage(error) or error) from error
    except RunEnded as ended:
        raise _failure(ended.told()) from None
    except OSError as error:
        if lacking := explain_shortage(error):
            raise _failure(lacking) from error
        name = error.filename or "a file"
        cause = f"This machine failed at {name}: {error.strerror or error}."
        remedy = "Make room or give the right to write there, then run it again."
        raise _failure(LocalFailure(cause, remedy)) from error
    except Exception as error:
        if is_interruption(error):
            # DuckDB tells every signal as an interruption.
            if overdue := why_overdue():
                raise _failure(overdue) from None
            raise KeyboardInterrupt from error
        # Its message might quote a value of a record, and Dagster keeps messages: only
        # the kind of error and the places in the code are told.
        told = (
            explain_failure(error)
            or explain_shortage(error)
            or explain_lock(error)
            or LocalFailure(
                f"Something unexpected failed ({type(error).__name__}).",
                "Please report it with the trace of the run.",
            )
        )
        raise _failure(told, error) from None


def _failure(error: PipelineError, raised: Exception | None = None) -> dg.Failure:
    """Describe *error* so that a run, an alert and a terminal can tell it."""
    sentence = f"{error.cause} {error.remedy}"
    tell_failure(sentence)
    follows = error.follows if isinstance(error, InputFailed) else ""
    return dg.Failure(
        sentence,
        metadata={
            **({FOLLOWS: follows} if follows else {}),
            "exit_code": error.exit_code,
            "cause": error.cause,
            "remedy": error.remedy,
            "trace": "".join(traceback.format_tb((raised or error).__traceback__)[-5:]),
        },
        allow_retries=False,
    )


def store_if_sound(
    shop: Shop,
    contract: Contract,
    produce: Callable[[], Candidate],
    store: Callable[[Candidate], None],
) -> Iterator[Event]:
    """Judge a table, report every finding, and store it only if none blocks.

    Yields:
        The result of every check, then the output with its figures.

    Raises:
        dagster.Failure: a finding blocks, or the table could not be made; the stored
            table is untouched.
    """
    with told_to_people():
        shop.progress(contract.name, 0, None)
        tell_beginning(contract)
        candidate = produce()
        findings = judge(shop, contract, candidate)
        tell_warnings(findings)
        yield from (report(contract, finding) for finding in findings)
        _stop_if_blocked(shop, contract, findings, candidate.partition)
        store(candidate)
        shop.warehouse.forget_failure(contract.name, candidate.partition)
        tell_stored(contract, candidate)
        yield dg.Output(None, metadata=figures(shop, contract, candidate))


def judge(shop: Shop, contract: Contract, candidate: Candidate) -> list[Finding]:
    """Return the candidate's own findings and that of its schema.

    One that blocks, but was accepted by a person, is a warning.
    """
    findings = list(candidate.findings)
    if candidate.frame is not None and not candidate.is_audited:
        findings.insert(0, contract.audit(candidate.frame)[0])
    honour = shop.warehouse.acceptances.honour
    honoured = [
        honour(contract.name, candidate.partition, finding) for finding in findings
    ]
    return [list_offenders(shop, contract.name, finding) for finding in honoured]


def list_offenders(shop: Shop, table: str, finding: Finding) -> Finding:
    """Write what *finding* is about into its file for the owner, which it then names.

    The file of a check that passes is removed.
    """
    data_dir = shop.settings.data_dir
    lists = shop.keep("owners' lists", data_dir, lambda: OwnersLists(data_dir))
    if finding.passed:
        lists.remove(table, finding.check)
        return finding
    if finding.offenders is None:
        return finding
    lists.write(table, finding.check, finding.offenders)
    return finding.listed_in(lists.place(table, finding.check))


def report(contract: Contract, finding: Finding) -> dg.AssetCheckResult:
    """Return *finding* as Dagster's, with its evidence."""
    return dg.AssetCheckResult(
        passed=finding.passed,
        check_name=finding.check,
        asset_key=contract.asset_key,
        severity=dg.AssetCheckSeverity[finding.severity],
        description=finding.sentence,
        metadata=dict(finding.evidence),
    )


def _stop_if_blocked(
    shop: Shop, contract: Contract, findings: Iterable[Finding], partition: str | None
) -> None:
    """Raise if a finding blocks, and remember it for whoever comes later."""
    blocking = [finding for finding in findings if finding.blocks]
    if blocking:
        remember_failure(shop, contract, blocking, partition)
        raise gate_failure(contract, blocking[0], partition)


def remember_failure(
    shop: Shop, contract: Contract, blocking: Iterable[Finding], partition: str | None
) -> None:
    """Remember what blocks a table, or one day of it, and since when."""
    now = shop.clock().isoformat(timespec="seconds")
    failed = [
        FailedCheck(finding.check, finding.sentence, now, finding.fingerprint)
        for finding in blocking
    ]
    shop.warehouse.remember_failure(contract.name, partition, failed)


def gate_failure(
    contract: Contract, finding: Finding, partition: str | None
) -> dg.Failure:
    """Say which gate failed, why, and that nothing was replaced."""
    what = f"{contract.name} of {partition}" if partition else contract.name
    cause = f"{what} failed its gate ({finding.check}): {finding.sentence}"
    remedy = "What was published stays published. See: analytics-pipeline status"
    if LISTED_IN in finding.evidence:
        remedy = f"Look through {finding.evidence[LISTED_IN]} first. {remedy}"
    tell_failure(f"{cause} {remedy}")
    return dg.Failure(
        f"{cause} {remedy}",
        metadata={
            "exit_code": 1,
            "cause": cause,
            "remedy": remedy,
            **finding.evidence,
        },
        allow_retries=False,
    )


def figures(shop: Shop, contract: Contract, candidate: Candidate) -> dict[str, Any]:
    """Return what the UI shows of a stored table: what it plots, and where files are.

    Money is plotted in the shop's currency, not in cents; nothing is added up from it.
    """
    shown: dict[str, Any] = {}
    for name, value in candidate.figures.items():
        if name.endswith("_cents"):
            money = name.removesuffix("_cents")
            money = money if money.endswith("value") else f"{money}_value"
            shown[money] = dg.MetadataValue.float(int(value) / 100)
        else:
            shown[name] = value
    for name, png in candidate.pictures.items():
        image = f"data:image/png;base64,{b64encode(png).decode('ascii')}"
        shown[name] = dg.MetadataValue.md(f"![{name}]({image})")
    if candidate.frame is not None:
        key = "partition_row_count" if candidate.partition else "row_count"
        shown[f"dagster/{key}"] = len(candidate.frame)
    places = {
        name: dg.MetadataValue.path(shop.settings.data_dir / place)
        for name, place in candidate.places.items()
    }
    return {**shown, "stored": _stored_at(shop, contract, candidate), **places}


def _stored_at(
    shop: Shop, contract: Contract, candidate: Candidate
) -> dg.MetadataValue[str]:
    """Return where the store keeps a table; a log, which has no frame, in a folder."""
    place = (
        shop.warehouse.root / contract.name
        if candidate.frame is None
        else shop.warehouse.path(contract.name, candidate.partition)
    )
    if is_local(place):
        return dg.MetadataValue.path(str(place))
    return dg.MetadataValue.url(str(place))
