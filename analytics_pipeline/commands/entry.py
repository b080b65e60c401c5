"""What the commands share: how they begin, and with which exit code they end.

Imported before it is known which command is wanted, so it imports little itself.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

import typer

from analytics_pipeline.commands.documents import document_of
from analytics_pipeline.commands.interruption import INTERRUPTED, SENTENCE
from analytics_pipeline.commands.terminal import Manner, Terminal
from analytics_pipeline.errors import (
    LocalFailure,
    PipelineError,
    RunEnded,
    WrongUse,
    is_interruption,
)
from analytics_pipeline.shortages import explain_shortage

Load = Callable[[], Callable[[Any, Terminal], bool | None]]
"""Imports a command, which takes its time, and returns it.

The command may say that all is not well by False, which is code 1.
"""


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed before the options of a command: the shop, if any, and which."""

    shop: str | None = None
    command: str = "COMMAND"


TYPED: ContextVar[Typed] = ContextVar("what was typed", default=Typed())  # noqa: B039 (frozen)


def day_of(moment: datetime | None) -> date | None:
    """Return the calendar day that was typed, if any."""
    return moment.date() if moment else None


def both_or_neither(
    check: str | None, reason: str | None
) -> tuple[str | None, str | None]:
    """Return what ``--accept`` and ``--reason`` say, which need each other.

    Asked before anything is imported or read, so that a slip costs no time.

    Raises:
        WrongUse: only one of them is given, or one is blank.
    """
    if check is None and reason is None:
        return None, None
    if not (check or "").strip() or not (reason or "").strip():
        raise WrongUse(
            "--accept CHECK and --reason TEXT go together.",
            'For example: --accept no_person_vanished --reason "Old records were '
            'cleared in Lightspeed"',
        )
    return str(check).strip(), str(reason).strip()


def run_command(manner: Manner, load: Load) -> None:
    """Run a command for the one shop that is meant; end with its exit code."""
    from analytics_pipeline.commands.shops import settings_of_one

    terminal = Terminal(manner)
    _run(terminal, load, lambda: settings_of_one(TYPED.get(), terminal))


def run_without_shop(manner: Manner, load: Load) -> None:
    """Run a command that is about no shop in particular; end with its exit code."""
    from analytics_pipeline.commands.shops import settings_of_none

    _run(Terminal(manner), load, lambda: settings_of_none(TYPED.get()))


def run_in_turn(manner: Manner, load: Load, *, headlines: str = "") -> None:
    """Run a command for the shop that is meant, or for each; end with the worst code.

    The command is given what opens the settings of the shop.  Where all of a chain are
    meant, and *headlines* has a title, a line of each comes first under that title.
    """
    from analytics_pipeline.commands.shops import shops_in_turn

    terminal = Terminal(manner)
    documents: list[dict[str, Any]] = []

    def take_turns() -> bool:
        turns = shops_in_turn(TYPED.get(), terminal)
        with terminal.working("starting", is_brief=True):
            command = load()
        heads: dict[str, str] = {}
        title = headlines if turns.is_chain else ""
        with terminal.after_headlines(title, heads):
            for shop, opener in turns.shops.items():
                terminal.facts, terminal.warnings, terminal.headline = {}, [], ""
                end = _attempt(terminal, partial(command, opener, terminal))
                documents.append(end.document(terminal, shop))
                heads[str(shop)] = str(end.error or terminal.headline)
                if end.code == INTERRUPTED:
                    break
            terminal.shop, terminal.warnings = None, []
        terminal.facts = {"shops": documents} if turns.is_chain else documents[0]
        return True

    end = _attempt(terminal, take_turns)
    code = max([end.code, *(each["exit_code"] for each in documents)])
    _leave(terminal, _End(code, end.error))


@dataclass(frozen=True, slots=True)
class _End:
    """How a command ended."""

    code: int
    error: PipelineError | None = None

    def document(self, terminal: Terminal, shop: str | None = None) -> dict[str, Any]:
        """Return what ``--json`` prints of it."""
        facts, warnings = terminal.facts, terminal.warnings
        return document_of(facts, warnings, self.code, self.error, shop)


def _run(terminal: Terminal, load: Load, open_settings: Callable[[], Any]) -> None:
    """Import a command and run it; leave with its exit code."""

    def work() -> bool | None:
        with terminal.working("starting", is_brief=True):
            command, settings = load(), open_settings()
        return command(settings, terminal)

    _leave(terminal, _attempt(terminal, work))


def _leave(terminal: Terminal, end: _End) -> None:
    """Print the document, if one is wanted, and leave with the exit code."""
    if terminal.manner.as_json:
        terminal.print_document(end.document(terminal, terminal.shop))
    raise typer.Exit(end.code)


def _attempt(terminal: Terminal, work: Callable[[], bool | None]) -> _End:
    """Do *work*; tell whatever fails, and return how it ended."""
    try:
        return _End(1 if work() is False else 0)
    except typer.Exit as end:
        return _End(end.exit_code)
    except PipelineError as error:
        return _told(terminal, explain_shortage(error) or error)
    except RunEnded as ended:
        return _told(terminal, ended.told())
    except OSError as error:
        if lacking := explain_shortage(error):
            return _told(terminal, lacking)
        name = error.filename or "a file"
        cause = f"This machine failed at {name}: {error.strerror or error}."
        return _told(terminal, LocalFailure(cause, "Mend that, then run it again."))
    except BaseException as error:
        if is_interruption(error):
            terminal.err.print(SENTENCE)
            return _End(INTERRUPTED, PipelineError("Interrupted.", "Run it again."))
        if terminal.manner.debug or not isinstance(error, Exception):
            raise
        return _told(terminal, _explain(error))


def _explain(error: Exception) -> PipelineError:
    """Say what a failure means that nobody has put into words yet."""
    from analytics_pipeline.engine import explain_failure
    from analytics_pipeline.storage.locked_databases import explain_lock

    cause = f"Something unexpected failed ({type(error).__name__})."
    return (
        explain_failure(error)
        or explain_shortage(error)
        or explain_lock(error)
        or LocalFailure(cause, "Run it again with --debug.")
    )


def _told(terminal: Terminal, error: PipelineError) -> _End:
    """Print the failure; return the exit code that it means."""
    terminal.fail(error)
    if terminal.manner.debug:
        terminal.err.print_exception()
    return _End(getattr(error, "code", error.exit_code), error)
