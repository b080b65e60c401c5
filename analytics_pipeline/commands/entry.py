"""What the commands share: which shop, how they begin, and the exit code."""

import errno
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from analytics_pipeline.commands.interruption import INTERRUPTED, SENTENCE
from analytics_pipeline.commands.terminal import OutputOptions, Terminal
from analytics_pipeline.model.errors import (
    LocalFailure,
    PipelineError,
    RunEnded,
    WrongUse,
    is_interruption,
    note_interruption,
)
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.settings import (
    Chain,
    Settings,
    find_chain,
    load_settings,
    shop_in_environment,
)
from analytics_pipeline.storage.machine import explain_shortage

# ----------------------------------------------------------------------------------
# What ``--json`` prints: the facts of a command as JSON knows them.
#
# Amounts are texts with two decimals, for most readers of JSON would make binary
# floats of numbers; days and moments are ISO 8601.


CENTS = "_cents"
"""How the name of an amount ends inside; outside it is an amount of money."""


def in_json(value: Any) -> Any:
    """Return *value*, and all that is in it, as JSON knows it."""
    if is_dataclass(value) and not isinstance(value, type):
        return in_json(asdict(value))
    if isinstance(value, Mapping):
        return dict(_entry(str(name), each) for name, each in value.items())
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [in_json(each) for each in value]
    return value


def _entry(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith(CENTS):
        amount = None if value is None else format_cents(int(value))
        return name.removesuffix(CENTS), amount
    return name, in_json(value)


def document_of(
    facts: Mapping[str, Any],
    warnings: Sequence[str],
    exit_code: int,
    error: PipelineError | None = None,
    shop: str | None = None,
) -> dict[str, Any]:
    """Return the document of one command, for one shop: its facts, and how it ended."""
    return {
        **({"shop": shop} if shop else {}),
        "warnings": list(warnings),
        **in_json(facts),
        **({"error": error.cause, "remedy": error.remedy} if error else {}),
        "exit_code": exit_code,
    }


# ----------------------------------------------------------------------------------
# The answer to a program that typed something which cannot be parsed.


_UsageError: Any = typer.BadParameter.__mro__[1]
"""What every error of parsing is; Typer gives it no name of its own."""


class OneDocument(TyperGroup):
    """The commands, which print one JSON document even where parsing fails."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Parse what was typed before the command."""
        with _ended_quietly(), _output_explained():
            try:
                return super().make_context(*args, **options)
            except BrokenPipeError:  # no one reads on, and only words were to be said
                raise typer.Exit from None

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Parse and run the command that was typed."""
        is_json = "--json" in ctx.args
        try:
            with _ended_quietly(), _output_explained():
                return super().invoke(ctx)
        except _UsageError as error:
            if is_json:
                refusal = WrongUse(error.format_message(), "See the command's --help.")
                typer.echo(json.dumps(document_of({}, [], refusal.exit_code, refusal)))
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


@contextmanager
def _output_explained() -> Iterator[None]:
    """End as commands do where a version or a help finds no room for its output."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or error.filename:
            raise
        cause = f"The output could not be written ({error.strerror})."
        typer.echo(f"error: {cause}\n  Make room, or send it elsewhere.", err=True)
        raise typer.Exit(LocalFailure.exit_code) from None


# ----------------------------------------------------------------------------------
# What the commands share: how they begin, and with which exit code they end.
#
# Imported before it is known which command is wanted, so it imports little itself.


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


def run_command(
    output_options: OutputOptions,
    load: Load,
    refuse_slips: Callable[[], object] = lambda: None,
) -> None:
    """Run a command for the one shop that is meant; end with its exit code.

    What *refuse_slips* refuses is refused before the settings are read.
    """
    terminal = Terminal(output_options)

    def open_settings() -> Settings:
        refuse_slips()
        return settings_of_one(TYPED.get(), terminal)

    _run(terminal, load, open_settings)


def run_without_shop(output_options: OutputOptions, load: Load) -> None:
    """Run a command that is about no shop in particular; end with its exit code."""
    _run(Terminal(output_options), load, lambda: settings_of_none(TYPED.get()))


def run_in_turn(
    output_options: OutputOptions, load: Load, *, headlines: str = ""
) -> None:
    """Run a command for the shop that is meant, or for each; end with the worst code.

    The command is given what opens the settings of the shop.  Where all of a chain are
    meant, and *headlines* has a title, a line of each comes first under that title.
    """
    terminal = Terminal(output_options)
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
    """Import a command and run it; leave with its exit code.

    The settings come first, so that wrong ones are refused without the import.
    """

    def work() -> bool | None:
        with terminal.working("starting", is_brief=True):
            settings = open_settings()
            command = load()
        return command(settings, terminal)

    _leave(terminal, _attempt(terminal, work))


def _leave(terminal: Terminal, end: _End) -> None:
    """Print the document, if one is wanted, and leave with the exit code."""
    if terminal.output_options.as_json:
        terminal.print_document(end.document(terminal, terminal.shop))
    raise typer.Exit(end.code)


def _attempt(terminal: Terminal, work: Callable[[], bool | None]) -> _End:
    """Do *work*; report what fails, and return how it ended."""
    note_interruption(came=False)
    try:
        return _End(1 if work() is False else 0)
    except typer.Exit as end:
        return _End(end.exit_code)
    except PipelineError as error:
        return _print_failure(terminal, explain_shortage(error) or error)
    except RunEnded as ended:
        return _print_failure(terminal, ended.as_failure())
    except OSError as error:
        if lacking := explain_shortage(error):
            return _print_failure(terminal, lacking)
        name = error.filename or "a file"
        cause = f"This machine failed at {name}: {error.strerror or error}."
        return _print_failure(
            terminal, LocalFailure(cause, "Fix that, then run it again.")
        )
    except BaseException as error:
        if is_interruption(error):
            terminal.err.print(SENTENCE)
            return _End(INTERRUPTED, PipelineError("Interrupted.", "Run it again."))
        if terminal.output_options.debug or not isinstance(error, Exception):
            raise
        return _print_failure(terminal, _explain(error))


def _explain(error: Exception) -> PipelineError:
    """Describe a failure that has no message of its own."""
    from analytics_pipeline.engine.duckdb import explain_failure
    from analytics_pipeline.storage.machine import explain_lock

    cause = f"Something unexpected failed ({type(error).__name__})."
    return (
        explain_failure(error)
        or explain_shortage(error)
        or explain_lock(error)
        or LocalFailure(cause, "Run it again with --debug.")
    )


def _print_failure(terminal: Terminal, error: PipelineError) -> _End:
    """Print the failure; return the exit code that it means."""
    terminal.fail(error)
    if terminal.output_options.debug:
        terminal.err.print_exception()
    return _End(getattr(error, "code", error.exit_code), error)


# ----------------------------------------------------------------------------------
# Which shop a command is for: the only one, the one named, or each of a chain.


def settings_of_one(typed: Typed, terminal: Terminal) -> Settings:
    """Return the settings of the only shop, or of the one that was named.

    Raises:
        WrongUse: there are several and none was named, or the other way round, or the
            settings cannot be used.
    """
    chain, name = find_chain(), typed.shop or shop_in_environment()
    if chain is None:
        return _settings_without_chain(name)
    if name is None:
        first = min(chain.shops, default=chain.names[0])
        raise WrongUse(
            f"This is a chain of {len(chain.names)} shops: {', '.join(chain.names)}.",
            f"Say which one: analytics-pipeline --shop {first} {typed.command}",
        )
    return _open(chain, name, terminal)


def settings_of_none(typed: Typed) -> Settings:
    """Return the settings of the environment, for a command that is about no shop.

    Raises:
        WrongUse: a shop was named, or the settings cannot be used.
    """
    if typed.shop is not None:
        raise WrongUse(
            f"{typed.command} is about no single shop, so it takes no --shop.",
            f"Run: analytics-pipeline {typed.command}",
        )
    return load_settings()


@dataclass(frozen=True, slots=True)
class Turns:
    """What opens the settings of each shop that is meant, by its name if it has one.

    ``is_chain`` says that all of a chain are meant, be they one or many.
    """

    shops: Mapping[str | None, Callable[[], Settings]]
    is_chain: bool


def shops_in_turn(typed: Typed, terminal: Terminal) -> Turns:
    """Return what opens the settings of each shop: the one named, else all.

    A shop whose settings cannot be used fails alone, when it is opened.

    Raises:
        WrongUse: the chain has no shop.
    """
    chain, name = find_chain(), typed.shop or shop_in_environment()
    if chain is None:
        return Turns({None: partial(_settings_without_chain, name)}, is_chain=False)
    names = [name] if name else chain.names
    openers: dict[str | None, Callable[[], Settings]] = {
        each: partial(_open, chain, each, terminal) for each in names
    }
    return Turns(openers, is_chain=name is None)


def _settings_without_chain(name: str | None) -> Settings:
    if name is not None:
        raise WrongUse(
            f"A shop was named ({name}), but ANALYTICS_SHOPS is not set: there is only "
            "one shop.",
            "Leave out --shop and ANALYTICS_SHOP, or set ANALYTICS_SHOPS to the folder "
            "of the shops' files.",
        )
    return load_settings()


def _open(chain: Chain, name: str, terminal: Terminal) -> Settings:
    """Return the settings of one shop, which the terminal speaks of from now on."""
    # The name of a shop that was reported must not stay for the next one's fault.
    terminal.shop = None
    settings = chain.settings_of(name)
    terminal.shop = name
    if settings.exposure:
        terminal.warn(settings.exposure)
    return settings
