"""The UI behind the proxy with a login that docs/running.md describes, in a browser.

The proxy is a real Caddy with the documented site block; the browser has logged in, so
that it sends the login along with whatever a page of another site makes it send.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    SimulatedShop,
)
from analytics_pipeline_tests.system.browser.conftest import open_page
from analytics_pipeline_tests.system.browser.served_ui import ServedUi, served_ui
from analytics_pipeline_tests.system.browser.test_cross_site import ATTACK, ATTEMPTS
from analytics_pipeline_tests.system.browser.test_dagster_ui import launch, run_id_of
from analytics_pipeline_tests.system.shared_deployment.processes import (
    ROOT,
    kill,
    wait_until,
)
from analytics_pipeline_tests.system.shared_deployment.server import free_port

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is not installed."),
]
PASSWORD = "a horse of 9 letters"
GLOBAL = "{{\n admin off\n auto_https disable_redirects\n storage file_system {}\n}}\n"


@pytest.fixture(scope="module")
def place() -> str:
    """Where the proxy serves the UI: a name that every browser resolves to loopback."""
    return f"analytics.localhost:{free_port()}"


@pytest.fixture(scope="module")
def ui(
    shop: SimulatedShop, place: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedUi]:
    """The UI itself, with the name under which the proxy serves it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("ANALYTICS_UI_HOSTS", place)
        with served_ui(shop.settings, tmp_path_factory.mktemp("ui")) as served:
            yield served


@pytest.fixture(scope="module")
def proxied(
    ui: ServedUi, place: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedUi]:
    """The UI as it is reached through the proxy."""
    folder = tmp_path_factory.mktemp("caddy")
    file = folder / "Caddyfile"
    upstream = ui.origin.removeprefix("http://")
    site = documented_site(place, upstream) + neighbour_of(place, folder / "attack")
    file.write_text(GLOBAL.format(folder) + site, encoding="utf-8")
    log = (folder / "caddy.log").open("wb")
    words = ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"]
    with (
        log,
        subprocess.Popen(
            words, stdout=log, stderr=log, cwd=folder, start_new_session=True
        ) as process,
    ):
        try:
            proxied = ServedUi(f"https://{place}")
            wait_until(lambda: status_without_login(proxied.origin) != 0)
            yield proxied
        finally:
            kill(process)


def documented_site(place: str, upstream: str) -> str:
    """The site block of docs/running.md, for this name, login and port."""
    text = (ROOT / "docs/running.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```\n(analytics\.example\.com \{\n.*?\n\}\n)```", text, re.S)
    words = ["caddy", "hash-password", "--plaintext", PASSWORD]
    made = subprocess.run(words, capture_output=True, text=True, check=True)
    version = subprocess.run(["caddy", "version"], capture_output=True, text=True)
    if re.match(r"v?2\.[0-7]\.", version.stdout):
        block = block.replace("basic_auth", "basicauth")  # as it was called before 2.8
    return (
        block.replace("analytics.example.com", place)
        .replace("$2a$14$…", made.stdout.strip())
        .replace("127.0.0.1:3000", upstream)
    )


def neighbour_of(place: str, folder: Path) -> str:
    """Another program under the same name, whose only page attacks the UI.

    Browsers count it as the same site, and send the login along with its requests.
    """
    folder.mkdir()
    attack = ATTACK.replace("UI", json.dumps(f"https://{place}"), 1)
    attack = attack.replace("MUTATION", json.dumps("mutation {setNuxSeen}"), 1)
    (folder / "index.html").write_text(attack, encoding="utf-8")
    return f"{neighbour(place)} {{\n root * {folder}\n file_server\n}}\n"


def neighbour(place: str) -> str:
    """Where that program is: at the next port."""
    name, _, port = place.rpartition(":")
    return f"{name}:{int(port) + 1}"


def status_without_login(url: str) -> int:
    """The status of the answer to somebody without a login; 0 without an answer."""
    words = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", url]
    return int(subprocess.run(words, capture_output=True, check=False).stdout)


@pytest.fixture(scope="module")
def browser(proxied: ServedUi, browser: Any) -> Any:
    """The browser, opened once the proxy is there."""
    return browser


@pytest.fixture
def page(browser: Any, requests: list[str], proxied: ServedUi) -> Iterator[Any]:
    """A page of a browser that has logged in at the proxy."""
    login = f"https://anna:{quote(PASSWORD)}@"
    with open_page(browser, requests, ignore_https_errors=True) as page:
        page.goto(proxied.at("/runs").replace("https://", login))
        yield page


def test_without_the_login_nothing_is_shown(proxied: ServedUi) -> None:
    assert status_without_login(proxied.at("/runs")) == 401


def test_runs_and_backfills_are_launched_and_followed_through_the_proxy(
    page: Any, shop: SimulatedShop, ui: ServedUi, proxied: ServedUi
) -> None:
    day = FIRST_DAY + timedelta(days=1)
    shop.live_until(day)
    sockets: list[str] = []
    page.on("websocket", lambda opened: sockets.append(opened.url))

    run_id = run_id_of(launch(page, proxied, "daily_update", day.isoformat()))
    page.goto(proxied.at(f"/runs/{run_id}"))
    page.get_by_text("Success", exact=True).first.wait_for()

    assert any(url.startswith("wss://analytics.localhost:") for url in sockets)
    assert shop.local.publication.published().as_of == day.isoformat()
    days = f"[{FIRST_DAY - timedelta(days=2)}...{FIRST_DAY}]"
    launched = launch(page, proxied, "redo_days", days)
    backfill = launched["launchPartitionBackfill"]["backfillId"]
    page.goto("about:blank")
    wait_until(lambda: ui.runs_of(backfill) == ["SUCCESS"])
    page.goto(proxied.at(f"/runs/b/{backfill}?tab=runs"))
    page.get_by_text("Success", exact=True).first.wait_for()


def test_a_page_of_the_same_site_gets_nothing_with_the_login_that_the_browser_sends(
    page: Any, place: str, proxied: ServedUi
) -> None:
    page.goto(proxied.at("/automation"))
    page.get_by_text("daily_update_schedule").first.wait_for()
    page.goto("about:blank")  # what that page asks is no answer to the attack
    answers: list[tuple[str, int]] = []
    page.on(
        "response", lambda reply: answers.append((reply.request.method, reply.status))
    )

    page.goto(f"https://{neighbour(place)}/")
    page.wait_for_function(f"Object.keys(done).length == {len(ATTEMPTS)}")
    page.wait_for_timeout(1000)
    reported = page.evaluate("done")

    assert reported["socket"] == "refused"
    assert reported["json"] == reported["read"] == "failed"
    assert answers.pop(0) == ("GET", 200), "the attacking page itself"
    # 401 would mean that the login was not sent along: then nothing was tried.
    assert {status for _method, status in answers} == {403}
