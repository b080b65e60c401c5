"""Ctrl-C in a terminal reaches the run, not the processes that show its output."""

import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from dagster._core.execution import compute_logs

from analytics_pipeline.orchestration import log_followers
from analytics_pipeline.orchestration.log_followers import _Deaf, start_followers_deaf

SLEEP = [sys.executable, "-c", "import time; print('on', flush=True); time.sleep(60)"]


def test_dagster_still_starts_them_under_that_name() -> None:
    start_followers_deaf()

    assert isinstance(vars(compute_logs)["subprocess"], _Deaf)
    assert compute_logs.subprocess.PIPE == subprocess.PIPE


def test_another_dagster_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    other = SimpleNamespace()
    monkeypatch.setattr(log_followers, "compute_logs", other)

    start_followers_deaf()

    assert vars(other) == {}


@pytest.mark.parametrize("is_main", [True, False])
def test_a_follower_does_not_hear_ctrl_c_but_ends_when_it_is_ended(
    is_main: bool,
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        started.append(_Deaf.Popen(SLEEP, stdout=subprocess.PIPE))

    if is_main:
        start()
    else:
        starter = threading.Thread(target=start)
        starter.start()
        starter.join()
    with started[0] as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"on\n"
        follower.send_signal(signal.SIGINT)
        time.sleep(0.1)
        assert follower.poll() is None
        follower.terminate()
        assert follower.wait(20) == -signal.SIGTERM
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_comes_while_one_is_started_interrupts_the_run_and_leaves_nothing(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def start_and_be_interrupted(
        *args: object, **options: object
    ) -> subprocess.Popen[bytes]:
        os.kill(os.getpid(), number)
        started.append(start(*args, **options))  # type: ignore[call-overload]
        return started[0]

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", start_and_be_interrupted)
    before = signal.signal(number, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            _Deaf.Popen(SLEEP, stdout=subprocess.DEVNULL)
        assert signal.getsignal(number) is interrupt
    finally:
        signal.signal(number, before)

    assert started[0].returncode == -signal.SIGKILL


def test_one_that_cannot_be_started_leaves_the_signals_as_they_were() -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]

    with pytest.raises(FileNotFoundError):
        _Deaf.Popen(["/no/such/program"])

    assert before == [
        signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)
    ]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
