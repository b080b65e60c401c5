"""The Dagster UI of a simulated shop, started by the command that people use."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analytics_pipeline.settings import Settings
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.system.shared_deployment.processes import (
    kill,
    wait_until,
)
from analytics_pipeline_tests.system.shared_deployment.server import free_port

LOCATION = "/locations/analytics_pipeline"
_OURS = 'repositoryLocationName: "analytics_pipeline" repositoryName: "__repository__"'


@dataclass(frozen=True, slots=True)
class ServedUi:
    """A UI that answers at *origin*."""

    origin: str

    def at(self, path: str) -> str:
        """The address of a page."""
        return f"{self.origin}{path}"

    def job(self, name: str) -> str:
        """The address of the page of a job."""
        return self.at(f"{LOCATION}/jobs/{name}")

    def ask(self, question: str) -> Any:
        """Ask what the UI itself asks; return the answer."""
        request = urllib.request.Request(
            self.at("/graphql"),
            json.dumps({"query": question}).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)["data"]

    def run_of(self, run_id: str) -> Any:
        """What is known of a run: its status, configuration and tags."""
        fields = "... on Run {status runConfigYaml tags {key value}}"
        return self.ask(f'{{runOrError(runId: "{run_id}") {{{fields}}}}}')["runOrError"]

    def runs_of_job(self, name: str) -> list[str]:
        """The runs that the page of a job lists."""
        fields = "... on Pipeline {runs {id}}"
        answer = self.ask(
            f'{{pipelineOrError(params: {{{_OURS} pipelineName: "{name}"}}) '
            f"{{{fields}}}}}"
        )
        return [run["id"] for run in answer["pipelineOrError"]["runs"]]

    def execute_again(self, run_id: str) -> str:
        """Click *Re-execute* of a run; return the new run."""
        asked = f'{{parentRunId: "{run_id}", strategy: ALL_STEPS}}'
        fields = "__typename ... on LaunchRunSuccess {run {id}} "
        fields += "... on PythonError {message}"
        answer = self.ask(
            "mutation {launchPipelineReexecution(reexecutionParams: "
            f"{asked}) {{{fields}}}}}"
        )["launchPipelineReexecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        new: str = answer["run"]["id"]
        return new

    def runs_of(self, backfill: str) -> list[str]:
        """The status of each run of a backfill."""
        asked = f'{{tags: [{{key: "dagster/backfill", value: "{backfill}"}}]}}'
        fields = "... on Runs {results {status}}"
        answer = self.ask(f"{{runsOrError(filter: {asked}) {{{fields}}}}}")
        return [run["status"] for run in answer["runsOrError"]["results"]]


@contextmanager
def served_ui(settings: Settings, folder: Path) -> Iterator[ServedUi]:
    """Serve the UI of a shop; what would start a run automatically is switched off."""
    port, log = free_port(), folder / "ui.log"
    token = settings.token
    assert token is not None
    environment = os.environ | settings.as_environment()
    environment |= {"LIGHTSPEED_TOKEN": token.get_secret_value()}
    environment |= {"PYTHONPATH": clock.PYTHON_PATH, "PYTHONWARNINGS": "ignore"}
    environment.pop("DAGSTER_HOME", None)
    words = [sys.executable, "-m", "analytics_pipeline", "ui", "--port", str(port)]
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            words, env=environment, cwd=folder, stdout=stream, stderr=stream,
            start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            ui = ServedUi(f"http://127.0.0.1:{port}")
            wait_until(lambda: _is_there(ui, process, log))
            switch_off(ui, "Schedule", "stopRunningSchedule", "daily_update_schedule")
            switch_off(ui, "Sensor", "stopSensor", "ecom_export_changed")
            yield ui
        finally:
            kill(process)


def switch_off(ui: ServedUi, kind: str, mutation: str, name: str) -> None:
    """Switch a schedule or a sensor off, as its switch in the UI does."""
    what = kind.lower()
    selector = f'{what}Selector: {{{_OURS} {what}Name: "{name}"}}'
    found = ui.ask(f"{{{what}OrError({selector}) {{... on {kind} {{id}}}}}}")
    place = found[f"{what}OrError"]["id"]
    answer = ui.ask(f'mutation {{{mutation}(id: "{place}") {{__typename}}}}')
    rows = answer[mutation]["__typename"]
    assert rows in {"ScheduleStateResult", "StopSensorMutationResult"}, rows


def _is_there(ui: ServedUi, process: subprocess.Popen[bytes], log: Path) -> bool:
    """Whether the UI answers, and knows the jobs."""
    assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")
    fields = "... on WorkspaceLocationEntry {loadStatus}"
    try:
        answer = ui.ask(
            "{workspaceOrError {... on Workspace "
            f"{{locationEntries {{{fields}}}}}}}}}"
        )
    except OSError:
        return False
    entries = answer["workspaceOrError"]["locationEntries"]
    return [entry["loadStatus"] for entry in entries] == ["LOADED"]
