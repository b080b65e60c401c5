"""What the checks said last, for the page that a person reads."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a check came out, in words."""

    PASSED = "passed"
    WARNS = "warns"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The last outcome of one check: of which table and day, and what it found."""

    table: str
    check: str
    outcome: Outcome
    sentence: str
    day: str = ""
