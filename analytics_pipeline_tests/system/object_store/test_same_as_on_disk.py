"""The same history on disk and in a bucket comes to the same bytes."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from analytics_pipeline.storage.lease import NAME as LEASE
from analytics_pipeline.storage.publication import NOTES, STAMP
from analytics_pipeline_tests.simulated_shop import PUBLISHED, SimulatedShop
from analytics_pipeline_tests.system.crashes.crashing_shop import DAY, YESTERDAY
from analytics_pipeline_tests.system.object_store.bucket_shop import (
    Brink,
    BucketShop,
    update,
)

pytestmark = pytest.mark.nightly  # a bucket costs seconds to fill
THEIR_OWN = {
    "raw_sales/agreement.json",
    "raw_sales/bundles/index.json",
    "sale_lines/made_from.json",
}
"""How day files differ from older ones, what they were made from, and each catch-up,
when it began. Two histories share the rest."""


OF_THE_DATA = (
    *PUBLISHED,
    ".identity_key",
    NOTES,
    STAMP,
    "archive/*",
    "archive/.*",
    "quarantine/*/*",
)
"""What a shop on disk has outside its tables, and a bucket next to them."""


def objects_of(shop: SimulatedShop) -> dict[str, bytes]:
    places = [(shop.data / "warehouse", "**/*"), *((shop.data, n) for n in OF_THE_DATA)]
    return {
        str(path.relative_to(root)): path.read_bytes()
        for root, names in places
        for path in root.glob(names)
        if path.is_file()
    }


def check_that_they_agree(stored: Mapping[str, bytes], disk: SimulatedShop) -> None:
    expected = objects_of(disk)
    assert stored.keys() - {"owner", LEASE} == expected.keys()
    differing = {name for name in expected if stored[name] != expected[name]}
    differing = {name for name in differing if "/catch_ups/" not in name}
    assert differing <= THEIR_OWN


def test_a_load_and_an_update_come_to_the_bytes_of_those_on_disk_rule_7_3(
    brink: Brink,
) -> None:
    """The update has late changes of older days, returns among them."""
    check_that_they_agree(brink.after, brink.disk)

    assert brink.right == brink.disk.reproducible(DAY)
    assert brink.new == {
        name: (brink.disk.data / name).read_bytes() for name in PUBLISHED
    }
    assert brink.old != brink.new
    again = [
        name
        for name in brink.objects
        if name.startswith("raw_sales/") and brink.after[name] != brink.objects[name]
    ]
    assert len(again) >= 2


def test_an_update_asks_a_bucket_for_little(brink: Brink) -> None:
    assert brink.requests["PUT"] <= 45
    assert brink.requests["LIST"] <= 175
    assert brink.requests["HEAD"] <= 50
    assert brink.requests["GET"] <= 380


def test_every_object_is_put_with_a_checksum_and_by_one_request(brink: Brink) -> None:
    """So the bucket keeps only what arrived whole."""
    puts = [head.lower() for head in brink.heads if head.startswith("PUT ")]

    assert len(puts) == brink.writes
    assert all("x-amz-checksum-" in head for head in puts)
    assert not any("uploadid=" in head or "?uploads" in head for head in brink.heads)


def test_a_longer_history_comes_to_the_same_bytes_and_twice_changes_none_rule_7_4(
    bucket_shop: BucketShop, tmp_path: Path
) -> None:
    disk = bucket_shop.shop.with_data(tmp_path / "disk")
    disk.settings.store = None
    for day in (YESTERDAY, DAY, DAY + timedelta(days=1), DAY + timedelta(days=4)):
        bucket_shop.shop.live_until(day)
        export = "ecom_orders_export.csv"
        (disk.data / export).write_bytes((bucket_shop.shop.data / export).read_bytes())
        bucket_shop.update(day)
        update(disk.settings, day)
        check_that_they_agree(bucket_shop.bucket.objects(), disk)
    before = bucket_shop.bucket.objects()

    bucket_shop.update(day)
    update(disk.settings, day)

    after = bucket_shop.bucket.objects()
    changed = {name for name in after if after[name] != before.get(name)}
    changed = {name for name in changed if "/catch_ups/" not in name}
    assert changed <= THEIR_OWN | {LEASE}
    bucket_shop.update(day, full_resync=True, recut_all_days=True)
    update(disk.settings, day, full_resync=True, recut_all_days=True)
    check_that_they_agree(bucket_shop.bucket.objects(), disk)
