"""Ctrl-C as a terminal sends it, to every process of a command, at any moment."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analytics_pipeline_tests import clock
from analytics_pipeline_tests.light_run import run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop

SENTENCE = "interrupted; what was published stays"
LONGEST = 120.0
MASTER = "customer_analytics_master.csv"
MOMENTS, GROUPS = 60, 6
SIGNALS = (signal.SIGINT, signal.SIGINT, signal.SIGTERM)


@contextmanager
def updating(data: Path, shop: SimulatedShop) -> Iterator[subprocess.Popen[str]]:
    """An update that begins in *data*, in a group of its own, as in a terminal."""
    environment = shop.settings.as_environment() | {
        "ANALYTICS_DATA_DIR": str(data),
        "PYTHONPATH": clock.PYTHON_PATH,
    }
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "analytics_pipeline",
            "update",
            "--as-of",
            str(FIRST_DAY),
        ],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def busy_machine() -> Iterator[None]:
    """Something else that takes what it can get of a core."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as burner:
        try:
            yield
        finally:
            burner.kill()


def interrupt(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send the signal to the whole group, and see that all of it ends well.

    One that comes when the summary is out may still cut the end short, or come too
    late for anything.
    """
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=LONGEST)

    assert "Traceback" not in out + err
    if "As of" in out:
        assert process.returncode in (0, 130), out + err
        return
    assert process.returncode == 130, out + err
    assert err.count(SENTENCE) == 1, err
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_ctrl_c_in_a_terminal_shows_one_line_and_leaves_no_process(
    small_shop: SimulatedShop, tmp_path: Path
) -> None:
    """In the midst of a step, whose output other processes of the group show."""
    data = tmp_path / "fresh"
    with updating(data, small_shop) as process:
        deadline = time.monotonic() + LONGEST
        while not any(data.glob("warehouse/outlets/*.parquet")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        interrupt(process, signal.SIGINT)

    assert not (data / MASTER).exists()


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("group", range(GROUPS))
def test_ctrl_c_at_any_moment_on_a_busy_machine_and_the_next_run_is_right(
    group: int, small_shop: SimulatedShop, tmp_path: Path
) -> None:
    with busy_machine():
        began = time.monotonic()
        with updating(tmp_path / "whole", small_shop) as process:
            process.communicate()
            assert process.returncode == 0
        seconds = time.monotonic() - began
        wanted = (tmp_path / "whole" / MASTER).read_bytes()
        draw = random.Random(group)
        for n in range(MOMENTS // GROUPS):
            data, moment = tmp_path / f"{n}", draw.random() * seconds
            with updating(data, small_shop) as process:
                time.sleep(moment)
                # Before its own code begins, it is Python that answers.
                if moment < 1 or process.poll() is not None:
                    continue
                try:
                    interrupt(process, draw.choice(SIGNALS))
                except AssertionError as error:
                    error.add_note(f"after {moment:.2f} of {seconds:.2f} s")
                    raise
    settings = small_shop.settings.model_copy(update={"data_dir": data})
    run_light(settings, FIRST_DAY)
    assert (data / MASTER).read_bytes() == wanted
