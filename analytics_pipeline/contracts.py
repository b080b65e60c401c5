"""What a table's contract tells Dagster: its columns and its checks."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import dagster as dg
import pandas as pd
from pandera.errors import SchemaErrors

from analytics_pipeline.domain.findings import SCHEMA_CHECK, Finding, name_some
from analytics_pipeline.schemas.table import Table


def asset_key(table: str, shop: str | None) -> dg.AssetKey:
    """Return how Dagster's records name *table*, of *shop* in a chain."""
    return dg.AssetKey([shop, table] if shop else [table])


def table_of(key: dg.AssetKey) -> str:
    """Return the table of a key, whichever shop's it is."""
    return key.path[-1]


class Weight(StrEnum):
    """What a failed check does to its table."""

    STOPS = "stops the table"
    WARNS = "warns"
    EITHER = "warns, or stops the table where much is wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """A check in plain words: what is so when it passes, and what its failure does."""

    sentence: str
    weight: Weight
    may_be_accepted: bool = False

    @property
    def blocks(self) -> bool:
        """Whether a failure can stop the table."""
        return self.weight is not Weight.WARNS

    @property
    def description(self) -> str:
        """The check as the UI shows it."""
        accepted = ", unless a person accepts it" if self.may_be_accepted else ""
        return f"{self.sentence} A failure {self.weight}{accepted}."


MATCHES_SCHEMA = Check("Every row and column is as the contract says.", Weight.STOPS)


@dataclass(frozen=True, slots=True)
class Contract:
    """A table's name, its model, its checks beside the schema, and its key column.

    ``shop`` is the shop's name in a chain of several, whose records Dagster keeps
    together; it stands before the table's name there.
    """

    name: str
    model: type[Table]
    key: str
    checks: Mapping[str, Check]
    partitions: dg.PartitionsDefinition[str] | None = None
    shop: str | None = None

    @property
    def asset_key(self) -> dg.AssetKey:
        """The table as Dagster's records name it."""
        return asset_key(self.name, self.shop)

    @property
    def check_specs(self) -> list[dg.AssetCheckSpec]:
        """The checks that the gate reports, for the asset's decorator."""
        return [
            dg.AssetCheckSpec(
                name,
                asset=self.name,
                blocking=check.blocks,
                description=check.description,
                partitions_def=self.partitions,
            )
            for name, check in self.all_checks.items()
        ]

    @property
    def all_checks(self) -> dict[str, Check]:
        """The checks by name, that of the schema first."""
        return {SCHEMA_CHECK: MATCHES_SCHEMA, **self.checks}

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
                        _with_header(column.title, column.description),
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


def _with_header(header: str | None, description: str) -> str:
    """Name the header that a column has in the file, where people know it by that."""
    return f"*{header}* in the file – {description}" if header else description
