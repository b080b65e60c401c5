"""A small shop whose tables are in a simulated bucket."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from analytics_pipeline.shop import hold_for_run, open_shop
from analytics_pipeline.storage.lease import NAME as LEASE
from analytics_pipeline.storage.shared_store import prepare_store
from analytics_pipeline_tests.light_run import TABLES, PatientLightspeed, run_light
from analytics_pipeline_tests.simulated_shop import (
    PUBLISHED,
    REPRODUCED,
    SimulatedShop,
)
from analytics_pipeline_tests.system.crashes.crash_server import noon_after
from analytics_pipeline_tests.system.crashes.crashing_shop import open_served_shop
from analytics_pipeline_tests.system.object_store.proxy import Proxy

PREFIX = "tables/of/the/shop"


@dataclass
class Bucket:
    """A bucket of the simulated store of objects, with a proxy before it."""

    name: str
    client: Any
    proxy: Proxy

    @property
    def url(self) -> str:
        return f"s3://{self.name}/{PREFIX}"

    def objects(self) -> dict[str, bytes]:
        """Every object, by its name under the prefix; the proxy does not see this."""
        listed = self.client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return {
            entry["Key"].removeprefix(f"{PREFIX}/"): self.client.get_object(
                Bucket=self.name, Key=entry["Key"]
            )["Body"].read()
            for entry in listed
        }

    def restore(self, objects: Mapping[str, bytes]) -> None:
        """Make the bucket hold exactly *objects*."""
        now = self.objects()
        for name in now.keys() - objects.keys():
            self.client.delete_object(Bucket=self.name, Key=f"{PREFIX}/{name}")
        for name, content in objects.items():
            if now.get(name) != content:
                self.client.put_object(
                    Bucket=self.name, Key=f"{PREFIX}/{name}", Body=content
                )


@dataclass
class BucketShop:
    """The shop, its data directory and its bucket."""

    shop: SimulatedShop
    bucket: Bucket

    def update(self, day: date, **options: Any) -> list[Any]:
        return update(self.shop.settings, day, **options)

    def reproducible(self, day: date) -> dict[str, str]:
        """As :meth:`SimulatedShop.reproducible`, of the objects."""
        contents = {
            name: (self.shop.data / name).read_bytes() for name in PUBLISHED
        } | {
            f"{name.split('/')[0]}/{name.split('/')[1]}": content
            for name, content in self.bucket.objects().items()
            if name.endswith(".parquet") and name.split("/")[0] in REPRODUCED
        }
        contents["snapshot"] = self.bucket.objects()[
            f"customer_analytics/{day}.parquet"
        ]
        return {name: sha256(content).hexdigest() for name, content in contents.items()}

    def published(self) -> dict[str, bytes]:
        return {name: (self.shop.data / name).read_bytes() for name in PUBLISHED}


def update(settings: Any, day: date, **options: Any) -> list[Any]:
    """Run an update as a command does: it holds the shop and prepares the store."""
    with hold_for_run(settings, "update"):
        prepare_store(open_shop(settings).warehouse.root, settings.data_dir)
        return run_light(
            settings,
            day,
            tables=TABLES,
            lightspeed=PatientLightspeed(settings),
            clock=lambda: noon_after(day),
            **options,
        )


@contextmanager
def open_bucket_shop(folder: Path, bucket: Bucket) -> Iterator[BucketShop]:
    """Open a tiny store whose tables are to be in *bucket*."""
    with open_served_shop(folder / "data") as served:
        settings = served.settings.model_copy(update={"store": bucket.url})
        shop = SimulatedShop(served.store, served.simulator, settings)
        (shop.data / ".identity_key").write_text("5e" * 32 + "\n", encoding="ascii")
        yield BucketShop(shop, bucket)


@dataclass
class Brink:
    """A shop at the brink of an update: what it holds, and what must come of it.

    ``disk`` is the same shop with its tables on disk, which has made the same updates.
    """

    held: BucketShop
    disk: SimulatedShop
    before: Path
    objects: Mapping[str, bytes]
    requests: Mapping[str, int]
    heads: list[str]
    old: Mapping[str, bytes]
    new: Mapping[str, bytes]
    right: Mapping[str, str]
    after: Mapping[str, bytes]

    @property
    def writes(self) -> int:
        return self.requests["PUT"]

    def return_to_it(self) -> None:
        """Put data directory and bucket back to what they were."""
        self.held.bucket.proxy.begin()
        shutil.rmtree(self.held.shop.data)
        shutil.copytree(self.before, self.held.shop.data)
        self.held.bucket.restore(self.objects)

    def check_what_is_left(self) -> None:
        """Every object and published file is the old one or the new one, whole."""
        for name, content in self.held.bucket.objects().items():
            if name != LEASE and "/catch_ups/" not in name:
                assert content in (self.objects.get(name), self.after.get(name)), name
        for name, content in self.held.published().items():
            assert content in (self.old[name], self.new[name])

    def check_the_next_run(self, day: date) -> None:
        """The ordinary update needs no hint, and comes to the bytes of a quiet life."""
        self.held.bucket.proxy.begin()
        self.held.update(day)
        assert self.held.reproducible(day) == self.right
        assert self.held.published() == self.new


def bring_to_the_brink(held: BucketShop, first: date, day: date, folder: Path) -> Brink:
    """Publish *first*, live until *day*, and note what an update makes of it."""
    disk = held.shop.with_data(folder / "disk")
    disk.settings.store = None
    held.update(first)
    update(disk.settings, first)
    held.shop.live_until(day)
    export = "ecom_orders_export.csv"
    (disk.data / export).write_bytes((held.shop.data / export).read_bytes())
    before = shutil.copytree(held.shop.data, folder / "before")
    objects, old, proxy = held.bucket.objects(), held.published(), held.bucket.proxy
    proxy.begin()
    held.update(day)
    update(disk.settings, day)
    return Brink(
        held,
        disk,
        before,
        objects,
        proxy.counted(),
        list(proxy.heads),
        old,
        held.published(),
        held.reproducible(day),
        held.bucket.objects(),
    )
