"""What a shop configures: the environment, ``analytics.toml``, its chain."""

import os
import re
import stat
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.policy import AnomalyLimits, Policy, RunLimits
from analytics_pipeline.sources.web_shop.export_file import ExportDialect
from analytics_pipeline.storage.files import is_open_to
from analytics_pipeline.storage.machine import refuse_shortage
from analytics_pipeline.web_guard import Place, read_own_hosts

# ----------------------------------------------------------------------------------
# What a shop configures: the environment (or ``.env``) and ``analytics.toml``.
#
# Names and defaults are part of the product's contract. Everything is checked here,
# once, with messages that name the key; nothing else reads the environment.


DEPLOYMENT = frozenset(
    {
        *("ANALYTICS_SHOPS", "ANALYTICS_SHOP", "ANALYTICS_CODE_PORT"),
        *("ANALYTICS_CODE_HOST", "ANALYTICS_ENV_READ", "ANALYTICS_UI_HOSTS"),
    }
)
"""The variables that are no shop's own: of a chain, and of a deployment of services."""


def known_time_zone(name: str) -> str:
    """Return *name* if it is an IANA time zone; raise ``ValueError`` if not."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        refuse_shortage(error)
        raise ValueError("is no IANA time zone, such as America/New_York") from error
    return name


class Engine(StrEnum):
    """What computes the analytics."""

    DUCKDB = "duckdb"
    SPARK = "spark"


EARLIEST_START = date(1970, 1, 1)
"""No first day of the tables is before it."""


class Settings(BaseSettings):
    """The environment variables, each with its default."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    domain_prefix: str | None = Field(None, alias="LIGHTSPEED_DOMAIN_PREFIX")
    token: SecretStr | None = Field(None, alias="LIGHTSPEED_TOKEN")
    api_version: str = Field(
        "2026-07", alias="LIGHTSPEED_API_VERSION", pattern=r"^(2\.0|\d{4}-\d{2})$"
    )
    api_url: str | None = Field(None, alias="LIGHTSPEED_API_URL")
    ecwid_store_id: str | None = Field(None, alias="ECWID_STORE_ID")
    ecwid_token: SecretStr | None = Field(None, alias="ECWID_TOKEN")
    ecwid_api_url: str | None = Field(None, alias="ECWID_API_URL")
    data_dir: Path = Field(Path("data"), alias="ANALYTICS_DATA_DIR")
    start_date: date = Field(
        date(2020, 1, 1), alias="ANALYTICS_START_DATE", ge=EARLIEST_START
    )
    time_zone: Annotated[str, AfterValidator(known_time_zone)] = Field(
        "America/New_York", alias="ANALYTICS_TIMEZONE"
    )
    engine: Engine = Field(Engine.DUCKDB, alias="ANALYTICS_ENGINE")
    store: str | None = Field(None, alias="ANALYTICS_STORE")
    spark_remote: str | None = Field(None, alias="SPARK_REMOTE")
    spark_master: str | None = Field(None, alias="SPARK_MASTER")
    alert_urls: SecretStr | None = Field(None, alias="ALERT_URLS")

    @property
    def warehouse_url(self) -> str:
        """Where tables are kept: a folder, or a URL that fsspec knows."""
        return self.store or str(self.data_dir / "warehouse")

    @property
    def spark_address(self) -> str:
        """Where Spark runs: a Connect server before a master; empty: this machine."""
        return self.spark_remote or self.spark_master or ""

    @property
    def reads_web_shop(self) -> bool:
        """Whether web orders are read from the web shop itself, not from an export."""
        return bool(self.ecwid_store_id or self.ecwid_token)

    @property
    def policy_file(self) -> Path:
        """Return the path of the optional thresholds and policies."""
        return self.data_dir / "analytics.toml"

    @property
    def shop_name(self) -> str | None:
        """The shop's name in a chain of several; a single shop has none."""
        return None

    @property
    def records_dir(self) -> Path:
        """Where Dagster's records are kept, unless ``DAGSTER_HOME`` says otherwise."""
        return self.data_dir / ".dagster"

    @property
    def written_in(self) -> str:
        """Where a person changes these settings."""
        return "the environment or in .env"

    def as_environment(self) -> dict[str, str]:
        """Return the variables that give a child process these same settings."""
        values = {
            "LIGHTSPEED_DOMAIN_PREFIX": self.domain_prefix,
            "LIGHTSPEED_TOKEN": self.token.get_secret_value() if self.token else None,
            "LIGHTSPEED_API_VERSION": self.api_version,
            "LIGHTSPEED_API_URL": self.api_url,
            "ECWID_STORE_ID": self.ecwid_store_id,
            "ECWID_TOKEN": (
                self.ecwid_token.get_secret_value() if self.ecwid_token else None
            ),
            "ECWID_API_URL": self.ecwid_api_url,
            "ANALYTICS_DATA_DIR": str(self.data_dir),
            "ANALYTICS_START_DATE": self.start_date.isoformat(),
            "ANALYTICS_TIMEZONE": self.time_zone,
            "ANALYTICS_ENGINE": self.engine.value,
            "ANALYTICS_STORE": self.store,
            "SPARK_REMOTE": self.spark_remote,
            "SPARK_MASTER": self.spark_master,
            "ALERT_URLS": (
                self.alert_urls.get_secret_value() if self.alert_urls else None
            ),
        }
        return {name: value for name, value in values.items() if value is not None}


def ui_hosts() -> frozenset[Place]:
    """Return the names under which a proxy serves the UI (``ANALYTICS_UI_HOSTS``).

    Raises:
        WrongUse: one is no host name.
    """
    name = "ANALYTICS_UI_HOSTS"
    given = os.environ.get(name) or dotenv_values(".env").get(name) or ""
    return read_own_hosts(given)


def list_variables() -> set[str]:
    """Return the names of all variables that the environment and ``.env`` set."""
    return {*os.environ, *dotenv_values(".env")}


def load_settings(**overrides: Any) -> Settings:
    """Read the settings, from *overrides* before the environment before ``.env``.

    Raises:
        WrongUse: a value cannot be used; the cause names the variable.
    """
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        raise WrongUse(
            f"The configuration cannot be used: {name_faults(error)}.",
            "Correct it in the environment or in .env.",
        ) from error
    return with_absolute_places(settings)


# ----------------------------------------------------------------------------------
# Which URLs are no place for tables, though fsspec knows what they are.


_KEEP_NOTHING = {
    "memory": "keeps the tables only until the process ends",
    "pyscript": "keeps the tables only until the page is closed",
    **dict.fromkeys(
        (
            "data",
            "http",
            "https",
            "git",
            "github",
            "gist",
            "reference",
            "wandb",
            "dask",
        ),
        "can be read but not written",
    ),
    **dict.fromkeys(
        ("zip", "tar", "libarchive"), "is an archive, which is not written file by file"
    ),
    **dict.fromkeys(
        ("cached", "filecache", "blockcache", "simplecache"),
        "is a copy of another place, which may be out of date",
    ),
    **dict.fromkeys(
        ("async_wrapper", "asyncwrapper", "asynclocal", "generic", "dir"),
        "says nothing of where the tables are to be",
    ),
}
"""What is wrong with the kinds of URL that fsspec knows but that keep no tables."""


def name_unfit(url: str) -> str | None:
    """Return why tables cannot be kept at *url*, to end a sentence; else nothing."""
    kind, separator, _rest = url.partition("://")
    if not separator:
        return None
    for layer in kind.strip().lower().split("::"):
        if layer in _KEEP_NOTHING:
            return f"{layer}:// {_KEEP_NOTHING[layer]}"
    return f"{kind}:// is a chain of places" if "::" in url else None


SomeSettings = TypeVar("SomeSettings", bound=Settings)


def with_absolute_places(settings: SomeSettings) -> SomeSettings:
    """Return *settings* with whole paths, so that later steps may change folder.

    Raises:
        WrongUse: the store does not keep what is written to it.
    """
    store = settings.store
    if store is not None and (unfit := name_unfit(store)):
        raise WrongUse(
            f"ANALYTICS_STORE cannot be used: {unfit}.",
            f"Set it to a folder, or to a URL such as s3://bucket/prefix, in "
            f"{settings.written_in}.",
        )
    if store is not None and "://" not in store:
        store = str(Path(store).resolve())
    changes = {"data_dir": settings.data_dir.resolve(), "store": store}
    return settings.model_copy(update=changes)


@dataclass(frozen=True, slots=True)
class _OtherTables:
    """The tables of ``analytics.toml`` that no figure's meaning depends on."""

    ecom_export: ExportDialect = field(default_factory=ExportDialect)
    usual: AnomalyLimits = field(default_factory=AnomalyLimits)
    run_limits: RunLimits = field(default_factory=RunLimits)


_WITH_KEYS = (Policy, _OtherTables, ExportDialect, AnomalyLimits, RunLimits)
_TABLES_APART = {table.name for table in fields(_OtherTables)}

Choices = TypeVar("Choices", Policy, _OtherTables)


def load_policy(path: Path) -> Policy:
    """Read the thresholds and policies of *path*; without the file, the defaults.

    Raises:
        WrongUse: the file cannot be read or a key or value is not known.
    """
    chosen = _read_toml(path)
    policies = {key: chosen[key] for key in chosen.keys() - _TABLES_APART}
    return _valid(Policy, policies, path)


def load_export_dialect(path: Path) -> ExportDialect:
    """Read how *path* declares the web shop's export to be written.

    Raises:
        WrongUse: as for the policies.
    """
    return _load_other_tables(path).ecom_export


def load_anomaly_limits(path: Path) -> AnomalyLimits:
    """Read the limits of *path* from which a day or the contacts are an anomaly.

    Raises:
        WrongUse: as for the policies.
    """
    return _load_other_tables(path).usual


def load_run_limits(path: Path) -> RunLimits:
    """Read the limits of *path* after which a run is ended.

    Raises:
        WrongUse: as for the policies.
    """
    return _load_other_tables(path).run_limits


def _load_other_tables(path: Path) -> _OtherTables:
    chosen = _read_toml(path)
    tables = {key: chosen[key] for key in chosen.keys() & _TABLES_APART}
    return _valid(_OtherTables, tables, path)


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        cause = f"{path.name} cannot be read: {error}."
        raise WrongUse(cause, f"Correct {path}, or move it away.") from error


def _valid(model: type[Choices], chosen: dict[str, Any], path: Path) -> Choices:
    try:
        return TypeAdapter(model).validate_python(chosen)
    except ValidationError as error:
        cause = f"{path.name} cannot be used: {name_faults(error)}."
        raise WrongUse(cause, f"Correct {path}; every key is optional.") from error


def name_faults(error: ValidationError) -> str:
    """Name each faulty key and what is wrong with it, never its value."""
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc'])}: {_what_is_wrong(fault)}"
        for fault in error.errors(include_input=False, include_url=False)
    )


def _what_is_wrong(fault: ErrorDetails) -> str:
    """Return what pydantic says; for an unknown key, the setting that may be meant."""
    if fault["type"] != "unexpected_keyword_argument":
        return fault["msg"]
    keys = [key.name for table in _WITH_KEYS for key in fields(table)]
    like = get_close_matches(str(fault["loc"][-1]), keys, 1)
    return f"unknown setting; did you mean {like[0]}?" if like else "unknown setting"


# ----------------------------------------------------------------------------------
# The settings of one shop of a chain, from its file ``NAME.env`` alone.
#
# What the file does not say has its default. Nothing reaches a shop from the
# environment, from ``.env`` or from the file of another shop, so that no token and no
# channel of alerts can replace one that is missing.


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
    """Read the variables of a file as they are; nothing is filled in.

    Raises:
        WrongUse: a line cannot be read, or a variable is not known or appears twice.
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
        raise _unusable(file, f"{', '.join(twice)} appears more than once")
    return {line.key: line.value for line in lines if line.key and line.value}


def _unusable(file: Path, why: str) -> WrongUse:
    return WrongUse(f"{file.name} cannot be used: {why}.", f"Correct {file}.")


# ----------------------------------------------------------------------------------
# A chain: several shops in one deployment, each with a configuration of its own.
#
# ``ANALYTICS_SHOPS`` names a folder. Every ``NAME.env`` in it is a shop called NAME.


class _Deployment(BaseSettings):
    """What the environment, or ``.env``, says of the deployment, not of its shops."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", env_ignore_empty=True
    )

    folder: Path | None = Field(None, alias="ANALYTICS_SHOPS")
    shop: str | None = Field(None, alias="ANALYTICS_SHOP")
    data_dir: Path = Field(Path("data"), alias="ANALYTICS_DATA_DIR")


@dataclass(frozen=True, slots=True)
class Chain:
    """The shops of a deployment by name, and those that cannot be used, with why.

    ``data_dir`` holds Dagster's records and, unless a shop says otherwise, its data.
    """

    folder: Path
    data_dir: Path
    shops: Mapping[str, ShopOfChain]
    faults: Mapping[str, WrongUse]

    @property
    def names(self) -> list[str]:
        """Every shop, usable or not."""
        return sorted({*self.shops, *self.faults})

    def settings_of(self, name: str) -> ShopOfChain:
        """Return the settings of one shop.

        Raises:
            WrongUse: there is no such shop, or its file cannot be used.
        """
        if name in self.faults:
            raise self.faults[name]
        if name not in self.shops:
            raise WrongUse(
                f"There is no shop {name!r} in {self.folder}.",
                f"Choose one of these: {', '.join(self.names)}.",
            )
        return self.shops[name]


def find_chain() -> Chain | None:
    """Return the chain that the environment names; nothing for a single shop.

    Raises:
        WrongUse: the folder is missing or holds no shop.
    """
    deployment = _Deployment()
    if deployment.folder is None:
        return None
    return read_chain(deployment.folder, deployment.data_dir)


def shop_in_environment() -> str | None:
    """Return the shop that ``ANALYTICS_SHOP`` means, if it is set."""
    return _Deployment().shop


def read_chain(folder: Path, data_dir: Path) -> Chain:
    """Read every shop of *folder*; a file that cannot be used harms no other shop.

    Raises:
        WrongUse: the folder is missing or holds no shop.
    """
    folder, data_dir = folder.resolve(), data_dir.resolve()
    files = sorted(folder.glob("*.env"))
    if not files:
        raise WrongUse(
            f"ANALYTICS_SHOPS: {folder} holds no file NAME.env, so no shop.",
            "Write one for each shop, or unset ANALYTICS_SHOPS if there is only one.",
        )
    shops: dict[str, ShopOfChain] = {}
    faults: dict[str, WrongUse] = {}
    for file in files:
        try:
            shops[file.stem] = read_shop(file, data_dir)
        except WrongUse as fault:
            faults[file.stem] = fault
    faults |= (clashes := _find_clashes(shops))
    sound = {name: each for name, each in shops.items() if name not in clashes}
    return Chain(folder, data_dir, sound, faults)


def _find_clashes(shops: Mapping[str, ShopOfChain]) -> dict[str, WrongUse]:
    """Return the shops that are the same store, or would write into one place."""
    faults: dict[str, WrongUse] = {}
    for (left, ours), (right, theirs) in combinations(shops.items(), 2):
        for shared in _shared(ours, theirs):
            fault = WrongUse(
                f"The shops {left} and {right} have {shared}, so neither is used.",
                f"Correct {ours.file} or {theirs.file}.",
            )
            faults |= {left: fault, right: fault}
    return faults


def _shared(ours: ShopOfChain, theirs: ShopOfChain) -> Iterator[str]:
    """Say what two shops share, but may not."""
    if str(ours.domain_prefix).lower() == str(theirs.domain_prefix).lower():
        yield "the same LIGHTSPEED_DOMAIN_PREFIX"
    if any(_overlap(a, b) for a in _places(ours) for b in _places(theirs)):
        yield "the same ANALYTICS_DATA_DIR or ANALYTICS_STORE, or one in the other"


def _places(settings: Settings) -> list[str]:
    """Return the folders and URLs that a shop writes to, each ending with a slash."""
    places = (str(settings.data_dir), settings.warehouse_url)
    return [place.rstrip("/") + "/" for place in places]


def _overlap(ours: str, theirs: str) -> bool:
    """Say whether one place is the other, or lies in it."""
    return ours.startswith(theirs) or theirs.startswith(ours)
