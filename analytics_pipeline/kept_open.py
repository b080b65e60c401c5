"""Dagster's records in SQLite files, kept open between two events.

Dagster's own storage makes a new engine and opens its file again for each of the two
hundred events of a run, which compiles every statement again: a quarter of a daily
run's time.  Here each file stays open.  The files are the same, so either storage
reads what the other wrote.
"""

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus,
)
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import SqliteRunStorage, sqlite_run_storage
from dagster._core.storage.schedules.sqlite import (
    SqliteScheduleStorage,
    sqlite_schedule_storage,
)
from dagster._core.storage.sqlite import create_db_conn_string
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData, serialize_value
from sqlalchemy.pool import NullPool, QueuePool

from analytics_pipeline.storage.machine import BUSY_SECONDS

MOST_OPEN = 8
"""How many files stay open: that of all runs, and those of the last few."""

PAGE_BYTES = 1024
"""The pages of a new file.  An event has some 1,800 bytes, so in pages of 4,096 a third
is waste; and the file of each run has thirty tables and indexes that stay empty."""

_ALL_RUNS = "index"
_OF_A_RUN = re.compile(rf"(?!{_ALL_RUNS}\.).+\.db(-wal|-shm)?")


def name_database(base_dir: str, db_name: str) -> str:
    """Return the URL of a file of the records, whatever its folders are called.

    Dagster puts a path into the URL as it is, which a ``?`` then ends, and in which
    ``%41`` is the letter A: the records would be those of another folder.
    """
    path = Path(base_dir).absolute() / f"{db_name}.db"
    return f"sqlite:///{quote(str(path))}"


for _module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
    setattr(_module, create_db_conn_string.__name__, name_database)


class KeptOpenEventLog(SqliteEventLogStorage):
    """The events of each run in a file of its own, and an index of all."""

    def __init__(self, base_dir: str) -> None:
        """Keep the files in *base_dir*."""
        self._engines: dict[str, sqlalchemy.Engine] = {}
        self._tables: set[str] = set()
        self._batch: ExitStack | None = None
        self._in_batch: dict[str, sqlalchemy.Connection] = {}
        super().__init__(base_dir)
        # A batch goes through it again for each of its events.
        self._db_lock = threading.RLock()  # type: ignore[assignment]

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        """Yield the connection to the file of one run, or of the index.

        Within a batch it is the batch's, whose transaction goes on.
        """
        with self._db_lock:
            if self._batch is None:
                with self._begin(shard) as connection:
                    yield connection
                return
            if shard not in self._in_batch:
                begun = self._begin(shard)
                self._in_batch[shard] = self._batch.enter_context(begun)
            yield self._in_batch[shard]

    @contextmanager
    def _begin(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        """Yield a connection that has begun a transaction; commit it at the end."""
        with self._open(shard).connect() as connection, connection.begin():
            yield connection
        if shard != _ALL_RUNS:
            # The UI follows a run by the time of its file, and what is written
            # is in a second file for a while.
            os.utime(self.path_for_shard(shard))

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store all of *events*, or none: in one transaction of each file."""
        with self._db_lock, ExitStack() as self._batch:
            try:
                super().store_event_batch(events)
            finally:
                self._batch = None
                self._in_batch.clear()

    def _store_asset_check_evaluation_planned(
        self, event: EventLogEntry, event_id: int | None
    ) -> None:
        """Note a planned check for each of its days.

        Dagster's own turns the event into text again for each day, and all days into
        one statement: a fifth of the time of a run over ten years.
        """
        planned: Any = event.get_dagster_event().event_specific_data
        days = planned.partitions_subset
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
            "evaluation_event_storage_id": event_id,
        }
        keys = days.get_partition_keys() if days else [None]
        rows = [{**row, "partition": key} for key in keys]
        with self.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.insert(), rows)

    def _open(self, shard: str) -> sqlalchemy.Engine:
        engine = self._engines.pop(shard, None)
        if engine is None:
            engine = _make_engine(self.conn_string_for_shard(shard))
            self._initdb(engine)
        self._engines[shard] = engine
        while len(self._engines) > MOST_OPEN:
            self._engines.pop(next(iter(self._engines))).dispose()
        return engine

    def _initdb(self, engine: sqlalchemy.Engine, for_index_shard: bool = False) -> None:
        """Make the tables where there are none, in small pages."""

        @sqlalchemy.event.listens_for(engine, "connect")
        def shrink(connection: Any, _record: Any) -> None:
            connection.execute(f"PRAGMA page_size={PAGE_BYTES}")

        super()._initdb(engine, for_index_shard)

    def has_table(self, table_name: str) -> bool:
        """Say whether the index has a table; one that it has is not asked for again."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _close(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        self._tables.clear()

    def upgrade(self) -> None:
        """Migrate the files to this version of Dagster."""
        self._close()
        super().upgrade()

    def wipe(self) -> None:
        """Remove the files of all runs, and empty the index."""
        with self._db_lock:
            self._close()
        # Dagster's own takes a bracket in the folder's name as a pattern.
        for path in Path(self._base_dir).iterdir():
            if _OF_A_RUN.fullmatch(path.name):
                path.unlink(missing_ok=True)
        self._wipe_index()  # type: ignore[no-untyped-call]  # Dagster says nothing of it

    def dispose(self) -> None:
        """Close all files."""
        with self._db_lock:
            self._close()
        super().dispose()


@contextmanager
def _patient_connection(url: str) -> Iterator[sqlalchemy.Connection]:
    """Yield a connection of its own, which waits for other programs.

    Dagster's own for runs and schedules gives up after five seconds.
    """
    engine = sqlalchemy.create_engine(
        url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS}
    )
    with engine.connect() as connection, connection.begin():
        yield connection


class PatientRuns(SqliteRunStorage):
    """The runs, in one file."""

    @contextmanager
    def connect(self) -> Iterator[sqlalchemy.Connection]:
        """Yield a connection to the file of the runs."""
        with _patient_connection(self._conn_string) as connection:
            yield connection

    def optimize_for_webserver(
        self, statement_timeout: int, pool_recycle: int, max_overflow: int
    ) -> None:
        """Put the guard before the pages: Dagster calls this in its webserver only."""
        from analytics_pipeline.webserver import install

        install()
        super().optimize_for_webserver(statement_timeout, pool_recycle, max_overflow)


class PatientSchedules(SqliteScheduleStorage):
    """What schedules and sensors remember, in one file."""

    @contextmanager
    def connect(self) -> Iterator[sqlalchemy.Connection]:
        """Yield a connection to the file of schedules and sensors."""
        with _patient_connection(self._conn_string) as connection:
            yield connection


def _make_engine(url: str) -> sqlalchemy.Engine:
    """Make an engine of one connection, which stays open.

    Without a call to the disk at each commit: what a power cut takes of these records
    is at most that something was done, and then it is done again.
    """
    engine = sqlalchemy.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        connect_args={"timeout": BUSY_SECONDS},
    )

    @sqlalchemy.event.listens_for(engine, "connect")
    def relax(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


class KeptOpenRecords(DagsterSqliteStorage):
    """Dagster's storage of runs, events and schedules, its event log kept open."""

    def __init__(
        self, base_dir: str, inst_data: ConfigurableClassData | None = None
    ) -> None:
        """Keep the records under *base_dir*, where Dagster's own storage would."""
        # First of all, so that no other one makes the index.
        log = KeptOpenEventLog(str(Path(base_dir, "history", "runs")))
        super().__init__(base_dir, inst_data)
        # The files themselves are made and migrated by Dagster's own.
        self._run_storage = PatientRuns(self._run_storage._conn_string)
        self._schedule_storage = PatientSchedules(self._schedule_storage._conn_string)
        self._event_log_storage = log
