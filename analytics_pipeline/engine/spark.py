"""PySpark as an engine: how a session is found, and rows handed to it and back.

Ibis hands rows over as pandas frames, in which a missing text or number is one of
several things; here both ways go by Arrow, which has one.
"""

import atexit
import re
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import cpu_count, dup, dup2
from typing import IO, Any
from urllib.parse import urlsplit

import ibis.expr.operations as ops
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from ibis.backends.pyspark import Backend
from ibis.backends.pyspark.datatypes import PySparkSchema
from ibis.formats.pandas import PandasData
from ibis.formats.pyarrow import PyArrowSchema
from ibis.util import gen_name
from pyspark.errors import PySparkException, PySparkRuntimeError
from pyspark.sql import SparkSession

from analytics_pipeline.model.errors import EngineUnavailable, WrongUse

SECONDS_TO_ANSWER = 10
"""How long a cluster may take to accept a connection."""

_ALWAYS: Mapping[str, str] = {
    "spark.app.name": "analytics-pipeline",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}
_PER_SESSION: Mapping[str, str] = {
    # A moment is kept without a zone, and means UTC.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    # A number that does not fit, or a text that is none, is an error, never a null.
    "spark.sql.ansi.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}


class Spark(Backend):  # type: ignore[misc]  # Ibis says nothing of its types
    """The engine of Ibis on a Spark session, with Arrow both ways."""

    def read_files(self, paths: Sequence[str], schema: pa.Schema) -> ir.Table:
        """Return the rows of the Parquet files *paths*, whose columns are *schema*.

        They are opened by Spark, wherever it runs.
        """
        columns = PySparkSchema.from_ibis(PyArrowSchema.to_ibis(schema))
        reader = self._session.read.schema(columns)
        name = gen_name("files")
        reader.parquet(*map(as_spark_names_it, paths)).createOrReplaceTempView(name)
        found: ir.Table = self.table(name)
        return found

    def execute(
        self,
        expr: ir.Expr,
        /,
        *,
        params: Mapping[ir.Scalar, Any] | None = None,
        limit: int | str | None = None,
        **more: Any,
    ) -> Any:
        """Return what *expr* comes to, of the types that DuckDB's rows have."""
        self._run_pre_execute_hooks(expr)
        table = expr.as_table()
        query = self.compile(table, params=params, limit=limit, **more)
        found = self._session.sql(query).toArrow()
        frame = pd.DataFrame(
            {
                name: column.to_pylist() if column.null_count else column.to_pandas()
                for name, column in zip(found.column_names, found.columns, strict=True)
            }
        )
        return expr.__pandas_result__(PandasData.convert_table(frame, table.schema()))

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        rows = op.data.to_pyarrow(op.schema)
        table = (
            self._session.createDataFrame(
                rows.to_pylist(), PySparkSchema.from_ibis(op.schema)
            )
            if not rows.num_rows
            else self._session.createDataFrame(rows)
        )
        table.createOrReplaceTempView(op.name)


def as_spark_names_it(path: str) -> str:
    """Return a file's path or URL as Hadoop knows it.

    A plain path would be one of the cluster's own file system, and a bracket or a star
    in it a pattern.
    """
    url = path if "://" in path else f"file://{path}"
    url = re.sub(r"^s3://", "s3a://", url)
    return re.sub(r"([][{}*?])", r"\\\1", url)


def connect_spark(address: str = "") -> Spark:
    """Open a session at *address*, or on this machine.

    Args:
        address: of a server of Spark Connect (``sc://…``), or a master.

    Raises:
        WrongUse: Java is missing.
        EngineUnavailable: the cluster does not answer, or refuses.
    """
    _knock(address)
    session = _start(_configure(address), address)
    for name, value in _PER_SESSION.items():
        session.conf.set(name, value)
    if not _is_remote(address) and "local" in str(session.sparkContext.master):
        # One machine gains nothing from the two hundred parts that are usual.
        parts = str(2 * (cpu_count() or 1))
        session.conf.set("spark.sql.shuffle.partitions", parts)
    atexit.register(session.stop)
    engine: Spark = Spark().connect(session)
    return engine


def _configure(address: str) -> Any:
    """Say where the session is to be, and what it is to be like.

    A cluster keeps its own configuration, and so does a local one that is given it by
    ``spark-defaults.conf`` or ``PYSPARK_SUBMIT_ARGS``.
    """
    builder = SparkSession.builder
    if _is_remote(address):
        return builder.remote(address)
    if address:
        builder = builder.master(address)
    for name, value in _ALWAYS.items():
        builder = builder.config(name, value)
    return builder


def _is_remote(address: str) -> bool:
    """Say whether *address* is that of a server of Spark Connect."""
    return address.startswith("sc:")


def _knock(address: str) -> None:
    """Make sure that somebody listens: Spark itself would try for many minutes."""
    place = urlsplit(address)
    if place.scheme not in ("sc", "spark") or not place.hostname:
        return
    port = place.port or (15002 if place.scheme == "sc" else 7077)
    try:
        socket.create_connection((place.hostname, port), SECONDS_TO_ANSWER).close()
    except OSError as error:
        raise EngineUnavailable(
            f"The Spark cluster at {place.hostname}:{port} does not answer "
            f"({error.strerror or 'timed out'}).",
            "Start it or correct SPARK_REMOTE or SPARK_MASTER, or unset "
            "ANALYTICS_ENGINE to use this machine's own engine.",
        ) from error


def _start(builder: Any, address: str) -> SparkSession:
    """Start the session; what Java says while it runs is not for a terminal."""
    with _java_talks_to_a_file() as said:
        try:
            session: SparkSession = builder.getOrCreate()
            session.range(1).count()
        except (PySparkException, PySparkRuntimeError, OSError) as error:
            said.seek(0)
            output = said.read().decode(errors="replace")
            raise _why_not(error, output, address) from error
    return session


def _why_not(error: Exception, output: str, address: str) -> Exception:
    """Say why no session could be started."""
    if "JAVA_HOME" in output or "java: " in output or "JAVA_GATEWAY" in str(error):
        return WrongUse(
            "ANALYTICS_ENGINE is spark, but Java 17 or later cannot be started.",
            "Install it and set JAVA_HOME, or unset ANALYTICS_ENGINE.",
        )
    where = urlsplit(address).hostname or "this machine"
    return EngineUnavailable(
        f"Spark could not be started on {where} ({type(error).__name__}).",
        "See what the cluster says of it, then run it again.",
    )


@contextmanager
def _java_talks_to_a_file() -> Iterator[IO[bytes]]:
    """Give the processes that are started meanwhile a file for their messages."""
    terminal = dup(2)
    with tempfile.TemporaryFile() as file:
        dup2(file.fileno(), 2)
        try:
            yield file
        finally:
            dup2(terminal, 2)
