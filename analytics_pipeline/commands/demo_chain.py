"""A chain of simulated stores in one deployment, one of which fails at last."""

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analytics_pipeline.chain import Chain, read_chain
from analytics_pipeline.commands.demo import TOKEN, clear_demo, tell_how_to_look
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.commands.update import update
from analytics_pipeline.errors import PipelineError
from analytics_pipeline.settings import Settings
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.export import write_export
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline.simulator.trading_days import Trade
from analytics_pipeline.storage.files import make_folder, replace_text

ZONES: Mapping[str, str] = {
    "newyork": "America/New_York",
    "berlin": "Europe/Berlin",
    "sydney": "Australia/Sydney",
    "denver": "America/Denver",
    "lisbon": "Europe/Lisbon",
}
HISTORY = timedelta(days=120)
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
    tell_how_to_look(variables, typed, terminal)


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
    opened, zone = now.date() - HISTORY, ZONES[name]
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
        "ANALYTICS_START_DATE": (datetime.now(UTC).date() - HISTORY).isoformat(),
    }
    make_folder(folder / "shops")
    lines = [f"{variable}={text}\n" for variable, text in variables.items()]
    replace_text(folder / "shops" / f"{name}.env", "".join(lines))


def _read(folder: Path) -> Chain:
    return read_chain(folder / "shops", folder / "data")
