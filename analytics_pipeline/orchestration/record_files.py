"""Dagster's records, read from its files where that is safe, without Dagster.

To import Dagster takes longer than all else that ``status`` does.  So what is asked of
the records in a usual morning is read by the standard library from the SQLite files of
this package's own settings.  Where they are kept elsewhere, are in a form that is not
known here, or hold what only Dagster can read, it is asked instead.
"""

import json
import sqlite3
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

from analytics_pipeline.orchestration.home import find_own_home
from analytics_pipeline.orchestration.records import (
    LOCATION_TAG,
    MOST_RUNS,
    SHOP_TAG,
    RecordedRun,
    RunFailure,
    read_early_failure,
    shop_of,
)
from analytics_pipeline.settings import Settings
from analytics_pipeline.tables import TABLES

FORM = "29b539ebc72a"
"""The form of the files that is known here, as Dagster's migrations name it."""

PATIENCE = 1.0
"""Seconds to wait for a file that is locked; Dagster waits longer."""

ENDS = ("PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED")
"""The events that end a run."""

MOST_ENDS = 500
"""How many ends of runs of other shops are looked through."""

_RUNS, _EVENTS, _SWITCHES = "history/runs", "history/runs/index", "schedules/schedules"
_MIGRATED = {
    _RUNS: set[str](),
    _EVENTS: {"asset_key_table", "asset_key_index_columns"},
    _SWITCHES: {"schedule_jobs_selector_id"},
}
"""The files, and which of Dagster's migrations of data each needs to be read here."""

_SAID = "event_specific_data"
"""Where an event of Dagster holds what is its own."""

_RUN = (
    "SELECT run_body, status, create_timestamp, update_timestamp, start_time, end_time "
    "FROM runs"
)


class AskDagster(Exception):
    """The files do not say it, or not in a form that is known here."""


@contextmanager
def open_record_files(settings: Settings) -> Iterator["RecordFiles"]:
    """Open the files of the records of *settings*; nothing is made or changed.

    Raises:
        AskDagster: there are none yet, they are not where the package keeps them, are
            in use or damaged, or are of another version of Dagster.
    """
    home = find_own_home(settings)
    if home is None:
        raise AskDagster
    with RecordFiles(home, settings.shop_name) as files:
        for name, migrations in _MIGRATED.items():
            files.open(name, migrations)
        yield files


class RecordFiles:
    """The records of one shop, as their files have them."""

    def __init__(self, home: Path, shop: str | None) -> None:
        """Read the records in *home* that are of *shop*, if it is one of a chain."""
        self._home = home
        self._shop = shop
        self._files: dict[str, sqlite3.Connection] = {}

    def __enter__(self) -> "RecordFiles":
        """Return it, to be closed at the end."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()

    def open(self, name: str, migrations: Collection[str]) -> None:
        """Open the file of that *name*.

        Raises:
            AskDagster: it is not there, or its form is not known here.
        """
        self._connect(name)
        done = {
            index
            for (index,) in self._ask(
                name,
                "SELECT name FROM secondary_indexes "
                "WHERE migration_completed IS NOT NULL",
            )
        }
        forms = self._ask(name, "SELECT version_num FROM alembic_version")
        if forms != [(FORM,)] or not done.issuperset(migrations):
            raise AskDagster

    def _connect(self, name: str) -> None:
        place = (self._home / f"{name}.db").absolute()
        url = f"file:{quote(str(place))}?mode=rw"
        try:
            self._files[name] = sqlite3.connect(url, uri=True, timeout=PATIENCE)
        except sqlite3.Error as error:
            raise AskDagster from error
        self._ask(name, "PRAGMA query_only=ON")

    def _ask(self, name: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a *query*.

        Raises:
            AskDagster: the file failed.
        """
        try:
            with closing(self._files[name].execute(query, values)) as cursor:
                return cursor.fetchall()
        except sqlite3.Error as error:
            raise AskDagster from error

    def name(self) -> str:
        """Return what identifies these records."""
        names = self._ask(_RUNS, "SELECT run_storage_id FROM instance_info")
        if not names:
            raise AskDagster
        return str(names[0][0])

    def daemon_seen_at(self, daemon: str) -> datetime | None:
        """Return when a part of Dagster's daemon was last seen, if it ever was."""
        query = "SELECT body FROM daemon_heartbeats WHERE daemon_type = ?"
        bodies = [_load(body) for (body,) in self._ask(_RUNS, query, daemon)]
        seen = [float(_take(body, "timestamp")) for body in bodies]
        return datetime.fromtimestamp(seen[0], UTC) if seen else None

    def has_ended_since(self, cursors: Mapping[str, str]) -> bool:
        """Say whether a run of the shop has ended after *cursors*, by kind of end."""
        query = (
            "SELECT run_id FROM event_logs WHERE dagster_event_type = ? AND id > ? "
            "ORDER BY id LIMIT ?"
        )
        ended = [
            str(run_id)
            for kind in ENDS
            for (run_id,) in self._ask(
                _EVENTS, query, kind, _place_of(cursors.get(kind)), MOST_ENDS
            )
        ]
        if self._shop is None or len(ended) >= MOST_ENDS:
            return bool(ended)
        marks = ", ".join("?" * len(ended))
        runs = self._runs(f"WHERE run_id IN ({marks})", *ended)
        return any(shop_of(run) == self._shop for run in runs)

    def newest_runs(self) -> list[RecordedRun]:
        """Return the newest runs of the shop, which a chain keeps together."""
        newest = f"ORDER BY id DESC LIMIT {MOST_RUNS}"
        if self._shop is None:
            return self._runs(newest)
        tagged = (
            "WHERE run_id IN (SELECT run_id FROM run_tags WHERE key = ? AND value = ?) "
            f"{newest}"
        )
        both = {
            run.run_id: run
            for tag in (SHOP_TAG, LOCATION_TAG)
            for run in self._runs(tagged, tag, self._shop)
        }
        return [run for run in both.values() if shop_of(run) == self._shop]

    def _runs(self, which: str, *values: Any) -> list[RecordedRun]:
        return [_read_run(*row) for row in self._ask(_RUNS, f"{_RUN} {which}", *values)]

    def still_begun(self, run_ids: Collection[str]) -> NoReturn:  # noqa: ARG002
        """Leave it to Dagster, which looks a second time."""
        raise AskDagster

    def planned_tables(self, run_id: str) -> set[str]:
        """Return the tables that a run was to make."""
        planned = self._events_of(run_id, "ASSET_MATERIALIZATION_PLANNED")
        return {str(_take(said, "asset_key", "path")[-1]) for said in planned}

    def explain_failure(self, run_id: str) -> RunFailure:
        """Return why a run that is recorded as failed did so, in words for people.

        One that failed in other words is left to Dagster.
        """
        for said in self._events_of(run_id, "STEP_FAILURE"):
            if failure := _read_step(said):
                return failure
        for said in self._events_of(run_id, "STEP_FAILURE", "PIPELINE_FAILURE"):
            if failure := read_early_failure(_list_errors(said)):
                return failure
        raise AskDagster

    def _events_of(self, run_id: str, *kinds: str) -> list[dict[str, Any]]:
        """Return what the events of a run say that are of those kinds."""
        name = f"{_RUNS}/{run_id}"
        if name not in self._files:
            self._connect(name)
        marks = ", ".join("?" * len(kinds))
        query = (
            f"SELECT event FROM event_logs WHERE dagster_event_type IN ({marks}) "
            "ORDER BY id"
        )
        events = [_load(event) for (event,) in self._ask(name, query, *kinds)]
        said = [_take(each, "dagster_event").get(_SAID) for each in events]
        return [each for each in said if each is not None]

    def last_made(self) -> dict[str, datetime | None]:
        """Return when each table was made last, in UTC; nothing for one never made."""
        query = "SELECT asset_key, asset_details, last_materialization FROM asset_keys"
        kept = {
            tuple(_load(key)): (key, details, event)
            for key, details, event in self._ask(_EVENTS, query)
        }
        above = () if self._shop is None else (self._shop,)
        return {
            table: self._read_moment(*kept[key]) if key in kept else None
            for table in TABLES
            for key in [(*above, table)]
        }

    def _read_moment(
        self, key: str, details: str | None, event: str | None
    ) -> datetime | None:
        """Return when an asset was made last, by the event that is kept of it."""
        if details is not None:  # it was wiped
            raise AskDagster
        if event is None:
            self._refuse_event_of(key)
            return None
        record = _load(event)
        if _take(record, "__class__") != "EventLogRecord":
            raise AskDagster
        at = _take(record, "event_log_entry", "timestamp")
        return datetime.fromtimestamp(at, UTC)

    def _refuse_event_of(self, key: str) -> None:
        """Make sure that an asset of which no event is kept was never made."""
        query = (
            "SELECT 1 FROM event_logs WHERE asset_key = ? "
            "AND dagster_event_type = 'ASSET_MATERIALIZATION' LIMIT 1"
        )
        if self._ask(_EVENTS, query, key):
            raise AskDagster

    def switches(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the state of each schedule and sensor of the shop."""
        for (body,) in self._ask(_SWITCHES, "SELECT instigator_body FROM instigators"):
            noted = _load(body)
            origin = _take(noted, "origin")
            place = _take(
                origin,
                "external_repository_origin",
                "repository_location_origin",
                "location_name",
            )
            if self._shop in (None, place):
                state = str(_take(noted, "status", "__enum__"))
                yield str(_take(origin, "job_name")), state.rpartition(".")[2]


def _place_of(cursor: str | None) -> int:
    """Return the number of the event that a *cursor* of Dagster is at."""
    if cursor is None:
        return -1
    try:
        found = _load(b64decode(cursor, validate=True).decode())
    except ValueError as error:
        raise AskDagster from error
    if _take(found, "type") != "STORAGE_ID":
        raise AskDagster
    return int(_take(found, "value"))


def _read_run(
    body: str,
    status: str,
    created: str,
    updated: str,
    started: float | None,
    ended: float | None,
) -> RecordedRun:
    run = _load(body)
    return RecordedRun(
        str(_take(run, "run_id")),
        str(_take(run, "pipeline_name")),
        status,
        dict(_take(run, "tags")),
        run.get("parent_run_id"),
        _as_utc(created),
        _as_utc(updated),
        started,
        ended,
    )


def _as_utc(moment: str) -> float:
    """Return a moment that is kept without its zone, which is UTC."""
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


def _read_step(said: dict[str, Any]) -> RunFailure | None:
    """Return what a failed step says, if it says anything for people."""
    facts = said.get("user_failure_data")
    if facts is None:
        return None
    noted = {
        _take(each, "label"): _take(each, "entry_data")
        for each in _take(facts, "metadata_entries")
    }
    if "exit_code" not in noted:
        return None
    return RunFailure(
        str(_take(noted, "cause", "text")),
        str(_take(noted, "remedy", "text")),
        int(_take(noted, "exit_code", "value")),
    )


def _list_errors(said: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the kind and the message of an error, and of each that caused another."""
    error, chain = said.get("error"), []
    while error is not None:
        chain.append((str(_take(error, "cls_name")), str(_take(error, "message"))))
        error = error.get("cause")
    return chain


def _load(text: str) -> Any:
    """Return what Dagster has written as JSON."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise AskDagster from error


def _take(held: Any, *names: str) -> Any:
    """Return what is *held* under those names, one in the other."""
    for name in names:
        held = held.get(name) if isinstance(held, dict) else None
    if held is None:
        raise AskDagster
    return held
