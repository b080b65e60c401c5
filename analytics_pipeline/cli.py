"""The command line: parse, call, and end with the right exit code.

0 done, warnings included; 1 a gate failed or data is stale; 2 wrong use; 3 the source,
a bucket, a cluster or a channel could not be reached or refused; 4 another run is under
way; 5 this machine failed; 130 interrupted.
"""

from analytics_pipeline.commands.interruption import ending_quietly  # isort: split

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import typer

from analytics_pipeline.commands.entry import (
    TYPED,
    OneDocument,
    Typed,
    both_or_neither,
    day_of,
    run_command,
    run_in_turn,
)
from analytics_pipeline.commands.options import (
    PROGRAM,
    Accept,
    AsOf,
    CustomerTyped,
    Days,
    Debug,
    Deep,
    ExplainedDay,
    Export,
    Full,
    Json,
    Quiet,
    Reason,
    Shop,
    Version,
    Within,
    epilog_of,
)
from analytics_pipeline.commands.streams import flush, keep_open
from analytics_pipeline.commands.terminal import OutputOptions, Terminal
from analytics_pipeline.commands.trying_out import demo, simulate, ui
from analytics_pipeline.storage.machine import allow_more_files

app = typer.Typer(
    cls=OneDocument,
    help="One right customer table a day, from Lightspeed tills and a web shop.",
    epilog=epilog_of(""),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DAILY, WRONG, LOOK = "Every day", "When something is wrong", "Look around"

Loaded = Callable[[Any, Terminal], bool | None]


def command(name: str, panel: str) -> Callable[[Callable[..., None]], object]:
    """Make a function the command of that *name*, with its examples."""
    return app.command(name, rich_help_panel=panel, epilog=epilog_of(name))


@app.callback()
def choose(
    context: typer.Context,
    shop: Shop = None,
    version: Version = False,  # noqa: ARG001 (its callback shows it)
) -> None:
    """Remember for which shop of a chain the command is typed."""
    TYPED.set(Typed(shop, context.invoked_subcommand or "COMMAND"))


@command("update", DAILY)
def update(
    as_of: AsOf = None,
    days: Days = 7,
    full: Full = False,
    accept: Accept = None,
    reason: Reason = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Read what changed and publish the master of a day."""
    day = day_of(as_of)
    accepted = partial(both_or_neither, accept, reason)

    def load() -> Loaded:
        check, why = accepted()
        from analytics_pipeline.commands.update import update as run

        return partial(run, as_of=day, days=days, full=full, accept=check, reason=why)

    run_command(OutputOptions(debug, as_json, quiet), load, accepted)


@command("import-ecom", DAILY)
def import_ecom(
    file: Export,
    accept: Accept = None,
    reason: Reason = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Check an export of the web shop and put it in place.

    Shows what it holds and what changed. The export in place is replaced whole, or
    not at all, and a copy is kept. What the next update would stop is refused.
    """
    accepted = partial(both_or_neither, accept, reason)

    def load() -> Loaded:
        check, why = accepted()
        from analytics_pipeline.commands.import_ecom import import_ecom as run

        return partial(run, export=file, accept=check, reason=why)

    run_command(OutputOptions(debug, as_json, quiet), load, accepted)


@command("status", DAILY)
def status(as_json: Json = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Say how the last run ended, what is published, what failed, what to do next.

    Ends with exit code 1 when the master is stale, a gate failed, or a run failed that
    nothing has made good since. In a chain all shops come first, a line each, then each
    has its turn, and it exits with the worst code.
    """

    def load() -> Loaded:
        from analytics_pipeline.commands.status import status as run

        return run

    run_in_turn(OutputOptions(debug, as_json, quiet), load, headlines="Shops")


@command("explain", DAILY)
def explain(
    customer: CustomerTyped,
    as_of: ExplainedDay = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say why a customer's row in the master is what it is.

    Which records are this person and why, each sale and order that counts or does
    not, how they add up, and when segment and tier next change.
    """

    def load() -> Loaded:
        from analytics_pipeline.commands.explain import explain as run

        return partial(run, customer=customer, as_of=day_of(as_of))

    run_command(OutputOptions(debug, as_json), load)


@command("outlook", DAILY)
def outlook(
    within: Within = 14,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say who drops a tier soon, what keeps them, and what is at stake.

    It is certain, not predicted: the purchases of the last 90 days leave the window
    one by one. The columns Tier Drop Date and Spend To Keep Tier of the master have it
    for everyone.
    """

    def load() -> Loaded:
        from analytics_pipeline.commands.outlook import outlook as run

        return partial(run, within=within)

    run_command(OutputOptions(debug, as_json, quiet), load)


@command("doctor", WRONG)
def doctor(
    deep: Deep = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Check that everything is set up right; name each remedy.

    It looks at token, store, time zone, currency, clock, versions, disk, rights,
    settings, the web shop's export, alerts and Dagster's records. Changes nothing, asks
    Lightspeed for the store and its outlets only, and needs nothing to be set up. Ends
    with exit code 2 when something has to be fixed; warnings are 0.
    """

    def load() -> Loaded:
        from analytics_pipeline.commands.doctor import doctor as run

        return partial(run, deep=deep)

    run_in_turn(OutputOptions(debug, as_json, quiet), load)


@command("rebuild", WRONG)
def rebuild(
    as_of: AsOf = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Read and compute everything again; say what differed.

    A difference that no news explains ends with exit code 1.
    """

    def load() -> Loaded:
        from analytics_pipeline.commands.rebuild import rebuild as run

        return partial(run, as_of=day_of(as_of))

    run_command(OutputOptions(debug, as_json, quiet), load)


@command("replay", WRONG)
def replay(as_json: Json = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Try the records in quarantine again.

    A record that breaks a rule is rejected and listed in
    data/quarantine/<table>/records.csv. When it is corrected in Lightspeed, the next
    update reads it again. This publishes with those that are good now. Use it
    after an update of this program, or when the record was only delivered badly.
    """

    def load() -> Loaded:
        from analytics_pipeline.commands.replay import replay as run

        return run

    run_command(OutputOptions(debug, as_json, quiet), load)


@command("alert-test", WRONG)
def alert_test(
    as_json: Json = False, quiet: Quiet = False, debug: Debug = False
) -> None:
    """Send a test message to every channel that alerts go to.

    \b
    Channels are Apprise URLs in ALERT_URLS, in the environment or in .env,
    with commas between them. Some of the many kinds:
    \b
    mailtos://user:password@smtp.example.com?to=me@example.com
    slack://…   msteams://…   discord://…   ntfys://…
    jsons://example.com/webhook
    """  # noqa: D301 (the backslash keeps the lines)

    def load() -> Loaded:
        from analytics_pipeline.commands.alert_test import alert_test as run

        return run

    run_in_turn(OutputOptions(debug, as_json, quiet), load)


for name, panel, function in (
    ("ui", DAILY, ui),
    ("demo", LOOK, demo),
    ("simulate", LOOK, simulate),
):
    command(name, panel)(function)


def main() -> None:
    """Run the command line, under one name however it was started."""
    with ending_quietly():
        keep_open()
        allow_more_files()
        try:
            sys.exit(app(prog_name=PROGRAM))
        finally:
            flush()
