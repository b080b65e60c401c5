"""The pipeline against a simulated store: no account, no key."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.commands.update import update
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import hold_directory
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.export import write_export
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline.storage.files import make_folder, replace_text

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
        update(_demo_settings(settings, folder, opened, origin), terminal)
    terminal.out.print(
        f"\nLook at it in the Dagster UI:\n  ANALYTICS_DATA_DIR={folder} "
        f"ANALYTICS_START_DATE={opened} analytics-pipeline ui",
        soft_wrap=True,
    )


def _demo_settings(
    settings: Settings, folder: Path, opened: date, origin: str
) -> Settings:
    """Point a copy of the settings at the simulated store, and tell nobody of it."""
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
