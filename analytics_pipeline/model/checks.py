"""What a check found, why a record was rejected, and a candidate to be stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a refusal of wrong use needs no pandas
    import pandas as pd


# ----------------------------------------------------------------------------------
# What a check found: a result with both sides of the comparison.
#
# Evidence holds counts, amounts, Lightspeed ids and order numbers; never a name, a
# contact, a customer code or an ``ecom-`` id.


SCHEMA_CHECK = "matches_schema"
"""The check that every table has: its rows are as its contract says."""

ACCEPTED = "accepted"
"""The evidence that says why a person accepted a failure."""

MOST_KEYS = 10
"""How many offending keys a check result names."""


class Severity(StrEnum):
    """Whether a failed check stops the table."""

    WARN = "WARN"
    ERROR = "ERROR"


LISTED_IN = "listed_in"
"""The evidence that names the file, for the owner only, with the offenders."""

FOLLOWS = "follows"
"""The evidence that names the other check that found the cause: ``table.check``."""


@dataclass(frozen=True, slots=True, repr=False)
class OwnersList:
    """The rows or people that a check is about, for the shop's owner only.

    It may hold personal data, so it goes into one file that its owner alone can read,
    and never into evidence, logs, alerts or Dagster's records.

    Attributes:
        columns: what each cell of a row is.
        rows: the offenders, a row each.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __repr__(self) -> str:
        """Say how many there are, and nothing of any of them."""
        return f"OwnersList({len(self.rows)} rows)"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one check on one table, or on one day of it.

    ``subject`` identifies a failure of a check: a person may accept the one that
    was looked at, and no other. Without it the failure cannot be accepted.
    ``offenders`` lists what was found, for the owner only.
    """

    check: str
    passed: bool
    sentence: str
    severity: Severity = Severity.ERROR
    evidence: Mapping[str, int | str] = field(default_factory=dict)
    subject: str | None = field(default=None, repr=False)
    offenders: OwnersList | None = field(default=None, compare=False)

    @property
    def blocks(self) -> bool:
        """Whether the table must not be stored."""
        return not self.passed and self.severity is Severity.ERROR

    @property
    def fingerprint(self) -> str | None:
        """The hash of the subject, for storage: the subject may name people."""
        if self.subject is None:
            return None
        return sha256(f"{self.check}\n{self.subject}".encode()).hexdigest()[:16]

    def listed_in(self, place: str) -> "CheckResult":
        """Return the check result that names the file with its offenders."""
        return replace(
            self,
            sentence=f"{self.sentence} Listed, for the owner only: {place}",
            evidence={**self.evidence, LISTED_IN: place},
        )

    def accept(self, reason: str) -> "CheckResult":
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


# ----------------------------------------------------------------------------------
# A record of a source that breaks a rule: what is kept of it, and nothing more.


@dataclass(frozen=True, slots=True)
class Rejection:
    """One rejected record: which, why and where; never its content."""

    table: str
    rule: str
    record_id: str | None
    version: int | None
    position: str


# ----------------------------------------------------------------------------------
# The last result of each check, for the page that a person reads.


class Outcome(StrEnum):
    """The outcome of a check, in words."""

    PASSED = "passed"
    WARNS = "warning"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class LastResult:
    """The last outcome of one check: of which table and day, and what it found."""

    table: str
    check: str
    outcome: Outcome
    sentence: str
    day: str = ""


# ----------------------------------------------------------------------------------
# A table that wants to be stored, with what its checks found.


@dataclass(frozen=True, slots=True)
class Candidate:
    """A new version of a table: rows, check results, notes and figures to plot.

    The schema is checked by the gate, unless ``is_audited`` says that it was checked
    with other days at once.  ``frame`` is missing where a check result already blocks,
    or where the rows are kept elsewhere.  ``partition`` is the day, for a table with
    one file a day.  ``places`` are where a person finds it, if that is not the store or
    not
    only: a path in the data directory by what is there.  ``store`` puts it in place;
    without one the gate writes its rows as the table.  A day that ``goes_with_next``
    is stored together with the day after it.  ``encode`` makes the bytes of a day that
    was cut with many others, which is cheaper than to make them from its frame.
    """

    frame: "pd.DataFrame | None"
    check_results: Sequence[CheckResult] = ()
    partition: str | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, int | str] = field(default_factory=dict)
    is_audited: bool = False
    places: Mapping[str, str] = field(default_factory=dict)
    store: Callable[["Candidate"], None] | None = field(default=None, compare=False)
    goes_with_next: bool = False
    encode: Callable[[], bytes] | None = field(default=None, compare=False)

    @property
    def rows(self) -> "pd.DataFrame":
        """The rows of a candidate that passed its gate, and so has some frame."""
        if self.frame is None:
            raise ValueError("a candidate without a frame cannot be stored")
        return self.frame
