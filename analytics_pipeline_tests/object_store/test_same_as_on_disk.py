"""The same history on disk and in a bucket comes to the same bytes."""

from datetime import timedelta
from pathlib import Path

from analytics_pipeline_tests.crashes.crashing_shop import DAY, YESTERDAY
from analytics_pipeline_tests.object_store.bucket_shop import BucketShop, update
from analytics_pipeline_tests.simulated_shop import PUBLISHED, SimulatedShop

NEXT = DAY + timedelta(days=1)
NOTED_BY_THE_CLOCK = {"sales_feed/catch_up.json", "customers/catch_up.json"}
"""When a catch-up began is the only thing that two histories do not share."""


def on_disk(shop: SimulatedShop, folder: Path) -> SimulatedShop:
    """The same store, with its tables in a data directory of its own."""
    there = shop.with_data(folder)
    there.settings.store = None
    return there


def objects_of(shop: SimulatedShop) -> dict[str, bytes]:
    root = shop.data / "warehouse"
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_a_history_in_a_bucket_comes_to_the_bytes_of_one_on_disk_rule_7_3(
    bucket_shop: BucketShop, tmp_path: Path
) -> None:
    """A first load, two updates with late changes and returns, and a web export."""
    disk = on_disk(bucket_shop.shop, tmp_path / "disk")
    for day in (YESTERDAY, DAY, NEXT):
        bucket_shop.shop.live_until(day)
        export = "ecom_orders_export.csv"
        (disk.data / export).write_bytes((bucket_shop.shop.data / export).read_bytes())
        bucket_shop.update(day)
        update(disk.settings, day)

        assert bucket_shop.published() == {
            name: (disk.data / name).read_bytes() for name in PUBLISHED
        }
    stored, expected = bucket_shop.bucket.objects(), objects_of(disk)
    assert stored.keys() - {"owner"} == expected.keys()
    differing = {name for name in expected if stored[name] != expected[name]}
    assert differing <= NOTED_BY_THE_CLOCK
    assert bucket_shop.reproducible(NEXT) == disk.reproducible(NEXT)
    assert len([name for name in stored if name.startswith("raw_sales/2026")]) > 7


def test_an_update_made_twice_changes_no_object_rule_7_4(
    bucket_shop: BucketShop,
) -> None:
    bucket_shop.update(YESTERDAY)
    before = bucket_shop.bucket.objects()

    bucket_shop.update(YESTERDAY)

    after = bucket_shop.bucket.objects()
    assert {name for name in after if after[name] != before.get(name)} <= (
        NOTED_BY_THE_CLOCK
    )


def test_a_daily_update_makes_requests_that_do_not_grow_with_its_tables(
    bucket_shop: BucketShop,
) -> None:
    bucket_shop.update(YESTERDAY)
    bucket_shop.shop.live_until(DAY)
    bucket_shop.bucket.proxy.begin()

    bucket_shop.update(DAY)

    counted = bucket_shop.bucket.proxy.counted()
    print(counted)
    assert counted["PUT"] <= 25
    assert counted["LIST"] <= 60
    assert counted["HEAD"] <= 15
    assert counted["GET"] <= 190
