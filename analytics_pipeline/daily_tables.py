"""The gate of tables with one file a day: each day is judged and stored by itself.

A run may hold one day, a range of them, or a day and the late ones it re-opens.  A
day that fails keeps its last good rows; the others are stored all the same.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from analytics_pipeline.candidate import Candidate
from analytics_pipeline.contracts import Contract
from analytics_pipeline.domain.findings import Finding
from analytics_pipeline.gates import (
    Event,
    figures,
    gate_failure,
    judge,
    remember_failure,
    told_to_people,
)
from analytics_pipeline.run_log import (
    MOST_DAYS_TOLD,
    tell_beginning,
    tell_days,
    tell_stored,
    tell_warnings,
)
from analytics_pipeline.shop import Shop

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
        return dg.AssetMaterialization(
            self.contract.asset_key, partition=day, metadata=self.stored[day]
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
        yield dg.AssetCheckEvaluation(
            asset_key=contract.asset_key,
            check_name=finding.check,
            passed=finding.passed,
            severity=dg.AssetCheckSeverity[finding.severity],
            description=finding.sentence,
            metadata={
                name: dg.MetadataValue.int(value)
                if isinstance(value, int)
                else dg.MetadataValue.text(value)
                for name, value in {**finding.evidence, "days": days}.items()
            },
            blocking=contract.all_checks[finding.check].blocks,
            partition=day,
        )


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
    selected = run.context.op_execution_context.selected_output_names
    for spec in run.contract.check_specs:
        slot = f"{run.contract.name}_{spec.name}"
        if slot in selected:
            yield dg.Output(None, output_name=slot)
    yield dg.Output(None)
