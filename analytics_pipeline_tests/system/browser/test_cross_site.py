"""A page of another site, in a real browser, against the UI."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from analytics_pipeline_tests.conftest import forget_environment
from analytics_pipeline_tests.system.browser.served_ui import ServedUi
from analytics_pipeline_tests.system.commands.test_ui_guarded import Web, serving
from analytics_pipeline_tests.system.shared_deployment.server import free_port

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(480)]

ATTACK = """<!doctype html><title>attack</title><iframe name="sink"></iframe><script>
const ui = UI, mutation = MUTATION;
const get = ui + "/graphql?query=" + encodeURIComponent(mutation);
const body = JSON.stringify({query: mutation});
const done = {};
const note = (name, promise) => promise.then(
  (reported) => done[name] = reported, (error) => done[name] = "failed");
function submit(url) {
  const form = document.createElement("form");
  Object.assign(form, {method: "POST", action: url, target: "sink"});
  document.body.append(form); form.submit(); return true;
}
const image = new Promise((end) => {
  const sent = new Image(); sent.onload = sent.onerror = () => end("ended");
  sent.src = get; });
const socket = new Promise((end) => {
  const opened = new WebSocket(ui.replace("http", "ws") + "/graphql", "graphql-ws");
  opened.onopen = () => end("opened"); opened.onerror = () => end("refused"); });
const post = (path, options) => fetch(ui + path, {
  method: "POST", mode: "no-cors", credentials: "include", ...options});
note("image", image);
note("socket", socket);
note("text", post("/graphql", {body}).then(() => "ended"));
note("query", post(get.slice(ui.length), {}).then(() => "ended"));
note("json", fetch(ui + "/graphql", {method: "POST", body,
  headers: {"content-type": "application/json"}}).then((r) => r.text()));
note("read", fetch(ui + "/server_info").then((r) => r.text()));
note("report", post("/report_asset_materialization/customers", {}).then(() => "ended"));
submit(get);
</script>"""
ATTEMPTS = {"image", "socket", "text", "query", "json", "read", "report"}


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A UI without a store."""
    folder = tmp_path_factory.mktemp("ui")
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, folder)
        words = ("-P", "-m", "analytics_pipeline", "ui", "--port", port := free_port())
        data = str(folder / "data")
        with serving(folder, port, *words, ANALYTICS_DATA_DIR=data) as web:
            yield web


@pytest.fixture(scope="module")
def browser(ui: Web, browser: Any) -> Any:
    """The browser, opened once the UI is there."""
    return browser


@contextmanager
def another_site(page: str) -> Iterator[int]:
    """Serve a page on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page.encode()
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def asked(web: Web, query: str) -> Any:
    return json.loads(web.post(query)[1])["data"]


def schedule(web: Web) -> tuple[str, str]:
    """The id and the state of the nightly schedule."""
    selector = (
        'scheduleSelector: {repositoryLocationName: "analytics_pipeline", '
        'repositoryName: "__repository__", scheduleName: "daily_update_schedule"}'
    )
    fields = "{... on Schedule {id scheduleState {status}}}"
    found = asked(web, f"{{scheduleOrError({selector}) {fields}}}")["scheduleOrError"]
    return found["id"], found["scheduleState"]["status"]


def materializations(web: Web) -> list[Any]:
    fields = "{... on Asset {assetMaterializations {runId}}}"
    key = 'assetKey: {path: ["customers"]}'
    found = asked(web, f"{{assetOrError({key}) {fields}}}")["assetOrError"]
    return list(found.get("assetMaterializations", []))


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"], ids=["site", "port"])
def test_a_page_of_another_site_changes_and_reads_nothing(
    page: Any, ui: Web, name: str
) -> None:
    place, state = schedule(ui)
    assert state == "RUNNING"
    mutation = f'mutation {{stopRunningSchedule(id: "{place}") {{__typename}}}}'
    attack = ATTACK.replace("UI", json.dumps(f"http://127.0.0.1:{ui.port}"), 1)
    attack = attack.replace("MUTATION", json.dumps(mutation), 1)
    answers: list[tuple[str, int]] = []
    page.on(
        "response", lambda reply: answers.append((reply.request.method, reply.status))
    )

    with another_site(attack) as port:
        page.goto(f"http://{name}:{port}/")
        page.wait_for_function(f"Object.keys(done).length == {len(ATTEMPTS)}")
        page.wait_for_timeout(1000)
        reported = page.evaluate("done")

    assert reported.keys() == ATTEMPTS
    assert reported["socket"] == "refused"
    assert reported["json"] == reported["read"] == "failed"
    assert answers.count(("GET", 200)) == 1, "the attacking page itself"
    assert {status for method, status in answers if method == "POST"} <= {403}
    assert ("POST", 403) in answers
    assert schedule(ui) == (place, "RUNNING")
    assert materializations(ui) == []


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_link_on_another_site_opens_the_ui_which_works(
    page: Any, ui: Web, name: str
) -> None:
    target = ServedUi(f"http://127.0.0.1:{ui.port}").at("/automation")
    link = f'<title>links</title><a href="{target}">the UI</a>'

    with another_site(link) as port:
        page.goto(f"http://{name}:{port}/")
        page.get_by_text("the UI").click()

    page.get_by_text("daily_update_schedule").first.wait_for()


def test_the_ui_cannot_be_shown_inside_a_page_of_another_site(
    page: Any, ui: Web
) -> None:
    frame = f'<iframe src="http://127.0.0.1:{ui.port}/"></iframe>'

    with (
        another_site(frame) as port,
        page.expect_response(lambda reply: str(ui.port) in reply.url) as reply,
    ):
        page.goto(f"http://localhost:{port}/")

    assert reply.value.status == 403
