"""What ``--json`` prints: the facts of a command as JSON knows them.

Amounts are texts with two decimals, for most readers of JSON would make binary floats
of numbers; days and moments are ISO 8601.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.errors import PipelineError

CENTS = "_cents"
"""How the name of an amount ends inside; outside it is an amount of money."""


def in_json(value: Any) -> Any:
    """Return *value*, and all that is in it, as JSON knows it."""
    if is_dataclass(value) and not isinstance(value, type):
        return in_json(asdict(value))
    if isinstance(value, Mapping):
        return dict(_entry(str(name), each) for name, each in value.items())
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [in_json(each) for each in value]
    return value


def _entry(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith(CENTS):
        amount = None if value is None else format_cents(int(value))
        return name.removesuffix(CENTS), amount
    return name, in_json(value)


def document_of(
    facts: Mapping[str, Any],
    warnings: Sequence[str],
    exit_code: int,
    error: PipelineError | None = None,
    shop: str | None = None,
) -> dict[str, Any]:
    """Return the document of one command, for one shop: its facts, and how it ended."""
    return {
        **({"shop": shop} if shop else {}),
        "warnings": list(warnings),
        **in_json(facts),
        **({"error": error.cause, "remedy": error.remedy} if error else {}),
        "exit_code": exit_code,
    }
