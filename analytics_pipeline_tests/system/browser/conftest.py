"""A browser for tests: headless, and cut off from everything but this machine."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from analytics_pipeline_tests.conftest import SMALL, forget_environment
from analytics_pipeline_tests.simulated_shop import SimulatedShop, open_simulated_shop

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
HERE = {"127.0.0.1", "localhost", "::1"}
LONGEST = 120_000
"""Milliseconds in which a page shows what it should, on a busy machine too."""
OF_NO_HOST = {"data", "blob", "about", "file"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for the tests of a module.

    While it is open, nothing else may run an event loop in this thread, as a run of
    Dagster does: make what the pages show before the browser, in fixtures that it
    depends on.
    """
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"No browser is installed ({', '.join(PROGRAMS)}).")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is missing.")
    arguments = ["--disable-gpu", "--disable-quic", "--no-first-run"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # it refuses to start as root with one
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=arguments)
        try:
            yield opened
        finally:
            opened.close()


@pytest.fixture
def requests() -> list[str]:
    """The address of everything that the page of this test asks for."""
    return []


@pytest.fixture
def page(browser: Any, requests: list[str]) -> Iterator[Any]:
    """A page without a past; what it asks of other machines is refused, and fails."""
    with open_page(browser, requests) as page:
        yield page


@contextmanager
def open_page(browser: Any, requests: list[str], **options: Any) -> Iterator[Any]:
    """Open a page without a past, in a context with those *options*.

    Everything that it asks for is put into *requests*.
    """
    context = browser.new_context(
        viewport={"width": 1500, "height": 1000}, reduced_motion="reduce", **options
    )
    context.set_default_timeout(LONGEST)
    context.on("request", lambda request: requests.append(request.url))
    context.route(
        "**/*",
        lambda route: (
            route.abort() if is_elsewhere(route.request.url) else route.continue_()
        ),
    )
    try:
        yield context.new_page()
    finally:
        context.close()
    assert [url for url in requests if is_elsewhere(url)] == []


def is_elsewhere(url: str) -> bool:
    """Whether *url* is on another machine."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    is_here = name in HERE or name.endswith(".localhost")  # by RFC 6761
    return parts.scheme not in OF_NO_HOST and not is_here


@pytest.fixture(scope="module")
def shop(
    small_shops_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SimulatedShop]:
    """A shop whose first day is published; the next one is lived, and not read."""
    folder = tmp_path_factory.mktemp("shop")
    data = shutil.copytree(small_shops_data, folder / "data")
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, folder)
        with open_simulated_shop(data, **SMALL) as opened:
            yield opened
