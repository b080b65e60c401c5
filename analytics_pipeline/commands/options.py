"""The options of the commands: their types, and the help that teaches them.

Imported before it is known which command is wanted, so it imports little itself.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

Shop = Annotated[
    str | None,
    typer.Option(
        "--shop",
        metavar="NAME",
        help="The shop of a chain that is meant (or set ANALYTICS_SHOP). A chain is a "
        "folder of files NAME.env that ANALYTICS_SHOPS names.",
    ),
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show Dagster's log and full tracebacks.")
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        help="The day to publish; yesterday in store time by default. Today is "
        "provisional.",
    ),
]
Accept = Annotated[
    str | None,
    typer.Option(
        metavar="CHECK",
        help="Accept what failed this check at the last attempt, this once: a change "
        "that is real, such as people that are gone. Needs --reason.",
    ),
]
Reason = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Why it is right; kept with the run, so name no customer.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Days = Annotated[
    int,
    typer.Option(
        min=0,
        max=366,
        help="Also re-read the last DAYS days through the search, and fetch what is "
        "lacking; 0 leaves that out.",
    ),
]
Full = Annotated[
    bool, typer.Option("--full", help="Read all sales again from the start.")
]
FreePort = Annotated[int, typer.Option(help="0 takes a free one.")]
Shops = Annotated[
    int,
    typer.Option(
        "--shops",
        min=1,
        max=5,
        help="More than one: a chain of stores in several time zones, in "
        "data/demo_chain, the last of which fails.",
    ),
]
HowMany = Annotated[int, typer.Option(min=1, help="How many.")]
Seed = Annotated[int, typer.Option(help="The same seed, the same store.")]
OpenedOn = Annotated[
    datetime, typer.Option(formats=["%Y-%m-%d"], help="The store's first day.")
]
ExportTo = Annotated[
    Path | None, typer.Option(help="Write the web shop's export there.")
]
Faults = Annotated[
    int | None,
    typer.Option(
        metavar="SEED",
        help="Let requests fail: refusals, errors, broken and missing replies. The "
        "same SEED fails the same requests in the same way.",
    ),
]
FaultRate = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="The share that --faults hits.")
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
        formats=["%Y-%m-%d"], help="The day to explain; the published one if none."
    ),
]
