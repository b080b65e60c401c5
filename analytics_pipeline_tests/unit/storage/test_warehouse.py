"""Tests for analytics_pipeline.storage.tables."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest

from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.storage.catch_ups import CatchUp
from analytics_pipeline.storage.parquet import write_rows
from analytics_pipeline.storage.state import FailedCheck
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline_tests.tables import make_table

FAILED = FailedCheck("matches_schema", "why", "2026-06-21T06:00:00+00:00")
FRAME = make_table(Outlets, [{"outlet_id": "o", "time_zone": "UTC"}])


@pytest.fixture(params=["folder", "bucket"])
def warehouse(request, tmp_path):
    if request.param == "folder":
        return Warehouse(str(tmp_path))
    return Warehouse(f"memory://{tmp_path.name}")


def test_a_table_comes_back_as_it_was_written(warehouse):
    warehouse.write("outlets", Outlets, FRAME, notes={"cursor": "7"})

    pd.testing.assert_frame_equal(FRAME, warehouse.read("outlets", Outlets))
    assert warehouse.exists("outlets")
    assert warehouse.notes("outlets") == {"cursor": "7"}


def test_some_columns_come_back_alone(warehouse):
    warehouse.write("outlets", Outlets, FRAME)

    found = warehouse.read("outlets", Outlets, columns=["time_zone", "is_deleted"])

    pd.testing.assert_frame_equal(FRAME[["time_zone", "is_deleted"]], found)


def test_before_it_is_written_there_is_no_table(warehouse):
    assert not warehouse.exists("outlets")
    assert warehouse.notes("outlets") == {}
    assert warehouse.partitions("outlets") == []
    with pytest.raises(LocalFailure, match="There is no outlets yet"):
        warehouse.read("outlets", Outlets)


def test_a_missing_day_is_named(warehouse):
    with pytest.raises(LocalFailure, match="no outlets of 2026-06-20 yet"):
        warehouse.read("outlets", Outlets, "2026-06-20")


def test_days_are_kept_apart_and_listed_in_order(warehouse):
    for day in ("2026-06-20", "2026-06-01", "2026-06-10"):
        frame = FRAME.assign(name=pd.Series([day], dtype="str"))
        warehouse.write("outlets", Outlets, frame, day)
    warehouse.remember_failure("outlets", "2026-06-20", [FAILED])

    days = ["2026-06-01", "2026-06-10", "2026-06-20"]
    assert days == warehouse.partitions("outlets")
    assert days == [
        warehouse.read("outlets", Outlets, day).loc[0, "name"] for day in days
    ]


def test_a_scratch_file_is_no_day(tmp_path):
    warehouse = Warehouse(str(tmp_path))
    warehouse.write("outlets", Outlets, FRAME, "2026-06-20")
    (tmp_path / "outlets" / ".2026-06-21.parquet.partial").write_bytes(b"half")
    (tmp_path / "outlets" / ".2026-06-22.parquet").write_bytes(b"half")

    assert warehouse.partitions("outlets") == ["2026-06-20"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all, but longer"])
def test_a_damaged_file_is_a_local_failure_with_a_remedy(tmp_path, content):
    warehouse = Warehouse(str(tmp_path))
    warehouse.write("outlets", Outlets, FRAME)
    (tmp_path / "outlets" / "outlets.parquet").write_bytes(content)

    with pytest.raises(LocalFailure, match="Run: analytics-pipeline update") as failure:
        warehouse.read("outlets", Outlets)
    assert failure.value.exit_code == 5


def test_a_file_of_another_shape_is_a_local_failure(tmp_path):
    warehouse = Warehouse(str(tmp_path))
    (tmp_path / "outlets").mkdir()
    other = pa.table({"outlet_id": ["o"]})
    (tmp_path / "outlets" / "outlets.parquet").write_bytes(write_rows(other))

    with pytest.raises(LocalFailure, match="cannot be read"):
        warehouse.read("outlets", Outlets)


def test_a_failed_attempt_is_remembered_by_day_until_it_passes(warehouse):
    other = FailedCheck("is_caught_up", "why not", "2026-06-21T06:05:00+00:00", "f")
    warehouse.remember_failure("raw_sales", "2026-06-20", [FAILED, other])
    warehouse.remember_failure("raw_sales", None, [other])

    assert warehouse.failures("raw_sales") == {
        "2026-06-20": [FAILED, other],
        "": [other],
    }

    warehouse.forget_failure("raw_sales", "2026-06-20")
    assert {""} == set(warehouse.failures("raw_sales"))
    warehouse.forget_failure("raw_sales", None)
    assert warehouse.failures("raw_sales") == {}


def test_what_fails_again_has_failed_since_the_first_time(warehouse):
    later = "2026-06-22T06:00:00+00:00"
    other = replace(FAILED, check="is_caught_up", since=later)
    warehouse.remember_failure("raw_sales", None, [FAILED])
    warehouse.remember_failure("raw_sales", None, [replace(FAILED, since=later), other])

    assert warehouse.failures("raw_sales")[""] == [FAILED, other]

    warehouse.forget_failure("raw_sales", None)
    warehouse.remember_failure("raw_sales", None, [replace(FAILED, since=later)])
    assert warehouse.failures("raw_sales")[""][0].since == later


def test_forgetting_what_never_failed_writes_nothing(tmp_path):
    Warehouse(str(tmp_path)).forget_failure("raw_sales", None)

    assert list(tmp_path.iterdir()) == []


def test_a_complete_walk_is_remembered_to_the_microsecond(warehouse):
    assert warehouse.catch_ups.last("sales_feed") is None
    walk = CatchUp(datetime(2026, 6, 21, 6, 0, 0, 123456, tzinfo=UTC), 2**53 + 1)

    warehouse.catch_ups.record("sales_feed", walk)

    assert walk == warehouse.catch_ups.last("sales_feed")
    assert warehouse.catch_ups.last("customers") is None


DAY = date(2026, 6, 20)


def test_the_runs_of_earlier_days_are_remembered_in_order(warehouse):
    assert warehouse.runs_before("customers", DAY) == []
    for n in (2, 0, 3, 1):
        warehouse.record_run("customers", DAY - timedelta(days=n), {"emails": n})

    assert warehouse.runs_before("customers", DAY) == [
        {"emails": 3},
        {"emails": 2},
        {"emails": 1},
    ]
    assert warehouse.runs_before("customer_identities", DAY) == []


def test_of_a_day_the_last_run_counts_and_the_last_sixty_days_are_kept(warehouse):
    for n in range(62):
        warehouse.record_run("customers", DAY + timedelta(days=n), {"emails": n})
    warehouse.record_run("customers", DAY + timedelta(days=61), {"emails": 7})

    kept = warehouse.runs_before("customers", DAY + timedelta(days=99))

    assert [run["emails"] for run in kept] == [*range(2, 61), 7]
