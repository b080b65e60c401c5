"""The command line: parse, call, and end with the right exit code.

0 done, warnings included; 1 a gate failed or data is stale; 2 wrong use; 3 the source,
a bucket, a cluster or a channel could not be reached or refused; 4 another run is under
way; 5 this machine failed; 130 interrupted.
"""

import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from analytics_pipeline.commands.entry import (
    TYPED,
    Typed,
    day_of,
    run_command,
    run_in_turn,
    run_without_shop,
)
from analytics_pipeline.commands.options import (
    Accept,
    AsOf,
    CustomerTyped,
    Days,
    Debug,
    ExplainedDay,
    ExportTo,
    FaultRate,
    Faults,
    FreePort,
    Full,
    HowMany,
    Json,
    OpenedOn,
    Reason,
    Seed,
    Shop,
    Shops,
)

app = typer.Typer(
    help="One right customer table a day, from Lightspeed tills and a web shop.",
    epilog="Start here: analytics-pipeline demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def choose(context: typer.Context, shop: Shop = None) -> None:
    """Remember for which shop of a chain the command is typed."""
    TYPED.set(Typed(shop, context.invoked_subcommand or "COMMAND"))


@app.command()
def demo(shops: Shops = 1, debug: Debug = False) -> None:
    """Run everything against a simulated store: no account, no key.

    The tables, the master and a Dagster instance of its own go to data/demo.
    """
    from analytics_pipeline.commands.demo import demo as run
    from analytics_pipeline.commands.demo_chain import demo_chain

    run_without_shop(debug, run if shops == 1 else partial(demo_chain, shops=shops))


@app.command()
def update(
    as_of: AsOf = None,
    days: Days = 7,
    full: Full = False,
    accept: Accept = None,
    reason: Reason = None,
    debug: Debug = False,
) -> None:
    """Read what changed and publish the master of a day.

    \b
    analytics-pipeline update                     yesterday
    analytics-pipeline update --days 30           and look 30 days back for gaps
    analytics-pipeline update --as-of 2026-01-31  as it was at the end of January
    analytics-pipeline update --accept no_person_vanished --reason "Cleared old ones"
    """  # noqa: D301 (the backslash keeps the examples on lines of their own)
    from analytics_pipeline.commands.update import update as run

    day = day_of(as_of)
    run_command(
        debug,
        partial(run, as_of=day, days=days, full=full, accept=accept, reason=reason),
    )


@app.command()
def rebuild(as_of: AsOf = None, debug: Debug = False) -> None:
    """Read and compute everything again, and say what differed from before.

    A difference that no news explains ends with exit code 1.
    """
    from analytics_pipeline.commands.rebuild import rebuild as run

    day = day_of(as_of)
    run_command(debug, partial(run, as_of=day))


@app.command("import-ecom")
def import_ecom(
    file: Annotated[Path, typer.Argument(help="The web shop's order export, a CSV.")],
    debug: Debug = False,
) -> None:
    """Check an export of the web shop, show what it holds, put it in place.

    The export in place is replaced whole, or not at all.
    """
    from analytics_pipeline.commands.ecom import import_ecom as run

    run_command(debug, partial(run, export=file))


@app.command()
def replay(debug: Debug = False) -> None:
    """Try the records in quarantine again, and publish with those that are good now.

    \b
    A record that breaks a rule is turned away and listed in
    data/quarantine/<table>/records.csv. When it is corrected in Lightspeed, the next
    update reads it by itself. Use this after an update of this program, or when the
    record was only delivered badly.
    """  # noqa: D301 (the backslash keeps the lines)
    from analytics_pipeline.commands.replay import replay as run

    run_command(debug, run)


@app.command()
def status(
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say what is published, as of when, what failed, and what to do next.

    Ends with exit code 1 when the master is stale or a gate failed. In a chain each
    shop has its turn, and the worst exit code is the last word.
    """
    from analytics_pipeline.commands.status import status as run

    run_in_turn(debug, partial(run, as_json=as_json))


@app.command()
def explain(
    customer: CustomerTyped,
    as_of: ExplainedDay = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say why a customer's row in the master is what it is.

    \b
    Which records are this person and why, each sale and order that counts or does
    not, how they add up, and when segment and tier next change.
    \b
    analytics-pipeline explain ann@example.com
    analytics-pipeline explain "(212) 555-0101"
    analytics-pipeline explain ANN-0001 --as-of 2026-01-31   as it was in January
    """  # noqa: D301 (the backslash keeps the examples on lines of their own)
    from analytics_pipeline.commands.explain import explain as run

    day = day_of(as_of)
    run_command(debug, partial(run, customer=customer, as_of=day, as_json=as_json))


@app.command("alert-test")
def alert_test(debug: Debug = False) -> None:
    """Send a test message to every channel that alerts go to.

    \b
    Channels are Apprise URLs in ALERT_URLS, in the environment or in .env,
    with commas between them. Some of the many kinds:
    \b
    mailtos://user:password@smtp.example.com?to=me@example.com
    slack://…   msteams://…   discord://…   ntfys://…
    jsons://example.com/webhook
    """  # noqa: D301 (the backslash keeps the lines)
    from analytics_pipeline.commands.alert_test import alert_test as run

    run_in_turn(debug, run)


@app.command()
def simulate(
    port: FreePort = 0,
    customers: HowMany = 300,
    seed: Seed = 1,
    opened_on: OpenedOn = datetime(2026, 1, 1),  # noqa: DTZ001 (a calendar day)
    export: ExportTo = None,
    faults: Faults = None,
    fault_rate: FaultRate = 0.1,
    debug: Debug = False,
) -> None:
    """Serve a simulated Lightspeed store on this machine, until Ctrl-C.

    \b
    analytics-pipeline simulate                      a store that answers well
    analytics-pipeline simulate --faults 7           one request in ten fails
    Then run update against it: it waits, tries again, and publishes the same files.
    """  # noqa: D301 (the backslash keeps the examples on lines of their own)
    from analytics_pipeline.commands.simulate import simulate as run

    run_without_shop(
        debug,
        lambda settings, terminal: run(
            terminal,
            port=port,
            customers=customers,
            seed=seed,
            opened_on=opened_on.date(),
            time_zone=settings.time_zone,
            export=export,
            faults=faults,
            fault_rate=fault_rate,
        ),
    )


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Where the UI listens.")] = 3000,
    debug: Debug = False,
) -> None:
    """Open the Dagster UI and its daemon, on what the commands wrote: all shops."""
    from analytics_pipeline.commands.ui import open_ui

    run_without_shop(debug, partial(open_ui, port=port))


def main() -> None:
    """Run the command line."""
    sys.exit(app())
