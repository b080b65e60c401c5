"""What goes wrong on this machine: no room, no right, two at once, a wrong clock."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Event

import dagster as dg
import filelock
import pytest
from typer.testing import CliRunner, Result

from analytics_pipeline import shop as shop_module
from analytics_pipeline.cli import app
from analytics_pipeline.model.errors import DirectoryInUse
from analytics_pipeline.shop import hold_directory, open_shop
from analytics_pipeline.storage.publication import Publication
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.light_run import (
    UP_TO_PUBLISHING,
    exit_code_of,
)
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    PUBLISHED,
    SimulatedShop,
)
from analytics_pipeline_tests.system.crashes.crash_server import noon_after
from analytics_pipeline_tests.system.crashes.crashing_shop import (
    DAY,
    YESTERDAY,
    open_served_shop,
    published,
    update,
)
from analytics_pipeline_tests.system.crashes.small_disk import (
    Became,
    Case,
    may_mount,
    try_cases,
)
from analytics_pipeline_tests.system.crashes.waiting_store import hold_back

NEXT_DAY = FIRST_DAY + timedelta(days=1)
MASTER, _ = PUBLISHED


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SimulatedShop]:
    """A tiny store that has been published once."""
    with open_served_shop(tmp_path / "data") as opened:
        update(opened, YESTERDAY)
        yield opened


def undisturbed(shop: SimulatedShop, folder: Path, *days: date) -> dict[str, str]:
    """What the days come to in a data directory of its own to which nothing happens."""
    quiet = shop.with_data(folder)
    for day in days:
        update(quiet, day)
    return dict(quiet.reproducible(days[-1]))


# Two at once ---------------------------------------------------------------------


def start_command(shop: SimulatedShop, day: date) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "analytics_pipeline", "update",
         "--as-of", day.isoformat()],
        env=os.environ
        | shop.settings.as_environment()
        | {"PYTHONPATH": clock.PYTHON_PATH},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


@pytest.mark.nightly
def test_of_two_updates_at_once_the_second_is_refused(
    small_shop: SimulatedShop,
) -> None:
    small_shop.live_until(NEXT_DAY)
    with ThreadPoolExecutor(1) as other, hold_back(small_shop) as (held, gate):
        first = other.submit(update, held, NEXT_DAY, tables=UP_TO_PUBLISHING)
        assert gate.asked.wait(60)
        with pytest.raises(DirectoryInUse):
            update(small_shop, NEXT_DAY)
        gate.go_on.set()
        first.result()

    assert expected_master(small_shop.store.state, NEXT_DAY) == small_shop.rows(MASTER)


@pytest.mark.nightly
def test_of_two_commands_at_once_one_is_done_and_the_other_refused(
    shop: SimulatedShop,
) -> None:
    shop.live_until(DAY)
    with hold_back(shop) as (held, gate), start_command(held, DAY) as first:
        assert gate.asked.wait(60)
        with start_command(held, DAY) as second:
            _, refused = second.communicate()
        gate.go_on.set()
        first.communicate()

    assert (first.returncode, second.returncode) == (0, 4)
    lines = refused.strip().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(
        f"error: Another run is using {shop.data}: analytics-pipeline update "
        f"(process {first.pid} on "
    )
    assert lines[1].startswith("  Wait until it is done, then try again. ")
    assert lines[1].endswith(f"To stop it: kill -INT {first.pid}")
    noted = Publication(shop.data, 90).published()
    assert noted is not None
    assert noted.as_of == DAY.isoformat()


@pytest.mark.nightly
def test_a_run_of_dagster_waits_and_goes_on_when_the_holder_is_killed(
    shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = Event()

    class Lock(filelock.FileLock):
        def _acquire(self) -> None:
            super()._acquire()
            tried.set()

    shop.live_until(DAY)
    monkeypatch.setattr(shop_module, "FileLock", Lock)
    with (
        ThreadPoolExecutor(1) as dagster,
        hold_back(shop) as (held, gate),
        start_command(held, DAY) as holder,
    ):
        assert gate.asked.wait(60)
        run = dagster.submit(shop.update, DAY)
        assert tried.wait(60)
        assert not run.done()
        assert Publication(shop.data, 90).published().as_of != DAY.isoformat()  # type: ignore[union-attr]
        holder.send_signal(signal.SIGKILL)
        outcome = run.result()

    assert outcome.failure is None
    assert Publication(shop.data, 90).published().as_of == DAY.isoformat()  # type: ignore[union-attr]


def test_what_a_killed_run_left_half_written_goes_when_the_next_one_begins(
    tmp_path: Path,
) -> None:
    """Even of files that the next run does not write: those of another day."""
    half = tmp_path / "warehouse" / "customer_analytics" / ".2026-06-20.parquet.partial"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half of it")

    with hold_directory(tmp_path, wait=False):
        assert not half.exists()


# The disk ------------------------------------------------------------------------


@pytest.fixture
def on_a_small_disk(shop: SimulatedShop, tmp_path: Path) -> "SmallDisk":
    """The shop before its next update, to be tried on disks of any size."""
    if not may_mount():
        pytest.skip("this machine lets no one mount a disk (unshare --mount)")
    shop.live_until(DAY)
    before = shop.data.rename(tmp_path / "before")
    shop.data.mkdir()
    return SmallDisk(shop, before, tmp_path)


class SmallDisk:
    def __init__(self, shop: SimulatedShop, before: Path, folder: Path) -> None:
        self._shop, self._before, self._folder = shop, before, folder
        settings = shop.settings.model_copy(update={"data_dir": before})
        source = SimulatedShop(shop.store, shop.simulator, settings)
        self.right = undisturbed(source, folder / "quiet", YESTERDAY, DAY)

    def try_with(
        self, *free_pages: int | None, by_command: bool = False
    ) -> list[Became]:
        (self._folder / "dagster").mkdir()
        (self._folder / "dagster" / "dagster.yaml").touch()
        environment = self._shop.settings.as_environment()
        environment["DAGSTER_HOME"] = str(self._folder / "dagster")
        return try_cases(
            [
                Case(environment, str(self._before), str(DAY), pages, by_command)
                for pages in free_pages
            ]
        )


def named_file(said: str, data: Path) -> str:
    """Return the file that a message names, below the data directory."""
    return said.split(f"{data}/")[1].split(": ")[0]


@pytest.mark.parametrize(
    ("files", "phases"),
    [
        pytest.param((0, 5, 9), 3, id="three phases"),
        pytest.param((1, 3, 7, 11), 4, id="four more", marks=pytest.mark.nightly),
    ],
)
@pytest.mark.nightly
def test_a_full_disk_is_named_and_the_next_run_completes(
    on_a_small_disk: SmallDisk,
    shop: SimulatedShop,
    files: tuple[int, ...],
    phases: int,
) -> None:
    results = on_a_small_disk.try_with(*files)

    for became in results:
        assert became.code == 5
        assert became.is_published_alone
        assert became.scratch == []
        assert "No space left on device" in became.said
        assert "Make room" in became.said
        assert on_a_small_disk.right == became.completed
    assert len({named_file(became.said, shop.data) for became in results}) == phases


@pytest.mark.nightly
def test_the_command_on_a_full_disk_ends_with_5_and_names_it(
    on_a_small_disk: SmallDisk,
) -> None:
    for became in on_a_small_disk.try_with(0, 6, 10, by_command=True):
        assert became.code == 5
        assert "No space left on device" in became.said
        assert became.is_published_alone
        assert on_a_small_disk.right == became.completed


@pytest.mark.nightly
def test_a_directory_that_no_one_may_write_to_is_left_as_it_is(
    on_a_small_disk: SmallDisk, shop: SimulatedShop
) -> None:
    (became,) = on_a_small_disk.try_with(None, by_command=True)

    assert became.code == 5
    assert became.said.splitlines() == [
        f"error: {shop.data} cannot be written (Read-only file system).",
        "  Give yourself the right to write there, or set ANALYTICS_DATA_DIR.",
    ]
    assert became.is_all_alone
    assert on_a_small_disk.right == became.completed


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_the_right_to_write_is_left_as_it_is(
    shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = published(shop.data)
    shop.data.chmod(0o500)
    (shop.data / ".lock").chmod(0o400)
    try:
        result = type_in(shop, monkeypatch, noon_after(DAY), "update")
    finally:
        shop.data.chmod(0o700)

    assert result.exit_code == 5
    assert "cannot be written (Permission denied)" in result.stderr
    assert published(shop.data) == before


# The clock -----------------------------------------------------------------------


def type_in(
    shop: SimulatedShop,
    monkeypatch: pytest.MonkeyPatch,
    now: datetime,
    *words: str,
) -> Result:
    """Type a command on a machine whose clock says that it is *now*."""
    for name, value in shop.settings.as_environment().items():
        monkeypatch.setenv(name, value)
    defaults = open_shop.__defaults__
    assert defaults is not None
    monkeypatch.setattr(open_shop, "__defaults__", (lambda: now, *defaults[1:]))
    return CliRunner().invoke(app, list(words))


@pytest.mark.nightly
def test_by_a_clock_that_is_behind_the_newer_master_stays(
    small_shop: SimulatedShop,
) -> None:
    before = published(small_shop.data)
    early = FIRST_DAY - timedelta(days=3)

    update(small_shop, early, tables=UP_TO_PUBLISHING)

    assert published(small_shop.data) == before
    archived = small_shop.rows(f"archive/customer_analytics_{early}.csv")
    assert expected_master(small_shop.store.state, early) == archived


def test_by_a_clock_that_is_ahead_nothing_is_published(
    small_shop: SimulatedShop,
) -> None:
    before = published(small_shop.data)

    with pytest.raises(dg.Failure, match="not read to the end") as failed:
        update(small_shop, FIRST_DAY + timedelta(days=10), tables=UP_TO_PUBLISHING)

    assert exit_code_of(failed.value) == 1
    assert published(small_shop.data) == before


@pytest.mark.nightly
def test_after_a_clock_that_jumped_back_the_newer_master_stays(
    shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = published(shop.data)
    early = YESTERDAY - timedelta(days=3)

    result = type_in(shop, monkeypatch, noon_after(early), "update")

    assert result.exit_code == 0, result.output
    assert f"stays as of {YESTERDAY}, which is newer" in result.stdout
    assert published(shop.data) == before
    assert (shop.data / f"archive/customer_analytics_{early}.csv").exists()
    shop.live_until(DAY)
    update(shop, DAY)
    assert shop.reproducible(DAY) == undisturbed(shop, tmp_path / "quiet", DAY)


@pytest.mark.nightly
def test_a_clock_that_jumped_ahead_publishes_nothing_and_does_no_harm(
    shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = published(shop.data)
    late = YESTERDAY + timedelta(days=10)

    result = type_in(shop, monkeypatch, noon_after(late), "update")

    assert result.exit_code == 1
    assert "not read to the end" in result.stderr
    assert published(shop.data) == before
    shop.live_until(DAY)
    update(shop, DAY)
    right = undisturbed(shop, tmp_path / "quiet", DAY)
    found = shop.reproducible(DAY)
    assert {name: found[name] for name in right} == right
