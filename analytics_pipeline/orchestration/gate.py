"""The gate: check a table, store it only if nothing blocks, report it."""

import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import sha256
from itertools import chain
from string import Formatter
from typing import Any

import dagster as dg

from analytics_pipeline.assets.inputs import make_candidates
from analytics_pipeline.assets.table import TableFunction, TableRun
from analytics_pipeline.engine.duckdb import explain_failure
from analytics_pipeline.engine.signals import interruptible_queries
from analytics_pipeline.holding import why_overdue
from analytics_pipeline.model.checks import FOLLOWS, LISTED_IN, Candidate, CheckResult
from analytics_pipeline.model.errors import (
    InputFailed,
    LocalFailure,
    PipelineError,
    RunEnded,
    is_interruption,
)
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.orchestration.tables import asset_key
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.feed_log import fingerprint, names_of
from analytics_pipeline.storage.files import is_local, local
from analytics_pipeline.storage.files_for_people import OwnersLists
from analytics_pipeline.storage.machine import explain_lock, explain_shortage
from analytics_pipeline.storage.parquet import seal_of
from analytics_pipeline.storage.state import FailedCheck
from analytics_pipeline.tables import TableSpec

# ----------------------------------------------------------------------------------
# What a run writes to its log, for a person who follows it.
#
# Dagster's own events have a level of their own; with it hidden these sentences are
# what is left: one when a table is begun, its warnings, and one when it is stored or
# why not.


MOST_DAYS_LOGGED = 3
"""A run of more days logs which they were, and nothing of each."""


def log_beginning(spec: TableSpec, days: Sequence[str] = ()) -> None:
    """Log which table is begun, and for which days."""
    begins = spec.begins
    _say(f"{begins.removesuffix('.')}: {_name_days(days)}." if days else begins)


def log_warnings(
    check_results: Iterable[CheckResult], partition: str | None = None
) -> None:
    """Log what warns; what stops a table is reported by its failure."""
    where = f"{partition}: " if partition else ""
    for result in check_results:
        if not (result.passed or result.blocks):
            dg.get_dagster_logger().warning(
                "%s%s (The check %s warns; it stops nothing.)",
                where,
                result.sentence,
                result.check,
            )


def log_stored(spec: TableSpec, candidate: Candidate) -> None:
    """Log what is stored now."""
    where = f"{candidate.partition}: " if candidate.partition else ""
    sentences = _fill_in(spec.ends, candidate)
    _say(f"{where}{sentences}{' ' if sentences else ''}Stored.")


def log_failure(sentence: str) -> None:
    """Log why a table is not stored, and what to do."""
    dg.get_dagster_logger().error("%s", sentence)


def log_days(spec: TableSpec, days: Sequence[str]) -> None:
    """Log which of very many days are stored now."""
    _say(f"{spec.name} is stored for {_name_days(days)}.")


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
    values = [each for each in sentences if _names_in(each) <= set(known)]
    return " ".join(each.format(**known) for each in values)


def _names_in(sentence: str) -> set[str]:
    """Return the figures in *sentence*."""
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def _name_days(days: Sequence[str]) -> str:
    """Name few days, and of many the first and the last."""
    if len(days) <= MOST_DAYS_LOGGED:
        return ", ".join(days)
    return f"{len(days):,} days from {min(days)} to {max(days)}"


def _say(sentence: str) -> None:
    dg.get_dagster_logger().info("%s", sentence)


# ----------------------------------------------------------------------------------
# The gate: check a table, and store it only if nothing blocks.
#
# Write, audit, publish: a table is checked *before* it takes the place of the stored
# one. A blocking check of Dagster alone would fire after the write, so the gate
# yields the failed check and then raises, and nothing is written.


Event = dg.AssetCheckEvaluation | dg.MaterializeResult[None] | dg.Output[None]


@contextmanager
def as_dagster_failure() -> Iterator[None]:
    """Turn a failure into one line of cause and one of remedy for the run.

    A run that was ended begins no other table: Dagster would go on with those that do
    not depend on the one that failed.
    """
    try:
        if overdue := why_overdue():
            raise overdue
        yield
    except dg.Failure:
        raise
    except PipelineError as error:
        raise _failure(explain_shortage(error) or error) from error
    except RunEnded as ended:
        raise _failure(ended.as_failure()) from None
    except OSError as error:
        if lacking := explain_shortage(error):
            raise _failure(lacking) from error
        name = error.filename or "a file"
        cause = f"This machine failed at {name}: {error.strerror or error}."
        remedy = "Make room or give the right to write there, then run it again."
        raise _failure(LocalFailure(cause, remedy)) from error
    except Exception as error:
        if is_interruption(error):
            # DuckDB reports every signal as an interruption.
            if overdue := why_overdue():
                raise _failure(overdue) from None
            raise KeyboardInterrupt from error
        # Its message might quote a value of a record, and Dagster keeps messages: only
        # the kind of error and the places in the code are shown.
        failure = (
            explain_failure(error)
            or explain_shortage(error)
            or explain_lock(error)
            or LocalFailure(
                f"Something unexpected failed ({type(error).__name__}).",
                "Please report it with the trace of the run.",
            )
        )
        raise _failure(failure, error) from None


def _failure(error: PipelineError, raised: Exception | None = None) -> dg.Failure:
    """Describe *error* for a run, an alert and a terminal."""
    sentence = f"{error.cause} {error.remedy}"
    log_failure(sentence)
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


def evaluate(shop: Shop, spec: TableSpec, candidate: Candidate) -> list[CheckResult]:
    """Return the candidate's own check results and that of its schema.

    One that blocks, but was accepted by a person, is a warning.
    """
    results = list(candidate.check_results)
    if candidate.frame is not None and not candidate.is_audited:
        results.insert(0, spec.audit(candidate.frame)[0])
    honour = shop.warehouse.acceptances.honour
    honoured = [honour(spec.name, candidate.partition, result) for result in results]
    return [list_offenders(shop, spec.name, result) for result in honoured]


def list_offenders(shop: Shop, table: str, check_result: CheckResult) -> CheckResult:
    """Write the offenders of a check to the owner's file, which the result then names.

    The file of a check that passes is removed.
    """
    data_dir = shop.settings.data_dir
    lists = shop.keep("owners' lists", data_dir, lambda: OwnersLists(data_dir))
    if check_result.passed:
        lists.remove(table, check_result.check)
        return check_result
    if check_result.offenders is None:
        return check_result
    lists.write(table, check_result.check, check_result.offenders)
    return check_result.listed_in(lists.place(table, check_result.check))


def remember_failure(
    shop: Shop, spec: TableSpec, blocking: Iterable[CheckResult], partition: str | None
) -> None:
    """Remember what blocks a table, or one day of it, and since when."""
    now = shop.clock().isoformat(timespec="seconds")
    failed = [
        FailedCheck(result.check, result.sentence, now, result.fingerprint)
        for result in blocking
    ]
    shop.warehouse.remember_failure(spec.name, partition, failed)


def gate_failure(
    spec: TableSpec, check_result: CheckResult, partition: str | None
) -> dg.Failure:
    """Say which gate failed, why, and that nothing was replaced."""
    what = f"{spec.name} of {partition}" if partition else spec.name
    cause = f"{what} failed its gate ({check_result.check}): {check_result.sentence}"
    remedy = "What was published stays published. See: analytics-pipeline status"
    if LISTED_IN in check_result.evidence:
        remedy = f"Look through {check_result.evidence[LISTED_IN]} first. {remedy}"
    log_failure(f"{cause} {remedy}")
    return dg.Failure(
        f"{cause} {remedy}",
        metadata={
            "exit_code": 1,
            "cause": cause,
            "remedy": remedy,
            **check_result.evidence,
        },
        allow_retries=False,
    )


def figures(shop: Shop, spec: TableSpec, candidate: Candidate) -> dict[str, Any]:
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
    return {**shown, "stored": _stored_at(shop, spec, candidate), **places}


def _stored_at(
    shop: Shop, spec: TableSpec, candidate: Candidate
) -> dg.MetadataValue[str]:
    """Return where the store keeps a table; a log, which has no frame, in a folder."""
    place = (
        shop.warehouse.root / spec.name
        if candidate.frame is None
        else shop.warehouse.path(spec.name, candidate.partition)
    )
    if is_local(place):
        return dg.MetadataValue.path(str(place))
    return dg.MetadataValue.url(str(place))


def version_of(
    shop: Shop, spec: TableSpec, candidate: Candidate
) -> dg.DataVersion | None:
    """Return what identifies the stored bytes: the hash that they bear.

    Of the log it is that of its segments' names, which hold theirs. To read it from a
    bucket would be a request a table; there Dagster makes a version of its own.
    """
    if candidate.frame is None:
        names = names_of(shop.log(spec).segments())
        return dg.DataVersion(fingerprint("\n".join(names).encode()))
    if place := candidate.places.get("stored"):
        content = (shop.settings.data_dir / place).read_bytes()
        return dg.DataVersion(sha256(content).hexdigest())
    path = shop.warehouse.path(spec.name, candidate.partition)
    seal = seal_of(local(path)) if is_local(path) else None
    return dg.DataVersion(seal) if seal else None


# ----------------------------------------------------------------------------------
# One run over a table: each candidate is checked and stored by itself.
#
# A run may make one day, a range of them, or a day and the late ones it re-opens; a
# table without days is one candidate. A day that fails keeps its last good rows; the
# others are stored all the same.


Taken = tuple[Candidate, list[CheckResult]]
"""A candidate, and what its checks found."""

_VERSION_TAG = "dagster/data_version"
MOST_DAYS_REPORTED = 31
"""A run of more days reports its checks once, and every day that failed."""


@dataclass
class GateRun:
    """One run over a table: what was asked for, and what became of it.

    The keys of ``stored`` and ``failed`` are days, or ``None`` for a table without.
    """

    context: dg.AssetExecutionContext
    spec: TableSpec
    run: TableRun
    stored: dict[str | None, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str | None, dg.DataVersion | None] = field(default_factory=dict)
    failed: dict[str | None, CheckResult] = field(default_factory=dict)

    @cached_property
    def wanted(self) -> list[str]:
        """The days asked for."""
        return [day.isoformat() for day in self.run.days]

    @property
    def expected(self) -> int:
        """How many candidates there are."""
        return max(self.run.expected, len(self.run.days), 1)

    @property
    def key(self) -> dg.AssetKey:
        """The table as Dagster's records name it."""
        return asset_key(self.spec.name, self.run.shop.settings.shop_name)

    def take(self, candidates: Sequence[Candidate]) -> list[Taken]:
        """Check candidates; store those that pass together, remember why not others.

        Return each with its results.
        """
        taken, passed = [], []
        for candidate in candidates:
            results = evaluate(self.run.shop, self.spec, candidate)
            taken.append((candidate, results))
            blocking = [result for result in results if result.blocks]
            if blocking:
                day = candidate.partition
                remember_failure(self.run.shop, self.spec, blocking, day)
                self.failed[day] = blocking[0]
            else:
                passed.append(candidate)
        store_together(self.run.shop, self.spec, passed)
        for candidate in passed:
            self._note_stored(candidate)
        return taken

    def _note_stored(self, candidate: Candidate) -> None:
        shop, spec, day = self.run.shop, self.spec, candidate.partition
        shop.warehouse.forget_failure(spec.name, day)
        self.stored[day] = figures(shop, spec, candidate)
        self.versions[day] = version_of(shop, spec, candidate)
        shop.on_stored(spec.name, candidate)

    def take_next(self, candidates: Iterator[Candidate]) -> list[Taken]:
        """Make and take the next candidate, and those that go with it, if there is one.

        Dagster has handlers of its own while a step runs, and gives them back at every
        event: so the queries are interruptible within each candidate, not around all.
        """
        with interruptible_queries():
            return self.take(list(next_together(candidates)))

    def log(self, candidate: Candidate, check_results: Sequence[CheckResult]) -> None:
        """Log what warns, and that the candidate is stored; of many days the first."""
        log_warnings(check_results, candidate.partition)
        if self.expected <= MOST_DAYS_LOGGED and candidate.partition in self.stored:
            log_stored(self.spec, candidate)

    def materialized(self, day: str) -> dg.AssetMaterialization:
        """Describe the stored *day* as Dagster keeps it."""
        version = self.versions.get(day)
        return dg.AssetMaterialization(
            self.key,
            partition=day,
            metadata=self.stored[day],
            tags={_VERSION_TAG: version.value} if version else {},
        )


def make_table(
    context: dg.AssetExecutionContext,
    spec: TableSpec,
    make: TableFunction,
    run: TableRun,
) -> Iterator[Event]:
    """Make a table: check and store each candidate, and report it to Dagster.

    Yields:
        The result of every check, then the empty output of the asset.

    Raises:
        dagster.Failure: a check result blocks, or the table could not be made; what was
            stored stays, and so do the days that passed.
    """
    gate = GateRun(context, spec, run)
    latest: list[CheckResult] = []
    reported: list[CheckResult] = []
    with as_dagster_failure(), reporting_what_is_stored(gate):
        run.shop.progress(spec.name, 0, None)
        log_beginning(spec, gate.wanted)
        following = partial(gate.take_next, make_candidates(spec, make, run))
        taken = chain.from_iterable(iter(following, []))
        for done, (candidate, latest) in enumerate(taken, start=1):
            if spec.is_daily:
                run.shop.progress(f"{spec.name} days", done, gate.expected)
            is_many = gate.expected > MOST_DAYS_REPORTED
            shown = _new_failures(latest, reported) if is_many else latest
            gate.log(candidate, shown)
            yield from _evaluations(gate, shown, candidate.partition)
    if gate.expected > MOST_DAYS_REPORTED:
        passed = [result for result in latest if result.passed]
        yield from _evaluations(gate, passed, gate.wanted[-1], len(gate.stored))
    if gate.expected > MOST_DAYS_LOGGED and gate.stored:
        log_days(spec, [str(day) for day in gate.stored])
    yield from _report(gate)


def next_together(candidates: Iterator[Candidate]) -> Iterator[Candidate]:
    """Yield the next of *candidates*, and those after it that are stored with it."""
    for candidate in candidates:
        yield candidate
        if not candidate.goes_with_next:
            return


def store_together(
    shop: Shop, spec: TableSpec, candidates: Sequence[Candidate]
) -> None:
    """Put candidates that passed in place; days that were encoded, all at once."""
    contents = {}
    for candidate in candidates:
        if candidate.encode is not None and candidate.partition is not None:
            contents[candidate.partition] = candidate.encode()
        else:
            store = candidate.store or shop.store_as(spec.name, spec.schema)
            store(candidate)
    if contents:
        shop.warehouse.write_days(spec.name, contents)


@contextmanager
def reporting_what_is_stored(gate: GateRun) -> Iterator[None]:
    """Report the days stored so far if something stops the run between two days."""
    try:
        yield
    except BaseException:
        # What stopped the run is reported, not that Dagster's records failed as well.
        with suppress(Exception):
            for day in gate.stored:
                if day is not None:
                    gate.context.log_event(gate.materialized(day))
        raise


def _new_failures(
    check_results: Sequence[CheckResult], reported: list[CheckResult]
) -> list[CheckResult]:
    """Return the failures of one day that no earlier day of the run has reported yet.

    What is true of the whole run is one result on every day of it.
    """
    fresh = [
        result
        for result in check_results
        if not result.passed and not any(result is each for each in reported)
    ]
    reported.extend(fresh)
    return fresh


def _evaluations(
    gate: GateRun, check_results: Sequence[CheckResult], day: str | None, days: int = 1
) -> Iterator[dg.AssetCheckEvaluation]:
    """Report the results of one candidate, or of the last one for *days* of them."""
    for result in check_results:
        evidence = dict(result.evidence)
        if gate.spec.is_daily:
            evidence["days"] = days
        yield dg.AssetCheckEvaluation(
            asset_key=gate.key,
            check_name=result.check,
            passed=result.passed,
            severity=dg.AssetCheckSeverity[result.severity],
            description=result.sentence,
            metadata={
                name: dg.MetadataValue.int(value)
                if isinstance(value, int)
                else dg.MetadataValue.text(value)
                for name, value in evidence.items()
            },
            blocking=gate.spec.all_checks[result.check].blocks,
            partition=day,
        )


def _report(gate: GateRun) -> Iterator[Event]:
    """Report to Dagster what is stored now; fail if something is not."""
    for day, metadata in gate.stored.items():
        if day is None:
            continue
        if gate.failed or day not in gate.wanted:
            gate.context.log_event(gate.materialized(day))
        else:
            gate.context.add_asset_metadata(
                metadata, asset_key=gate.key, partition_key=day
            )
    if gate.failed:
        day = min(gate.failed, key=str)
        raise gate_failure(gate.spec, gate.failed[day], day)
    selected = gate.context.op_execution_context.selected_output_names
    for check in gate.spec.all_checks:
        slot = f"{gate.spec.name}_{check}"
        if slot in selected:
            yield dg.Output(None, output_name=slot)
    # Of several days Dagster takes one version for all, so none is named.
    only = gate.wanted[0] if gate.wanted else None
    alone = gate.versions.get(only) if len(gate.wanted) <= 1 else None
    yield dg.MaterializeResult(metadata=gate.stored.get(None), data_version=alone)
