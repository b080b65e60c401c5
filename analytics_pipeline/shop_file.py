"""The settings of one shop of a chain, from its file ``NAME.env`` alone.

What the file does not say has its default.  Nothing reaches a shop from the
environment, from ``.env`` or from the file of another shop, so that no token and no
channel of alerts can stand in for one that is lacking.
"""

import re
import stat
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream
from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from analytics_pipeline.errors import WrongUse
from analytics_pipeline.settings import Settings, name_faults, with_absolute_places
from analytics_pipeline.storage.files import is_open_to

VARIABLES = frozenset(str(each.alias) for each in Settings.model_fields.values())
REQUIRED = ("LIGHTSPEED_DOMAIN_PREFIX", "LIGHTSPEED_TOKEN")
NAME = re.compile(r"[a-z][a-z0-9_]*")


class ShopOfChain(Settings):
    """The settings of one shop of a chain, and where the chain keeps its records."""

    name: str
    file: Path
    chain_dir: Path

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (pydantic gives all of them)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given, and nothing from the environment."""
        return (init_settings,)

    @property
    def shop_name(self) -> str:
        """The shop's name: that of its file."""
        return self.name

    @property
    def records_dir(self) -> Path:
        """Where Dagster's records of the whole chain are kept."""
        return records_of(self.chain_dir)

    @property
    def written_in(self) -> str:
        """Where a person changes these settings."""
        return str(self.file)

    @property
    def exposure(self) -> str | None:
        """A warning where others than its owner can read the file.

        No more than that: secrets mounted into a container are readable by all in it.
        """
        if not is_open_to(self.file, stat.S_IRGRP | stat.S_IROTH):
            return None
        return (
            f"{self.file} holds a token and can be read by others than its owner. "
            f"To keep it to yourself: chmod 600 {self.file}"
        )


def records_of(chain_dir: Path) -> Path:
    """Return where Dagster's records of a chain are kept."""
    return chain_dir / ".dagster"


def read_shop(file: Path, chain_dir: Path) -> ShopOfChain:
    """Read the settings of one shop of the chain whose data are in *chain_dir*.

    Raises:
        WrongUse: the name or the content of the file cannot be used.
    """
    name = file.stem
    if not NAME.fullmatch(name):
        raise WrongUse(
            f"{file.name}: {name!r} is no name for a shop.",
            "Rename the file: a small letter first, then small letters, digits and _.",
        )
    given: dict[str, Any] = {"ANALYTICS_DATA_DIR": str(chain_dir / name)}
    given |= _read_variables(file)
    missing = [variable for variable in REQUIRED if variable not in given]
    if missing:
        raise _unusable(file, f"{' and '.join(missing)} is not set")
    try:
        settings = ShopOfChain(name=name, file=file, chain_dir=chain_dir, **given)
    except ValidationError as error:
        raise _unusable(file, name_faults(error)) from error
    return with_absolute_places(settings)


def _read_variables(file: Path) -> dict[str, str]:
    """Read the variables of a file as they stand there; nothing is filled in.

    Raises:
        WrongUse: a line cannot be read, or a variable is not known or stands twice.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(file, f"it cannot be read ({type(error).__name__})") from error
    lines = list(parse_stream(StringIO(text)))
    for line in lines:
        if line.error:
            raise _unusable(file, f"line {line.original.line} cannot be read")
    named = Counter(line.key for line in lines if line.key)
    if unknown := sorted(set(named) - VARIABLES):
        raise _unusable(file, f"{', '.join(unknown)} is no variable of a shop")
    if twice := sorted(key for key, count in named.items() if count > 1):
        raise _unusable(file, f"{', '.join(twice)} stands there more than once")
    return {line.key: line.value for line in lines if line.key and line.value}


def _unusable(file: Path, why: str) -> WrongUse:
    return WrongUse(f"{file.name} cannot be used: {why}.", f"Correct {file}.")
