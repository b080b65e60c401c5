"""The commands that are about no shop in particular, as a person types them."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from analytics_pipeline.commands.entry import run_without_shop
from analytics_pipeline.commands.options import (
    Debug,
    ExportTo,
    FaultRate,
    Faults,
    FreePort,
    HowMany,
    Mishaps,
    OpenedOn,
    Quiet,
    Seed,
    Shops,
    UiPort,
)
from analytics_pipeline.commands.terminal import OutputOptions, Terminal


def demo(shops: Shops = 1, quiet: Quiet = False, debug: Debug = False) -> None:
    """Run everything against a simulated store: no account, no key.

    The tables, the master and a Dagster instance of its own go to data/demo.
    """

    def load() -> Callable[[Any, Terminal], None]:
        from analytics_pipeline.commands.demo import demo as run
        from analytics_pipeline.commands.demo import demo_chain

        return run if shops == 1 else partial(demo_chain, shops=shops)

    run_without_shop(OutputOptions(debug, quiet=quiet), load)


def simulate(
    port: FreePort = 0,
    customers: HowMany = 300,
    seed: Seed = 1,
    opened_on: OpenedOn = datetime(2026, 1, 1),  # noqa: DTZ001 (a calendar day)
    export: ExportTo = None,
    faults: Faults = None,
    fault_rate: FaultRate = 0.1,
    mishaps: Mishaps = False,
    debug: Debug = False,
) -> None:
    """Serve a simulated Lightspeed store until Ctrl-C.

    It listens on this machine only. Run update against it: where requests fail it
    waits, tries again, and publishes the same files.
    """

    def load() -> Callable[[Any, Terminal], None]:
        from analytics_pipeline.commands.simulate import simulate as run

        return lambda settings, terminal: run(
            terminal,
            port=port,
            customers=customers,
            seed=seed,
            opened_on=opened_on.date(),
            time_zone=settings.time_zone,
            export=export,
            faults=faults,
            fault_rate=fault_rate,
            mishaps=mishaps,
        )

    run_without_shop(OutputOptions(debug), load)


def ui(port: UiPort = 3000, debug: Debug = False) -> None:
    """Open the Dagster UI and its daemon.

    It shows what the commands wrote; of a chain, all shops.
    """

    def load() -> Callable[[Any, Terminal], None]:
        from analytics_pipeline.commands.ui import open_ui

        return partial(open_ui, port=port)

    run_without_shop(OutputOptions(debug), load)
