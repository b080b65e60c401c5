"""What a run tells in its log, for a person who follows it.

Dagster's own events have a level of their own; with it hidden these sentences are what
is left: one when a table is begun, its warnings, and one when it is stored or why not.
"""

from collections.abc import Iterable, Sequence
from string import Formatter

import dagster as dg

from analytics_pipeline.candidate import Candidate
from analytics_pipeline.contracts import Contract
from analytics_pipeline.domain.findings import Finding
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.stories import STORIES

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
