"""The messages about a bucket that cannot be used, and which one may be."""

import sys
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from analytics_pipeline.cli import app
from analytics_pipeline.model.errors import (
    LocalFailure,
    StoreRefused,
    StoreUnavailable,
    WrongUse,
)
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.storage.object_store import LocalCopies, open_root
from analytics_pipeline.storage.parquet import encode
from analytics_pipeline.storage.state import claim_store
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline_tests.system.object_store.bucket_shop import Bucket
from analytics_pipeline_tests.system.object_store.proxy import Fault
from analytics_pipeline_tests.tables import make_table

DAY = "2026-06-20"


def type_in(
    monkeypatch: pytest.MonkeyPatch, data: Path, store: str, *words: str
) -> Result:
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(data))
    monkeypatch.setenv("ANALYTICS_STORE", store)
    return CliRunner().invoke(app, list(words))


def test_a_bucket_that_is_not_there_is_wrong_use_and_not_an_empty_one(
    credentials: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = type_in(monkeypatch, tmp_path, "s3://no-such-bucket/x", "update")

    assert result.exit_code == 2
    assert "There is no bucket s3://no-such-bucket." in result.stderr
    for ask in (lambda w: w.exists("outlets"), lambda w: w.partitions("raw_sales")):
        with pytest.raises(WrongUse):
            ask(Warehouse("s3://no-such-bucket/x"))


def test_a_bucket_that_cannot_be_reached_ends_with_3(
    credentials: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")

    result = type_in(monkeypatch, tmp_path, "s3://of-the-shop/x", "update")

    assert result.exit_code == 3
    said = " ".join(result.stderr.split())
    assert "s3://of-the-shop did not answer as it should (EndpointConn" in said
    assert "See whether it can be reached from here" in said


def test_a_bucket_that_refuses_ends_with_3_and_says_which_rights_are_needed(
    credentials: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    credentials.proxy.begin(Fault("403", method="GET"))

    result = type_in(monkeypatch, tmp_path, credentials.url, "status")

    assert result.exit_code == 3
    assert "s3://of-the-shop refused (AccessDenied)." in result.stderr
    assert "the right to list, read, write and delete" in " ".join(
        result.stderr.split()
    )


def test_without_credentials_the_bucket_counts_as_one_that_refuses(
    credentials: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    with pytest.raises(StoreRefused, match="NoCredentialsError"):
        Warehouse(credentials.url).exists("outlets")


def test_a_bucket_that_takes_nothing_more_keeps_what_it_has(
    credentials: Bucket,
) -> None:
    """Whole updates of a filled bucket are tried at night."""
    name = "outlets/outlets.parquet"
    credentials.restore({name: encode_outlet("old")})
    credentials.proxy.begin(Fault("503"))
    warehouse, new = Warehouse(credentials.url), [{"outlet_id": "new"}]

    with pytest.raises(StoreUnavailable) as refused:
        warehouse.write("outlets", Outlets, make_table(Outlets, new))

    assert "did not answer as it should (SlowDown)" in refused.value.cause
    assert "then run it again." in refused.value.remedy
    assert credentials.objects() == {name: encode_outlet("old")}
    credentials.proxy.begin()
    warehouse.write("outlets", Outlets, make_table(Outlets, new))
    assert list(warehouse.read("outlets", Outlets)["outlet_id"]) == ["new"]


def test_a_failure_is_no_absence(credentials: Bucket) -> None:
    """Or a first load would begin where tables are."""
    credentials.proxy.begin(Fault("500", method="HEAD"))

    with pytest.raises(StoreUnavailable):
        Warehouse(credentials.url).exists("outlets")


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_environment: None
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    known = vars(import_module("fsspec.registry"))["_registry"]
    for kind in ("s3", "s3a"):
        monkeypatch.delitem(known, kind, raising=False)

    result = type_in(monkeypatch, tmp_path, "s3://of-the-shop/x", "status")

    assert result.exit_code == 2
    assert 'pip install "analytics-pipeline[s3]"' in " ".join(result.stderr.split())


def test_an_unknown_kind_of_store_is_wrong_use() -> None:
    with pytest.raises(WrongUse, match="cupboard://"):
        open_root("cupboard://in/the/hall")


# What another process has done ------------------------------------------------------


def test_what_another_process_puts_there_is_seen_at_once(credentials: Bucket) -> None:
    """The UI's daemon lives for weeks."""
    before = {"raw_sales/2026-06-19.parquet": b"old"}
    credentials.restore(before)
    warehouse = Warehouse(credentials.url)
    assert warehouse.partitions("raw_sales") == ["2026-06-19"]

    credentials.restore(before | {f"raw_sales/{DAY}.parquet": b"new"})

    assert warehouse.partitions("raw_sales") == ["2026-06-19", DAY]
    assert warehouse.exists("raw_sales", DAY)


def test_a_copy_for_the_engine_is_fetched_again_only_when_the_object_changed(
    credentials: Bucket,
) -> None:
    name = f"raw_sales/{DAY}.parquet"
    old, new = (encode_outlet(name) for name in ("old", "new"))
    credentials.restore({name: old})
    copies, url = LocalCopies(), f"{credentials.url}/{name}"
    (first,) = copies.of([url])
    asked = credentials.proxy.count("GET")

    assert copies.of([url]) == [first]
    assert credentials.proxy.count("GET") == asked + 1  # the list
    credentials.restore({name: new})
    (second,) = copies.of([url])

    assert (Path(first).read_bytes(), Path(second).read_bytes()) == (old, new)


def test_an_object_that_is_not_what_was_put_there_is_not_handed_to_the_engine(
    credentials: Bucket,
) -> None:
    name = f"raw_sales/{DAY}.parquet"
    content = encode_outlet("one")
    changed = content[:9] + bytes([content[9] ^ 1]) + content[10:]
    credentials.restore({name: changed})

    with pytest.raises(LocalFailure, match=rf"{DAY}\.parquet is damaged") as refused:
        LocalCopies().of([f"{credentials.url}/{name}"])
    assert refused.value.remedy == "Run: analytics-pipeline rebuild"


def encode_outlet(name: str) -> bytes:
    return encode(make_table(Outlets, [{"outlet_id": name}]), Outlets)


# Whose store it is ------------------------------------------------------------------


def test_an_update_into_the_store_of_another_writes_nothing(
    credentials: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    credentials.restore({"owner": b"0123\n"})

    result = type_in(monkeypatch, tmp_path, credentials.url, "update")

    assert result.exit_code == 2
    assert "of another data directory" in " ".join(result.stderr.split())
    assert credentials.objects().keys() == {"owner", "lease.json"}
    assert credentials.objects()["owner"] == b"0123\n"


def test_a_store_inside_the_data_directory_needs_no_note(tmp_path: Path) -> None:
    claim_store(open_root(str(tmp_path / "warehouse")), tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_store_elsewhere_on_disk_has_one_owner_too(tmp_path: Path) -> None:
    root = open_root(str(tmp_path / "elsewhere"))
    claim_store(root, tmp_path / "ours")

    with pytest.raises(WrongUse, match="of another data directory") as refused:
        claim_store(root, tmp_path / "theirs")
    assert str(tmp_path / "ours") not in refused.value.cause
    assert "run: analytics-pipeline rebuild" in refused.value.remedy
