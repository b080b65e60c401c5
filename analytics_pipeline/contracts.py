"""What a table's contract tells Dagster: its columns, its checks, its gate.

Write, audit, publish: a table is judged *before* it takes the place of the stored
one.  A blocking check of Dagster alone would fire after the write, so the gate yields
the failed check and then raises, and nothing is written.
"""

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
from pandera.errors import SchemaErrors

from analytics_pipeline.candidate import Candidate
from analytics_pipeline.domain.findings import SCHEMA_CHECK, Finding, name_some
from analytics_pipeline.errors import LocalFailure, PipelineError
from analytics_pipeline.schemas.table import Table
from analytics_pipeline.shop import Shop

Event = dg.AssetCheckEvaluation | dg.AssetCheckResult | dg.Output[None]


@dataclass(frozen=True, slots=True)
class Contract:
    """A table's name, its model, its checks beside the schema, and its key column."""

    name: str
    model: type[Table]
    key: str
    checks: Mapping[str, str]
    partitions: dg.PartitionsDefinition[str] | None = None

    @property
    def check_specs(self) -> list[dg.AssetCheckSpec]:
        """The checks that the gate reports, for the asset's decorator."""
        schema = {SCHEMA_CHECK: "Every row and column is as the contract says."}
        return [
            dg.AssetCheckSpec(
                name,
                asset=self.name,
                blocking=True,
                description=sentence,
                partitions_def=self.partitions,
            )
            for name, sentence in (schema | dict(self.checks)).items()
        ]

    @property
    def metadata(self) -> dict[str, Any]:
        """The column catalogue that the UI shows."""
        columns = self.model.to_schema().columns
        return {
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(
                        name,
                        _in_words(name, str(column.dtype)),
                        column.description,
                        dg.TableColumnConstraints(
                            nullable=column.nullable, unique=column.unique
                        ),
                    )
                    for name, column in columns.items()
                ]
            )
        }

    def audit(self, frame: pd.DataFrame) -> tuple[Finding, pd.Index]:
        """Judge *frame* by the model; return the finding and the offending rows."""
        try:
            self.model.validate(frame, lazy=True)
        except SchemaErrors as errors:
            return self._explain(frame, errors.failure_cases)
        finding = Finding(
            SCHEMA_CHECK,
            True,
            "Every row is as the contract says.",
            evidence={"rows": len(frame)},
        )
        return finding, frame.index[:0]

    def _explain(
        self, frame: pd.DataFrame, cases: pd.DataFrame
    ) -> tuple[Finding, pd.Index]:
        """Say which rules of which columns failed, never the offending values."""
        rows = pd.Index(cases["index"].dropna().unique())
        columns = cases["column"].fillna("the table").astype("str")
        rules = sorted(set(columns + ": " + cases["check"].astype("str").str[:80]))
        keys = (
            []
            if self.key not in frame or self.key in set(columns)
            else [
                str(key) for key in frame.loc[frame.index.intersection(rows), self.key]
            ]
        )
        keys = [key for key in keys if not key.startswith("ecom-")]
        finding = Finding(
            SCHEMA_CHECK,
            False,
            f"{len(cases)} values break the contract of {self.name}.",
            evidence={
                "rows": len(frame),
                "faults": len(cases),
                "rules": "; ".join(rules[:10]),
                "keys": name_some(keys),
            },
        )
        return finding, rows


def _in_words(name: str, dtype: str) -> str:
    """Return a column's type as a person would call it."""
    if name.endswith("_cents"):
        return "money (cents)"
    if dtype.startswith("datetime64"):
        return "timestamp (UTC)" if "UTC" in dtype else "date"
    return {"bool": "yes or no"}.get(dtype, "text" if "string" in dtype else "integer")


@contextmanager
def told_to_people() -> Iterator[None]:
    """Turn a failure into one line of cause and one of remedy for the run."""
    try:
        yield
    except dg.Failure:
        raise
    except PipelineError as error:
        raise _failure(error) from error
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        cause = f"A stored table could not be read ({type(error).__name__})."
        remedy = "It may be damaged. Run: analytics-pipeline rebuild"
        raise _failure(LocalFailure(cause, remedy)) from error
    except OSError as error:
        name = error.filename or "a file"
        cause = f"This machine failed at {name}: {error.strerror or error}."
        remedy = "Make room or give the right to write there, then run it again."
        raise _failure(LocalFailure(cause, remedy)) from error
    except Exception as error:
        # Its message might quote a value of a record, and Dagster keeps messages: only
        # the kind of error and the places in the code are told.
        cause = f"Something unexpected failed ({type(error).__name__})."
        remedy = "Please report it with the trace of the run."
        raise _failure(LocalFailure(cause, remedy), error) from None


def _failure(error: PipelineError, raised: Exception | None = None) -> dg.Failure:
    """Describe *error* so that a run, an alert and a terminal can tell it."""
    return dg.Failure(
        f"{error.cause} {error.remedy}",
        metadata={
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
        candidate = produce()
        findings = judge(contract, candidate)
        yield from (report(contract, finding) for finding in findings)
        _stop_if_blocked(shop, contract, findings, candidate.partition)
        store(candidate)
        shop.warehouse.forget_failure(contract.name, candidate.partition)
        yield dg.Output(None, metadata=figures(candidate))


def judge(contract: Contract, candidate: Candidate) -> list[Finding]:
    """Return the candidate's own findings and that of its schema."""
    findings = list(candidate.findings)
    if candidate.frame is not None and not candidate.is_audited:
        findings.insert(0, contract.audit(candidate.frame)[0])
    return findings


def report(contract: Contract, finding: Finding) -> dg.AssetCheckResult:
    """Return *finding* as Dagster's, with its evidence."""
    return dg.AssetCheckResult(
        passed=finding.passed,
        check_name=finding.check,
        asset_key=contract.name,
        severity=dg.AssetCheckSeverity[finding.severity],
        description=finding.sentence,
        metadata=dict(finding.evidence),
    )


def _stop_if_blocked(
    shop: Shop, contract: Contract, findings: Iterable[Finding], partition: str | None
) -> None:
    """Raise if a finding blocks, and remember it for whoever comes later."""
    blocking = [finding for finding in findings if finding.blocks]
    if not blocking:
        return
    for finding in blocking:
        shop.warehouse.remember_failure(
            contract.name, partition, finding.check, finding.sentence
        )
    raise gate_failure(contract, blocking[0], partition)


def gate_failure(
    contract: Contract, finding: Finding, partition: str | None
) -> dg.Failure:
    """Say which gate failed, why, and that nothing was replaced."""
    what = f"{contract.name} of {partition}" if partition else contract.name
    return dg.Failure(
        f"{what} failed its gate: {finding.sentence} What was stored stays.",
        metadata={
            "exit_code": 1,
            "cause": f"{what} failed its gate ({finding.check}): {finding.sentence}",
            "remedy": "What was published stays published. See: analytics-pipeline "
            "status",
            **finding.evidence,
        },
        allow_retries=False,
    )


def figures(candidate: Candidate) -> dict[str, Any]:
    """Return what the UI plots: rows and the figures of the table."""
    shown: dict[str, Any] = dict(candidate.figures)
    if candidate.frame is not None:
        key = "partition_row_count" if candidate.partition else "row_count"
        shown[f"dagster/{key}"] = len(candidate.frame)
    return shown
