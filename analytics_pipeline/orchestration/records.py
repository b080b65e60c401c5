"""What Dagster's records hold of runs, and who can ask for it without Dagster."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from analytics_pipeline.model import errors

# ----------------------------------------------------------------------------------
# The names and tags that runs have in the records.


DAILY_UPDATE = "daily_update"
FULL_REBUILD = "full_rebuild"
ECOM_IMPORT = "ecom_import"
REDO_DAYS = "redo_days"
SHOP_TAG = "shop"

LOCATION_TAG = "dagster/code_location"
"""Dagster gives it to every run that it launches."""

LAUNCHED_BY = "launched_by"
COMMAND = "command"
"""The tag of a run that a command made, and its value."""

MOST_RUNS = 50
"""How many runs of a shop are looked at, the newest first."""

GRACE = timedelta(minutes=5)
"""How long a run may take to get hold of the data directory."""

GONE = (
    "The process of this run is gone: it was killed, or the machine went down. "
    "What was published stays."
)


class Tagged(Protocol):
    """A run, as Dagster or its files have it."""

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags."""

    @property
    def parent_run_id(self) -> str | None:
        """The run that it executes again, if it does."""


def shop_of(run: Tagged) -> str | None:
    """Return the shop of a chain that *run* is of: its code location, else its tag.

    Only the runs of commands have no location.
    """
    return run.tags.get(LOCATION_TAG) or run.tags.get(SHOP_TAG)


def is_of_command(run: Tagged) -> bool:
    """Say whether a command made *run*; one that re-executes it has its tags too."""
    return run.tags.get(LAUNCHED_BY) == COMMAND and run.parent_run_id is None


def update_config(
    *,
    days: int = 7,
    full_resync: bool = False,
    recut_all_days: bool = False,
    replay: bool = False,
) -> dict[str, Any]:
    """Return the run configuration of an update.

    Args:
        days: how many days are compared with the search.
        full_resync: read sales, customers, products and web orders from the start.
        recut_all_days: cut every day again, whether it seems to have changed or not.
        replay: try the records in quarantine again.
    """
    return {
        "ops": {
            "sales_feed": {
                "config": {"days": days, "full_resync": full_resync, "replay": replay}
            },
            "ecom_feed": {"config": {"full_resync": full_resync}},
            "customers": {"config": {"full_resync": full_resync, "replay": replay}},
            "products": {"config": {"full_resync": full_resync or replay}},
            "raw_sales": {"config": {"recut_all_days": recut_all_days}},
        }
    }


# ----------------------------------------------------------------------------------
# What is asked of the records: by Dagster's own interface, or in its files.


@dataclass(frozen=True, slots=True)
class RunFailure:
    """Why a run failed.

    Attributes:
        cause: what happened; empty where the run says nothing.
        remedy: what to do about it; empty where there is none.
        exit_code: with which code its command ended; nothing where that is not known.
        is_interrupted: whether it was stopped from outside: by Ctrl-C, a signal, or
            because its process or the machine was gone.
    """

    cause: str
    remedy: str = ""
    exit_code: int | None = None
    is_interrupted: bool = False


def name_job(job: str) -> str:
    """Return the name of a job for people; the UI's buttons make one without."""
    return "materialization" if job.startswith("__") else job


def read_early_failure(chain: Sequence[tuple[str, str]]) -> RunFailure | None:
    """Return what a run says that failed before its first step, if it is for people.

    Of such a failure Dagster keeps no metadata: cause and remedy are its two lines, and
    the exit code is that of the error it was raised from.

    Args:
        chain: the kind and the message of its error, and of each that caused another.
    """
    kinds = [kind for kind, _message in chain]
    place = kinds.index("Failure") if "Failure" in kinds else len(kinds)
    if place + 1 >= len(kinds):
        return None
    kind = getattr(errors, kinds[place + 1], None)
    if not (isinstance(kind, type) and issubclass(kind, errors.PipelineError)):
        return None
    said = chain[place][1].partition("Failure: ")[2].strip()
    cause, _, remedy = said.partition("\n")
    return RunFailure(cause, remedy, kind.exit_code)


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run as the records have it; moments are seconds since 1970.

    ``status`` is that of Dagster, in its own word.
    """

    run_id: str
    job: str
    status: str
    tags: Mapping[str, str]
    parent_run_id: str | None
    created: float
    updated: float
    started: float | None
    ended: float | None


class RunRecords(Protocol):
    """What Dagster's records say of one shop."""

    def newest_runs(self) -> Sequence[RecordedRun]:
        """Return the newest runs of the shop, which a chain keeps together."""

    def still_begun(self, run_ids: Collection[str]) -> set[str]:
        """Return those of the runs that are recorded as begun at this moment."""

    def planned_tables(self, run_id: str) -> set[str]:
        """Return the tables that a run was to make."""

    def explain_failure(self, run_id: str) -> RunFailure:
        """Return why a run that is recorded as failed did so."""

    def last_made(self) -> dict[str, datetime | None]:
        """Return when each table was made last, in UTC; nothing for one never made."""

    def switches(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the state of each schedule and sensor of the shop."""
