"""What is said of a shop's runs: the last one, one that failed, one under way."""

from dataclasses import dataclass
from enum import StrEnum

GATE_CODE = 1
"""The exit code of a run that a gate stopped."""


class RunEnding(StrEnum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class LastRun:
    """A run that ended: how, when and why.

    Attributes:
        job: its job, or ``materialization`` for one started from the UI's assets.
        day: the day, or the days, that it was for; empty if for none.
        outcome: how it ended.
        at: when, in store time.
        since: when the first of an unbroken row of runs that were not done ended.
        exit_code: the exit code that its command ended with, or would have.
        cause: why it failed; empty if it is done.
        remedy: what to do about it.
        is_standing: whether something has to be done about it: it is not done, and some
            table that it was to make has not been made since.
    """

    job: str
    day: str
    outcome: RunEnding
    at: str
    since: str
    exit_code: int
    cause: str
    remedy: str
    is_standing: bool

    @property
    def is_gate(self) -> bool:
        """Whether a gate stopped it."""
        return self.exit_code == GATE_CODE


@dataclass(frozen=True, slots=True)
class RunUnderWay:
    """A run that has not ended: its job and day, and since when it runs or waits."""

    job: str
    day: str
    since: str
    is_queued: bool


@dataclass(frozen=True, slots=True)
class Runs:
    """What the records say of the runs of one shop.

    ``last`` is the last one that ended; ``failed`` the newest about which something has
    to be done, often the same; ``under_way`` the one that works or waits now.
    """

    last: LastRun | None = None
    failed: LastRun | None = None
    under_way: RunUnderWay | None = None
