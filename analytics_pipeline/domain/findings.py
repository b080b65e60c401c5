"""What a check found: a verdict with both sides of the comparison.

Evidence holds counts, amounts, Lightspeed ids and order numbers; never a name, a
contact, a customer code or an ``ecom-`` id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256

SCHEMA_CHECK = "matches_schema"
"""The check that every table has: its rows are as its contract says."""

ACCEPTED = "accepted"
"""The evidence that tells why a person accepted a failure."""

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

    @property
    def fingerprint(self) -> str | None:
        """What stands for the subject where it is stored; it may name people."""
        if self.subject is None:
            return None
        return sha256(f"{self.check}\n{self.subject}".encode()).hexdigest()[:16]

    def accept(self, reason: str) -> "Finding":
        """Return the failure as one that a person has accepted: it stops nothing."""
        return replace(
            self,
            sentence=f"Accepted ({reason}): {self.sentence}",
            severity=Severity.WARN,
            evidence={**self.evidence, ACCEPTED: reason},
        )


def name_some(keys: Sequence[str]) -> str:
    """Return up to ten of *keys*, sorted, as one line."""
    shown = ", ".join(sorted(keys)[:MOST_KEYS])
    return f"{shown}, …" if len(keys) > MOST_KEYS else shown
