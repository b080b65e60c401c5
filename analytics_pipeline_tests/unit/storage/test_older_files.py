"""Tests for analytics_pipeline.storage.older_files and stored_versions."""

import json
from pathlib import Path

import pytest

from analytics_pipeline.model.errors import LocalFailure, WrongUse
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.storage import versions
from analytics_pipeline.storage.files import list_names, replace_bytes, replace_text
from analytics_pipeline.storage.older_files import OlderFiles, StoredVersions
from analytics_pipeline.storage.parquet import encode
from analytics_pipeline.storage.state import Agreement, note_agreement, read_agreement
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline.tables import RAW_SALES
from analytics_pipeline_tests.tables import make_table

DAYS = ["2026-06-18", "2026-06-19", "2026-06-20"]
MOMENT = {"sale_date": "2026-06-20 10:00", "version": 5}


@pytest.fixture(autouse=True)
def first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this program be one of whose sales there was no other version yet."""
    monkeypatch.setitem(versions.VERSIONS, RAW_SALES.form, 1)


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


def files_of(warehouse: Warehouse) -> OlderFiles:
    return OlderFiles(warehouse.root / "raw_sales", RAW_SALES.form)


def test_the_oldest_file_gives_the_version_and_a_damaged_one_none(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert files_of(warehouse).oldest_version() == 1
    monkeypatch.setitem(versions.VERSIONS, RAW_SALES.form, 2)
    for day in DAYS[:2]:
        sales = make_table(RawSales, [{"sale_id": day, "business_date": day, **MOMENT}])
        warehouse.write("raw_sales", RawSales, sales, day)
    assert files_of(warehouse).oldest_version() == 1

    replace_bytes(warehouse.root / f"raw_sales/{DAYS[2]}.parquet", b"not a table")

    assert files_of(warehouse).oldest_version() == 2


def test_what_was_made_of_removed_files_goes_and_other_notes_stay(
    warehouse: Warehouse,
) -> None:
    counted: list[tuple[int, int]] = []

    files_of(warehouse).remove(lambda *each: counted.append(each))

    assert counted == [(1, 3), (2, 3), (3, 3)]
    assert warehouse.partitions("raw_sales") == []
    assert list_names(warehouse.root / "raw_sales/bundles") == []
    assert read_agreement(warehouse.root / "raw_sales") is None
    assert warehouse.first_day("raw_sales") == DAYS[0]


def test_without_the_note_the_last_file_is_the_witness(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported = StoredVersions(warehouse.root)
    reported.refuse_other("raw_sales")
    monkeypatch.setitem(versions.VERSIONS, RAW_SALES.form, 2)
    content = encode(make_table(RawSales, []), RawSales)
    monkeypatch.setitem(versions.VERSIONS, RAW_SALES.form, 1)
    replace_bytes(warehouse.path("raw_sales", DAYS[-1]), content)

    with pytest.raises(WrongUse, match="raw_sales is of version 2"):
        reported.refuse_other("raw_sales")


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
