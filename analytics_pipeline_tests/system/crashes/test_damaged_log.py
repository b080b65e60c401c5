"""A segment of the log damaged by hand: it is named, nothing is published, and fixed.

Half of these no reader of Parquet would notice: a changed byte among the values, and
a segment that is not there.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.shop import hold_directory
from analytics_pipeline_tests.conftest import forget_environment
from analytics_pipeline_tests.light_run import (
    UP_TO_REPORTING,
    PatientLightspeed,
    exit_code_of,
    run_light,
)
from analytics_pipeline_tests.simulated_shop import SimulatedShop
from analytics_pipeline_tests.system.crashes.crash_server import noon_after
from analytics_pipeline_tests.system.crashes.crashing_shop import (
    DAY,
    YESTERDAY,
    open_served_shop,
    published,
    restore,
)

REBUILD = "analytics-pipeline rebuild"


@dataclass(frozen=True, slots=True)
class Damaged:
    """A shop before an update, its state then, and what must come of it."""

    shop: SimulatedShop
    before: Path
    right: Mapping[str, str]

    @property
    def log(self) -> Path:
        return self.shop.data / "warehouse/sales_feed/generation-000001"

    def run(self, *, rebuild: bool = False) -> None:
        run(self.shop, rebuild=rebuild)


def run(shop: SimulatedShop, *, rebuild: bool = False) -> None:
    """Update, or do what the rebuild does; without Dagster."""
    with hold_directory(shop.data, wait=False):
        run_light(
            shop.settings,
            DAY,
            days=0 if rebuild else 7,
            full_resync=rebuild,
            recut_all_days=rebuild,
            tables=UP_TO_REPORTING,
            lightspeed=PatientLightspeed(shop.settings),
            clock=lambda: noon_after(DAY),
        )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Damaged]:
    folder = tmp_path_factory.mktemp("damaged")
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, folder)
        with open_served_shop(folder / "data") as shop:
            run_light(
                shop.settings,
                YESTERDAY,
                tables=UP_TO_REPORTING,
                lightspeed=PatientLightspeed(shop.settings),
                clock=lambda: noon_after(YESTERDAY),
            )
            shop.live_until(DAY)
            before = folder / "before"
            shutil.copytree(shop.data, before)
            run(shop)
            yield Damaged(shop, before, shop.reproducible(DAY))


@pytest.fixture
def damaged(whole: Damaged) -> Damaged:
    restore(whole.before, whole.shop.data)
    return whole


def truncate(segment: Path) -> None:
    segment.write_bytes(segment.read_bytes()[:-100])


def flip_a_byte(segment: Path) -> None:
    content = bytearray(segment.read_bytes())
    content[len(content) // 3] ^= 0x10
    segment.write_bytes(bytes(content))


def empty(segment: Path) -> None:
    segment.write_bytes(b"")


def remove(segment: Path) -> None:
    segment.unlink()


AT_NIGHT = pytest.mark.nightly


@pytest.mark.nightly
@pytest.mark.parametrize(
    "which",
    [
        pytest.param(0, id="first", marks=AT_NIGHT),
        pytest.param(1, id="old"),
        pytest.param(-1, id="newest", marks=AT_NIGHT),
    ],
)
@pytest.mark.parametrize(
    "harm",
    [
        truncate,
        *(pytest.param(each, marks=AT_NIGHT) for each in (flip_a_byte, empty, remove)),
    ],
)
def test_a_damaged_segment_is_named_and_a_rebuild_repairs_it(
    damaged: Damaged, harm: Callable[[Path], None], which: int
) -> None:
    segments = sorted(damaged.log.glob("*.parquet"))
    assert len(segments) >= 3
    segment = segments[which]
    harm(segment)
    old = published(damaged.shop.data)

    with pytest.raises(dg.Failure) as failed:
        damaged.run()

    facts = failed.value.metadata
    number = int(segment.name[:8])
    cause = (
        f"Segment {number} of the log in {damaged.log} is gone."
        if harm is remove
        else f"{segment} is damaged."
    )
    assert (facts["cause"].value, facts["remedy"].value) == (cause, f"Run: {REBUILD}")
    assert exit_code_of(failed.value) == 5
    assert published(damaged.shop.data) == old
    damaged.run(rebuild=True)
    assert damaged.shop.reproducible(DAY) == damaged.right


@pytest.mark.nightly
def test_a_damaged_segment_is_not_cut_into_days_either(damaged: Damaged) -> None:
    """Days may be cut again, in the UI, without the feed being read before."""
    flip_a_byte(min(damaged.log.glob("*.parquet")))

    with pytest.raises(dg.Failure, match="is damaged"):
        run_light(damaged.shop.settings, YESTERDAY, tables=["raw_sales"])


@pytest.mark.nightly
@pytest.mark.parametrize(
    "marker",
    ["judged_segments", pytest.param("../current_generation", marks=AT_NIGHT)],
)
def test_a_damaged_marker_of_the_log_is_named(damaged: Damaged, marker: str) -> None:
    (damaged.log / marker).write_bytes(b"")

    with pytest.raises(dg.Failure) as failed:
        damaged.run()

    assert exit_code_of(failed.value) == 5
    assert Path(marker).name in str(failed.value.metadata["cause"].value)
    (damaged.log / marker).unlink()
    damaged.run(rebuild=True)
    assert damaged.shop.reproducible(DAY) == damaged.right


@pytest.mark.nightly
def test_the_typed_remedy_repairs_the_log(
    damaged: Damaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in damaged.shop.settings.as_environment().items():
        monkeypatch.setenv(name, value)
    segment = min(damaged.log.glob("*.parquet"))
    flip_a_byte(segment)
    day = ["--as-of", DAY.isoformat()]

    refused = CliRunner().invoke(app, ["update", *day])
    fixed = CliRunner().invoke(app, ["rebuild", *day])

    assert refused.exit_code == 5
    assert refused.stderr.splitlines()[-2:] == [
        f"error: {segment} is damaged.",
        f"  Run: {REBUILD}",
    ]
    assert fixed.exit_code == 0, fixed.output
    assert f"nothing to compare with: {segment} is damaged." in fixed.stderr
    assert damaged.shop.reproducible(DAY) == damaged.right
