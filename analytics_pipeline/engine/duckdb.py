"""The engine that computes the analytics: DuckDB here, Spark on a cluster.

Both run the same Ibis expressions; which one is configuration.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any
from weakref import finalize

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from ibis.backends import BaseBackend
from ibis.backends.duckdb import Backend as DuckDB
from ibis.util import gen_name

from analytics_pipeline.engine.signals import let_signals_interrupt
from analytics_pipeline.model.errors import (
    EngineUnavailable,
    LocalFailure,
    PipelineError,
    WrongUse,
)
from analytics_pipeline.model.schemas.table import Table, arrow_schema
from analytics_pipeline.settings import Engine
from analytics_pipeline.storage.machine import explain_engine, refuse_few_files
from analytics_pipeline.storage.object_store import copies_of_this_process
from analytics_pipeline.storage.parquet import LABEL, UPDATE, proved_files
from analytics_pipeline.storage.tables import ReadPlan

# ----------------------------------------------------------------------------------
# The engine that computes the analytics: DuckDB here, Spark on a cluster.
#
# Both run the same Ibis expressions; which one is configuration.


LEAST_MEMORY, MEMORY_OF_A_CORE = 640 << 20, 256 << 20
"""Bytes for DuckDB: so few that twenty million sales take two gigabytes in all on two
cores (docs/performance.md); what does not fit goes to disk for a while."""

CONTAINER = Path("/sys/fs/cgroup/memory.max")
"""Where Linux shows a container its limit; a number of bytes, or ``max``."""

_UNREADABLE = (
    "CANNOT_READ_FILE_FOOTER",
    "FAILED_READ_FILE",
    "PATH_NOT_FOUND",
    "UNSUPPORTED_FILESYSTEM",
    "is not a Parquet file",
    "FileNotFoundException",
    "No FileSystem for scheme",
    "ClassNotFoundException",
)
"""What Spark says of files that it cannot find, reach or understand."""

# Every engine merges selections within selections itself; for Ibis to do it first takes
# a fifth of the time in which it makes a query.
ibis.options.sql.fuse_selects = False


def connect(engine: Engine, spark_address: str = "") -> BaseBackend:
    """Open the engine: of this machine, or Spark, at an address or on this machine.

    Raises:
        WrongUse: Spark is wanted but not installed, or Java is missing.
        EngineUnavailable: the Spark cluster does not answer.
    """
    if engine is Engine.DUCKDB:
        return _connect_duckdb()
    try:
        from analytics_pipeline.engine.spark import connect_spark
    except ImportError as error:
        raise WrongUse(
            "ANALYTICS_ENGINE is spark, but PySpark is not installed.",
            'Run: pip install "analytics-pipeline[spark]"',
        ) from error
    return connect_spark(spark_address)


class Embedded(DuckDB):  # type: ignore[misc]  # Ibis says nothing of its types
    """The engine of Ibis on DuckDB, whose rows come as Arrow and stay so.

    Ibis makes a Python object of each value of a column with a missing one.
    """

    def execute(self, expr: ir.Expr, /, **more: Any) -> Any:
        """Return what *expr* comes to, as pandas."""
        rows = self.to_pyarrow(expr.as_table(), **more).to_pandas()
        return expr.__pandas_result__(rows)


def _connect_duckdb() -> Embedded:
    """Open DuckDB, with the threads and memory of this machine.

    What does not fit into memory goes to disk for the while: to a folder that only this
    user may open, not to wherever the command was typed.

    Raises:
        LocalFailure: so few files may be opened that DuckDB would end the process.
    """
    refuse_few_files()
    scratch = mkdtemp(prefix="analytics-pipeline-")
    opened: Embedded = Embedded().connect(
        threads=_count_cores(),
        memory_limit=f"{_choose_memory()}B",
        temp_directory=scratch,
        preserve_insertion_order=False,
    )
    finalize(opened, rmtree, scratch, ignore_errors=True)
    let_signals_interrupt(opened)
    return opened


def _count_cores() -> int:
    """Return how many cores this process may use, which may be fewer than there are."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not every system can say so
        return os.cpu_count() or 1


def _choose_memory() -> int:
    """Return how many bytes DuckDB may use: at most half of what there is."""
    there_are = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    allowed = _read_allowance(CONTAINER) or there_are
    wanted = max(LEAST_MEMORY, MEMORY_OF_A_CORE * _count_cores())
    return min(there_are // 2, allowed // 2, wanted)


def _read_allowance(file: Path) -> int | None:
    """Return how many bytes a container may use, if this is one that has a limit."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except OSError:  # not every system has such a file
        return None
    return int(text) if text.isdigit() else None


def explain_failure(error: Exception) -> PipelineError | None:
    """Say what a failure of the engine means; nothing if it is not one.

    What the engine itself says may quote a value of a record.
    """
    kind = type(error).__name__
    if isinstance(error, duckdb.IOException) and (lacking := explain_engine(error)):
        return lacking
    if isinstance(error, duckdb.OutOfMemoryException):
        return LocalFailure(
            "The engine ran out of memory, or of room for what does not fit into it.",
            "Make room for temporary files (TMPDIR), or give it more memory.",
        )
    if isinstance(error, duckdb.IOException | duckdb.InvalidInputException):
        return LocalFailure(
            f"A stored table could not be read ({kind}).",
            "It may be damaged. Run: analytics-pipeline rebuild",
        )
    if type(error).__module__.split(".")[0] not in ("pyspark", "py4j", "grpc"):
        return None
    if any(sign in str(error) for sign in _UNREADABLE):
        return LocalFailure(
            f"Spark could not read a stored table ({kind}).",
            "See that it reaches the store (docs/spark.md). If it does, the table may "
            "be damaged: run analytics-pipeline rebuild",
        )
    return EngineUnavailable(
        f"Spark broke off ({kind}).",
        "See what the cluster says of it, then run it again.",
    )


def open_table(
    backend: BaseBackend, paths: Sequence[str], table: type[Table]
) -> ir.Table:
    """Return the rows of the Parquet files *paths*; without any, an empty table.

    Spark opens objects of a bucket where it runs; DuckDB is given copies, because it
    would download an extension, and then read them one by one.

    Raises:
        LocalFailure: an object of a bucket is gone.
        StoreFailure: the bucket could not be used.
    """
    if not paths:
        return to_ibis(pd.DataFrame(), table)
    return open_files(backend, paths, arrow_schema(table))


def open_files(
    backend: BaseBackend, paths: Sequence[str], schema: pa.Schema
) -> ir.Table:
    """Return the rows of some files, whose columns are *schema*, proved sound.

    Of no file there are no rows.

    Of a bucket, DuckDB's copies are; what Spark fetches, the bucket itself proves.

    Raises:
        LocalFailure: one is damaged, or gone.
    """
    if not paths:
        return ibis.memtable(schema.empty_table())
    if "://" not in paths[0]:
        try:
            proved_files().prove(paths)
        except FileNotFoundError as error:
            raise LocalFailure(f"{error.filename} is gone.", UPDATE) from error
    if isinstance(backend, DuckDB):
        in_bucket = "://" in paths[0]
        files = copies_of_this_process().of(paths) if in_bucket else list(paths)
        # A folder called year=2026 would give the rows a column.
        return backend.read_parquet(
            [name_literally(file) for file in files], hive_partitioning=False
        )
    found: ir.Table = backend.read_files(paths, schema)
    return found


_PATTERN = re.compile(r"([*?\[])")
"""What DuckDB does not take literally in the name of a file."""


def name_literally(file: str) -> str:
    """Return how DuckDB knows *file*, in whose folders' names a star is a pattern.

    Raises:
        WrongUse: DuckDB has no way to name it.
    """
    if not _PATTERN.search(file):
        return file
    if "\\" in file:
        raise WrongUse(
            f"A folder of {file} has a backslash in its name, and one a *, ? or [.",
            "Rename one of them.",
        )
    return _PATTERN.sub(r"[\1]", file)


def open_days(backend: BaseBackend, plan: ReadPlan, table: type[Table]) -> ir.Table:
    """Return the rows of the days of *plan*; without any, an empty table."""
    if not plan.bundles:
        return open_table(backend, plan.days, table)
    schema = arrow_schema(table)
    labelled = schema.append(pa.field(LABEL, pa.string()))
    bundled = open_files(backend, plan.bundles, labelled)
    if plan.left_out:
        bundled = bundled.filter(bundled[LABEL].notin(plan.left_out))
    rows = bundled.select(*schema.names)
    if not plan.days:
        return rows
    return ibis.union(rows, open_table(backend, plan.days, table), distinct=False)


def materialize(backend: BaseBackend, rows: ir.Table) -> ir.Table:
    """Return *rows* from the engine's own memory, where it has one.

    They are freed when no expression uses them any more.
    """
    if not isinstance(backend, DuckDB):
        return rows
    kept: ir.Table = backend.create_table(gen_name("held"), rows, temp=True)
    # All expressions on a table share its node.
    freed = finalize(kept.op(), _drop, backend, kept.op().name)
    freed.atexit = False  # the engine's memory goes with it
    return kept


def _drop(backend: DuckDB, name: str) -> None:
    # The drop_table of Ibis writes a statement without the name.
    backend.raw_sql(f'DROP TABLE IF EXISTS "{name}"').fetchall()


def to_ibis(frame: pd.DataFrame, table: type[Table]) -> ir.Table:
    """Return *frame*, of the types of *table*, for use in an expression."""
    return _to_ibis(frame, arrow_schema(table))


def columns_to_ibis(frame: pd.DataFrame, types: dict[str, str]) -> ir.Table:
    """Return the columns *types* of *frame* for use in an expression."""
    return _to_ibis(frame, ibis.schema(types).to_pyarrow())


def _to_ibis(frame: pd.DataFrame, schema: pa.Schema) -> ir.Table:
    """Hand rows over as Arrow, which keeps the types of an empty table too."""
    if frame.empty:
        return ibis.memtable(schema.empty_table())
    rows = frame[schema.names]
    return ibis.memtable(pa.Table.from_pandas(rows, schema, preserve_index=False))
