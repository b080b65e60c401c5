"""Ctrl-C and SIGTERM end a command with one line and code 130, never with a traceback.

Imported before anything that takes its time, so that this holds while the rest is
imported too; it imports next to nothing itself.
"""

import os
import sys

INTERRUPTED = 130
SENTENCE = "interrupted; what was published stays"


def _show(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """End quietly where nothing else has caught the interruption yet."""
    if not (kind is KeyboardInterrupt or _is_interruption(error)):
        sys.__excepthook__(kind, error, trace)  # type: ignore[arg-type]
        return
    sys.stderr.write(f"{SENTENCE}\n")
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _is_interruption(error: BaseException) -> bool:
    from analytics_pipeline.model.errors import is_interruption

    return is_interruption(error)


# Before anything else is imported: even that takes long enough to be interrupted.
sys.excepthook = _show

import atexit  # noqa: E402
import logging  # noqa: E402
import signal  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from types import FrameType  # noqa: E402

_received: list[int] = []

SECONDS_UNTIL_AGAIN = 0.02


def _raise_again(lost: "sys.UnraisableHookArgs") -> None:
    """Let an interruption that was lost come again, a moment later.

    One that is raised in a destructor, or in a callback of the collector of garbage,
    goes no further: Python prints it and goes on.
    """
    if lost.exc_value is None or not _is_interruption(lost.exc_value):
        sys.__unraisablehook__(lost)
        return
    from threading import Timer

    _received.clear()
    again = Timer(SECONDS_UNTIL_AGAIN, os.kill, (os.getpid(), signal.SIGINT))
    again.daemon = True
    again.start()


def _is_not_of_an_interruption(record: logging.LogRecord) -> bool:
    """Leave out what a library logs because it was interrupted, and raises again.

    The pool of database connections does, where one is being closed.
    """
    error = record.exc_info[1] if record.exc_info else None
    return error is None or not _is_interruption(error)


@contextmanager
def ending_quietly() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM interrupt what is done; a second one ends it at once.

    A signal that is ignored, as by a shell's background jobs, stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)
    sys.unraisablehook = _raise_again
    # The handler of all records that no other handler takes.
    if logging.lastResort:
        logging.lastResort.addFilter(_is_not_of_an_interruption)
    # What is registered first is called last of all.
    atexit.register(_hear_no_more)
    try:
        yield
    finally:
        # One that comes while the process is ending anyway cuts that short.
        _received.append(0)
        _end_by_own_code()


def _hear_no_more() -> None:
    """Let nothing come between the end of all work and the end of the process.

    Python gives signals back their ordinary meaning before it takes itself apart, which
    takes a while on a busy machine: one then would turn a good exit code into -2.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is _interrupt:
            signal.signal(number, signal.SIG_IGN)


def _end_by_own_code() -> None:
    """Let the exit code be that of the command, and not the signal again.

    Where Ctrl-C came in the middle of code that is made from a text, as that of each
    dataclass is while a module is imported, Python keeps in mind that it was not
    handled there, and at its end kills itself by that signal (``python -m`` does).  The
    next code that is made from a text makes it forget that.
    """
    eval("None")


def _interrupt(number: int, _frame: FrameType | None) -> None:
    """Raise for the first signal; a second one finds a command that is ending."""
    _received.append(number)
    if len(_received) > 1:
        # Whatever is being written is replaced whole or not at all, as when killed.
        os._exit(INTERRUPTED)
    if queries := sys.modules.get("analytics_pipeline.engine.signals"):
        queries.interrupt_queries()
    raise KeyboardInterrupt
