"""What a program is told that typed something which cannot be parsed."""

import json
from typing import Any

import typer
from typer.core import TyperGroup

from analytics_pipeline.commands.documents import document_of
from analytics_pipeline.errors import WrongUse

_UsageError: Any = typer.BadParameter.__mro__[1]
"""What every error of parsing is; Typer gives it no name of its own."""


class OneDocument(TyperGroup):
    """The commands, which print one JSON document even where parsing fails."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Parse and run the command that was typed."""
        is_json = "--json" in ctx.args
        try:
            return super().invoke(ctx)
        except _UsageError as error:
            if is_json:
                told = WrongUse(error.format_message(), "See the command's --help.")
                typer.echo(json.dumps(document_of({}, [], told.exit_code, told)))
            raise
