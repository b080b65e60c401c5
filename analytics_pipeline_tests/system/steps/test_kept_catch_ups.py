"""Every run that read the feeds to their end is kept, and nothing forgets it."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics_pipeline.model.checks import CheckResult
from analytics_pipeline.storage.catch_ups import CatchUp
from analytics_pipeline_tests.light_run import PatientLightspeed, run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop
from analytics_pipeline_tests.system.crashes.crash_server import noon_after
from analytics_pipeline_tests.system.upgrades.older_shop import forget_catch_ups

NEXT_DAY = FIRST_DAY + timedelta(days=1)
FEEDS = ("sales_feed", "customers")


def update(shop: SimulatedShop, day: date, **options: Any) -> None:
    run_light(
        shop.settings,
        day,
        lightspeed=PatientLightspeed(shop.settings),
        clock=lambda: noon_after(day),
        **options,
    )


def kept(shop: SimulatedShop, table: str) -> Sequence[CatchUp]:
    return list(shop.local.warehouse.catch_ups.all(table))


def files_of(shop: SimulatedShop) -> dict[Path, bytes]:
    folders = (shop.data / f"warehouse/{table}/catch_ups" for table in FEEDS)
    return {
        path: path.read_bytes() for folder in folders for path in folder.rglob("*.json")
    }


def test_each_update_adds_one_file_a_feed_and_changes_none_rule_15_2(
    small_shop: SimulatedShop,
) -> None:
    before = files_of(small_shop)
    small_shop.live_until(NEXT_DAY)

    update(small_shop, NEXT_DAY)

    after = files_of(small_shop)
    assert len(after) == len(before) + len(FEEDS)
    assert after.items() >= before.items()
    first, second = kept(small_shop, "sales_feed")
    log = small_shop.local.sales_log()
    assert (second.generation, second.segments) == (1, len(log.segments()))
    assert first.segments is not None
    assert second.segments is not None
    assert first.segments < second.segments
    assert first.policy == second.policy
    assert second.ended_at == noon_after(NEXT_DAY)
    versions = small_shop.local.warehouse.notes("customers")["cursor"]
    assert kept(small_shop, "customers")[-1].cursor == int(versions)


@pytest.mark.nightly
def test_a_full_read_keeps_what_was_known_before_it_rule_15_2(
    small_shop: SimulatedShop,
) -> None:
    before = [kept(small_shop, table) for table in FEEDS]

    update(small_shop, FIRST_DAY, full_resync=True)

    for table, earlier in zip(FEEDS, before, strict=True):
        assert kept(small_shop, table)[:-1] == earlier
        assert len(kept(small_shop, table)) == len(earlier) + 1
    assert kept(small_shop, "sales_feed")[-1].generation == 2


def test_a_run_that_is_stopped_by_its_gate_is_no_catch_up(
    small_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(small_shop)
    monkeypatch.setattr(
        "analytics_pipeline.assets.sales_feed.check_rejections",
        _refuse_everything,
    )

    with pytest.raises(Exception, match="rows_are_sound"):
        update(small_shop, FIRST_DAY, tables=("outlets", "sales_feed"))

    assert files_of(small_shop) == before


def _refuse_everything(*_: Any) -> CheckResult:
    return CheckResult("rows_are_sound", False, "None of them is sound.")


@pytest.mark.nightly
def test_a_directory_of_an_older_program_goes_on_from_its_last_catch_up(
    small_shop: SimulatedShop,
) -> None:
    (known,) = kept(small_shop, "customers")
    forget_catch_ups(small_shop.data)
    before = CatchUp(known.began_at, known.cursor)
    assert small_shop.local.warehouse.catch_ups.last("customers") == before
    small_shop.live_until(NEXT_DAY)

    update(small_shop, NEXT_DAY)

    assert kept(small_shop, "customers")[0] == before
    assert [each.program is None for each in kept(small_shop, "sales_feed")] == [
        True,
        False,
    ]
