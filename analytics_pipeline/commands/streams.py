"""Standard streams that were closed, or whose reader has gone: nothing fails for them.

What a command does, and its exit code, never depend on whether anybody reads what it
says.  Imported before anything that takes its time, so it imports next to nothing.
"""

import os
import sys
from contextlib import suppress

from rich.console import Console

_DIRECTIONS = {0: os.O_RDONLY, 1: os.O_WRONLY, 2: os.O_WRONLY}


def keep_open() -> None:
    """Put the null device where a standard stream was closed at the start.

    Its number would else go to the next file that is opened, such as a database, and
    what a library says to standard error would be written into that.
    """
    for number, direction in _DIRECTIONS.items():
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, direction)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


class Speaker(Console):
    """A console that falls silent when its reader goes; the work goes on."""

    def on_broken_pipe(self) -> None:
        """Be silent from now on; what is still held back goes to the null device."""
        self.quiet = True
        with suppress(OSError, ValueError):  # a stream of a test has no number
            _send_to_nowhere(self.file.fileno())


class ErrorSpeaker(Speaker):
    """Standard error; that it cannot be written stops nothing, whatever the reason."""

    def _check_buffer(self) -> None:
        try:
            super()._check_buffer()
        except OSError:  # such as a full disk under a log file
            del self._buffer[:]


def _send_to_nowhere(number: int) -> None:
    """Let the stream of that *number* end in the null device."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def flush() -> None:
    """Write what is held back, so that the interpreter has nothing left to fail at."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                _send_to_nowhere(stream.fileno())
