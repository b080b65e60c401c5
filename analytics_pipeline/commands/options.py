"""The options and examples of the commands, and the help that teaches them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from analytics_pipeline.model.errors import PipelineError

# ----------------------------------------------------------------------------------
# The examples that the help of each command ends with; a test tries each of them.
#
# Imported before it is known which command is wanted, so it imports little itself.


PROGRAM = "analytics-pipeline"
WIDEST, ROOM = 46, 78

EXAMPLES: Mapping[str, Sequence[tuple[str, str]]] = {
    "": (
        ("demo", "see it work: no account, no key"),
        ("doctor", "is everything set up right?"),
        ("update", "publish the master of yesterday"),
        ("status", "what is published, what to do"),
        ("--shop berlin update", "of one shop of a chain"),
        ("--install-completion", "let Tab complete all this"),
    ),
    "demo": (
        ("demo", "one store"),
        ("demo --shops 3", "a chain of three, one of which fails"),
    ),
    "update": (
        ("update", "yesterday"),
        ("update --days 30", "and look 30 days back for gaps"),
        ("update --as-of 2026-01-31", "as it was in January"),
        ("update --quiet", "for cron: only what is wrong"),
        (
            'update --accept no_person_vanished --reason "Cleared"',
            "what a gate found is real: publish it, this once",
        ),
    ),
    "rebuild": (
        ("rebuild", "everything, up to yesterday"),
        ("rebuild --as-of 2026-01-31", "up to the end of January"),
    ),
    "import-ecom": (
        ("import-ecom orders.csv", "then run update"),
        ("import-ecom orders.csv --json", "what it holds, for a program"),
        (
            "import-ecom o.csv --accept export_is_complete --reason Gone",
            "so many orders are really gone: take it, this once",
        ),
    ),
    "replay": (("replay", "after an update of this program"),),
    "status": (
        ("status", "one screen for the morning"),
        ("status --json", "the same for a monitor"),
        ("status --quiet", "for cron: silent while all is well"),
    ),
    "explain": (
        ("explain ann@example.com", "by e-mail, code, id …"),
        ('explain "(212) 555-0101"', "… or phone number"),
        ("explain ANN-0001 --as-of 2026-01-31", "as it was in January"),
    ),
    "outlook": (
        ("outlook", "the next two weeks"),
        ("outlook --within 90 --json", "all that is certain, for a program"),
    ),
    "alert-test": (
        ("alert-test", "every channel of ALERT_URLS"),
        ("--shop berlin alert-test", "those of one shop of a chain"),
    ),
    "doctor": (
        ("doctor", "before the first update, or when one fails"),
        ("doctor --json", "the same for a program"),
        ("--shop berlin doctor", "one shop of a chain"),
    ),
    "simulate": (
        ("simulate", "a store that answers well"),
        ("simulate --faults 7", "one request in ten fails"),
    ),
    "ui": (
        ("ui", "then open http://127.0.0.1:3000"),
        ("ui --port 3333", "where 3000 is taken"),
    ),
}
"""By command: what is typed after the program's name, and what that is for."""


def epilog_of(command: str) -> str:
    """Return the examples of *command*, a line each, with their purpose."""
    lines = [(f"{PROGRAM} {typed}", purpose) for typed, purpose in EXAMPLES[command]]
    width = max(len(line) for line, _ in lines if len(line) <= WIDEST + len(PROGRAM))
    parts = []
    for line, purpose in lines:
        comment = f"# {purpose}"
        if max(len(line), width) + len(comment) + 2 <= ROOM:
            parts.append(f"{line.ljust(width)}  {comment}")
        else:
            parts += [comment, line]
    return "\n".join(["[bold]Examples[/bold]", *parts])


# ----------------------------------------------------------------------------------
# The options of the commands: their types, and the help that teaches them.
#
# Imported before it is known which command is wanted, so it imports little itself.


def _list_shops() -> list[str]:
    """Return the shops of the chain, for completion with Tab."""
    from analytics_pipeline.settings import find_chain

    try:
        chain = find_chain()
    except PipelineError:  # no error can be shown while a line is being typed
        return []
    return chain.names if chain else []


Shop = Annotated[
    str | None,
    typer.Option(
        "--shop",
        metavar="NAME",
        autocompletion=_list_shops,
        help="The shop of a chain that is meant (or set ANALYTICS_SHOP). A chain is a "
        "folder of files NAME.env that ANALYTICS_SHOPS names.",
    ),
]


def _show_version(is_wanted: bool) -> None:
    """Print the version of the installed package, and leave."""
    if is_wanted:
        typer.echo(f"analytics-pipeline {version('analytics-pipeline')}")
        raise typer.Exit


OUTPUT = "Output"
"""The panel of the options for the output of a command."""

FAULTS = "Faults"
"""The panel of the options that make a simulated store fail."""

GATES = "When a gate failed"
"""The panel of the options that accept what a gate found."""

DAY = "YYYY-MM-DD"

Version = Annotated[
    bool,
    typer.Option(
        "--version",
        metavar="",
        is_eager=True,
        callback=_show_version,
        help="Show the version and exit.",
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        metavar="",
        rich_help_panel=OUTPUT,
        help="Show Dagster's log and full tracebacks.",
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        metavar="",
        rich_help_panel=OUTPUT,
        help="Print one JSON document, and nothing else, on standard output.",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        metavar="",
        rich_help_panel=OUTPUT,
        help="Print warnings and errors only, for cron.",
    ),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar=DAY,
        help="The day to publish; yesterday in store time by default. Today is "
        "provisional.",
    ),
]
Accept = Annotated[
    str | None,
    typer.Option(
        metavar="CHECK",
        rich_help_panel=GATES,
        help="Accept what failed this check, this once: a change that is real, such as "
        "people or orders that are gone. Needs --reason.",
    ),
]
Reason = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        rich_help_panel=GATES,
        help="Why it is right; kept with the run, so name no customer.",
    ),
]
Days = Annotated[
    int,
    typer.Option(
        min=0,
        max=366,
        metavar="DAYS",
        help="Also re-read the last DAYS days through the search, and fetch what is "
        "lacking; 0 leaves that out.",
    ),
]
Full = Annotated[
    bool,
    typer.Option("--full", metavar="", help="Read all sales again from the start."),
]
Deep = Annotated[
    bool,
    typer.Option(
        "--deep",
        metavar="",
        help="Read every stored file too, and hold it against its hash.",
    ),
]
Within = Annotated[
    int,
    typer.Option(
        "--within",
        min=1,
        max=90,
        metavar="DAYS",
        help="How many days to look ahead; what is known ends after 90.",
    ),
]
FreePort = Annotated[
    int, typer.Option(metavar="PORT", min=0, max=65535, help="0 takes a free one.")
]
UiPort = Annotated[
    int,
    typer.Option(
        metavar="PORT", min=0, max=65535, help="Where the UI listens, on this machine."
    ),
]
Export = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="The web shop's order export, a CSV."),
]
Shops = Annotated[
    int,
    typer.Option(
        "--shops",
        metavar="N",
        min=1,
        max=5,
        help="More than one: a chain of stores in several time zones, in "
        "data/demo_chain, the last of which fails.",
    ),
]
HowMany = Annotated[int, typer.Option(metavar="N", min=1, help="How many.")]
Seed = Annotated[
    int, typer.Option(metavar="SEED", help="The same seed, the same store.")
]
OpenedOn = Annotated[
    datetime,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar=DAY,
        show_default="2026-01-01",
        help="The store's first day.",
    ),
]
ExportTo = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the web shop's export there."),
]
Faults = Annotated[
    int | None,
    typer.Option(
        metavar="SEED",
        rich_help_panel=FAULTS,
        help="Let requests fail: refusals, errors, broken and missing replies. The "
        "same SEED fails the same requests in the same way.",
    ),
]
FaultRate = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        rich_help_panel=FAULTS,
        min=0.0,
        max=1.0,
        help="The share that --faults hits.",
    ),
]
Mishaps = Annotated[
    bool,
    typer.Option(
        "--mishaps",
        rich_help_panel=FAULTS,
        help="Let the shop meet what is rare: wrong clocks, odd words, odd contacts.",
    ),
]
CustomerTyped = Annotated[
    str,
    typer.Argument(
        metavar="CUSTOMER",
        help="An id (also of a duplicate or a deleted record), a customer code, an "
        "e-mail or a phone number.",
    ),
]
ExplainedDay = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar=DAY,
        help="The day to explain; the published one if none.",
    ),
]
