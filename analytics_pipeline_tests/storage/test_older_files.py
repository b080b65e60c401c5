"""Tests for analytics_pipeline.storage.older_files and stored_versions."""

import json
from pathlib import Path
from typing import Any

import pytest

from analytics_pipeline.model.checks import Rejection
from analytics_pipeline.model.errors import LocalFailure, WrongUse
from analytics_pipeline.model.schemas import versions
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.storage.files import list_names, replace_bytes, replace_text
from analytics_pipeline.storage.older_files import OlderFiles, StoredVersions, turn_log
from analytics_pipeline.storage.parquet import decode, encode
from analytics_pipeline.storage.sales_log import REPAIR, SalesLog
from analytics_pipeline.storage.state import Agreement, note_agreement, read_agreement
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline_tests.tables import make_table

DAYS = ["2026-06-18", "2026-06-19", "2026-06-20"]
MOMENT = {"sale_date": "2026-06-20 10:00", "version": 5}


@pytest.fixture(autouse=True)
def first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this program be one of whose sales there was no other version yet."""
    for table in (RawSales, SalesFeed):
        monkeypatch.setitem(versions.VERSIONS, table, 1)


@pytest.fixture(params=["disk", "bucket"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """Three days of version 1, with what was made of them, on disk or in a bucket."""
    where = tmp_path if request.param == "disk" else f"memory://{tmp_path.name}"
    warehouse = Warehouse(str(where))
    for day in DAYS:
        sales = make_table(RawSales, [{"sale_id": day, "business_date": day, **MOMENT}])
        warehouse.write("raw_sales", RawSales, sales, day, {"kept": day})
    replace_bytes(warehouse.root / "raw_sales/bundles/2026-06.parquet", b"a copy")
    note_agreement(warehouse.root / "raw_sales", Agreement(1, 1, "", {}))
    warehouse.note_first_day("raw_sales", DAYS[0])
    return warehouse


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sales are of version 2 from now on, which names their source."""

    def name_source(rows: Any) -> Any:
        return rows.assign(source="till")

    for table in (RawSales, SalesFeed):
        monkeypatch.setitem(versions.VERSIONS, table, 2)
        monkeypatch.setitem(versions.STEPS, (table, 1), name_source)


@pytest.fixture
def older(warehouse: Warehouse, second: None) -> Warehouse:
    """The days of version 1, before a program of version 2."""
    return warehouse


def files_of(warehouse: Warehouse) -> OlderFiles:
    return OlderFiles(warehouse.root / "raw_sales", RawSales)


def test_each_file_is_turned_once_and_keeps_its_notes(older: Warehouse) -> None:
    counted: list[tuple[int, int]] = []
    with pytest.raises(LocalFailure, match="raw_sales of 2026-06-18 is of version 1"):
        older.read("raw_sales", RawSales, DAYS[0])

    files_of(older).turn(lambda *each: counted.append(each), is_kept=False)

    assert counted == [(1, 3), (2, 3), (3, 3)]
    for day in DAYS:
        assert older.read("raw_sales", RawSales, day)["source"].tolist() == ["till"]
        assert older.notes("raw_sales", day) == {"kept": day}
    states = older.states("raw_sales")
    files_of(older).turn(lambda *_each: None, is_kept=False)
    assert older.states("raw_sales") == states


def test_the_oldest_file_tells_the_version_and_a_damaged_one_none(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert files_of(warehouse).oldest_version() == 1
    monkeypatch.setitem(versions.VERSIONS, RawSales, 2)
    for day in DAYS[:2]:
        sales = make_table(RawSales, [{"sale_id": day, "business_date": day, **MOMENT}])
        warehouse.write("raw_sales", RawSales, sales, day)
    assert files_of(warehouse).oldest_version() == 1

    replace_bytes(warehouse.root / f"raw_sales/{DAYS[2]}.parquet", b"not a table")

    assert files_of(warehouse).oldest_version() == 2


@pytest.mark.parametrize("how", ["turn", "remove"])
def test_what_was_made_of_the_files_goes_and_other_notes_stay(
    older: Warehouse, how: str
) -> None:
    files = files_of(older)
    if how == "turn":
        files.turn(lambda *_each: None, is_kept=False)
    else:
        files.remove(lambda *_each: None)

    assert older.partitions("raw_sales") == (DAYS if how == "turn" else [])
    assert list_names(older.root / "raw_sales/bundles") == []
    assert read_agreement(older.root / "raw_sales") is None
    assert older.first_day("raw_sales") == DAYS[0]


def test_a_log_is_turned_with_cursor_origin_and_rejections(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    log = SalesLog(Warehouse(str(tmp_path)).root / "sales_feed")
    rows = make_table(SalesFeed, [{"sale_id": "a", **MOMENT}])
    away = Rejection("sales", "no date", "b", 6, "page 1")
    log.append(rows, [away], number=0, cursor=5)
    log.append(rows.assign(version=7), [], number=1, cursor=0, origin=REPAIR)
    log.mark_judged(1)
    told = [segment.notes() for segment in log.segments()]
    request.getfixturevalue("second")

    fresh = turn_log(log, lambda *_each: None)

    assert SalesLog(log.root).generation == fresh.generation == 2
    assert [segment.notes() for segment in fresh.segments()] == told
    assert [segment.version() for segment in fresh.segments()] == [2, 2]
    assert (fresh.cursor(), fresh.judged_segments()) == (5, 1)
    assert fresh.rejections()["record_id"].tolist() == ["b"]
    turned = decode(fresh.segments()[1].path.read_bytes(), SalesFeed)
    assert turned[["source", "version"]].to_numpy().tolist() == [["till", 7]]
    assert [each.version() for each in SalesLog(log.root, 1).segments()] == [1, 1]


def test_without_the_note_the_last_file_is_the_witness(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = StoredVersions(warehouse.root)
    told.refuse_other("raw_sales")
    monkeypatch.setitem(versions.VERSIONS, RawSales, 2)
    content = encode(make_table(RawSales, []), RawSales)
    monkeypatch.setitem(versions.VERSIONS, RawSales, 1)
    replace_bytes(warehouse.path("raw_sales", DAYS[-1]), content)

    with pytest.raises(WrongUse, match="raw_sales is of version 2"):
        told.refuse_other("raw_sales")


def test_the_note_is_written_once_and_keeps_what_it_says_of_others(
    warehouse: Warehouse,
) -> None:
    path = warehouse.root / "versions.json"
    replace_text(path, json.dumps({"a_later_table": 4, "raw_sales": 1}))

    StoredVersions(warehouse.root).note({"raw_sales": 2})

    noted = json.loads(path.read_bytes())
    assert noted.pop("seal")
    assert noted == {"a_later_table": 4, "raw_sales": 2}
    assert StoredVersions(warehouse.root).all() == noted


@pytest.mark.parametrize("content", ["[1]", '{"raw_sales": "1"}', "{"])
def test_a_note_that_is_none_is_called_damaged(
    warehouse: Warehouse, content: str
) -> None:
    replace_text(warehouse.root / "versions.json", content)

    with pytest.raises(LocalFailure, match=r"versions\.json is damaged"):
        StoredVersions(warehouse.root).refuse_newer()
