"""The engine that computes the analytics: DuckDB here, Spark on a cluster.

Both run the same Ibis expressions; which one is configuration.
"""

import os
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from ibis.backends import BaseBackend
from ibis.backends.duckdb import Backend as DuckDB
from ibis.util import gen_name

from analytics_pipeline.errors import WrongUse
from analytics_pipeline.schemas.table import Table
from analytics_pipeline.settings import Engine
from analytics_pipeline.storage.day_bundles import ReadPlan
from analytics_pipeline.storage.parquet import LABEL, arrow_schema


def connect(engine: Engine) -> BaseBackend:
    """Open the engine, with the threads and memory of this machine.

    Raises:
        WrongUse: Spark is wanted but not installed.
    """
    if engine is Engine.DUCKDB:
        return ibis.duckdb.connect(
            threads=os.cpu_count() or 1, preserve_insertion_order=False
        )
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise WrongUse(
            "ANALYTICS_ENGINE is spark, but PySpark is not installed.",
            'Run: pip install "analytics-pipeline[spark]"',
        ) from error
    session = SparkSession.builder.config("spark.sql.session.timeZone", "UTC")
    return ibis.pyspark.connect(session.getOrCreate())


def open_table(
    backend: BaseBackend, paths: Sequence[str], table: type[Table]
) -> ir.Table:
    """Return the rows of the Parquet files *paths*; without any, an empty table."""
    if not paths:
        return lend(pd.DataFrame(), table)
    return backend.read_parquet(list(paths))


def open_days(backend: BaseBackend, plan: ReadPlan, table: type[Table]) -> ir.Table:
    """Return the rows of the days of *plan*; without any, an empty table."""
    if not plan.bundles:
        return open_table(backend, plan.days, table)
    bundled = backend.read_parquet(plan.bundles)
    if plan.left_out:
        bundled = bundled.filter(bundled[LABEL].notin(plan.left_out))
    rows = bundled.select(*arrow_schema(table).names)
    if not plan.days:
        return rows
    return ibis.union(rows, open_table(backend, plan.days, table), distinct=False)


def hold(backend: BaseBackend, rows: ir.Table) -> ir.Table:
    """Return *rows* from the engine's own memory, where it has one."""
    if not isinstance(backend, DuckDB):
        return rows
    return backend.create_table(gen_name("held"), rows, temp=True)


def lend(frame: pd.DataFrame, table: type[Table]) -> ir.Table:
    """Return *frame*, of the types of *table*, for use in an expression."""
    return _lend(frame, arrow_schema(table))


def lend_columns(frame: pd.DataFrame, types: dict[str, str]) -> ir.Table:
    """Return the columns *types* of *frame* for use in an expression."""
    return _lend(frame, ibis.schema(types).to_pyarrow())


def _lend(frame: pd.DataFrame, schema: pa.Schema) -> ir.Table:
    """Hand rows over as Arrow, which keeps the types of an empty table too."""
    if frame.empty:
        return ibis.memtable(schema.empty_table())
    rows = frame[schema.names]
    return ibis.memtable(pa.Table.from_pandas(rows, schema, preserve_index=False))
