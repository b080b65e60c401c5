"""The folder of Dagster's instance, and the settings that come with the package."""

import glob
import json
import os
from importlib.resources import files
from pathlib import Path

from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.settings import Chain, Settings, records_of
from analytics_pipeline.storage.files import make_folder, replace_text

_STORAGE = """\
storage:
  custom:
    module: analytics_pipeline.sqlite_records
    class: SqliteRecords
    config:
      base_dir: {folder}
"""


def instance_home(settings: Settings) -> Path:
    """Return the instance's folder: ``DAGSTER_HOME``, else under the data directory.

    In the latter case its settings are those that come with the package.  The shops of
    a chain share one instance.
    """
    named = os.environ.get("DAGSTER_HOME")
    if named:
        return Path(named).resolve()
    return equip(settings.records_dir, name_settings(settings))


def name_settings(settings: Settings) -> str:
    """Return which of the instance settings in the package are those of a shop."""
    return "instance_chain.yaml" if settings.shop_name else "instance.yaml"


def home_of_chain(chain: Chain) -> Path:
    """Return the folder of the instance that the shops of *chain* share."""
    named = os.environ.get("DAGSTER_HOME")
    if named:
        return Path(named).resolve()
    return equip(records_of(chain.data_dir), "instance_chain.yaml")


def equip(home: Path, name: str) -> Path:
    """Put the instance settings of that *name* in place, and return the folder."""
    make_folder(home)
    if not is_equipped(home, name):
        replace_text(home / "dagster.yaml", _settings_of(home, name))
    return home


def is_equipped(home: Path, name: str) -> bool:
    """Say whether the instance in *home* has the settings of that *name*."""
    target = home / "dagster.yaml"
    return target.exists() and target.read_text(encoding="utf-8") == _settings_of(
        home, name
    )


def _settings_of(home: Path, name: str) -> str:
    shared = files("analytics_pipeline").joinpath(name).read_text("utf-8")
    return _STORAGE.format(folder=json.dumps(str(home))) + shared


def find_home(settings: Settings) -> Path | None:
    """Return the instance's folder if it is there already; nothing is made."""
    named = os.environ.get("DAGSTER_HOME")
    home = Path(named).resolve() if named else settings.records_dir
    return home if (home / "dagster.yaml").exists() else None


def find_own_home(settings: Settings) -> Path | None:
    """Return the instance's folder if it is there, and as the package makes it."""
    home = settings.records_dir
    is_own = not os.environ.get("DAGSTER_HOME")
    return home if is_own and is_equipped(home, name_settings(settings)) else None


def refuse_pattern(home: Path) -> None:
    """Refuse a folder that Dagster's own processes would take as a pattern.

    Raises:
        WrongUse: its name holds a star, a question mark or a bracket.
    """
    if glob.has_magic(str(home)):
        raise WrongUse(
            f"Dagster's UI takes the *, ? or [ in {home} as a pattern, and would read "
            "other folders.",
            "Rename the folder, or set DAGSTER_HOME to a folder without such a sign. "
            "All other commands work as it is.",
        )
