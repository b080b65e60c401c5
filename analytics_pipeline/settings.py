"""What a shop configures: the environment (or ``.env``) and ``analytics.toml``.

Names and defaults are part of the product's contract.  Everything is checked here,
once, with messages that name the key; nothing else reads the environment.
"""

import os
import tomllib
from dataclasses import dataclass, field, fields
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from analytics_pipeline.domain.policy import Policy
from analytics_pipeline.domain.run_limits import RunLimits
from analytics_pipeline.domain.usual_policy import Usual
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.shortages import refuse_shortage
from analytics_pipeline.sources.export_file import ExportDialect
from analytics_pipeline.storage.store_urls import name_unfit
from analytics_pipeline.web_guard import Place, read_own_hosts

DEPLOYMENT = frozenset(
    {
        *("ANALYTICS_SHOPS", "ANALYTICS_SHOP", "ANALYTICS_CODE_PORT"),
        *("ANALYTICS_ENV_READ", "ANALYTICS_UI_HOSTS"),
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
    def policy_file(self) -> Path:
        """Return the path of the optional thresholds and policies."""
        return self.data_dir / "analytics.toml"

    @property
    def shop_name(self) -> str | None:
        """The shop's name in a chain of several; a shop by itself has none."""
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


SomeSettings = TypeVar("SomeSettings", bound=Settings)


def with_absolute_places(settings: SomeSettings) -> SomeSettings:
    """Return *settings* with whole paths, so that later steps may change folder.

    Raises:
        WrongUse: the store is none that keeps what is written to it.
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
    usual: Usual = field(default_factory=Usual)
    run_limits: RunLimits = field(default_factory=RunLimits)


_WITH_KEYS = (Policy, _OtherTables, ExportDialect, Usual, RunLimits)
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


def load_usual(path: Path) -> Usual:
    """Read from when on *path* declares a day or the contacts unlike usual.

    Raises:
        WrongUse: as for the policies.
    """
    return _load_other_tables(path).usual


def load_run_limits(path: Path) -> RunLimits:
    """Read when *path* has a run ended that does not get on, or does not end.

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
    """Return what pydantic says; of a key that is none, which one may be meant."""
    if fault["type"] != "unexpected_keyword_argument":
        return fault["msg"]
    keys = [key.name for table in _WITH_KEYS for key in fields(table)]
    like = get_close_matches(str(fault["loc"][-1]), keys, 1)
    return f"is no key; did you mean {like[0]}?" if like else "is no key"
