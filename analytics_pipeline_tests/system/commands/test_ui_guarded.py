"""The UI as a process, asked as pages of other sites would ask, in a hostile folder."""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.commands.ui import without_this_folder
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.conftest import forget_environment
from analytics_pipeline_tests.system.shared_deployment.processes import (
    ROOT,
    kill,
    wait_until,
)
from analytics_pipeline_tests.system.shared_deployment.server import free_port

pytestmark = pytest.mark.timeout(300)
TRAPS = (
    *("dagster", "pandas", "dagster_webserver", "dagster_graphql", "starlette"),
    *("uvicorn", "analytics_pipeline", "json", "pyarrow", "grpc", "click"),
)
"""Modules that a process of the UI imports, and that lie where it is started."""
MUTATION = "mutation {setNuxSeen}"
NOWHERE = f"{sysconfig.get_path('stdlib')}/no_modules"
PROXIED = "analytics.example.com"


@dataclass(frozen=True)
class Web:
    """A webserver that runs."""

    port: int
    folder: Path

    def send(
        self, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, str]:
        """Send a request; return the status and the text."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, body, named), timeout=60
            ) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def post(self, query: str, **headers: str) -> tuple[int, str]:
        """Send a GraphQL operation as the UI does."""
        body = json.dumps({"query": query}).encode()
        return self.send("/graphql", body, content_type="application/json", **headers)

    def shake_hands(self, **headers: str) -> int:
        """Ask for a WebSocket; return the status of the answer."""
        lines = [
            "GET /graphql HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: graphql-ws",
            f"Sec-WebSocket-Key: {b64encode(bytes(16)).decode()}",
            *(f"{name.replace('_', '-')}: {text}" for name, text in headers.items()),
        ]
        with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            return int(connection.recv(100).split()[1])

    @property
    def loaded(self) -> bool:
        """Whether the code is loaded."""
        fields = "... on WorkspaceLocationEntry {loadStatus locationOrLoadError "
        fields += "{__typename}}"
        try:
            status, text = self.post(
                "{workspaceOrError {... on Workspace {locationEntries {"
                + fields
                + "}}}}"
            )
        except OSError:
            return False
        assert status == 200, text
        entries = json.loads(text)["data"]["workspaceOrError"]["locationEntries"]
        kinds = [(e["locationOrLoadError"] or {}).get("__typename") for e in entries]
        assert "PythonError" not in kinds
        return kinds == ["RepositoryLocation"]


@contextmanager
def serving(folder: Path, port: int, *words: object, **more: str) -> Iterator[Web]:
    """Start a webserver in *folder* and stop it."""
    environment = os.environ | {
        "PYTHONPATH": clock.PYTHON_PATH,
        "PYTHONWARNINGS": "ignore",
        "ANALYTICS_UI_HOSTS": PROXIED,
        **more,
    }
    log = folder / "log"
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            [sys.executable, *map(str, words)],
            env=environment, cwd=folder, stdout=stream, stderr=stream,
            start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            web = Web(port, folder)

            def is_there() -> bool:
                assert process.poll() is None, log.read_text(errors="replace")
                return web.loaded

            wait_until(is_there)
            yield web
        finally:
            kill(process)


def lay_traps(folder: Path) -> None:
    """Put modules of well-known names into a folder; each notes that it was run."""
    for name in TRAPS:
        text = (
            f"open({str(folder / 'ran')!r}, 'a').write({name!r})\nraise SystemExit(9)"
        )
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """The UI, started where somebody has put modules of well-known names."""
    folder = tmp_path_factory.mktemp("folder")
    lay_traps(folder)
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, folder)
        # As the installed command is: Python itself puts no folder on its path.
        words = ("-P", "-m", "analytics_pipeline", "ui", "--port", port := free_port())
        data = str(folder / "data")
        with serving(folder, port, *words, ANALYTICS_DATA_DIR=data) as web:
            yield web


@pytest.mark.nightly
def test_the_ui_runs_no_module_of_the_folder_it_is_started_in(ui: Web) -> None:
    launched = launch(ui)

    wait_until(lambda: status_of(ui, launched) in {"SUCCESS", "FAILURE"})
    assert not (ui.folder / "ran").exists()
    log = (ui.folder / "log").read_text(errors="replace")
    assert "No module named" not in log


def launch(ui: Web) -> str:
    """Launch a run, which is a process of its own; there is no store, so it fails."""
    selector = (
        'repositoryLocationName: "analytics_pipeline", '
        'repositoryName: "__repository__", pipelineName: "full_rebuild"'
    )
    parameters = f'{{selector: {{{selector}}}, mode: "default", runConfigData: {{}}'
    parameters += ', executionMetadata: {tags: [{key: "dagster/partition", '
    parameters += 'value: "2026-01-01"}]}}'
    answer = json.loads(
        ui.post(
            f"mutation {{launchRun(executionParams: {parameters}) "
            "{... on LaunchRunSuccess {run {id}} ... on PythonError {message}}}",
            origin=f"http://127.0.0.1:{ui.port}",
        )[1]
    )
    run_id: str = answer["data"]["launchRun"]["run"]["id"]
    return run_id


def status_of(ui: Web, run_id: str) -> str:
    fields = f'{{runOrError(runId: "{run_id}") {{... on Run {{status}}}}}}'
    status: str = json.loads(ui.post(fields)[1])["data"]["runOrError"]["status"]
    return status


@pytest.mark.nightly
def test_the_ui_answers_its_own_pages(ui: Web) -> None:
    here = f"http://127.0.0.1:{ui.port}"
    same = {"origin": here, "sec_fetch_site": "same-origin"}

    assert ui.send("/")[0] == 200
    assert ui.send("/graphql", accept="text/html")[0] == 200
    assert ui.post("{version}", **same)[0] == 200
    assert "errors" not in json.loads(ui.post(MUTATION, **same)[1])
    assert ui.post(MUTATION, host=PROXIED, origin=f"https://{PROXIED}")[0] == 200
    assert ui.shake_hands(Origin=here) == 101
    assert ui.shake_hands() == 101


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        (f"/graphql?query={quote(MUTATION)}", None, {}),
        (f"/graphql?query={quote(MUTATION)}", b"", {}),
        ("/graphql", b'{"query": "{version}"}', {"content_type": "text/plain"}),
        ("/graphql", b"{}", {"content_type": "text/plain; application/json"}),
        ("/", None, {"host": "evil.example"}),
        ("/server_info", None, {"host": "evil.example:3000"}),
        ("/server_info", None, {"origin": "http://evil.example"}),
        ("/server_info", None, {"sec_fetch_site": "cross-site"}),
        ("/report_asset_materialization/customers", b"", {}),
        ("/report_asset_observation/customers", b"", {}),
        (
            "/report_asset_materialization/customers",
            b"{}",
            {"content_type": "application/json", "origin": "http://evil.example"},
        ),
    ],
)
def test_the_ui_refuses_what_pages_of_other_sites_can_send(
    ui: Web, path: str, body: bytes | None, headers: dict[str, Any]
) -> None:
    if body == b"":
        headers = {"content_type": "application/x-www-form-urlencoded", **headers}

    status, text = ui.send(path, body, **headers)

    assert status == 403
    assert text.startswith("Refused.")


@pytest.mark.nightly
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:8000"]
)
def test_the_ui_refuses_a_foreign_websocket(ui: Web, origin: str) -> None:
    assert ui.shake_hands(Origin=origin) == 403


@pytest.mark.nightly
@pytest.mark.parametrize(
    "words",
    [
        ("-m", "dagster", "dev", "--port"),
        ("-P", "-m", "analytics_pipeline.webserver", "-w", "workspace.yaml", "--port"),
        ("-P", "-m", "analytics_pipeline", "ui", "--port"),
    ],
    ids=["dagster dev", "of a deployment", "ui with other records"],
)
def test_the_other_ways_to_start_it_are_guarded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    forget_environment(monkeypatch, tmp_path)
    for name in ("workspace.yaml", "dagster.yaml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    if words[1] == "-m":  # whatever keeps the records, the program brings the guard
        (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with serving(
        tmp_path, port := free_port(), *words, port, DAGSTER_HOME=str(tmp_path)
    ) as web:
        assert web.send(f"/graphql?query={quote(MUTATION)}")[0] == 403
        assert web.send("/", host="evil.example")[0] == 403
        assert web.shake_hands(Origin="http://evil.example") == 403
        assert web.send("/")[0] == 200


@pytest.mark.nightly
def test_the_ui_of_a_chain_is_guarded_and_runs_no_module_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_environment(monkeypatch, tmp_path)
    lay_traps(tmp_path)
    (tmp_path / "shops").mkdir()
    (tmp_path / "shops/north.env").write_text(
        "LIGHTSPEED_DOMAIN_PREFIX=demo\nLIGHTSPEED_TOKEN=simulated\n"
    )
    words = ("-P", "-m", "analytics_pipeline", "ui", "--port", port := free_port())

    with serving(tmp_path, port, *words, ANALYTICS_SHOPS="shops") as web:
        assert web.send(f"/graphql?query={quote(MUTATION)}")[0] == 403
        assert web.send("/", host="evil.example")[0] == 403
        assert web.send("/")[0] == 200
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        ("", ""),
        (":", ""),
        ("/a", f"{NOWHERE}:/a"),
        ("/a:/b", f"{NOWHERE}:/a:/b"),
        (":/a", f"{NOWHERE}:/a"),
        ("/a:", f"{NOWHERE}:/a"),
        ("/a::/b", f"{NOWHERE}:/a:/b"),
    ],
)
def test_an_empty_part_of_the_path_is_not_the_current_folder(
    given: str | None, kept: str | None
) -> None:
    environment = {} if given is None else {"PYTHONPATH": given}

    safe = without_this_folder(environment)

    assert safe.pop("PYTHONSAFEPATH") == "1"
    assert safe.get("PYTHONPATH") == kept


def test_an_invalid_host_is_reported_before_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("ANALYTICS_UI_HOSTS", "https://a.example")

    result = CliRunner().invoke(app, ["ui", "--port", str(free_port())])

    assert result.exit_code == 2
    assert "ANALYTICS_UI_HOSTS cannot be used" in result.stderr
