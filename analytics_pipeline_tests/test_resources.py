"""What a run waits for, and what it says of it."""

import logging
import threading
import time
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock

from analytics_pipeline import resources
from analytics_pipeline.resources import shop_resource
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.storage.holder_note import Holder, kept_note


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


def test_a_run_that_waits_says_for_whom_and_says_it_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "analytics_pipeline.resources")
    monkeypatch.setattr(resources, "TELL_EVERY", 0.1)
    resource = shop_resource(lambda: open_shop(load_settings(data_dir=tmp_path)))
    at_work = Holder(
        "analytics-pipeline rebuild", 4711, "till", "2026-11-25T07:00:00+00:00", "",
        "2026-11-25T07:00:00+00:00",
    )  # fmt: skip

    def run() -> None:
        with dg.build_init_resource_context() as context:
            opened = resource.resource_fn(context)
            next(opened)
            opened.close()

    waiting = threading.Thread(target=run, daemon=True)
    with FileLock(tmp_path / ".lock", mode=0o600), kept_note(tmp_path) as note:
        assert note is not None
        note.write(at_work)
        waiting.start()
        while "at outlets" not in caplog.text:
            assert waiting.is_alive()
            if "Waiting until it is done" in caplog.text:
                note.write(replace(at_work, doing="outlets"))
            time.sleep(0.01)
    waiting.join(30)

    assert not waiting.is_alive()
    assert "analytics-pipeline rebuild (process 4711 on till), since" in caplog.text
