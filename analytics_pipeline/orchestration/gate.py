"""The gate: judge a table, store it only if nothing blocks, report it."""

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from string import Formatter
from typing import Any

import dagster as dg

from analytics_pipeline.engine.duckdb import explain_failure, interruptible_queries
from analytics_pipeline.holding import why_overdue
from analytics_pipeline.model.checks import FOLLOWS, LISTED_IN, Candidate, Finding
from analytics_pipeline.model.errors import (
    InputFailed,
    LocalFailure,
    PipelineError,
    RunEnded,
    is_interruption,
)
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.orchestration.tables import STORIES, Contract
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.files import OwnersLists, is_local, local
from analytics_pipeline.storage.machine import explain_lock, explain_shortage
from analytics_pipeline.storage.parquet import seal_of
from analytics_pipeline.storage.sales_log import fingerprint, names_of
from analytics_pipeline.storage.state import FailedCheck

# ----------------------------------------------------------------------------------
# What a run tells in its log, for a person who follows it.
#
# Dagster's own events have a level of their own; with it hidden these sentences are
# what is left: one when a table is begun, its warnings, and one when it is stored or
# why not.


MOST_DAYS_TOLD = 3
"""A run of more days tells which they were, and nothing of each."""


def tell_beginning(contract: Contract, days: Sequence[str] = ()) -> None:
    """Say which table is begun, and for which days."""
    begins = STORIES[contract.name].begins
    _say(f"{begins.removesuffix('.')}: {_name_days(days)}." if days else begins)


def tell_warnings(findings: Iterable[Finding], partition: str | None = None) -> None:
    """Say what warns; what stops a table is told by its failure."""
    where = f"{partition}: " if partition else ""
    for finding in findings:
        if not (finding.passed or finding.blocks):
            dg.get_dagster_logger().warning(
                "%s%s (The check %s warns; it stops nothing.)",
                where,
                finding.sentence,
                finding.check,
            )


def tell_stored(contract: Contract, candidate: Candidate) -> None:
    """Say what is stored now."""
    where = f"{candidate.partition}: " if candidate.partition else ""
    told = _fill_in(STORIES[contract.name].ends, candidate)
    _say(f"{where}{told}{' ' if told else ''}Stored.")


def tell_failure(sentence: str) -> None:
    """Say why a table is not stored, and what to do."""
    dg.get_dagster_logger().error("%s", sentence)


def tell_days(contract: Contract, days: Sequence[str]) -> None:
    """Say which of very many days are stored now."""
    _say(f"{contract.name} is stored for {_name_days(days)}.")


def _fill_in(sentences: Sequence[str], candidate: Candidate) -> str:
    """Put the figures of *candidate* into *sentences*, money as money.

    One whose figures this candidate has not is left out.
    """
    known: dict[str, int | str] = dict(candidate.figures)
    if candidate.frame is not None:
        known["rows"] = len(candidate.frame)
    for name, value in candidate.figures.items():
        if name.endswith("_cents"):
            known[name.removesuffix("_cents")] = format_cents(int(value))
    told = [each for each in sentences if _names_in(each) <= set(known)]
    return " ".join(each.format(**known) for each in told)


def _names_in(sentence: str) -> set[str]:
    """Return the figures that *sentence* tells."""
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def _name_days(days: Sequence[str]) -> str:
    """Name few days, and of many the first and the last."""
    if len(days) <= MOST_DAYS_TOLD:
        return ", ".join(days)
    return f"{len(days):,} days from {min(days)} to {max(days)}"


def _say(sentence: str) -> None:
    dg.get_dagster_logger().info("%s", sentence)


# ----------------------------------------------------------------------------------
# The gate: judge a table, and store it only if nothing blocks.
#
# Write, audit, publish: a table is judged *before* it takes the place of the stored
# one. A blocking check of Dagster alone would fire after the write, so the gate
# yields the failed check and then raises, and nothing is written.


Event = dg.AssetCheckEvaluation | dg.MaterializeResult[None] | dg.Output[None]


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
    context: dg.AssetExecutionContext,
    shop: Shop,
    contract: Contract,
    produce: Callable[[], Candidate],
    store: Callable[[Candidate], None],
) -> Iterator[Event]:
    """Judge a table, report every finding, and store it only if none blocks.

    Yields:
        The result of every check, then the table with its figures.

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
        yield from (_report(contract, finding) for finding in findings)
        _stop_if_blocked(shop, contract, findings, candidate.partition)
        store(candidate)
        shop.warehouse.forget_failure(contract.name, candidate.partition)
        tell_stored(contract, candidate)
        yield from close_planned_checks(context, contract)
        yield dg.MaterializeResult(
            metadata=figures(shop, contract, candidate),
            data_version=version_of(shop, contract, candidate),
        )


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


def _report(
    contract: Contract,
    finding: Finding,
    day: str | None = None,
    **more: int,
) -> dg.AssetCheckEvaluation:
    """Return *finding* as Dagster's, with its evidence and *more*.

    Not as the result of a planned check, because a run may have planned none.
    """
    return dg.AssetCheckEvaluation(
        asset_key=contract.asset_key,
        check_name=finding.check,
        passed=finding.passed,
        severity=dg.AssetCheckSeverity[finding.severity],
        description=finding.sentence,
        metadata={
            name: dg.MetadataValue.int(value)
            if isinstance(value, int)
            else dg.MetadataValue.text(value)
            for name, value in {**finding.evidence, **more}.items()
        },
        blocking=contract.all_checks[finding.check].blocks,
        partition=day,
    )


def close_planned_checks(
    context: dg.AssetExecutionContext, contract: Contract
) -> Iterator[dg.Output[None]]:
    """Yield the empty output of each check that the run has planned, if any."""
    selected = context.op_execution_context.selected_output_names
    for spec in contract.check_specs:
        slot = f"{contract.name}_{spec.name}"
        if slot in selected:
            yield dg.Output(None, output_name=slot)


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


def version_of(
    shop: Shop, contract: Contract, candidate: Candidate
) -> dg.DataVersion | None:
    """Return what tells the stored bytes from any other: the hash that they bear.

    Of the log it is that of its segments' names, which hold theirs. To read it from a
    bucket would be a request a table; there Dagster makes a version of its own.
    """
    if candidate.frame is None:
        names = names_of(shop.sales_log().segments())
        return dg.DataVersion(fingerprint("\n".join(names).encode()))
    if place := candidate.places.get("stored"):
        content = (shop.settings.data_dir / place).read_bytes()
        return dg.DataVersion(sha256(content).hexdigest())
    path = shop.warehouse.path(contract.name, candidate.partition)
    seal = seal_of(local(path)) if is_local(path) else None
    return dg.DataVersion(seal) if seal else None


# ----------------------------------------------------------------------------------
# The gate of tables with one file a day: each day is judged and stored by itself.
#
# A run may hold one day, a range of them, or a day and the late ones it re-opens. A
# day that fails keeps its last good rows; the others are stored all the same.


_VERSION_TAG = "dagster/data_version"
MOST_DAYS_REPORTED = 31
"""A run of more days reports its checks once, and every day that failed."""


@dataclass
class DailyRun:
    """One run over days of a table: which were asked for, and what became of them.

    ``days`` is how many there are, which may be more than were asked for.
    """

    context: dg.AssetExecutionContext
    shop: Shop
    contract: Contract
    wanted: Sequence[str]
    days: int
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, dg.DataVersion | None] = field(default_factory=dict)
    failed: dict[str, Finding] = field(default_factory=dict)

    def take(
        self, candidate: Candidate, store: Callable[[Candidate], None]
    ) -> list[Finding]:
        """Judge one day; store it, or remember why not.  Return its findings."""
        day = str(candidate.partition)
        findings = judge(self.shop, self.contract, candidate)
        blocking = [finding for finding in findings if finding.blocks]
        if blocking:
            remember_failure(self.shop, self.contract, blocking, day)
            self.failed[day] = blocking[0]
        else:
            store(candidate)
            self.shop.warehouse.forget_failure(self.contract.name, day)
            self.stored[day] = figures(self.shop, self.contract, candidate)
            self.versions[day] = version_of(self.shop, self.contract, candidate)
        return findings

    def tell(self, candidate: Candidate, findings: Sequence[Finding]) -> None:
        """Tell of one day in the log of the run: what warns, and that it is stored.

        Of many days only what warns is told here.
        """
        tell_warnings(findings, candidate.partition)
        if self.days <= MOST_DAYS_TOLD and candidate.partition in self.stored:
            tell_stored(self.contract, candidate)

    def tell_all(self) -> None:
        """Tell of many days at once which are stored."""
        if self.days > MOST_DAYS_TOLD and self.stored:
            tell_days(self.contract, list(self.stored))

    def materialized(self, day: str) -> dg.AssetMaterialization:
        """Describe the stored *day* as Dagster keeps it."""
        version = self.versions[day]
        return dg.AssetMaterialization(
            self.contract.asset_key,
            partition=day,
            metadata=self.stored[day],
            tags={_VERSION_TAG: version.value} if version else {},
        )


def store_days_if_sound(
    context: dg.AssetExecutionContext,
    shop: Shop,
    contract: Contract,
    candidates: Callable[[], Iterable[Candidate]],
    store: Callable[[Candidate], None],
    days: int | None = None,
) -> Iterator[Event]:
    """Judge and store each day of *candidates*, and report them to Dagster.

    Args:
        context: the run; its partitions are the days asked for.
        shop: whose table it is.
        contract: of the table.
        candidates: makes the days one after the other; they may be more than were
            asked for.
        store: puts one day in place.
        days: how many days there are, where that is more than were asked for.

    Raises:
        dagster.Failure: at least one day failed; the others are stored.
    """
    wanted = list(context.partition_keys)
    run = DailyRun(context, shop, contract, wanted, max(days or 0, len(wanted)))
    many = run.days > MOST_DAYS_REPORTED
    latest: list[Finding] = []
    reported: list[Finding] = []
    with told_to_people(), told_to_dagster(run):
        tell_beginning(contract, run.wanted)
        for done, candidate in enumerate(candidates(), start=1):
            findings = run.take(candidate, store)
            shop.progress(f"{contract.name} days", done, run.days)
            told = _worth_telling(findings, reported) if many else findings
            run.tell(candidate, told)
            yield from _evaluations(contract, told, str(candidate.partition))
            latest = findings
    if many:
        passed = [finding for finding in latest if finding.passed]
        yield from _evaluations(contract, passed, run.wanted[-1], len(run.stored))
    run.tell_all()
    yield from _report_days(run)


@contextmanager
def told_to_dagster(run: DailyRun) -> Iterator[None]:
    """Report the days stored so far if something stops the run between two days."""
    try:
        yield
    except BaseException:
        # What stopped the run is told, not that Dagster's records failed as well.
        with suppress(Exception):
            for day in run.stored:
                run.context.log_event(run.materialized(day))
        raise


def _worth_telling(
    findings: Sequence[Finding], reported: list[Finding]
) -> list[Finding]:
    """Return the failures of one day that no earlier day of the run has told yet.

    What is true of the run as a whole is one finding on every day of it.
    """
    fresh = [
        finding
        for finding in findings
        if not finding.passed and not any(finding is told for told in reported)
    ]
    reported.extend(fresh)
    return fresh


def _evaluations(
    contract: Contract, findings: Sequence[Finding], day: str, days: int = 1
) -> Iterator[dg.AssetCheckEvaluation]:
    """Report the findings of one day, or of the last one for *days* of them."""
    for finding in findings:
        yield _report(contract, finding, day, days=days)


def _report_days(run: DailyRun) -> Iterator[Event]:
    """Tell Dagster which days are stored now; fail if one is not."""
    wanted = set(run.wanted)
    for day in run.stored:
        if run.failed or day not in wanted:
            run.context.log_event(run.materialized(day))
        else:
            run.context.add_asset_metadata(
                run.stored[day], asset_key=run.contract.asset_key, partition_key=day
            )
    if run.failed:
        day = min(run.failed)
        raise gate_failure(run.contract, run.failed[day], day)
    yield from close_planned_checks(run.context, run.contract)
    # Of several days Dagster takes one version for all, so none is named.
    alone = run.versions.get(run.wanted[0]) if len(run.wanted) == 1 else None
    yield dg.MaterializeResult(data_version=alone)
