import logging
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest

from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.faults import FaultKind, FaultPlan
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline_tests.clock import HOOK
from analytics_pipeline_tests.contract.simulator.small_store import (
    TOKEN,
    ids,
    make_sale,
    make_store,
)

FEED = "/api/2026-07/sales"


@contextmanager
def served(plan=None):
    store = make_store(*(make_sale(n) for n in range(1, 40)))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with (
        serve(build_app(store, token=TOKEN, faults=plan)) as origin,
        httpx.Client(base_url=origin, headers=headers, trust_env=False) as client,
    ):
        yield client


def test_the_store_is_reached_over_a_socket_and_dates_replies_by_its_own_clock():
    with served() as client:
        reply = client.get(FEED)

    assert len(ids(reply)) == 39
    assert reply.headers.get_list("date") == ["Mon, 31 Mar 2025 15:00:00 GMT"]
    assert "server" not in reply.headers


def test_the_server_is_gone_after_its_block():
    with served() as client:
        origin = client.base_url
        client.get(FEED)

    with pytest.raises(httpx.ConnectError):
        httpx.get(str(origin), trust_env=False)


def test_a_taken_port_is_an_error_at_once():
    app = build_app(make_store(), token=TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"), serve(app, port):
            pass


FOREVER = """
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.serving import run_forever
from analytics_pipeline_tests.contract.simulator.small_store import TOKEN, make_store

app = build_app(make_store(), token=TOKEN)
run_forever(app, on_start=lambda origin: print(origin, flush=True))
"""


def test_run_forever_prints_its_origin_and_serves_until_interrupted():
    path = [str(HOOK), *filter(None, sys.path)]
    known = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    with subprocess.Popen(
        [sys.executable, "-c", FOREVER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=known,
    ) as process:
        try:
            origin = process.stdout.readline().strip()
            transport = httpx.HTTPTransport(retries=3)  # it listens a moment later
            with httpx.Client(transport=transport, trust_env=False) as client:
                clock = client.get(f"{origin}/_simulator/clock")
        finally:
            process.send_signal(signal.SIGINT)
        rest = process.stdout.read()

    assert clock.json() == {"now": "2025-03-31T15:00:00+00:00"}
    assert rest == ""


def test_connections_break_stall_and_crawl_as_planned(caplog):
    faults = {
        1: FaultKind.CONNECTION_RESET,
        2: FaultKind.ABORTED_BODY,
        3: FaultKind.READ_TIMEOUT,
        4: FaultKind.SLOW_PAGE,
    }
    plan = FaultPlan(faults, hang_seconds=30, slow_seconds=0.3)
    with caplog.at_level(logging.ERROR), served(plan) as client:
        with pytest.raises(httpx.ReadError):
            client.get(FEED)
        with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
            client.get(FEED)
        with pytest.raises(httpx.ReadTimeout):
            client.get(FEED, timeout=0.2)
        asked = time.monotonic()
        assert len(ids(client.get(FEED))) == 39
        assert time.monotonic() - asked > 0.25
        assert client.get(FEED).is_success

    assert caplog.records == []
