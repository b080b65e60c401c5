"""A desk to type the commands of the pages at: a folder, and a simulated shop."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.commands import running
from analytics_pipeline.commands.running import Outcome, RunFailed
from analytics_pipeline.settings import Settings
from analytics_pipeline.simulator.export import write_export
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.documentation.pages import Typed
from analytics_pipeline_tests.light_run import exit_code_of, run_light
from analytics_pipeline_tests.simulated_shop import SimulatedShop, open_simulated_shop

DAY_IN_PAGES = "2026-01-31"
"""The day that the pages take as an example; here one of the last."""
CUSTOMER_IN_PAGES = "ann@example.com"
OURS = "analytics-pipeline "
HARMLESS = {
    *("mkdir", "chmod", "cat", "echo", "umask", "cp", "mv", "rm", "tar", "du", "find"),
    ".venv/bin/python",
}
"""Programs that change nothing outside the folder, if they are given no path there."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command."""

    exit_code: int
    text: str


@dataclass
class Desk:
    """A folder with ``.env``, an export and a published master of a simulated shop."""

    folder: Path
    shop: SimulatedShop
    yesterday: date
    customer: str
    name: str

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def type(self, typed: Typed) -> Answer:
        """Type a command as its page says, with what is an example there put right."""
        command = self._fill_in(typed.command)
        if command.startswith(OURS):
            words = shlex.split(command, comments=True)[1:]
            result = CliRunner().invoke(app, words)
            return Answer(result.exit_code, result.output)
        _refuse_what_reaches_beyond(command)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env={**os.environ, "PATH": f"{self.folder}/.venv/bin:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=200,
        )
        return Answer(done.returncode, done.stdout + done.stderr)

    def _fill_in(self, command: str) -> str:
        """Put a day and a customer of this shop in the place of the examples."""
        day = self.yesterday - timedelta(days=3)
        return command.replace(DAY_IN_PAGES, day.isoformat()).replace(
            CUSTOMER_IN_PAGES, self.customer
        )


def _refuse_what_reaches_beyond(command: str) -> None:
    """Type nothing in a shell that might change this machine."""
    first_line = command.splitlines()[0]
    programs = {part.split()[0] for part in first_line.split("&&")}
    beyond = [word for word in first_line.split() if word.startswith(("/", "~", ".."))]
    assert programs <= HARMLESS, f"{first_line}: list it in not_typed.py"
    assert not beyond, f"{first_line}: list it in not_typed.py"


@contextmanager
def open_first_desk(folder: Path) -> Iterator[Desk]:
    """Make the desk that those of the pages are copies of: a shop of two weeks."""
    now = clock.now()
    with open_simulated_shop(
        folder / "data",
        seed=1,
        customers=60,
        opened_on=now.date() - timedelta(days=14),
        day=now.date() - timedelta(days=3),
    ) as shop:
        shop.simulator.advance_to(now)
        write_export(shop.store.state, shop.data / "ecom_orders_export.csv")
        yesterday = shop.local.yesterday
        run_light(shop.settings, yesterday)
        shutil.copy(shop.data / "ecom_orders_export.csv", folder / "orders.csv")
        values = shop.settings.as_environment() | {"ANALYTICS_DATA_DIR": "data"}
        lines = [f"{name}={value}\n" for name, value in values.items()]
        (folder / ".env").write_text("".join(lines), encoding="utf-8")
        _install(folder / ".venv/bin")
        yield Desk(folder, shop, yesterday, *_a_customer(shop))


def _a_customer(shop: SimulatedShop) -> tuple[str, str]:
    """Return e-mail and name of somebody in the master whose e-mail is ordinary."""
    for row in shop.rows("customer_analytics_master.csv"):
        if re.fullmatch(r"[a-z.0-9]+@example\.com", row["Email"]) and not row["Note"]:
            return row["Email"], row["Name"]
    raise AssertionError("no one has an ordinary e-mail")


def _install(programs: Path) -> None:
    """Let ``.venv`` lead to the Python and the package that are tested."""
    programs.mkdir(parents=True)
    for name, words in {
        "python": "",
        "analytics-pipeline": "-m analytics_pipeline",
    }.items():
        script = programs / name
        script.write_text(
            f'#!/bin/sh\n{clock.exported()}\nexec "{sys.executable}" {words} "$@"\n'
        )
        script.chmod(0o700)


def leave_dagster_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands run the assets without Dagster around them: half the time."""
    monkeypatch.setattr(running, "run_job", _run_without_dagster)


def _run_without_dagster(
    settings: Settings,
    job: str,
    day: date,
    config: Mapping[str, Any],
    terminal: Any,
    tags: Mapping[str, str] | None = None,
) -> Outcome:
    feed, days = (config["ops"][name]["config"] for name in ("sales_feed", "raw_sales"))
    parts: list[Any] = []
    figures: dict[str, Mapping[str, Any]] = {}
    failure = None
    try:
        run_light(
            settings,
            day,
            **feed,
            recut_all_days=days["recut_all_days"],
            reported=parts,
            figures=figures,
        )
    except dg.Failure as error:
        cause, remedy = (
            str(error.metadata[each].value) for each in ("cause", "remedy")
        )
        failure = RunFailed(cause, remedy, exit_code_of(error))
    warnings = [
        f"{event.asset_key.to_user_string()}: {event.description}"
        for event in parts
        if isinstance(event, dg.AssetCheckEvaluation)
        and not event.passed
        and event.severity is dg.AssetCheckSeverity.WARN
    ]
    return Outcome("", figures, {}, warnings, failure)
