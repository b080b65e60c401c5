"""Folder names with ``?``, ``*``, ``[`` and ``%`` are read literally (fault class).

Beside the folder of each case lies one that its name would mean as a pattern or as a
quoted text; nothing of it is ever read, written or removed.
"""

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from fsspec.implementations.memory import MemoryFileSystem
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.engine import duckdb as engine
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.settings import Engine, load_settings
from analytics_pipeline.sources.values import frame_of
from analytics_pipeline.storage.feed_log import FeedLog
from analytics_pipeline.storage.object_store import ObjectStore
from analytics_pipeline.storage.parquet import encode
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline.tables import SALES_FEED

NAMES = [
    ("shop?", "shop1"),
    ("sh*p", "shop"),
    ("**", "other"),
    ("sh[o]p", "shop"),
    ("sh[!x]p", "shop"),
    ("sh[a-z]p", "shop"),
    ("a?timeout=3", "a"),
    ("sh%6Fp", "shop"),
    ("sh%2Fp", "sh"),
    ("100% mine", "100"),
    ("year=2026", "year"),
    ("sh#p", "sh"),
    ("{a,b}", "a"),
    ("o'neill", "o"),
    ('"q"; x', "q"),
]
EACH = pytest.mark.parametrize(
    ("name", "sibling"), NAMES, ids=[name for name, _ in NAMES]
)
BY_DAY = {"a?timeout=3", "sh[a-z]p", "sh%6Fp", "o'neill"}
"""A mark of an address, of a pattern, of an escape, and of a text in SQL."""
SOME_BY_DAY = pytest.mark.parametrize(
    ("name", "sibling"),
    [
        pytest.param(
            *names,
            id=names[0],
            marks=() if names[0] in BY_DAY else pytest.mark.nightly,
        )
        for names in NAMES
    ],
)


def written(folder: Path, numbers: list[int]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "a.parquet"
    pd.DataFrame({"number": numbers}).to_parquet(path, index=False)
    return str(path)


@EACH
def test_the_engine_reads_the_files_of_that_folder_only(
    tmp_path: Path, name: str, sibling: str
) -> None:
    written(tmp_path / sibling, [9])
    path = written(tmp_path / name, [1, 2])
    backend = engine.connect(Engine.DUCKDB)

    rows = backend.read_parquet(
        [engine.name_literally(path)], hive_partitioning=False
    ).execute()

    assert list(rows.columns) == ["number"]
    assert sorted(rows["number"]) == [1, 2]


@EACH
def test_a_table_is_read_through_the_engine_from_such_a_warehouse(
    tmp_path: Path, name: str, sibling: str
) -> None:
    for folder in (name, sibling):
        path = Warehouse(str(tmp_path / folder)).path("ecom_orders")
        Path(str(path)).parent.mkdir(parents=True)
        Path(str(path)).write_bytes(encode(frame_of([], EcomOrders), EcomOrders))

    own = str(Warehouse(str(tmp_path / name)).path("ecom_orders"))
    rows = engine.open_table(engine.connect(Engine.DUCKDB), [own], EcomOrders)

    assert [*rows.execute().columns] == [*EcomOrders.to_schema().columns]


def test_a_name_that_the_engine_cannot_have_is_refused() -> None:
    with pytest.raises(WrongUse, match="backslash"):
        engine.name_literally("/a\\b/c*/d.parquet")


@SOME_BY_DAY
def test_the_records_of_dagster_lie_in_that_folder_only(
    tmp_path: Path, name: str, sibling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    own, other = (load_settings(data_dir=tmp_path / each) for each in (name, sibling))

    with open_instance(other) as instance:
        instance.add_run(dg.DagsterRun(job_name="of the sibling"))
        instance.report_runless_asset_event(dg.AssetMaterialization("theirs"))
    before = {path.name for path in tmp_path.iterdir()}
    with open_instance(own) as instance:
        assert instance.get_runs() == []
        assert instance.all_asset_keys() == []
        instance.add_run(dg.DagsterRun(job_name="own"))
        instance.report_runless_asset_event(dg.AssetMaterialization("own"))
        instance.wipe()

    assert {path.name for path in tmp_path.iterdir()} - before == {name}
    with open_instance(other) as instance:
        assert [run.job_name for run in instance.get_runs()] == ["of the sibling"]
        assert instance.all_asset_keys() == [dg.AssetKey("theirs")]


@EACH
def test_a_bucket_removes_and_fetches_what_is_named_and_nothing_like_it(
    tmp_path: Path, name: str, sibling: str
) -> None:
    inner = AsyncFileSystemWrapper(MemoryFileSystem())
    root = f"/{tmp_path.name}"
    store = ObjectStore(inner, "s3://bucket")
    own, other = (f"{root}/{each}/one" for each in (name, sibling))
    for path in (own, other):
        store.pipe_file(f"{path}/x", path.encode())

    assert store.cat_all([f"{own}/x"]) == {f"{own}/x": own.encode()}
    store.rm(own, recursive=True)

    assert not store.exists(f"{own}/x")
    assert store.cat_file(f"{other}/x") == other.encode()


@EACH
def test_the_bundles_of_an_old_generation_go_and_no_other_folders(
    tmp_path: Path, name: str, sibling: str
) -> None:
    for folder in (name, sibling):
        (tmp_path / folder / "generation-000001/bundles").mkdir(parents=True)
    root = Warehouse(str(tmp_path / name)).root

    log = FeedLog(root, SALES_FEED, 2, set())
    log.make_current()

    assert list((tmp_path / name / "generation-000001").iterdir()) == []
    assert (tmp_path / sibling / "generation-000001/bundles").exists()


@pytest.mark.parametrize("name", ["sh?p", "sh*p", "sh[o]p"])
def test_the_ui_refuses_a_folder_that_its_processes_would_take_as_a_pattern(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(tmp_path / name))
    monkeypatch.setattr("os.execve", lambda *_: pytest.fail("the UI was started"))

    result = CliRunner().invoke(app, ["ui", "--port", "0"])

    assert result.exit_code == 2, result.output
    assert "pattern" in result.stderr
    assert "DAGSTER_HOME" in result.stderr
