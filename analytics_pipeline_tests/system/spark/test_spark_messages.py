"""The messages when Spark cannot be used, and how Spark is given its files."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analytics_pipeline.domain.feed import newest_versions
from analytics_pipeline.engine.duckdb import (
    columns_to_ibis,
    connect,
    explain_failure,
    open_table,
)
from analytics_pipeline.model.errors import EngineUnavailable, LocalFailure, WrongUse
from analytics_pipeline.model.schemas.sources import Outlets, SalesFeed
from analytics_pipeline.model.schemas.table import arrow_schema
from analytics_pipeline.settings import Engine, Settings
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline_tests.tables import make_table

pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def test_without_pyspark_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # An earlier test may have imported it, so each of its modules has to be missing.
    loaded = [name for name in sys.modules if name.split(".")[0] == "pyspark"]
    for name in {"pyspark", *loaded}:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "analytics_pipeline.engine.spark", raising=False)

    with pytest.raises(WrongUse, match=r"analytics-pipeline\[spark\]"):
        connect(Engine.SPARK)


@pytest.mark.parametrize("address", ["sc://127.0.0.1:9", "spark://127.0.0.1:9"])
def test_a_cluster_that_does_not_answer_is_reported_at_once(address: str) -> None:
    pytest.importorskip("pyspark", reason="PySpark is missing")

    with pytest.raises(EngineUnavailable, match=r"127\.0\.0\.1:9 does not answer"):
        connect(Engine.SPARK, address)


def test_a_server_of_spark_connect_comes_before_a_master() -> None:
    both = Settings(spark_remote="sc://one", spark_master="yarn", _env_file=None)

    assert both.spark_address == "sc://one"
    assert Settings(spark_master="yarn", _env_file=None).spark_address == "yarn"
    assert Settings(_env_file=None).spark_address == ""


def test_spark_is_given_files_and_objects_as_hadoop_names_them() -> None:
    pytest.importorskip("pyspark", reason="PySpark is missing")
    from analytics_pipeline.engine.spark import as_spark_names_it

    assert as_spark_names_it("/data/a.parquet") == "file:///data/a.parquet"
    assert as_spark_names_it("s3://shop/a.parquet") == "s3a://shop/a.parquet"
    assert as_spark_names_it("gs://shop/a.parquet") == "gs://shop/a.parquet"
    assert as_spark_names_it("/a[1]/b*") == r"file:///a\[1\]/b\*"


def test_what_is_no_failure_of_an_engine_is_left_to_others() -> None:
    assert explain_failure(ValueError("no")) is None


def test_a_damaged_file_is_reported_as_one(spark: Any, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(b"PAR1 no more")

    with pytest.raises(LocalFailure, match="is not sealed"):
        open_table(spark, [str(damaged)], Outlets)
    # A file of a bucket is proved by the bucket: what Spark then says of one.
    with pytest.raises(Exception) as failed:  # noqa: PT011 (Spark's own)
        spark.to_pandas(spark.read_files([str(damaged)], arrow_schema(Outlets)))

    failure = explain_failure(failed.value)
    assert isinstance(failure, LocalFailure)
    assert "Spark could not read a stored table" in failure.cause


def test_rows_come_back_from_a_folder_whose_name_looks_like_a_pattern(
    spark: Any, tmp_path: Path
) -> None:
    warehouse = Warehouse(str(tmp_path / "a[1] {b}"))
    outlets = make_table(Outlets, [{"outlet_id": "o", "time_zone": "UTC"}])
    warehouse.write("outlets", Outlets, outlets)

    found = open_table(spark, [str(warehouse.path("outlets"))], Outlets)

    pd.testing.assert_frame_equal(outlets, shape(spark.to_pandas(found), Outlets))


def test_missing_and_empty_texts_and_moments_stay_what_they_were(
    spark: Any, tmp_path: Path
) -> None:
    """By file and by loan: of a missing text, an empty one, and no row at all."""
    rows = make_table(
        SalesFeed,
        [
            {"sale_id": "one", "version": 1, "customer_id": None},
            {"sale_id": "two", "version": 2**53 + 1, "customer_id": ""},
        ],
    )
    warehouse = Warehouse(str(tmp_path))
    warehouse.write("feed", SalesFeed, rows)
    feed = open_table(spark, [str(warehouse.path("feed"))], SalesFeed)

    found = shape(spark.to_pandas(newest_versions(feed)), SalesFeed)

    pd.testing.assert_frame_equal(rows, found.sort_values("sale_id", ignore_index=True))
    nothing = columns_to_ibis(rows.iloc[:0], {"sale_id": "string", "version": "int64"})
    assert spark.to_pandas(nothing).dtypes.to_dict()["version"] == "int64"
    missing = pd.DataFrame({"sale_id": ["one", None], "version": [1, 2]})
    table = columns_to_ibis(missing, {"sale_id": "string", "version": "int64"})
    back = spark.to_pandas(table).sort_values("version")
    assert back["sale_id"].isna().tolist() == [False, True]
    assert len(spark.to_pandas(feed.semi_join(table, "sale_id"))) == 1
