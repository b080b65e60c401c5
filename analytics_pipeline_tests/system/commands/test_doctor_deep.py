"""``doctor --deep``: each damaged file is named with what makes it good again."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.commands.probes import prove_stored_files
from analytics_pipeline.holding import silent
from analytics_pipeline.orchestration.upkeep import set_damaged_aside
from analytics_pipeline.storage.parquet import seal_older
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop
from analytics_pipeline_tests.system.upgrades.older_shop import forget_versions

UPDATE = "Run: analytics-pipeline update"
THAT_DAY = f"{UPDATE} --as-of {FIRST_DAY}"
REBUILD = "Run: analytics-pipeline rebuild"
DAMAGED = {
    "warehouse/customers/customers.parquet": UPDATE,
    "warehouse/outlets/outlets.parquet": UPDATE,
    f"warehouse/raw_sales/{FIRST_DAY}.parquet": UPDATE,
    f"warehouse/customer_analytics/{FIRST_DAY}.parquet": THAT_DAY,
    "warehouse/sales_feed/generation-000001/0*.parquet": REBUILD,
    "warehouse/sales_feed/generation-000001/judged_segments": REBUILD,
    "warehouse/versions.json": UPDATE,
    "warehouse/customers/usual.json": REBUILD,
    "warehouse/raw_sales/agreement.json": UPDATE,
    f"archive/customer_analytics_{FIRST_DAY}.csv": THAT_DAY,
    "customer_analytics_master.csv": UPDATE,
    ".identity_key": "from a backup",
    "warehouse/customers/catch_ups/*/*.json": "from a backup",
    "warehouse/policies/*.json": "from a backup",
}


def flip(path: Path, place: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


def times(shop: SimulatedShop) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in shop.data.rglob("*.parquet")}


def test_a_sound_directory_is_proved_to_the_last_file(
    small_shop: SimulatedShop,
) -> None:
    counted: list[tuple[int, int | None]] = []

    found = prove_stored_files(
        small_shop.local, lambda _what, done, of: counted.append((done, of))
    )

    assert (found.damaged, found.unsealed, found.set_aside) == ([], 0, [])
    assert found.proved > 20
    assert counted[0][0] == 0
    assert counted[0][1] == len(times(small_shop))


def test_each_damaged_file_is_named_with_its_remedy(small_shop: SimulatedShop) -> None:
    wanted = {}
    for name, remedy in DAMAGED.items():
        path = next(small_shop.data.glob(name))
        content = path.read_bytes()
        is_table = path.suffix == ".parquet"
        flip(path, 9 if is_table else re.search(rb"[0-9]", content).start())
        wanted[str(path)] = remedy

    found = prove_stored_files(small_shop.local, silent)

    values = {each.path: each.remedy for each in found.damaged}
    assert values.keys() == wanted.keys()
    for path, remedy in wanted.items():
        command = remedy.partition("Run: ")[2] or remedy
        assert command in values[path], path


def test_the_command_ends_with_2_and_changes_nothing(
    small_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in small_shop.settings.as_environment().items():
        monkeypatch.setenv(name, value)
    path = small_shop.data / "warehouse/outlets/outlets.parquet"
    flip(path, 9)
    before = times(small_shop)

    shallow = CliRunner().invoke(app, ["doctor", "--json"])
    deep = CliRunner().invoke(app, ["doctor", "--deep", "--json"])

    checks = [each["check"] for each in json.loads(shallow.stdout)["checks"]]
    assert "stored files" not in checks
    assert deep.exit_code == 2
    (reported,) = [
        each
        for each in json.loads(deep.stdout)["checks"]
        if each["check"] == "stored files"
    ]
    assert reported == {
        "check": "stored files",
        "grade": "fault",
        "sentence": f"{path} is damaged.",
        "remedy": UPDATE,
    }
    assert before == times(small_shop)


def test_files_set_aside_are_reported_until_removed(
    small_shop: SimulatedShop,
) -> None:
    path = small_shop.data / "warehouse/outlets/outlets.parquet"
    flip(path, 9)
    set_damaged_aside(small_shop.local)

    found = prove_stored_files(small_shop.local, silent)

    assert found.set_aside == [f"{path}.damaged"]
    assert found.damaged == []


def test_a_directory_from_before_seals_is_not_called_damaged(
    small_shop: SimulatedShop,
) -> None:
    forget_versions(small_shop.data)
    customers = small_shop.data / "warehouse/customers/customers.parquet"
    customers.write_bytes(seal_older(customers.read_bytes(), "customers"))

    found = prove_stored_files(small_shop.local, silent)

    assert found.damaged == []
    assert found.unsealed > 3
