"""The run that holds a data directory: what it does at present, and when it must end.

Another run that finds the directory in use learns who holds it. A run that makes no
progress, or does not end, is ended, so that no other waits for it forever.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from analytics_pipeline.engine.signals import interrupt_queries
from analytics_pipeline.model.errors import PipelineError, RunEnded, RunTooLong
from analytics_pipeline.model.policy import RunLimits
from analytics_pipeline.storage.lease import Lease
from analytics_pipeline.storage.state import Holder, HolderNote, kept_note, new_holder

# ----------------------------------------------------------------------------------
# What a run reports while it goes on, to a terminal if there is one.


Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, how much of it, and of how much (if known)."""

Notify = Callable[[str], None]
"""Called with a sentence that a person should see once."""


def silent(_what: str, _done: int, _of: int | None) -> None:
    """Show nothing."""


def ignore_notice(_sentence: str) -> None:
    """Drop the sentence."""


# ----------------------------------------------------------------------------------
# The run that holds a data directory: what it does at present, and when it must end.
#
# Another run that finds the directory in use learns who holds it. A run that makes
# no progress, or does not end, is ended, so that no other waits for it forever.


LOOK_EVERY = 1.0
"""Seconds between two looks at the progress of a run."""

GRACE = 600.0
"""Seconds that a run may take to end after it was interrupted."""

SIGNAL = signal.SIGUSR2
"""What interrupts the work of a run that took too long; it has no other use here."""

_HELD: dict[Path, "Holding"] = {}
"""The directories that this process holds for a run."""


@dataclass
class Holding:
    """A run that holds a data directory, and its progress."""

    holder: Holder
    limits: RunLimits
    note: HolderNote | None
    clock: Callable[[], float] = time.monotonic
    lease: Lease | None = None
    overdue: PipelineError | None = None
    can_be_interrupted: bool = False
    is_over: bool = False
    _ending: threading.Lock = field(default_factory=threading.Lock)
    _began: float = field(init=False)
    _advanced: float = field(init=False)
    _ended_at: float | None = None

    def __post_init__(self) -> None:
        """Begin now."""
        self._began = self._advanced = self.clock()

    def advance(self, doing: str = "") -> None:
        """Note that the run has made progress, and with what."""
        self._advanced = self.clock()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        doing = doing or self.holder.doing
        self.holder = replace(self.holder, doing=doing, advanced=now)

    def wait(self, reason: str, source: str = "Lightspeed") -> None:
        """Note for what the run waits; that is no progress."""
        self.holder = replace(self.holder, doing=f"waiting for {source}: {reason}")

    def listening(self, progress: Progress) -> Progress:
        """Return what passes on *progress*, and notes that the run has made some."""

        def reported(what: str, done: int, of: int | None) -> None:
            count = f" {done:,}" if done else ""
            total = f" of {of:,}" if done and of is not None else ""
            self.advance(f"{what}{count}{total}")
            progress(what, done, of)

        return reported

    def look(self) -> None:
        """Write the note; end the run if it has taken too long, or lost its lease."""
        if self.note is not None:
            self.note.write(self.holder)
        if self.lease is not None:
            self.lease.holder = self.holder
        if self._ended_at is not None:
            if self.clock() - self._ended_at > GRACE and not self.is_over:
                _die(self.overdue)
            return
        self.overdue = self._why_end()
        if self.overdue is not None:
            self._ended_at = self.clock()
            with self._ending:
                if self.can_be_interrupted and not self.is_over:
                    signal.pthread_kill(_main_thread(), SIGNAL)

    def end(self) -> None:
        """Note that the run has let go: from now on nothing interrupts it."""
        self.is_over = True
        with self._ending:
            self.can_be_interrupted = False

    def _why_end(self) -> PipelineError | None:
        """Say why the run has to end, if it has to."""
        if self.lease is not None and (lost := self.lease.why_lost()):
            return lost
        now, limits = self.clock(), self.limits
        doing = f" at {self.holder.doing}" if self.holder.doing else ""
        if now - self._advanced > limits.idle_minutes * 60:
            return RunTooLong(
                f"The run made no progress for {limits.idle_minutes:g} minutes{doing} "
                "and was ended.",
                f"{_GOES_ON} If it was slow for good reason, raise idle_minutes below "
                "[run_limits] in analytics.toml.",
            )
        if now - self._began > limits.run_hours * 3_600:
            return RunTooLong(
                f"The run took more than {limits.run_hours:g} hours and was ended"
                f"{doing}.",
                f"{_GOES_ON} If it needs more time, raise run_hours below [run_limits] "
                "in analytics.toml.",
            )
        return None


_GOES_ON = (
    "What was published stays. Run it again: an update goes on from the sales that it "
    "has read, a full read begins again."
)


def holding_of(data_dir: Path) -> Holding | None:
    """Return the run of this process that holds *data_dir*, if one does."""
    return _HELD.get(data_dir.resolve())


def why_overdue() -> PipelineError | None:
    """Return why a run of this process was interrupted, if one was."""
    return next((each.overdue for each in _HELD.values() if each.overdue), None)


@contextmanager
def watched(
    data_dir: Path,
    by: str,
    limits: RunLimits,
    clock: Callable[[], float] = time.monotonic,
    lease: Lease | None = None,
) -> Iterator[Holding]:
    """Watch the run that holds *data_dir*; within it, the outer one goes on.

    Raises:
        RunEnded: it has taken too long, wherever it was.
    """
    place = data_dir.resolve()
    if place in _HELD:
        yield _HELD[place]
        return
    with kept_note(data_dir) as note:
        holding = Holding(new_holder(by), limits, note, clock, lease)
        _HELD[place] = holding
        done = threading.Event()
        watcher = threading.Thread(target=_watch, args=(holding, done), daemon=True)
        try:
            with _interruptible(holding):
                holding.look()
                watcher.start()
                yield holding
        finally:
            holding.end()
            done.set()
            del _HELD[place]
            if watcher.ident is not None:
                watcher.join(LOOK_EVERY)


def _watch(holding: Holding, done: threading.Event) -> None:
    while not done.wait(LOOK_EVERY):
        holding.look()


@contextmanager
def _interruptible(holding: Holding) -> Iterator[None]:
    """Let the signal raise in the main thread, where runs do their work.

    In another thread, or where the signal is in use, a run that takes too long is
    ended only by the end of its process.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(SIGNAL) is not signal.SIG_DFL:
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if holding.overdue is not None and not holding.is_over:
            interrupt_queries()
            raise RunEnded(holding.overdue)

    signal.signal(SIGNAL, interrupt)
    try:
        holding.can_be_interrupted = True
        yield
    finally:
        holding.end()
        signal.signal(SIGNAL, signal.SIG_DFL)


def _main_thread() -> int:
    return threading.main_thread().ident or 0


def _die(error: PipelineError | None) -> None:
    """End a process that did not end when asked; the system frees the lock."""
    message = f"error: {error.cause}\n  {error.remedy}\n" if error else ""
    sys.stderr.write(message)
    sys.stderr.flush()
    os._exit(error.exit_code if error else RunTooLong.exit_code)
