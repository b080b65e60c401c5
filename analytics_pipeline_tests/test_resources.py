"""What a run waits for, and what it says of it."""

import logging
import threading
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock

from analytics_pipeline.resources import shop_resource
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop


def test_a_run_says_that_it_waits_for_another_one_and_goes_on_after_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "analytics_pipeline.resources")
    resource = shop_resource(lambda: open_shop(load_settings(data_dir=tmp_path)))
    held = threading.Event()

    def run() -> None:
        with dg.build_init_resource_context() as context:
            opened = resource.resource_fn(context)
            next(opened)
            held.set()
            opened.close()

    with FileLock(tmp_path / ".lock", mode=0o600):
        waiting = threading.Thread(target=run, daemon=True)
        waiting.start()
        while "Waiting until it is done" not in caplog.text:
            assert waiting.is_alive()
        assert not held.is_set()
    waiting.join(30)

    assert held.is_set()
    assert f"Another run is using {tmp_path}." in caplog.text
