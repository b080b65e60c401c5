"""What a command is doing right now, in one line: how much, how fast, and any wait."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from analytics_pipeline.sources.allowance import LIMIT_REACHED, LIMIT_USED_UP

WORTH_A_RATE = 2.0
"""Seconds after which a rate means something."""

FIRST_LINE, LONGEST_SILENCE = 10.0, 300.0
"""Seconds until the first line where there is no terminal, and between two at most."""


@dataclass
class Waits:
    """How often and how long one reason made a command wait."""

    times: int = 0
    seconds: float = 0.0


@dataclass
class Activity:
    """One piece of work under way."""

    name: str
    clock: Callable[[], float] = time.monotonic
    waits: dict[str, Waits] = field(default_factory=dict)
    _what: str = ""
    _done: int = 0
    _of: int | None = None
    _began: float = 0.0
    _seen: float = 0.0
    _paused: float = 0.0
    _wait: tuple[float, str] | None = None
    _next_line: float = 0.0
    _silence: float = FIRST_LINE

    def __post_init__(self) -> None:
        """Begin now."""
        self._began = self._seen = self.clock()
        self._next_line = self._began + FIRST_LINE

    def advance(self, what: str, done: int, of: int | None) -> None:
        """Note how much of *what* is done."""
        if what != self._what:
            self._what, self._began, self._paused = what, self._seen, 0.0
        self._done, self._of, self._seen, self._wait = done, of, self.clock(), None

    def wait(self, seconds: float, reason: str) -> bool:
        """Note a wait; return whether it is worth a line where there is no terminal.

        The first wait for a reason is, then the second, the fourth and so on, and each
        that is long.
        """
        self._wait = self.clock() + seconds, reason
        self._paused += seconds
        known = self.waits.setdefault(reason, Waits())
        known.times += 1
        known.seconds += seconds
        is_power_of_two = known.times & (known.times - 1) == 0
        return is_power_of_two or seconds >= FIRST_LINE

    def is_due(self) -> bool:
        """Say whether it is time for a line; each silence is longer than the last."""
        now = self.clock()
        if now < self._next_line:
            return False
        self._silence = min(self._silence * 1.5, LONGEST_SILENCE)
        self._next_line = now + self._silence
        return True

    def line(self) -> str:
        """Return what is being done, or waited for, right now."""
        if self._wait is not None:
            left = self._wait[0] - self.clock()
            if left > 0:
                return tell_wait(left, self._wait[1])
        if not self._what:
            return f"{self.name} …"
        return f"{self.name}: {self._what}{self._count()}"

    def _count(self) -> str:
        """Say how much is done, of how much, and how fast."""
        if self._of == 1 or (not self._done and self._of is None):
            return " …"
        of = "" if self._of is None else f" of {self._of:,}"
        passed = self._seen - self._began - self._paused
        rate = self._done / passed if passed >= WORTH_A_RATE else 0
        told = f" ({rate:,.0f}/s)" if rate >= 1 else ""
        return f" {self._done:,}{of}{told}"


def tell_wait(seconds: float, reason: str) -> str:
    """Say how long a command waits, and why."""
    shown = f"{max(seconds, 1):.0f} s"
    if reason in (LIMIT_REACHED, LIMIT_USED_UP):
        return f"Lightspeed asks to wait {shown}: {reason}"
    return f"trying Lightspeed again in {shown}: {reason}"
