"""A kill at every write of an upgrade: the next run completes it, to the same bytes."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analytics_pipeline_tests.conftest import forget_environment
from analytics_pipeline_tests.crashes.crash_server import open_crash_server
from analytics_pipeline_tests.crashes.crashing_shop import (
    DAY,
    YESTERDAY,
    CrashingShop,
    open_served_shop,
    published,
)
from analytics_pipeline_tests.upgrades.older_shop import (
    FIRST_PROGRAM,
    SECOND,
    SECOND_WITHOUT_STEPS,
    make_older,
)

pytestmark = pytest.mark.nightly
PARTS = 20


@contextmanager
def open_older_shop(folder: Path, prepare: str) -> Iterator[CrashingShop]:
    """Bring a shop of version 1 to the brink of its first update by version 2."""
    with open_served_shop(folder / "data") as shop, open_crash_server() as server:
        first = server.run(shop.settings, YESTERDAY, prepare=FIRST_PROGRAM)
        assert first.code == 0
        make_older(shop.data)
        shop.live_until(DAY)
        before = shutil.copytree(shop.data, folder / "before")
        run = server.run(shop.settings, DAY, prepare=prepare)
        assert (run.signal, run.code) == (0, 0)
        fresh = shop.with_data(folder / "fresh")
        built = server.run(fresh.settings, DAY, days=0, prepare=prepare)
        assert (built.signal, built.code) == (0, 0)
        right = fresh.reproducible(DAY)
        assert shop.reproducible(DAY) == right
        yield CrashingShop(
            shop,
            server,
            before,
            full_resync=False,
            told=run.told,
            operations=run.operations,
            right=right,
            old=published(before),
            new=published(shop.data),
            prepare=prepare,
        )


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashingShop]:
    folder = tmp_path_factory.mktemp("older")
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, folder)
        with open_older_shop(folder, SECOND) as shop:
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


def test_all_is_in_place_before_it_is_told_of(older: CrashingShop) -> None:
    changed = [
        line.partition("warehouse/")[2]
        for line in older.operations
        if line.startswith(("rename ", "remove ", "rmdir "))
    ]
    last = changed.index(
        ".versions.json.partial", 1 + changed.index(".versions.json.partial")
    )

    upgraded = changed[: last + 1]
    assert "sales_feed/.current_generation.partial" in upgraded
    assert f"raw_sales/{YESTERDAY}.parquet" in upgraded
    assert f"customer_analytics/.{YESTERDAY}.parquet.partial" in upgraded
    assert f"customer_changes/published/.{YESTERDAY}.parquet.partial" in upgraded
    assert not [name for name in changed[last + 1 :] if "/published/." in name][1:]


@pytest.mark.parametrize(
    "part",
    range(PARTS),
)
def test_an_upgrade_killed_anywhere_is_completed_by_the_next_run(
    older: CrashingShop, part: int
) -> None:
    told = [
        number
        for number, line in enumerate(older.operations)
        if line.startswith("rename ") and ".versions.json" in line
    ]
    end = told[1] + 4  # and a little of the ordinary run after it
    assert end > 40

    assert kill_at_each(older, range(part, end, PARTS)) >= 2


@pytest.mark.timeout(1800)
def test_an_upgrade_without_steps_killed_anywhere_is_completed_by_the_next_run(
    tmp_path: Path,
) -> None:
    with open_older_shop(tmp_path, SECOND_WITHOUT_STEPS) as shop:
        assert kill_at_each(shop, range(len(shop.operations))) >= 40
