"""A kill at every write of an upgrade: the next run completes it, to the same bytes."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analytics_pipeline_tests.conftest import forget_environment
from analytics_pipeline_tests.system.crashes.crash_server import open_crash_server
from analytics_pipeline_tests.system.crashes.crashing_shop import (
    DAY,
    YESTERDAY,
    CrashingShop,
    open_served_shop,
    published,
)
from analytics_pipeline_tests.system.upgrades.older_shop import SECOND, make_older

pytestmark = pytest.mark.nightly
PARTS = 20


@contextmanager
def open_older_shop(folder: Path) -> Iterator[CrashingShop]:
    """Bring a shop of version 1 to the brink of its first update by version 2."""
    with open_served_shop(folder / "data") as shop, open_crash_server() as server:
        assert server.run(shop.settings, YESTERDAY).code == 0
        make_older(shop.data)
        shop.live_until(DAY)
        before = shutil.copytree(shop.data, folder / "before")
        run = server.run(shop.settings, DAY, prepare=SECOND)
        assert (run.signal, run.code) == (0, 0)
        fresh = shop.with_data(folder / "fresh")
        built = server.run(fresh.settings, DAY, days=0, prepare=SECOND)
        assert (built.signal, built.code) == (0, 0)
        right = fresh.reproducible(DAY)
        assert shop.reproducible(DAY) == right
        yield CrashingShop(
            shop,
            server,
            before,
            full_resync=False,
            reported=run.reported,
            operations=run.operations,
            right=right,
            old=published(before),
            new=published(shop.data),
            prepare=SECOND,
        )


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashingShop]:
    folder = tmp_path_factory.mktemp("older")
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, folder)
        with open_older_shop(folder) as shop:
            yield shop


def kill_at_each(shop: CrashingShop, operations: range) -> int:
    """Die before each of *operations*; return how many states that left."""
    states: set[str] = set()
    for kill in shop.kills:
        if kill.operation not in operations or kill.is_torn:
            continue
        assert shop.die(kill).signal == 9
        for file, old, new in zip(shop.published(), shop.old, shop.new, strict=True):
            assert file in (old, new)
        if (state := shop.state()) not in states:
            states.add(state)
            completed = shop.complete()
            assert (completed.signal, completed.code) == (0, 0)
            assert shop.shop.reproducible(DAY) == shop.right
            assert shop.published() == shop.new
    return len(states)


def test_all_is_in_place_before_it_is_recorded(older: CrashingShop) -> None:
    changed = [
        line.partition("warehouse/")[2]
        for line in older.operations
        if line.startswith(("rename ", "remove ", "rmdir "))
    ]
    last = changed.index(
        ".versions.json.partial", 1 + changed.index(".versions.json.partial")
    )

    upgraded = changed[: last + 1]
    assert "customers/customers.parquet" in upgraded
    assert f"raw_sales/{YESTERDAY}.parquet" in upgraded
    assert not [name for name in upgraded if name.startswith("customer_analytics/")]


@pytest.mark.parametrize(
    "part",
    range(PARTS),
)
def test_an_upgrade_killed_anywhere_is_completed_by_the_next_run(
    older: CrashingShop, part: int
) -> None:
    values = [
        number
        for number, line in enumerate(older.operations)
        if line.startswith("rename ") and ".versions.json" in line
    ]
    end = values[1] + 4  # and a little of the ordinary run after it
    assert end > 40

    assert kill_at_each(older, range(part, end, PARTS)) >= 2
