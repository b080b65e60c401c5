"""The command itself killed, Dagster, its SQLite and all; then typed once more."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from analytics_pipeline_tests import clock
from analytics_pipeline_tests.simulated_shop import SimulatedShop
from analytics_pipeline_tests.system.crashes.crashing_shop import (
    DAY,
    YESTERDAY,
    open_served_shop,
    published,
    restore,
)

KILLS = 25
COMMAND = """
import os, sys
from pathlib import Path
from analytics_pipeline.cli import app
from analytics_pipeline_tests.system.crashes.operations import Kill, Operations
number = int(sys.argv.pop(1))
reported = open(sys.argv.pop(1), "w", buffering=1)
Operations(
    Path(os.environ["ANALYTICS_DATA_DIR"]),
    lambda line: reported.write(line + chr(10)),
    Kill(number) if number >= 0 else None,
    others=(".dagster",),
).install()
sys.exit(app())
"""


def type_update(shop: SimulatedShop, reported: Path, kill: int = -1) -> int:
    """Type the command, to be killed before that operation; return how it ended."""
    words = ["update", "--as-of", DAY.isoformat()]
    return subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            COMMAND,
            str(kill),
            str(reported),
            *words,
        ],
        env=os.environ
        | shop.settings.as_environment()
        | {"PYTHONPATH": clock.PYTHON_PATH},
        check=False,
        capture_output=True,
    ).returncode


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_the_command_killed_anywhere_is_completed_by_the_command(
    tmp_path: Path,
) -> None:
    with open_served_shop(tmp_path / "data") as shop:
        assert shop.update(YESTERDAY).failure is None
        shop.live_until(DAY)
        before = shop.data.rename(tmp_path / "before")
        shop.data.mkdir()
        restore(before, shop.data)
        old, reported = published(shop.data), tmp_path / "operations"
        assert type_update(shop, reported) == 0
        new, right = published(shop.data), shop.reproducible(DAY)
        lines = reported.read_text().splitlines()
        count = len([line for line in lines if not line.startswith("fsync ")])
        assert count >= 60
        assert any(".dagster" in line for line in lines)

        for kill in range(0, count, -(-count // KILLS)):
            restore(before, shop.data)
            assert type_update(shop, reported, kill) == -signal.SIGKILL
            for file, was, will_be in zip(published(shop.data), old, new, strict=True):
                assert file in (was, will_be)
            assert type_update(shop, reported) == 0
            assert (published(shop.data), shop.reproducible(DAY)) == (new, right)
