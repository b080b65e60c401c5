"""What the commands share: how they begin, and with which exit code they end.

Imported before it is known which command is wanted, so it imports little itself.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import typer

from analytics_pipeline.errors import LocalFailure, PipelineError


def day_of(moment: datetime | None) -> date | None:
    """Return the calendar day that was typed, if any."""
    return moment.date() if moment else None


def run_command(debug: bool, command: Callable[[Any, Any], None]) -> None:
    """Load the settings, run *command*, and end with the exit code of its failure."""
    from analytics_pipeline.commands.terminal import Terminal
    from analytics_pipeline.settings import load_settings

    terminal = Terminal(debug)
    try:
        command(load_settings(), terminal)
    except PipelineError as error:
        _end(terminal, error, debug)
    except KeyboardInterrupt:
        terminal.err.print("interrupted; what was published stays")
        raise typer.Exit(130) from None
    except OSError as error:
        name = error.filename or "a file"
        cause = f"This machine failed at {name}: {error.strerror or error}."
        _end(terminal, LocalFailure(cause, "Mend that, then run it again."), debug)
    except Exception as error:
        if debug:
            raise
        _end(terminal, _explain(error), debug)


def _explain(error: Exception) -> PipelineError:
    """Say what a failure means that nobody has put into words yet."""
    from analytics_pipeline.engine import explain_failure

    cause = f"Something unexpected failed ({type(error).__name__})."
    return explain_failure(error) or LocalFailure(cause, "Run it again with --debug.")


def _end(terminal: Any, error: PipelineError, debug: bool) -> None:
    """Print the failure and leave with its exit code."""
    terminal.fail(error)
    if debug:
        terminal.err.print_exception()
    raise typer.Exit(getattr(error, "code", error.exit_code)) from error
