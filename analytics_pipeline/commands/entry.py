"""What the commands share: how they begin, and with which exit code they end.

Imported before it is known which command is wanted, so it imports little itself.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import typer

from analytics_pipeline.errors import LocalFailure, PipelineError

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed before the options of a command: the shop, if any, and which."""

    shop: str | None = None
    command: str = "COMMAND"


TYPED: ContextVar[Typed] = ContextVar("what was typed", default=Typed())  # noqa: B039 (frozen)


def day_of(moment: datetime | None) -> date | None:
    """Return the calendar day that was typed, if any."""
    return moment.date() if moment else None


def run_command(debug: bool, command: Callable[[Any, Any], None]) -> None:
    """Run *command* for the one shop that is meant; end with its exit code."""
    from analytics_pipeline.commands.shops import settings_of_one
    from analytics_pipeline.commands.terminal import Terminal

    terminal = Terminal(debug)
    with _ending(terminal):
        command(settings_of_one(TYPED.get(), terminal), terminal)


def run_without_shop(debug: bool, command: Callable[[Any, Any], None]) -> None:
    """Run a *command* that is about no shop in particular; end with its exit code."""
    from analytics_pipeline.commands.shops import settings_of_none
    from analytics_pipeline.commands.terminal import Terminal

    terminal = Terminal(debug)
    with _ending(terminal):
        command(settings_of_none(TYPED.get()), terminal)


def run_in_turn(debug: bool, command: Callable[[Any, Any], bool | None]) -> None:
    """Run *command* for the shop that is meant, or for each; end with the worst code.

    It may say that all is not well, which is code 1.
    """
    from analytics_pipeline.commands.shops import shops_in_turn
    from analytics_pipeline.commands.terminal import Terminal

    terminal, codes = Terminal(debug), [0]
    with _ending(terminal):
        for shop in shops_in_turn(TYPED.get(), terminal):
            try:
                with _ending(terminal):
                    codes.append(1 if command(shop(), terminal) is False else 0)
            except typer.Exit as end:
                codes.append(end.exit_code)
                if end.exit_code == INTERRUPTED:
                    break
    raise typer.Exit(max(codes))


@contextmanager
def _ending(terminal: Any) -> Iterator[None]:
    """End with the exit code of whatever fails."""
    try:
        yield
    except typer.Exit:
        raise
    except PipelineError as error:
        _end(terminal, error)
    except KeyboardInterrupt:
        terminal.err.print("interrupted; what was published stays")
        raise typer.Exit(INTERRUPTED) from None
    except OSError as error:
        name = error.filename or "a file"
        cause = f"This machine failed at {name}: {error.strerror or error}."
        _end(terminal, LocalFailure(cause, "Mend that, then run it again."))
    except Exception as error:
        if terminal.debug:
            raise
        _end(terminal, _explain(error))


def _explain(error: Exception) -> PipelineError:
    """Say what a failure means that nobody has put into words yet."""
    from analytics_pipeline.engine import explain_failure

    cause = f"Something unexpected failed ({type(error).__name__})."
    return explain_failure(error) or LocalFailure(cause, "Run it again with --debug.")


def _end(terminal: Any, error: PipelineError) -> None:
    """Print the failure and leave with its exit code."""
    terminal.fail(error)
    if terminal.debug:
        terminal.err.print_exception()
    raise typer.Exit(getattr(error, "code", error.exit_code)) from error
