"""Dagster's instance: where runs, events and schedules are kept.

The commands and the UI share one, so that the UI shows what the commands did.
"""

import os
from importlib.resources import files
from pathlib import Path

import dagster as dg

from analytics_pipeline.chain import Chain
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop_file import records_of
from analytics_pipeline.storage.files import make_folder, replace_text


def instance_home(settings: Settings) -> Path:
    """Return the instance's folder: ``DAGSTER_HOME``, else under the data directory.

    In the latter case its settings are those that come with the package.  The shops of
    a chain share one instance.
    """
    named = os.environ.get("DAGSTER_HOME")
    if named:
        return Path(named).resolve()
    name = "instance_chain.yaml" if settings.shop_name else "instance.yaml"
    return _equip(settings.records_dir, name)


def home_of_chain(chain: Chain) -> Path:
    """Return the folder of the instance that the shops of *chain* share."""
    named = os.environ.get("DAGSTER_HOME")
    if named:
        return Path(named).resolve()
    return _equip(records_of(chain.data_dir), "instance_chain.yaml")


def _equip(home: Path, name: str) -> Path:
    """Put the instance settings of that *name* in place, and return the folder."""
    make_folder(home)
    wanted = files("analytics_pipeline").joinpath(name).read_text("utf-8")
    target = home / "dagster.yaml"
    if not target.exists() or target.read_text(encoding="utf-8") != wanted:
        replace_text(target, wanted)
    return home


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Open the instance that the UI shows."""
    return dg.DagsterInstance.from_config(str(instance_home(settings)))
