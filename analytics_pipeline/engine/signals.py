"""The queries that this process runs, and how a signal ends them.

DuckDB notices that a handler of a signal raised, but then waits for its threads, which
go on until their share of the query is done.  So a handler interrupts the queries
before it raises.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any
from weakref import WeakValueDictionary

from analytics_pipeline.model.errors import note_interruption

_ENGINES: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""The DuckDB engines of this process, by their identity."""


def let_signals_interrupt(engine: Any) -> None:
    """Let signals end the queries of *engine*, an Ibis backend of DuckDB."""
    _ENGINES[id(engine)] = engine


def interrupt_queries() -> None:
    """Let every query of this process end at once; call it from a signal's handler."""
    note_interruption(came=True)
    for engine in list(_ENGINES.values()):
        engine.con.interrupt()


@contextmanager
def interruptible_queries() -> Iterator[None]:
    """Let the signals that end a run end its queries too, whatever handles them."""
    if threading.current_thread() is not threading.main_thread():
        yield  # no other thread receives signals
        return
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupt_queries()
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    replaced = [each for each, handler in before.items() if callable(handler)]
    for each in replaced:
        signal.signal(each, interrupt)
    try:
        yield
    finally:
        for each in replaced:
            signal.signal(each, before[each])
