"""The pipeline against simulated stores, one or a chain: no account, no key."""

import csv
import shutil
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shlex import quote

from pydantic import SecretStr

from analytics_pipeline.commands.options import PROGRAM
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.commands.update import update
from analytics_pipeline.model.errors import PipelineError, WrongUse
from analytics_pipeline.settings import Chain, Settings, read_chain
from analytics_pipeline.shop import hold_directory
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.export import write_export
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline.simulator.trading_days import Trade
from analytics_pipeline.storage.files import make_folder, replace_text
from analytics_pipeline.storage.publication import MASTER

# ----------------------------------------------------------------------------------
# The pipeline against a simulated store: no account, no key.


TOKEN = "simulated"
MARKER = ".simulated_store"
HISTORY = timedelta(days=400)


def demo(settings: Settings, terminal: Terminal) -> None:
    """Make a simulated store and publish its master in ``demo`` of the data directory.

    Raises:
        WrongUse: that folder holds something that no demo made.
    """
    folder = clear_demo(settings.data_dir / "demo")
    now = datetime.now(UTC)
    opened = now.date() - HISTORY
    with terminal.working("making a simulated store"):
        store = Store(7, customers=600, opened_on=opened, time_zone=settings.time_zone)
        store.advance_to(now)
        write_export(store.state, folder / "ecom_orders_export.csv")
    with serve(build_app(store, token=TOKEN)) as origin:
        shown = _demo_settings(settings, folder, opened, origin)
        update(shown, terminal)
    typed = {
        "status": "To see what is published, paste this",
        "ui": "To look at it in the Dagster UI",
    }
    if customer := _some_customer(folder / MASTER):
        typed[f"explain {customer}"] = "To see why a row is what it is"
    print_how_to_look(_variables(shown), typed, terminal)


def print_how_to_look(
    variables: Mapping[str, str], typed: Mapping[str, str], terminal: Terminal
) -> None:
    """Print lines that can be pasted, in any folder, and what each of them shows.

    Args:
        variables: what points the commands at what a demo has made; an empty value
            takes the place of a setting of the person.
        typed: each command, and what it shows.
        terminal: where they are printed.
    """
    given = " ".join(f"{name}={quote(text)}" for name, text in variables.items())
    for command, shows in typed.items():
        # Without a comment on the line: some shells take one for words.
        line = f"\n{shows}:\n  {given} {program_typed()} {command}"
        terminal.out.print(line, markup=False, soft_wrap=True)


def program_typed() -> str:
    """Return how this program can be typed in any folder.

    By its name alone only where the shell finds it, as in an activated environment.
    """
    script = Path(sys.argv[0])
    if script.name == "__main__.py":
        return f"{quote(sys.executable)} -m analytics_pipeline"
    if script.name == PROGRAM and shutil.which(PROGRAM) is None:
        return quote(str(script.absolute()))
    return PROGRAM


def _variables(settings: Settings) -> dict[str, str]:
    """Return the variables that the demo differs in from what a person may have set."""
    return {
        "ANALYTICS_DATA_DIR": str(settings.data_dir),
        "ANALYTICS_STORE": settings.warehouse_url,
        "ANALYTICS_START_DATE": settings.start_date.isoformat(),
        "ANALYTICS_TIMEZONE": settings.time_zone,
    }


def _some_customer(master: Path) -> str | None:
    """Return the code of an invented customer of the demo, if it has any."""
    with master.open(encoding="utf-8-sig", newline="") as stream:
        codes = (row["Customer Code"] for row in csv.DictReader(stream))
        return next((quote(code) for code in codes if code), None)


def _demo_settings(
    settings: Settings, folder: Path, opened: date, origin: str
) -> Settings:
    """Point a copy of the settings at the simulated store, without alerts."""
    return settings.model_copy(
        update={
            "alert_urls": None,
            "data_dir": folder,
            "store": None,
            "start_date": opened,
            "api_url": origin,
            "domain_prefix": "demo",
            "token": SecretStr(TOKEN),
        }
    )


def clear_demo(folder: Path) -> Path:
    """Empty the folder of an earlier demo, and nothing else."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise WrongUse(
                f"{folder} holds something that no demo made.",
                "Move it away, or set ANALYTICS_DATA_DIR to another folder.",
            )
        with hold_directory(folder, wait=False):
            for entry in folder.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry)
                elif entry.name != ".lock":
                    entry.unlink()
    make_folder(folder)
    replace_text(folder / MARKER, "")
    return folder


# ----------------------------------------------------------------------------------
# A chain of simulated stores in one deployment, one of which fails at last.


ZONES: Mapping[str, str] = {
    "newyork": "America/New_York",
    "berlin": "Europe/Berlin",
    "sydney": "Australia/Sydney",
    "denver": "America/Denver",
    "lisbon": "Europe/Lisbon",
}
CHAIN_HISTORY = timedelta(days=120)
REVOKED = "revoked"


def demo_chain(settings: Settings, terminal: Terminal, *, shops: int) -> None:
    """Publish the masters of several simulated stores, then let the last one fail.

    Raises:
        WrongUse: the folder holds something that no demo made.
        PipelineError: an update failed that should not.
    """
    folder = clear_demo(settings.data_dir / "demo_chain")
    with ExitStack() as stack:
        for seed, name in enumerate(list(ZONES)[:shops], start=7):
            with terminal.working(f"making a simulated store in {ZONES[name]}"):
                store = _make_store(seed, name, folder)
            origin = stack.enter_context(serve(build_app(store, token=TOKEN)))
            _write_shop(folder, name, TOKEN, origin)
        chain = _read(folder)
        for terminal.shop in chain.shops:
            terminal.out.rule(terminal.shop, align="left", style="bold")
            update(chain.settings_of(terminal.shop), terminal)
        _fail(folder, name, origin, terminal)
    terminal.shop = None
    variables = {
        "ANALYTICS_SHOPS": str(chain.folder),
        "ANALYTICS_DATA_DIR": str(chain.data_dir),
    }
    typed = {
        "status": "To see what is published in each, paste this",
        "ui": "To look at them in the Dagster UI",
    }
    print_how_to_look(variables, typed, terminal)


def _fail(folder: Path, name: str, origin: str, terminal: Terminal) -> None:
    """Take its token from one shop, and let it be updated all the same."""
    terminal.out.rule(f"{name} again, its token revoked", align="left", style="bold")
    _write_shop(folder, name, REVOKED, origin)
    terminal.shop = name
    try:
        update(_read(folder).settings_of(name), terminal)
    except PipelineError as error:
        terminal.fail(error)
        terminal.out.print("Its master stays, and the other shops notice nothing.")


def _make_store(seed: int, name: str, folder: Path) -> Store:
    """Make the store of a shop, and its web shop's export."""
    now = datetime.now(UTC)
    opened, zone = now.date() - CHAIN_HISTORY, ZONES[name]
    store = Store(
        seed,
        customers=150,
        opened_on=opened,
        time_zone=zone,
        # An outlet on another continent would keep most days of the demo provisional.
        trade=Trade(far_outlet=False),
    )
    store.advance_to(now)
    make_folder(folder / "data" / name)
    write_export(store.state, folder / "data" / name / "ecom_orders_export.csv")
    return store


def _write_shop(folder: Path, name: str, token: str, origin: str) -> None:
    """Write the file of a shop, which only its owner can read."""
    variables = {
        "LIGHTSPEED_DOMAIN_PREFIX": name,
        "LIGHTSPEED_TOKEN": token,
        "LIGHTSPEED_API_URL": origin,
        "ANALYTICS_TIMEZONE": ZONES[name],
        "ANALYTICS_START_DATE": (datetime.now(UTC).date() - CHAIN_HISTORY).isoformat(),
    }
    make_folder(folder / "shops")
    lines = [f"{variable}={text}\n" for variable, text in variables.items()]
    replace_text(folder / "shops" / f"{name}.env", "".join(lines))


def _read(folder: Path) -> Chain:
    return read_chain(folder / "shops", folder / "data")
