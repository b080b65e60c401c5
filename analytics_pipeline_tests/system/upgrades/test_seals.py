"""A directory from before seals gets them by its first run, wherever that is killed."""

import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.orchestration.upkeep import bring_up_to_date, set_damaged_aside
from analytics_pipeline.shop import open_shop
from analytics_pipeline.storage import older_files
from analytics_pipeline.storage import state as small_notes
from analytics_pipeline.storage.versions import NOTES, NOTES_VERSION
from analytics_pipeline_tests.light_run import run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop
from analytics_pipeline_tests.system.upgrades.older_shop import unseal

FORGOTTEN = "warehouse/raw_sales/agreement.json"
"""What says that files agree that are about to change."""


def stored(data: Path) -> Mapping[str, str]:
    return {
        str(path.relative_to(data)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(data.rglob("*"))
        if path.is_file() and ".dagster" not in path.parts and path.name != ".lock"
    }


def upgrade(shop: SimulatedShop) -> list[str]:
    parts: list[str] = []
    bring_up_to_date(open_shop(shop.settings, notify=parts.append))
    return parts


@pytest.fixture
def sealed(small_shop: SimulatedShop) -> Mapping[str, str]:
    """What the files of a shop are, which are then put back to before seals."""
    found = dict(stored(small_shop.data))
    found.pop(FORGOTTEN)
    unseal(small_shop.data)
    return found


def test_its_files_become_those_of_this_program_byte_for_byte_rule_7_3(
    small_shop: SimulatedShop, sealed: Mapping[str, str]
) -> None:
    before = stored(small_shop.data)
    log = [name for name in before if "/sales_feed/" in name and "parquet" in name]

    (reported,) = upgrade(small_shop)

    assert reported.endswith(
        "stored files are sealed, so that damage shows from now on."
    )
    assert stored(small_shop.data) == sealed
    assert log
    assert all(before[name] == sealed[name] for name in log)
    assert upgrade(small_shop) == []
    assert open_shop(small_shop.settings).versions.of(NOTES) == NOTES_VERSION


@pytest.mark.nightly
def test_wherever_it_is_killed_the_next_run_completes_it(
    small_shop: SimulatedShop,
    sealed: Mapping[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = shutil.copytree(small_shop.data, tmp_path / "before")
    writes, dies_at = 0, -1
    replace_bytes = older_files.replace_bytes

    def replace_or_die(*given: Any) -> None:
        nonlocal writes
        if writes == dies_at:
            raise KeyboardInterrupt
        writes += 1
        replace_bytes(*given)

    for module in (older_files, small_notes):
        monkeypatch.setattr(module, "replace_bytes", replace_or_die)
    upgrade(small_shop)
    every = writes
    assert every > 12

    for last in range(0, every, 3):
        shutil.rmtree(small_shop.data)
        shutil.copytree(before, small_shop.data)
        writes, dies_at = 0, last
        with pytest.raises(KeyboardInterrupt):
            upgrade(small_shop)
        assert open_shop(small_shop.settings).versions.of(NOTES) < NOTES_VERSION
        dies_at = -1
        upgrade(small_shop)
        assert stored(small_shop.data) == sealed


@pytest.mark.nightly
def test_a_file_that_was_damaged_before_is_made_again(
    small_shop: SimulatedShop, sealed: Mapping[str, str]
) -> None:
    path = small_shop.data / f"warehouse/raw_sales/{FIRST_DAY}.parquet"
    path.write_bytes(path.read_bytes()[:-20])

    upgrade(small_shop)
    set_damaged_aside(open_shop(small_shop.settings))
    assert not path.exists()

    run_light(small_shop.settings, FIRST_DAY, days=0)
    name = str(path.relative_to(small_shop.data))
    assert stored(small_shop.data)[name] == sealed[name]


def test_a_file_without_a_seal_is_damaged_once_all_are_sealed(
    small_shop: SimulatedShop, sealed: Mapping[str, str]
) -> None:
    path = small_shop.data / "warehouse/customers/customers.parquet"
    unsealed = path.read_bytes()
    upgrade(small_shop)
    path.write_bytes(unsealed)
    parts: list[str] = []

    with pytest.raises(LocalFailure, match="is not sealed"):
        open_shop(small_shop.settings).warehouse.notes("customers")
    set_damaged_aside(open_shop(small_shop.settings, notify=parts.append))

    assert parts[0].startswith("customers was damaged")
