"""One bit of one stored file is flipped: never a wrong number, always a way out."""

import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.model.errors import PipelineError
from analytics_pipeline.orchestration.upkeep import remove_caches, set_damaged_aside
from analytics_pipeline.shop import hold_directory, open_shop
from analytics_pipeline.storage import feed_log as log_bundles
from analytics_pipeline.storage import feed_log as segments
from analytics_pipeline_tests.conftest import forget_environment
from analytics_pipeline_tests.light_run import (
    UP_TO_REPORTING,
    PatientLightspeed,
    run_light,
)
from analytics_pipeline_tests.simulated_shop import SimulatedShop, open_simulated_shop
from analytics_pipeline_tests.system.crashes.crash_server import noon_after
from analytics_pipeline_tests.system.crashes.crashing_shop import published, restore

OPENED = date(2026, 5, 20)  # so that a month with a bundle is over
FIRST, DAY = date(2026, 6, 1), date(2026, 6, 4)
BETWEEN = [date(2026, 6, 2), date(2026, 6, 3)]
INPUTS = {"ecom_orders_export.csv"}
MOST_TRIES = 4
TRIED = 60

pytestmark = pytest.mark.nightly  # by day each reader finds a flip: storage/


@dataclass(frozen=True, slots=True)
class Flipped:
    """A shop before an update, the state of its files, and what must come out."""

    shop: SimulatedShop
    before: Path
    files: list[Path]
    right: tuple[bytes | None, ...]
    snapshot: bytes

    def run(self, *, rebuild: bool = False) -> None:
        """Update, or do what ``rebuild`` does, without Dagster."""
        with hold_directory(self.shop.data, wait=False):
            if rebuild:
                shop = open_shop(self.shop.settings)
                remove_caches(shop)
                set_damaged_aside(shop, in_buckets=True)
            run_light(
                self.shop.settings,
                DAY,
                days=0,
                full_resync=rebuild,
                recut_all_days=rebuild,
                tables=UP_TO_REPORTING,
                lightspeed=PatientLightspeed(self.shop.settings),
                clock=lambda: noon_after(DAY),
            )

    def came_out(self) -> bool:
        """Say whether the published files and the snapshot are those of a good run."""
        snapshot = self.shop.data / f"warehouse/customer_analytics/{DAY}.parquet"
        return (
            published(self.shop.data) == self.right
            and snapshot.read_bytes() == self.snapshot
        )


@pytest.fixture(scope="module")
def flipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flipped]:
    """A shop with bundles of days and of segments, on the eve of an update."""
    folder = tmp_path_factory.mktemp("flipped")
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, folder)
        for module in (log_bundles, segments):
            monkeypatch.setattr(module, "SIZE", 2)
        with open_simulated_shop(
            folder / "data", seed=5, customers=25, opened_on=OPENED, day=FIRST
        ) as shop:
            update(shop, FIRST)
            update(shop, FIRST, full=True)
            for day in BETWEEN:
                shop.live_until(day)
                update(shop, day)
            shop.live_until(DAY)
            before = shutil.copytree(shop.data, folder / "before")
            found = Flipped(shop, before, stored_files(before), (), b"")
            found.run()
            snapshot = shop.data / f"warehouse/customer_analytics/{DAY}.parquet"
            right = published(shop.data)
            yield Flipped(shop, before, found.files, right, snapshot.read_bytes())


def update(shop: SimulatedShop, day: date, *, full: bool = False) -> None:
    run_light(
        shop.settings,
        day,
        days=0,
        full_resync=full,
        tables=UP_TO_REPORTING,
        lightspeed=PatientLightspeed(shop.settings),
        clock=lambda: noon_after(day),
    )


def stored_files(data: Path) -> list[Path]:
    """Every file that the pipeline has written there, by its name."""
    return sorted(
        path.relative_to(data)
        for path in data.rglob("*")
        if path.is_file()
        and path.stat().st_size
        and path.name not in INPUTS | {".lock"}
        and ".dagster" not in path.parts
    )


def flip(path: Path, seed: int) -> None:
    """Flip one bit of a file, any as likely as another."""
    content = bytearray(path.read_bytes())
    bit = random.Random(seed).randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(content))


def failure_of(flipped: Flipped, *, rebuild: bool) -> tuple[str, str] | None:
    """Return cause and remedy of a run that fails; nothing of one that does not."""
    try:
        flipped.run(rebuild=rebuild)
    except dg.Failure as failure:
        facts = failure.metadata
        return str(facts["cause"].value), str(facts["remedy"].value)
    except PipelineError as error:
        return error.cause, error.remedy
    return None


def follow(flipped: Flipped, cause: str, remedy: str) -> bool:
    """Do what a remedy says that has to be done by hand; say whether to rebuild."""
    named = re.findall(r"/[^\s()]*\w", remedy) or re.findall(r"/[^\s()]*\w", cause)
    if "backup" in remedy:
        file = Path(named[0])
        file.write_bytes(
            (flipped.before / file.relative_to(flipped.shop.data)).read_bytes()
        )
        return False
    if re.search(r"\b[Rr]emove\b", remedy):
        Path(named[0]).unlink()
    return "rebuild" in remedy


def ends_well(flipped: Flipped) -> list[str]:
    """Update, follow what each failure says, and return what was reported meanwhile."""
    parts: list[str] = []
    rebuild = False
    for _ in range(MOST_TRIES):
        failed = failure_of(flipped, rebuild=rebuild)
        if failed is None:
            return parts
        parts.append(" | ".join(failed))
        rebuild = follow(flipped, *failed)
    raise AssertionError(f"no way out: {parts}")


def try_one(flipped: Flipped, seed: int) -> None:
    restore(flipped.before, flipped.shop.data)
    name = random.Random(seed).choice(flipped.files)
    flip(flipped.shop.data / name, seed)

    reported = ends_well(flipped)

    assert flipped.came_out(), f"{name} (seed {seed}): {reported or 'exit 0'}"


def test_there_are_files_of_every_kind(flipped: Flipped) -> None:
    names = {str(name) for name in flipped.files}

    assert "warehouse/raw_sales/bundles/2026-05.parquet" in names
    assert "warehouse/raw_sales/bundles/index.json" in names
    assert "warehouse/raw_sales/agreement.json" in names
    assert "warehouse/versions.json" in names
    assert "warehouse/sales_feed/current_generation" in names
    assert any("/bundles/00000000-" in name for name in names)


@pytest.mark.parametrize("seed", range(TRIED))
def test_a_flipped_bit_is_never_a_wrong_number(flipped: Flipped, seed: int) -> None:
    try_one(flipped, seed)


def test_a_damaged_bundle_and_index_never_count_a_day_twice_in_a_rebuild_rule_7_3(
    flipped: Flipped, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The label of a day in the index names another one, and the bundle is damaged."""
    restore(flipped.before, flipped.shop.data)
    for name, value in flipped.shop.settings.as_environment().items():
        monkeypatch.setenv(name, value)
    bundles = flipped.shop.data / "warehouse/raw_sales/bundles"
    index = (bundles / "index.json").read_bytes()
    (bundles / "index.json").write_bytes(index.replace(b"2026-05-21", b"2026-05-01"))
    flip(bundles / "2026-05.parquet", 1)

    ended = CliRunner().invoke(app, ["rebuild", "--as-of", str(DAY)])

    assert ended.exit_code == 0, ended.output
    assert "byte for byte what they were" in ended.stdout
    assert flipped.came_out()
