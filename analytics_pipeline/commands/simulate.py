"""Serve a simulated store, for trying things out."""

import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.commands.ui import named_if_taken, refuse_taken
from analytics_pipeline.simulator.app import WEB_STORE_ID, build_app
from analytics_pipeline.simulator.export import write_export
from analytics_pipeline.simulator.faults import FaultPlan
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.serving import run_forever
from analytics_pipeline.simulator.trading_days import Trade


def simulate(
    terminal: Terminal,
    *,
    port: int,
    customers: int,
    seed: int,
    opened_on: date,
    time_zone: str,
    export: Path | None,
    faults: int | None,
    fault_rate: float,
    mishaps: bool,
) -> None:
    """Serve a store on loopback until interrupted, in step with the clock.

    Its web orders are in the *export*, if a file is named; else in its web shop's API.
    With *faults*, a seed, this share of its requests fails.

    Raises:
        WrongUse: the port is in use.
    """
    refuse_taken(port, "simulate")
    store = Store(
        seed,
        customers=customers,
        opened_on=opened_on,
        time_zone=time_zone,
        trade=Trade(mishaps=mishaps),
    )
    with terminal.working("making a simulated store"):
        store.advance_to(datetime.now(UTC))
        if export is not None:
            write_export(store.state, export)
    token = f"simulated-{secrets.token_hex(8)}"
    plan = FaultPlan() if faults is None else FaultPlan.seeded(faults, fault_rate)

    notes = {
        "customers": f"{len(store.state.customers):,}",
        "sales": f"{len(store.state.sales):,}",
        "faults": "none" if faults is None else _in_words(plan),
        "stop it": "Ctrl-C",
    }

    def print_summary(origin: str) -> None:
        settings = {
            **_ways_in(origin, token, reads_web_shop=export is None),
            "ANALYTICS_START_DATE": opened_on.isoformat(),
            "ANALYTICS_TIMEZONE": time_zone,
        }
        for line in env_lines("Simulated store", settings, notes):
            terminal.say(line)

    app = build_app(store, token=token, faults=plan, clock=lambda: datetime.now(UTC))
    with named_if_taken(port, "simulate"):
        run_forever(app, port, on_start=print_summary)


def _ways_in(origin: str, token: str, *, reads_web_shop: bool) -> dict[str, str]:
    """Return the settings by which the store, and its web shop, are read."""
    tills = {
        "LIGHTSPEED_API_URL": origin,
        "LIGHTSPEED_DOMAIN_PREFIX": "demo",
        "LIGHTSPEED_TOKEN": token,
    }
    if not reads_web_shop:
        return tills
    return tills | {
        "ECWID_API_URL": f"{origin}/api/v3",
        "ECWID_STORE_ID": WEB_STORE_ID,
        "ECWID_TOKEN": token,
    }


def env_lines(
    title: str, settings: Mapping[str, str], notes: Mapping[str, str]
) -> list[str]:
    """Return the lines of a file such as ``.env``: its settings, notes as comments.

    Its values need no quotes, so a shell and python-dotenv read the same.
    """
    return [
        f"# {title}",
        *(f"{name}={value}" for name, value in settings.items()),
        *(f"# {name}: {value}" for name, value in notes.items()),
    ]


def _in_words(plan: FaultPlan) -> str:
    return f"seed {plan.seed}, {plan.rate:.0%} of the requests"
