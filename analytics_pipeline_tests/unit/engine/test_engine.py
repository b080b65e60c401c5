"""Tests for analytics_pipeline.engine.duckdb."""

import gc
from pathlib import Path

import ibis
import pandas as pd
import pytest

from analytics_pipeline.engine import duckdb as engine_module
from analytics_pipeline.engine.duckdb import (
    columns_to_ibis,
    connect,
    materialize,
    open_days,
    open_table,
    to_ibis,
)
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.settings import Engine
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline.tables import TABLES
from analytics_pipeline_tests.tables import make_table

MEMORY_LIMIT = "select current_setting('memory_limit')"
MODELS = [spec.schema for spec in TABLES.values()]


@pytest.fixture(scope="module")
def engine():
    return connect(Engine.DUCKDB)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_table_without_any_file_is_empty_and_typed(engine, model):
    frame = shape(engine.to_pandas(open_table(engine, [], model)), model)

    assert frame.empty
    model.validate(frame, lazy=True)


def test_a_table_is_read_from_all_its_files(engine, tmp_path):
    warehouse = Warehouse(str(tmp_path))
    for day in ("2026-06-19", "2026-06-20"):
        rows = [{"sale_id": day, "business_date": day, "sale_date": f"{day} 12:00"}]
        warehouse.write("raw_sales", RawSales, make_table(RawSales, rows), day)
    plan = warehouse.plan("raw_sales", warehouse.partitions("raw_sales"))

    frame = shape(engine.to_pandas(open_days(engine, plan, RawSales)), RawSales)

    assert sorted(frame["sale_id"]) == ["2026-06-19", "2026-06-20"]
    assert pd.Timestamp("2026-06-20 12:00", tz="UTC") == frame["sale_date"].max()


def test_a_frame_round_trips_through_ibis(engine):
    outlets = make_table(Outlets, [{"outlet_id": "o", "time_zone": "UTC"}])

    back = shape(engine.to_pandas(to_ibis(outlets, Outlets)), Outlets)

    pd.testing.assert_frame_equal(outlets, back)


def test_columns_for_ibis_may_be_empty(engine):
    nothing = pd.DataFrame(columns=["sale_id", "value_cents", "more"])

    table = columns_to_ibis(nothing, {"sale_id": "string", "value_cents": "int64"})

    assert engine.to_pandas(table).shape == (0, 2)


def test_what_does_not_fit_in_memory_goes_where_only_its_owner_may_look():
    opened = connect(Engine.DUCKDB)

    (folder,) = opened.raw_sql("select current_setting('temp_directory')").fetchone()

    assert Path(folder).stat().st_mode & 0o777 == 0o700
    assert Path.cwd() not in Path(folder).parents
    opened.disconnect()
    del opened
    gc.collect()
    assert not Path(folder).exists()


@pytest.mark.parametrize(
    ("reported", "megabytes"),
    [("536870912\n", 256), ("max\n", 640), (None, 640), (str(1 << 40), 640)],
    ids=["a small container", "no limit", "no container", "a huge limit"],
)
def test_a_container_is_never_filled(tmp_path, monkeypatch, reported, megabytes):
    file = tmp_path / "memory.max"
    if reported is not None:
        file.write_text(reported, encoding="ascii")
    monkeypatch.setattr(engine_module, "CONTAINER", file)
    monkeypatch.setattr(engine_module, "_count_cores", lambda: 2)

    (limit,) = connect(Engine.DUCKDB).raw_sql(MEMORY_LIMIT).fetchone()

    assert limit == f"{megabytes}.0 MiB"


def test_rows_in_the_engines_memory_are_freed_with_the_last_use_of_them():
    engine = connect(Engine.DUCKDB)
    numbers = ibis.memtable(pd.DataFrame({"number": range(10)}))
    held = materialize(engine, numbers)
    doubled = held.mutate(number=held["number"] * 2)

    del held
    gc.collect()
    assert engine.to_pandas(doubled["number"].sum()) == 90
    assert count_held(engine) == 1

    del doubled
    gc.collect()
    assert count_held(engine) == 0


def count_held(engine):
    query = "select count(*) from duckdb_tables() where table_name like '%held%'"
    return engine.raw_sql(query).fetchone()[0]
