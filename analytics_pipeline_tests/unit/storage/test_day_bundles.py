"""Tests for analytics_pipeline.storage.tables: months of days in one file."""

import os
import shutil
from datetime import date, timedelta

import pytest

from analytics_pipeline.engine.duckdb import connect, open_days
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.settings import Engine
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline_tests.tables import make_table

TABLE = "raw_sales"
FIRST = date(2026, 1, 1)


@pytest.fixture(scope="module")
def engine():
    return connect(Engine.DUCKDB)


@pytest.fixture(scope="module")
def days_made_once(tmp_path_factory):
    """Every day from 1 January to 10 March, a sale on each."""
    folder = tmp_path_factory.mktemp("days")
    for n in range(31 + 28 + 10):
        store(Warehouse(str(folder)), FIRST + timedelta(days=n), "a")
    return folder


@pytest.fixture
def warehouse(days_made_once, tmp_path):
    """Those days, in no bundle yet."""
    shutil.copytree(days_made_once, tmp_path, dirs_exist_ok=True)
    return Warehouse(str(tmp_path))


def store(warehouse, day, *sales, on=None):
    rows = [
        {"sale_id": f"{day} {sale}", "business_date": (on or day).isoformat()}
        for sale in sales
    ]
    warehouse.write(TABLE, RawSales, make_table(RawSales, rows), day.isoformat())


def plan(warehouse, days=None):
    return warehouse.plan(TABLE, days or warehouse.partitions(TABLE))


def read(engine, warehouse, days=None):
    """The sales of those days, by the plan and day by day."""
    days = days or warehouse.partitions(TABLE)
    planned = open_days(engine, warehouse.plan(TABLE, days), RawSales)
    single = [
        sale for day in days for sale in warehouse.read(TABLE, RawSales, day)["sale_id"]
    ]
    found = sorted(engine.to_pandas(planned.select("sale_id"))["sale_id"])
    return found, sorted(single)


def test_without_bundles_each_day_is_read_separately(warehouse, engine):
    assert len(plan(warehouse).days) == 69
    found, single = read(engine, warehouse)
    assert found == single


def test_the_months_that_are_over_are_read_from_one_file_each(warehouse, engine):
    warehouse.bundle(TABLE)

    planned = plan(warehouse)

    assert [path[-15:] for path in planned.bundles] == [
        "2026-01.parquet",
        "2026-02.parquet",
    ]
    assert len(planned.days) == 10
    assert planned.left_out == []
    found, single = read(engine, warehouse)
    assert found == single
    assert len(found) == 69


def test_only_the_wanted_days_of_a_bundle_are_read(warehouse, engine):
    warehouse.bundle(TABLE)
    days = [f"2026-01-{n:02}" for n in range(20, 32)] + ["2026-03-02"]

    found, single = read(engine, warehouse, days)

    assert found == single
    assert len(found) == 13


def test_a_day_stored_again_is_read_from_its_own_file(warehouse, engine):
    warehouse.bundle(TABLE)
    store(warehouse, date(2026, 1, 9), "a", "b")
    store(warehouse, date(2026, 2, 3))

    planned = plan(warehouse)

    assert planned.left_out == ["2026-01-09", "2026-02-03"]
    found, single = read(engine, warehouse)
    assert found == single
    assert "2026-01-09 b" in found
    assert "2026-02-03 a" not in found


def test_a_day_stored_again_as_it_was_is_no_news(warehouse):
    warehouse.bundle(TABLE)
    store(warehouse, date(2026, 1, 9), "a")

    assert plan(warehouse).left_out == []


def test_neither_time_nor_inode_is_news_and_other_content_always_is(
    warehouse, engine, tmp_path
):
    warehouse.bundle(TABLE)
    path = tmp_path / TABLE / "2026-01-09.parquet"
    same = path.read_bytes()
    path.unlink()
    path.write_bytes(same)
    assert plan(warehouse).left_out == []

    before = path.stat()
    store(warehouse, date(2026, 1, 9), "b")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert path.stat().st_size == before.st_size
    assert plan(warehouse).left_out == ["2026-01-09"]
    found, single = read(engine, warehouse)
    assert found == single
    assert "2026-01-09 b" in found


def test_a_removed_day_is_not_read_from_its_bundle(warehouse, engine):
    warehouse.bundle(TABLE)
    warehouse.remove(TABLE, "2026-01-09")

    found, single = read(engine, warehouse)

    assert found == single
    assert len(found) == 68


def test_many_days_stored_again_make_a_new_bundle_and_few_do_not(warehouse):
    warehouse.bundle(TABLE)
    for n in range(7):
        store(warehouse, FIRST + timedelta(days=n), "a", "b")
    warehouse.bundle(TABLE)
    assert len(plan(warehouse).left_out) == 7

    store(warehouse, FIRST + timedelta(days=7), "a", "b")
    warehouse.bundle(TABLE)

    assert plan(warehouse).left_out == []


def test_earlier_sales_stay_with_the_first_day(warehouse, engine):
    """The first day also holds sales of years before, under their true dates."""
    store(warehouse, FIRST, "old", on=date(2019, 5, 5))
    warehouse.bundle(TABLE)

    assert read(engine, warehouse, ["2026-01-01"])[0] == ["2026-01-01 old"]
    assert "2026-01-01 old" not in read(engine, warehouse, ["2026-01-02"])[0]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(
            lambda folder: (folder / "2026-01.parquet").unlink(), id="no bundle"
        ),
        pytest.param(
            lambda folder: (folder / "2026-01.parquet").write_bytes(b"damaged"),
            id="damaged bundle",
        ),
        pytest.param(
            lambda folder: (folder / "index.json").write_text("{", encoding="utf-8"),
            id="damaged index",
        ),
        pytest.param(
            lambda folder: (folder / "index.json").write_text("[1]", encoding="utf-8"),
            id="foreign index",
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            lambda folder: (folder / "index.json").unlink(),
            id="no index",
            marks=pytest.mark.nightly,
        ),
    ],
)
def test_without_a_whole_bundle_the_days_themselves_are_read(warehouse, engine, harm):
    warehouse.bundle(TABLE)
    harm(warehouse.root / TABLE / "bundles")

    found, single = read(engine, warehouse)

    assert found == single
    warehouse.bundle(TABLE)
    assert len(plan(warehouse).bundles) == 2


def test_bundles_are_no_days_and_their_files_are_their_owners_only(warehouse):
    days = warehouse.partitions(TABLE)
    warehouse.bundle(TABLE)

    assert warehouse.partitions(TABLE) == days
    folder = warehouse.root / TABLE / "bundles"
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
