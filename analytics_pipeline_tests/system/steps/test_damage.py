"""Damaged files are set aside before a run reads them, and made again by it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.orchestration.upkeep import (
    MADE_AGAIN,
    remove_caches,
    set_damaged_aside,
)
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.storage.state import FailedCheck
from analytics_pipeline.tables import TABLES
from analytics_pipeline_tests.light_run import UP_TO_REPORTING, run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop

FAILED = FailedCheck("export_is_complete", "why", "2026-06-21T06:00:00+00:00")
EXPORT = "ecom_orders_export.csv"


def flip(path: Path) -> None:
    """Flip a bit in the middle, and leave size and times as they were."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(bytes(content))


def path_of(shop: SimulatedShop, table: str) -> Path:
    name = FIRST_DAY if TABLES[table].is_daily else table
    return shop.data / f"warehouse/{table}/{name}.parquet"


def look(shop: SimulatedShop, **options: Any) -> list[str]:
    """Set damaged files aside; return the messages."""
    parts: list[str] = []
    set_damaged_aside(open_shop(shop.settings, notify=parts.append), **options)
    return parts


@pytest.fixture
def reported(small_shop: SimulatedShop) -> Iterator[SimulatedShop]:
    """A shop whose run was made with the reconciliation too."""
    run_light(small_shop.settings, FIRST_DAY, days=0, tables=UP_TO_REPORTING)
    return small_shop


@pytest.mark.nightly
def test_every_damaged_table_is_made_again_by_the_same_run_rule_7_3(
    reported: SimulatedShop,
) -> None:
    right = reported.reproducible(FIRST_DAY)
    for table in MADE_AGAIN:
        flip(path_of(reported, table))
    damaged = {table: path_of(reported, table).read_bytes() for table in MADE_AGAIN}

    run_light(reported.settings, FIRST_DAY, days=0, tables=UP_TO_REPORTING)

    assert reported.reproducible(FIRST_DAY) == right
    for table, content in damaged.items():
        aside = path_of(reported, table).with_name(
            f"{path_of(reported, table).name}.damaged"
        )
        assert aside.read_bytes() == content
        assert aside.stat().st_mode & 0o777 == 0o600


def test_the_file_and_its_remaking_are_reported(
    small_shop: SimulatedShop,
) -> None:
    flip(path_of(small_shop, "raw_sales"))
    flip(path_of(small_shop, "customers"))

    shown = look(small_shop)

    assert [sentence.partition(". See ")[0] for sentence in shown] == [
        "customers was damaged: it is read again from Lightspeed",
        f"raw_sales of {FIRST_DAY} was damaged: it is cut again from the log",
    ]
    assert all(sentence.endswith(".parquet.damaged") for sentence in shown)
    assert look(small_shop) == []


def test_a_sound_directory_is_left_as_it_is(small_shop: SimulatedShop) -> None:
    before = {
        path: path.read_bytes()
        for path in small_shop.data.rglob("*.*")
        if path.is_file()
    }

    assert look(small_shop) == []
    assert look(small_shop, in_buckets=True) == []

    assert before == {path: path.read_bytes() for path in before}


@pytest.mark.parametrize("table", ["ecom_orders", "outlets"])
def test_what_its_gate_has_stopped_is_not_let_in_instead_of_a_damaged_table(
    small_shop: SimulatedShop, table: str
) -> None:
    """Without the damaged orders a refused export would look like the first one."""
    small_shop.local.warehouse.remember_failure(table, None, [FAILED])
    path = path_of(small_shop, table)
    flip(path)

    with pytest.raises(LocalFailure, match="did not pass the gate") as refused:
        look(small_shop)

    assert str(path) in refused.value.cause
    assert "from a backup" in refused.value.remedy
    assert path.exists()


def test_damaged_orders_whose_export_is_gone_stop_the_command_with_5(
    small_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in small_shop.settings.as_environment().items():
        monkeypatch.setenv(name, value)
    path = path_of(small_shop, "ecom_orders")
    flip(path)
    (small_shop.data / EXPORT).rename(small_shop.data / "elsewhere.csv")

    ended = CliRunner().invoke(app, ["update", "--as-of", str(FIRST_DAY)])

    assert ended.exit_code == 5, ended.output
    assert f"error: {path} is damaged, and" in ended.stderr
    assert "Put the export back" in ended.stderr
    assert path.exists()


@pytest.mark.nightly
def test_a_rebuild_reads_no_copy(reported: SimulatedShop) -> None:
    shop: Shop = reported.local
    folder = reported.data / "warehouse"
    for copy in (
        "raw_sales/bundles/index.json",
        "raw_sales/bundles/2026-05.parquet",
        "raw_sales/checkpoints/2026-01-31-0.parquet",
        "sales_feed/generation-000001/bundles/00000000-0.parquet",
    ):
        (folder / copy).parent.mkdir(exist_ok=True)
        (folder / copy).write_bytes(b"a copy")
    days = shop.warehouse.partitions("raw_sales")

    remove_caches(shop)

    assert not [*folder.rglob("bundles"), *folder.rglob("checkpoints")]
    assert not (folder / "raw_sales/agreement.json").exists()
    assert shop.warehouse.partitions("raw_sales") == days
    assert shop.sales_log().sound_segments()
