"""Tests for analytics_pipeline.lazy, each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from analytics_pipeline_tests import clock

TASKS = Path("/proc/self/task")
THREADS = """
import os
from analytics_pipeline.domain.purchase_models import special
before = len(os.listdir("/proc/self/task"))
{first}
special.gammaln(3.0)
print(len(os.listdir("/proc/self/task")) - before, os.environ["OPENBLAS_NUM_THREADS"])
"""


def say(program: str, **variables: str) -> str:
    environment = os.environ | {"PYTHONPATH": clock.PYTHON_PATH} | variables
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.strip()


@pytest.mark.skipif(not TASKS.is_dir(), reason="needs /proc")
@pytest.mark.parametrize("others_come_first", [False, True])
def test_linear_algebra_has_one_thread_and_others_keep_their_word(
    others_come_first: bool,
) -> None:
    """What somebody else has loaded before has as many threads as it was given."""
    program = THREADS.format(first="import scipy.linalg" if others_come_first else "")
    threads = min(4, len(os.sched_getaffinity(0))) - 1 if others_come_first else 0

    assert say(program, OPENBLAS_NUM_THREADS="4") == f"{threads} 4"


DEFINITIONS = """
import sys
import analytics_pipeline.definitions
print(sorted(name for name in sys.modules if name.partition(".")[0] == "scipy"))
"""


@pytest.mark.nightly
def test_the_definitions_load_without_scipy() -> None:
    assert say(DEFINITIONS) == "[]"
