"""A machine of GitHub's, as far as the workflow needs one: its steps, run in order.

Each ``run`` block is run by bash with the environment that the workflow gives it, and
nothing else.  ``gh`` is a program that answers from a folder; the actions that are
used are played here.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from analytics_pipeline_tests import clock

ROOT = Path(__file__).parents[3]
WORKFLOW = ROOT / ".github/workflows/daily_update.yml"
NEEDED = ("bash", "jq", "gpg", "unzip", "tar", "curl")
REPOSITORY, BRANCH, GH_TOKEN = "shop/analytics", "main", "token-of-the-job"
GH = """#!/bin/sh
[ "$1 $GH_TOKEN" = "api {token}" ] || exit 4
exec cat "{folder}/$(printf %s "$2" | tr -c A-Za-z0-9 _)"
"""
PIPELINE = """#!/bin/sh
exec "{python}" -m analytics_pipeline "$@"
"""
PYTHON = """#!/bin/sh
echo "$@" >> "{folder}/python"
"""


def read_workflow() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return loaded


def read_job() -> dict[str, Any]:
    (job,) = read_workflow()["jobs"].values()
    return dict(job)


def write_program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o700)


@dataclass
class Hub:
    """What GitHub keeps of a repository, in files that are named for their address."""

    folder: Path
    is_private: bool = True
    artifacts: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.write()

    def write(self) -> None:
        home = f"repos/{REPOSITORY}"
        self._answer(home, {"private": self.is_private})
        listed = f"{home}/actions/artifacts?name=analytics-data&per_page=100"
        self._answer(listed, {"artifacts": self.artifacts[::-1]})

    def keep(
        self, content: Path, *, branch: str = BRANCH, expired: bool = False
    ) -> None:
        """Keep a file as the next artifact."""
        number = len(self.artifacts) + 1
        address = f"repos/{REPOSITORY}/actions/artifacts/{number}/zip"
        with zipfile.ZipFile(self._file(address), "w") as archive:
            archive.write(content, content.name)
        self.artifacts.append(
            {"id": number, "expired": expired, "workflow_run": {"head_branch": branch}}
        )
        self.write()

    def newest(self, folder: Path) -> Path:
        """Download the newest artifact, as a person would; return the file in it."""
        number = self.artifacts[-1]["id"]
        address = f"repos/{REPOSITORY}/actions/artifacts/{number}/zip"
        with zipfile.ZipFile(self._file(address)) as archive:
            (name,) = archive.namelist()
            return Path(archive.extract(name, folder))

    def _answer(self, address: str, answer: Mapping[str, Any]) -> None:
        self._file(address).write_text(json.dumps(answer), encoding="utf-8")

    def _file(self, address: str) -> Path:
        return self.folder / re.sub("[^A-Za-z0-9]", "_", address)


@dataclass
class Ran:
    """How a run of the job ended: what its log holds, and how each step went."""

    temp: Path
    log: str = ""
    summary: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.temp / "analytics-data"

    @property
    def failed(self) -> list[str]:
        return [name for name, how in self.outcomes.items() if how == "failure"]


@dataclass
class Runner:
    """Runs the job again and again, each time on a fresh machine."""

    hub: Hub
    folder: Path
    home: Path
    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    runs: int = 0

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    def run(self, **inputs: str) -> Ran:
        """Run the job; by the schedule, where there are no *inputs*."""
        self.runs += 1
        ran = Ran(self.folder / f"machine_{self.runs}")
        ran.temp.mkdir()
        contexts: dict[str, Any] = {
            "vars": self.variables,
            "secrets": self.secrets,
            "inputs": inputs,
            "github.token": GH_TOKEN,
            "runner.temp": str(ran.temp),
        }
        environment: dict[str, str] = {}
        for step in read_job()["steps"]:
            name = step.get("name", step.get("uses"))
            asked = step.get("if", "success()")
            if not holds(asked, contexts) or ("always()" not in asked and ran.failed):
                ran.outcomes[name] = "skipped"
            else:
                is_well = self._step(step, contexts, environment, ran)
                ran.outcomes[name] = "success" if is_well else "failure"
            if "id" in step:
                contexts[f"steps.{step['id']}.outcome"] = ran.outcomes[name]
        return ran

    def _step(
        self,
        step: Mapping[str, Any],
        contexts: dict[str, Any],
        environment: dict[str, str],
        ran: Ran,
    ) -> bool:
        if "run" not in step:
            return self._action(step, contexts)
        files = {
            name: ran.temp / name.lower()
            for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        }
        for path in files.values():
            path.write_text("", encoding="utf-8")
        given = {
            name: filled_in(str(value), contexts)
            for name, value in step.get("env", {}).items()
        }
        result = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            env=self._machine(ran) | environment | given
            | {name: str(path) for name, path in files.items()},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )  # fmt: skip
        ran.log += result.stdout
        environment |= read_pairs(files["GITHUB_ENV"])
        ran.summary += files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        for name, value in read_pairs(files["GITHUB_OUTPUT"]).items():
            contexts[f"steps.{step['id']}.outputs.{name}"] = value
        return result.returncode == 0

    def _machine(self, ran: Ran) -> dict[str, str]:
        return {
            "PATH": f"{self.programs}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "RUNNER_TEMP": str(ran.temp),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_REF_NAME": BRANCH,
            **clock.variables(),
            "PYTHONWARNINGS": "ignore",
            "NO_PROXY": "127.0.0.1",
        }

    def _action(self, step: Mapping[str, Any], contexts: Mapping[str, Any]) -> bool:
        """Play an action: of those that are used, only one leaves something behind."""
        if step["uses"].startswith("actions/upload-artifact@"):
            path = Path(filled_in(step["with"]["path"], contexts))
            assert step["with"]["name"] == "analytics-data"
            self.hub.keep(path)
        return True


def filled_in(text: str, contexts: Mapping[str, Any]) -> str:
    """Fill in what GitHub would; what is not set is empty."""
    return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: look_up(found[1], contexts), text)


def look_up(expression: str, contexts: Mapping[str, Any]) -> str:
    if expression in contexts:
        return str(contexts[expression])
    context, _, name = expression.partition(".")
    if isinstance(contexts.get(context), Mapping):
        return str(contexts[context].get(name, ""))
    assert expression.startswith("steps."), expression
    return ""


def holds(condition: str, contexts: Mapping[str, Any]) -> bool:
    """Whether a condition of the kinds that the workflow has holds."""
    for part in condition.split(" && "):
        if part in ("always()", "success()"):
            continue
        left, sign, right = part.split(" ")
        assert sign in ("==", "!="), condition
        if (look_up(left, contexts) == right.strip("'")) != (sign == "=="):
            return False
    return True


def read_pairs(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def decrypted(kept: Path, passphrase: str, home: Path, folder: Path) -> Path:
    """Open what was kept with the words that the documentation gives a person."""
    folder.mkdir()
    archive = folder / "data.tar.gz"
    subprocess.run(
        ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback",
         "--passphrase", passphrase, "--output", archive, "--decrypt", kept],
        env=os.environ | {"HOME": str(home)},
        check=True,
        capture_output=True,
    )  # fmt: skip
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    archive.unlink()
    return folder


@contextmanager
def open_runner(
    folder: Path, variables: Mapping[str, str], secrets: Mapping[str, str]
) -> Iterator[Runner]:
    """A runner with its programs; the agent that gpg starts is ended with it."""
    # A short path: gpg puts sockets there, whose names have few letters to spare.
    with tempfile.TemporaryDirectory(prefix="runner-") as home:
        hub = Hub(folder / "hub")
        runner = Runner(hub, folder, Path(home), variables, secrets)
        runner.programs.mkdir()
        for name, text in (
            ("gh", GH.format(token=GH_TOKEN, folder=hub.folder)),
            ("analytics-pipeline", PIPELINE.format(python=sys.executable)),
            ("python", PYTHON.format(folder=folder)),
        ):
            write_program(runner.programs / name, text)
        try:
            yield runner
        finally:
            subprocess.run(
                ["gpgconf", "--kill", "gpg-agent"],
                env=os.environ | {"HOME": home},
                check=True,
            )
