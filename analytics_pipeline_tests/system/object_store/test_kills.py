"""A kill while an object is on its way: it is the old one or the new one, whole."""

import multiprocessing
import os
import signal
from datetime import date
from typing import Any

import pytest

from analytics_pipeline.settings import load_settings
from analytics_pipeline_tests.system.crashes.crashing_shop import DAY
from analytics_pipeline_tests.system.object_store.bucket_shop import Brink, update
from analytics_pipeline_tests.system.object_store.conftest import environment_of
from analytics_pipeline_tests.system.object_store.proxy import Fault

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


def update_in_a_process(environment: dict[str, str], day: date) -> None:
    """What the process to be killed does: the update of a command."""
    os.environ.update(environment)
    update(load_settings(), day)


def kill_at(brink: Brink, fault: Fault) -> None:
    """Kill a process of its own once a write has got as far as *fault* lets it."""
    brink.return_to_it()
    proxy = brink.held.bucket.proxy
    proxy.begin(fault)
    settings = brink.held.shop.settings.as_environment()
    given: Any = (environment_of(brink.held.bucket) | settings, DAY)
    process = PROCESSES.Process(target=update_in_a_process, args=given)
    process.start()
    assert proxy.stalled.wait(60)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()

    assert process.exitcode == -signal.SIGKILL
    proxy.begin()
    brink.check_what_is_left()
    brink.check_the_next_run(DAY)


@pytest.mark.nightly
@pytest.mark.parametrize("number", [9])
def test_an_update_killed_in_the_middle_of_an_upload_leaves_whole_objects(
    brink: Brink, number: int
) -> None:
    kill_at(brink, Fault("stall", number, part=0.5))


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_an_update_killed_at_any_write_leaves_whole_objects(
    brink: Brink, part: float
) -> None:
    """Before the first byte, in the midst, and when all is sent but not answered."""
    for number in range(brink.writes):
        kill_at(brink, Fault("stall", number, part=part))
