"""A kill at every operation on the disk: whole files, and the next run completes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from upath import UPath

from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.storage.feed_log import FeedLog, row_count_of
from analytics_pipeline.storage.parquet import decode
from analytics_pipeline.tables import SALES_FEED
from analytics_pipeline_tests.conftest import forget_environment
from analytics_pipeline_tests.system.crashes.crashing_shop import (
    DAY,
    YESTERDAY,
    CrashingShop,
    open_crashing_shop,
)
from analytics_pipeline_tests.system.crashes.operations import Kill

PARTS = 48
"""By day one of so many parts of the file operations is tried."""


@pytest.fixture(scope="module")
def daily(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashingShop]:
    """An update two days after the last one, with late changes of older days."""
    folder = tmp_path_factory.mktemp("daily")
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, folder)
        with open_crashing_shop(folder) as shop:
            yield shop


def check_what_is_left(shop: CrashingShop) -> None:
    """The published files are old or new, each whole, and the notes are true."""
    found = shop.published()
    for file, old, new in zip(found, shop.old, shop.new, strict=True):
        assert file in (old, new)
    noted = shop.publication().published()
    if noted is not None:
        pair = {YESTERDAY.isoformat(): shop.old, DAY.isoformat(): shop.new}
        assert found == pair[noted.as_of]
    log = FeedLog(UPath(shop.shop.data / "warehouse/sales_feed"), SALES_FEED)
    for segment in log.sound_segments():
        rows = decode(segment.path.read_bytes(), SalesFeed)
        assert len(rows) == row_count_of(segment.path)


def check_the_next_run(shop: CrashingShop) -> None:
    """The ordinary update needs no hint and comes to the bytes of a quiet life."""
    completed = shop.complete()

    assert (completed.signal, completed.code) == (0, 0)
    assert shop.shop.reproducible(DAY) == shop.right
    assert shop.published() == shop.new
    noted = shop.publication().published()
    assert noted is not None
    assert noted.as_of == DAY.isoformat()
    assert [path.name for path in shop.shop.data.rglob("*.partial")] == []


def kill_at_each(shop: CrashingShop, kills: list[Kill]) -> int:
    """Die in each of the ways; return how many states that left.

    What a run makes of a state depends on nothing else, so one run a state is enough.
    """
    states: set[str] = set()
    for kill in kills:
        killed = shop.die(kill)
        assert killed.signal == 9, killed
        assert killed.operations == shop.operations[: kill.operation + 1]
        check_what_is_left(shop)
        if (state := shop.state()) not in states:
            states.add(state)
            check_the_next_run(shop)
    return len(states)


def leaves_a_state_of_its_own(shop: CrashingShop, kill: Kill) -> bool:
    """Before a scratch file is made, or in it, nothing else is left than before.

    The death before its rename leaves that state too, with the scratch file in it.
    """
    return not shop.operations[kill.operation].startswith(("create ", "write "))


@pytest.mark.nightly
def test_an_update_writes_in_an_order_that_a_power_cut_keeps(
    daily: CrashingShop,
) -> None:
    """Each file is on the disk before its name is, and its name before the next.

    The days of sales are written together: all of them, then the names of all.
    """
    written: dict[Path, list[str]] = {}
    renamed: set[Path] = set()
    together = [0]
    for line in daily.reported:
        kind, _, name = line.partition(" ")
        path = Path(name)
        if kind == "fsync" and path in {each.parent for each in renamed}:
            assert {*written} == renamed
            together.append(len(renamed))
            written, renamed = {}, set()
            continue
        assert kind == "rename" or not renamed
        written.setdefault(path, []).append(kind)
        if kind == "rename":
            assert written[path] == ["create", "write", "fsync", "rename"]
            assert all(steps[:3] == written[path][:3] for steps in written.values())
            assert {each.parent for each in written} == {path.parent}
            renamed.add(path)
    assert not written
    assert sum(together) >= 18
    assert max(together) >= 2


@pytest.mark.nightly
def test_the_update_that_is_killed_has_late_changes_and_several_pages(
    daily: CrashingShop,
) -> None:
    renamed = [line for line in daily.operations if line.startswith("rename ")]
    days = [line for line in renamed if "raw_sales/.2026" in line]
    pages = [line for line in renamed if "generation-000001/.0000" in line]

    assert f"/.{DAY}." in days[-1]
    assert len([line for line in days if f"{YESTERDAY}" >= line[-26:-16]]) >= 2
    assert len(pages) >= 2
    assert daily.old != daily.new


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(part, marks=pytest.mark.nightly if part else ())
        for part in range(PARTS)
    ],
)
def test_an_update_killed_anywhere_leaves_whole_files_and_the_next_completes(
    daily: CrashingShop, part: int
) -> None:
    kills = [kill for kill in daily.kills if leaves_a_state_of_its_own(daily, kill)]
    assert len(daily.operations) >= 72
    assert len(kills) >= len(daily.operations) // 3

    # Each part has deaths all along the run.
    states = kill_at_each(daily, kills[part::PARTS])

    assert states >= 18 // PARTS


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_an_update_killed_around_a_write_leaves_whole_files(
    daily: CrashingShop,
) -> None:
    others = [
        kill for kill in daily.kills if not leaves_a_state_of_its_own(daily, kill)
    ]
    assert len(others) >= 72

    kill_at_each(daily, others)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("kind", "operations", "states"),
    [
        pytest.param({"is_first_load": True}, 100, 30, id="first load"),
        pytest.param({"full_resync": True}, 60, 20, id="full resync"),
        pytest.param(
            {"full_resync": True, "is_second": True}, 60, 20, id="second full resync"
        ),
    ],
)
def test_a_longer_walk_killed_anywhere_leaves_whole_files_and_the_next_completes(
    tmp_path: Path, kind: dict[str, bool], operations: int, states: int
) -> None:
    with open_crashing_shop(tmp_path, **kind) as shop:
        assert len(shop.operations) >= operations

        assert kill_at_each(shop, shop.kills) >= states


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "is_first_load", [True, False], ids=["first load", "daily update"]
)
def test_a_walk_of_the_web_shop_killed_at_any_write_loses_no_order(
    tmp_path: Path, is_first_load: bool
) -> None:
    with open_crashing_shop(
        tmp_path, is_first_load=is_first_load, reads_web_shop=True
    ) as shop:
        kills = [
            kill for kill in shop.kills if "ecom_" in shop.operations[kill.operation]
        ]
        placed = [line for line in shop.operations if line.startswith("rename ")]
        assert any("ecom_feed/contacts" in line for line in placed), placed
        assert any("ecom_feed/generation" in line for line in placed), placed

        assert kill_at_each(shop, kills) >= 6
