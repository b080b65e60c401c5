"""Dagster's instance: where runs, events and schedules are kept.

The commands and the UI share one, so that the UI shows what the commands did.
"""

import glob
import logging
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

import dagster as dg
from dagster._core.instance import config as instance_config
from dagster_shared.check import CheckError
from sqlalchemy.exc import DBAPIError
from yaml import YAMLError

from analytics_pipeline.model.errors import LocalFailure, PipelineError, WrongUse
from analytics_pipeline.orchestration.home import instance_home
from analytics_pipeline.settings import Settings
from analytics_pipeline.storage.machine import (
    REMEDY,
    explain_shortage,
    is_locked,
    name_locked,
)

_ASKS_FOR_MIGRATION = "dagster instance migrate"
"""What Dagster says where it finds that records are too old."""


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Open the instance that the UI shows, as :func:`open_home` does."""
    return open_home(instance_home(settings))


def open_home(home: Path) -> dg.DagsterInstance:
    """Open the instance whose folder is *home*.

    Raises:
        LocalFailure: its records cannot be read.
        WrongUse: its settings cannot be used, or need what is not installed.
    """
    try:
        with records_kept(lambda: home):
            return _open_config(home)
    except (dg.DagsterInvalidConfigError, YAMLError) as error:
        raise WrongUse(
            f"{home / 'dagster.yaml'} cannot be used: {_name_fault(error)}.",
            "Correct it, or set the variables that it names.",
        ) from error
    except CheckError as error:
        if not isinstance(error.__context__, ImportError):
            raise
        raise WrongUse(
            f"{home / 'dagster.yaml'} needs what is not installed: "
            f"{error.__context__.name}.",
            'For PostgreSQL: pip install "analytics-pipeline[postgres]"',
        ) from error


_LOADER = "load_yaml_from_globs"


def _open_config(home: Path) -> dg.DagsterInstance:
    """Open the instance of ``dagster.yaml`` in *home*, and of no folder like it.

    Dagster takes a star in the path of that file as a pattern.
    """
    by_pattern = getattr(instance_config, _LOADER)

    def literally(*paths: str) -> Any:
        return by_pattern(*map(glob.escape, paths))

    setattr(instance_config, _LOADER, literally)
    try:
        return dg.DagsterInstance.from_config(str(home))
    finally:
        setattr(instance_config, _LOADER, by_pattern)


@contextmanager
def records_kept(where: Callable[[], Path]) -> Iterator[None]:
    """Do what reads or writes Dagster's records, and say clearly if that fails.

    The folder is asked for only then, because to name it makes it.

    Raises:
        LocalFailure: the database or its files failed.
    """

    def is_news(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Retrying failed database")

    logger = logging.getLogger()
    logger.addFilter(is_news)
    try:
        yield
    except Exception as error:
        if isinstance(error, PipelineError):
            raise
        failed = _find_database_error(error)
        if _ASKS_FOR_MIGRATION in str(error) or (failed and _is_outdated(where())):
            raise _outdated(where()) from error
        if failed is None:
            raise
        raise _explain_database_failure(where(), failed) from error
    finally:
        logger.removeFilter(is_news)


def _is_outdated(home: Path) -> bool:
    """Say whether the records are in the form of an older Dagster.

    Asked only when they have failed: Dagster makes do with many an older form, and to
    look each time would cost a daily run a tenth of a second.
    """
    try:
        with _open_config(home) as instance:
            forms = [
                storage.alembic_version()
                for storage in (
                    instance.run_storage,
                    instance.event_log_storage,
                    instance.schedule_storage,
                )
                if storage is not None
            ]
    except Exception as error:
        if _find_database_error(error) is None:
            raise
        return False  # nothing is known where nothing can be asked
    return any(form is not None and form[0] != form[1] for form in forms)


def _outdated(home: Path) -> LocalFailure:
    """Say how Dagster's records are brought up to date; only it knows how."""
    return LocalFailure(
        f"Dagster's records in {home} are in the form of an older Dagster.",
        "Stop the UI and its daemon, keep a copy of the records, then run: "
        f"DAGSTER_HOME={home} dagster instance migrate",
    )


def _explain_database_failure(home: Path, failed: DBAPIError) -> LocalFailure:
    """Say what failed and what to do, without the statement and without its values."""
    if lacking := explain_shortage(failed):
        return lacking
    if failed.orig is not None and is_locked(failed.orig):
        held = name_locked(home)
        return LocalFailure(
            f"Dagster's records in {home} are in use by another program"
            f"{f': {held}' if held else ''}.",
            REMEDY,
        )
    if isinstance(failed.orig, sqlite3.Error) and _is_damage(failed.orig):
        return LocalFailure(
            f"Dagster's records in {home} are damaged: {_in_a_line(failed.orig)}.",
            "Stop the UI if it runs, move the records away, and run it again: mv "
            f"{quote(str(home))} {quote(f'{home}.damaged')}  New ones are made. Lost "
            "are the history of runs, what the alerts have sent, and what was switched "
            "off; tables, master and archive are not in them.",
        )
    if isinstance(failed.orig, sqlite3.Error):
        return LocalFailure(
            f"Dagster's records in {home} could not be written or read: {failed.orig}.",
            "Make room or give the right to write there, then run it again.",
        )
    return LocalFailure(
        f"The database of Dagster's records failed: {_in_a_line(failed.orig)}.",
        "See that PostgreSQL runs and that the DAGSTER_PG_ variables are right, then "
        "run it again; what was published stays.",
    )


_DAMAGE = ("malformed", "not a database", "no such table", "no such column")


def _is_damage(error: sqlite3.Error) -> bool:
    """Say whether a file of the records holds something else than was written."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    if code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return True
    return any(sign in str(error) for sign in _DAMAGE)


def _find_database_error(error: BaseException | None) -> DBAPIError | None:
    """Return the failure of a database that *error* comes from, if it does."""
    while error is not None and not isinstance(error, DBAPIError):
        error = error.__cause__ or error.__context__
    return error


def _in_a_line(error: BaseException | None) -> str:
    """Return the first line of what *error* says."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(" .") if lines else type(error).__name__


def _name_fault(error: dg.DagsterInvalidConfigError | YAMLError) -> str:
    """Return the variable or the key that is wrong, never the value of a variable."""
    if isinstance(error, YAMLError):
        return f"it is no YAML ({_in_a_line(error)})"
    message = error.errors[0].message
    unset = re.search(r'variable "(\w+)" which is not set', message)
    no_number = re.search(r'variable "(\w+)" cannot be coerced into an int', message)
    if unset:
        return f"{unset[1]} is not set"
    if no_number:
        return f"{no_number[1]} is no number"
    return message.splitlines()[0].split(". Expected")[0]
