"""What a check found: a verdict with both sides of the comparison.

Evidence holds counts, amounts, Lightspeed ids and order numbers; never a name, a
contact, a customer code or an ``ecom-`` id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

SCHEMA_CHECK = "matches_schema"
"""The check that every table has: its rows are as its contract says."""

MOST_KEYS = 10
"""How many offending keys a finding names."""


class Severity(StrEnum):
    """Whether a failed check stops the table."""

    WARN = "WARN"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check on one table, or on one day of it.

    ``subject`` tells two failures of a check apart: a person may accept the one that
    he has looked at, and no other.  Without it nobody can accept the failure away.
    """

    check: str
    passed: bool
    sentence: str
    severity: Severity = Severity.ERROR
    evidence: Mapping[str, int | str] = field(default_factory=dict)
    subject: str | None = None

    @property
    def blocks(self) -> bool:
        """Whether the table must not be stored."""
        return not self.passed and self.severity is Severity.ERROR


def name_some(keys: Sequence[str]) -> str:
    """Return up to ten of *keys*, sorted, as one line."""
    shown = ", ".join(sorted(keys)[:MOST_KEYS])
    return f"{shown}, …" if len(keys) > MOST_KEYS else shown
