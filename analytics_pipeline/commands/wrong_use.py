"""What a program is told that typed something which cannot be parsed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from analytics_pipeline.commands.documents import document_of
from analytics_pipeline.commands.interruption import INTERRUPTED, SENTENCE
from analytics_pipeline.errors import WrongUse

_UsageError: Any = typer.BadParameter.__mro__[1]
"""What every error of parsing is; Typer gives it no name of its own."""


class OneDocument(TyperGroup):
    """The commands, which print one JSON document even where parsing fails."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Parse what was typed before the command."""
        with _ended_quietly():
            return super().make_context(*args, **options)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Parse and run the command that was typed."""
        is_json = "--json" in ctx.args
        try:
            with _ended_quietly():
                return super().invoke(ctx)
        except _UsageError as error:
            if is_json:
                told = WrongUse(error.format_message(), "See the command's --help.")
                typer.echo(json.dumps(document_of({}, [], told.exit_code, told)))
            raise


@contextmanager
def _ended_quietly() -> Iterator[None]:
    """End with the code of an interruption where no command is at work yet.

    Click would say that it aborted, and end with 1.
    """
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(SENTENCE, err=True)
        raise typer.Exit(INTERRUPTED) from None
