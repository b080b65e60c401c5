"""A run can start on any machine: key and publication are in the bucket."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics_pipeline.model.checks import Rejection
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.shop import open_shop
from analytics_pipeline.storage.files_for_people import QuarantineLists
from analytics_pipeline.storage.lease import NAME as LEASE
from analytics_pipeline.storage.object_store import open_root
from analytics_pipeline.storage.publication import MASTER, NOTES, Publication
from analytics_pipeline.storage.shared_store import SHARED, prepare_store
from analytics_pipeline.storage.state import (
    claim_store,
    read_identity_key,
    seal_note,
    write_note,
)
from analytics_pipeline_tests.simulated_shop import PUBLISHED, SimulatedShop
from analytics_pipeline_tests.system.crashes.crash_server import noon_after
from analytics_pipeline_tests.system.crashes.crashing_shop import DAY, YESTERDAY
from analytics_pipeline_tests.system.object_store.bucket_shop import (
    Bucket,
    BucketShop,
    update,
)

KEY = seal_note("5e" * 32 + "\n")
OTHER = seal_note("0c" * 32 + "\n")
OWNER = seal_note(f"{SHARED}\n")


@pytest.fixture
def bucket_root(credentials: Bucket) -> Any:
    """The empty bucket, as a store."""
    credentials.restore({})
    return open_root(credentials.url)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty data directory."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


# Two machines ------------------------------------------------------------------------


def on_another_machine(held: BucketShop, folder: Path) -> BucketShop:
    """The same shop with a data directory that has nothing but the export."""
    export = "ecom_orders_export.csv"
    shop = SimulatedShop(
        held.shop.store,
        held.shop.simulator,
        held.shop.settings.model_copy(update={"data_dir": folder}),
    )
    folder.mkdir()
    (folder / export).write_bytes((held.shop.data / export).read_bytes())
    return replace(held, shop=shop)


@pytest.mark.nightly  # a bucket costs seconds to fill
@pytest.mark.timeout(1800)
def test_a_day_from_each_of_two_machines_comes_to_the_bytes_of_one(
    bucket_shop: BucketShop, tmp_path: Path
) -> None:
    one = bucket_shop.shop.with_data(tmp_path / "disk")
    one.settings.store = None
    bucket_shop.update(YESTERDAY)
    update(one.settings, YESTERDAY)
    first = bucket_shop.published()
    bucket_shop.shop.live_until(DAY)
    export = "ecom_orders_export.csv"
    (one.data / export).write_bytes((bucket_shop.shop.data / export).read_bytes())
    other = on_another_machine(bucket_shop, tmp_path / "other")

    other.update(DAY)
    update(one.settings, DAY)

    assert other.reproducible(DAY) == one.reproducible(DAY)
    objects = bucket_shop.bucket.objects()
    for name in PUBLISHED:
        right = (one.data / name).read_bytes()
        assert objects[name] == (other.shop.data / name).read_bytes() == right
    assert bucket_shop.published() == first, "copies of the day that was published here"
    archived = {path.name for path in (one.data / "archive").iterdir()}
    assert len(archived) > 4
    for name in archived:
        place = f"archive/{name}"
        assert objects[place] == (one.data / place).read_bytes(), name
    assert {path.name for path in other.shop.data.glob(".*")}.isdisjoint(
        {".identity_key", ".store_owner"}
    )
    for shop in (bucket_shop.shop, other.shop):
        published = open_shop(shop.settings).publication.published()
        assert published is not None
        assert published.as_of == DAY.isoformat()


# What is published -------------------------------------------------------------------


def test_what_is_published_is_in_the_bucket_and_copied_here(
    bucket_root: Any, credentials: Bucket, data: Path
) -> None:
    ours = Publication(bucket_root, 1, data)
    ours.stage_first_time_buyers(YESTERDAY, b"buyers\n")
    ours.publish_master(YESTERDAY, b"old\n", 1, noon_after(DAY), provisional=False)
    later = DAY + timedelta(days=5)
    ours.stage_first_time_buyers(later, b"buyers\n")
    ours.publish_master(later, b"new\n", 1, noon_after(later), provisional=False)

    copies = {
        path.relative_to(data).as_posix(): path.read_bytes()
        for path in data.rglob("*")
        if path.is_file()
    }
    assert credentials.objects() == copies
    assert copies[MASTER] == b"new\n"
    assert f"archive/customer_analytics_{YESTERDAY}.csv" not in copies
    assert Publication(bucket_root, 90).published() == ours.published()
    assert ours.count_noted() == 4
    assert ours.find_damaged() == []


def test_a_master_that_is_published_is_not_fetched_again_and_again(
    bucket_root: Any, credentials: Bucket, data: Path
) -> None:
    ours = Publication(bucket_root, 90, data)
    ours.stage_first_time_buyers(DAY, b"buyers\n")
    ours.publish_master(DAY, b"master\n", 1, noon_after(DAY), provisional=False)
    assert ours.published() is not None
    credentials.proxy.begin()

    assert Publication(bucket_root, 90).published() is not None

    asked = [head.split()[1] for head in credentials.proxy.heads if "GET " in head[:4]]
    assert [name for name in asked if name.split("?")[0].endswith(MASTER)] == []
    credentials.restore(credentials.objects() | {MASTER: b"another\n"})
    assert ours.published() is None, "its state is another one"


def test_a_published_master_that_was_changed_in_the_bucket_is_put_back(
    bucket_root: Any, credentials: Bucket, data: Path
) -> None:
    ours = Publication(bucket_root, 90, data)
    ours.stage_first_time_buyers(DAY, b"buyers\n")
    ours.publish_master(DAY, b"master\n", 1, noon_after(DAY), provisional=False)
    credentials.restore(credentials.objects() | {MASTER: b"another\n"})

    assert [path.name for path in ours.find_damaged()] == [MASTER]
    assert ours.put_back() == DAY.isoformat()
    assert credentials.objects()[MASTER] == b"master\n"


def test_what_is_in_quarantine_is_known_on_every_machine(
    bucket_root: Any, credentials: Bucket, data: Path, tmp_path: Path
) -> None:
    ours = QuarantineLists(bucket_root, copies=data)
    ours.write("customers", [])
    assert credentials.objects() == {}

    ours.write("customers", [Rejection("customers", "R1", "id", 7, "page 1")])

    listed = credentials.objects()["quarantine/customers/records.csv"]
    assert ours.path("customers").read_bytes() == listed
    elsewhere = QuarantineLists(bucket_root, copies=tmp_path / "other")
    assert elsewhere.count("customers") == 1
    elsewhere.write("customers", [])
    assert ours.count("customers") == 0


# The key -----------------------------------------------------------------------------


def test_two_machines_have_one_key(
    bucket_root: Any, credentials: Bucket, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        prepare_store(bucket_root, tmp_path / name)

    made = credentials.objects()
    assert made.keys() == {"owner", ".identity_key"}
    assert made["owner"] == OWNER
    assert not (tmp_path / "one").exists()
    assert len(read_identity_key(bucket_root / ".identity_key")) == 32


def test_of_two_that_make_the_key_at_once_both_have_the_same(
    bucket_root: Any, credentials: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = bucket_root.fs.inner.pipe_file

    def be_late(path: str, value: bytes, **more: object) -> None:
        credentials.restore({".identity_key": OTHER})
        put(path, value, **more)

    monkeypatch.setattr(bucket_root.fs.inner, "pipe_file", be_late)

    assert read_identity_key(bucket_root / ".identity_key").hex() == "0c" * 32


def test_another_key_in_the_data_directory_is_refused(
    bucket_root: Any, credentials: Bucket, data: Path
) -> None:
    (data / ".identity_key").write_bytes(OTHER)
    for owner in ({}, {"owner": OWNER}):
        credentials.restore({".identity_key": KEY, **owner})

        with pytest.raises(WrongUse, match="is another key than") as refused:
            prepare_store(bucket_root, data)

        assert "0c0c" not in str(refused.value)
        assert "5e5e" not in str(refused.value)
        assert credentials.objects() == {".identity_key": KEY, **owner}


# A bucket that was used from one data directory --------------------------------------


def publish_here(data: Path) -> None:
    """Leave a data directory as an earlier program did, whose tables were elsewhere."""
    (data / ".identity_key").write_bytes(KEY)
    write_note(data / ".store_owner", "0123\n")
    rejected = Rejection("customers", "R1", "id", 7, "page 1")
    QuarantineLists(data).write("customers", [rejected])
    here = Publication(data, 90)
    here.stage_first_time_buyers(DAY, b"buyers\n")
    here.publish_master(DAY, b"master\n", 1, noon_after(DAY), provisional=False)


def test_the_key_and_what_was_published_are_moved_into_the_bucket(
    bucket_root: Any, credentials: Bucket, data: Path, tmp_path: Path
) -> None:
    publish_here(data)
    credentials.restore({"owner": (data / ".store_owner").read_bytes()})
    with pytest.raises(WrongUse, match="of another data directory") as refused:
        prepare_store(bucket_root, tmp_path / "other")
    assert "Run analytics-pipeline update once from that one" in refused.value.remedy

    prepare_store(bucket_root, data)

    moved = credentials.objects()
    assert moved["owner"] == OWNER
    assert moved[".identity_key"] == KEY
    published = Publication(bucket_root, 90)
    assert published.published() == Publication(data, 90).published() is not None
    assert published.stamp() == Publication(data, 90).stamp()
    assert published.find_damaged() == []
    assert QuarantineLists(bucket_root).count("customers") == 1
    prepare_store(bucket_root, tmp_path / "other")
    assert credentials.objects() == moved


@pytest.mark.nightly
@pytest.mark.parametrize("dies_at", [0, 4, 9])
def test_a_move_that_dies_is_done_by_the_next_run(
    bucket_root: Any,
    credentials: Bucket,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    dies_at: int,
) -> None:
    publish_here(data)
    credentials.restore({"owner": (data / ".store_owner").read_bytes()})
    real, writes = bucket_root.fs.inner.pipe_file, []

    def die(path: str, value: bytes, **more: object) -> None:
        if len(writes) == dies_at:
            raise KeyboardInterrupt
        writes.append(path)
        real(path, value, **more)

    with monkeypatch.context() as patch:
        patch.setattr(bucket_root.fs.inner, "pipe_file", die)
        with pytest.raises(KeyboardInterrupt):
            prepare_store(bucket_root, data)

    prepare_store(bucket_root, data)

    published = Publication(bucket_root, 90)
    assert published.published() == Publication(data, 90).published() is not None
    assert credentials.objects()["owner"] == OWNER
    assert len(credentials.objects()) == 10


def test_what_is_published_in_the_bucket_is_not_replaced_by_what_was_here(
    bucket_root: Any, credentials: Bucket, data: Path
) -> None:
    """As after somebody removed the note of whose the store is."""
    publish_here(data)
    prepare_store(bucket_root, data)
    later = DAY + timedelta(days=1)
    newer = Publication(bucket_root, 90)
    newer.stage_first_time_buyers(later, b"buyers\n")
    newer.publish_master(later, b"newer\n", 1, noon_after(later), provisional=False)
    before = credentials.objects()
    credentials.restore({name: before[name] for name in before if name != "owner"})

    prepare_store(bucket_root, data)

    assert credentials.objects() == before
    assert NOTES in before


def test_an_earlier_program_leaves_a_shared_bucket_alone(
    bucket_root: Any, credentials: Bucket, data: Path
) -> None:
    """It looked for the id of its data directory."""
    prepare_store(bucket_root, data)
    before = credentials.objects()

    with pytest.raises(WrongUse, match="of another data directory"):
        claim_store(bucket_root, data)

    assert credentials.objects() == before
    assert LEASE not in before
