"""What ``analytics-pipeline simulate`` serves and says."""

import asyncio
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from dotenv import dotenv_values
from starlette.applications import Starlette
from typer.testing import CliRunner, Result

from analytics_pipeline.cli import app
from analytics_pipeline.commands import simulate
from analytics_pipeline.settings import load_settings
from analytics_pipeline.simulator.faults import NEVER_WHOLE, FaultKind, FaultPlan

ORIGIN = "http://127.0.0.1:1"
REFUSALS = {
    FaultKind.RATE_LIMITED: 429,
    FaultKind.SERVER_ERROR: 500,
    FaultKind.BAD_GATEWAY: 502,
    FaultKind.UNAVAILABLE: 503,
    FaultKind.GATEWAY_TIMEOUT: 504,
}
UNANSWERED = {
    FaultKind.CONNECTION_RESET,
    FaultKind.ABORTED_BODY,
    FaultKind.READ_TIMEOUT,
    FaultKind.SLOW_PAGE,
}


class Served:
    """What the command was about to serve."""

    app: Starlette

    def statuses(self, token: str, count: int) -> list[int]:
        return asyncio.run(self._ask(token, count))

    async def _ask(self, token: str, count: int) -> list[int]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url=ORIGIN
        ) as client:
            headers = {"Authorization": f"Bearer {token}"}
            return [
                (await client.get("/api/2.0/retailer", headers=headers)).status_code
                for _ in range(count)
            ]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    """Catches the application instead of serving it until somebody interrupts."""
    caught = Served()

    def catch(app: Starlette, _port: int, on_start: Callable[[str], None]) -> None:
        caught.app = app
        on_start(ORIGIN)

    monkeypatch.setattr(simulate, "run_forever", catch)
    return caught


def type_in(*words: Any) -> Result:
    small = ("--customers", "5", "--opened-on", "2026-11-01")
    return CliRunner().invoke(app, ["simulate", *small, *map(str, words)])


def reported(result: Result, name: str) -> str:
    """The value of a setting, or of a note, that is printed under this name."""
    assert result.exit_code == 0, result.output
    starts = (f"{name}=", f"# {name}: ")
    lines = [line for line in result.stdout.splitlines() if line.startswith(starts)]
    assert len(lines) == 1
    return lines[0].removeprefix(starts[0]).removeprefix(starts[1])


def quick_seed(rate: float, count: int) -> int:
    """Return a seed that draws faults, none of which keeps a test waiting."""
    for seed in range(1000):
        faults = faults_of(seed, rate, count)
        if any(faults) and not (UNANSWERED | NEVER_WHOLE) & {*faults}:
            return seed
    raise AssertionError("no such seed")


def faults_of(seed: int, rate: float, count: int) -> list[FaultKind | None]:
    plan = FaultPlan.seeded(seed, rate)
    return [plan.fault_at(number) for number in range(1, count + 1)]


def test_a_store_without_faults_answers_every_request(served: Served) -> None:
    result = type_in()

    assert reported(result, "faults") == "none"
    assert served.statuses(reported(result, "LIGHTSPEED_TOKEN"), 20) == [200] * 20


@pytest.mark.parametrize("rate", [None, 0.4])
def test_a_seed_decides_which_requests_fail_and_how(
    rate: float | None, served: Served
) -> None:
    share = 0.1 if rate is None else rate
    seed = quick_seed(share, 12)
    asked = [] if rate is None else ["--fault-rate", rate]
    result = type_in("--faults", seed, *asked)

    assert reported(result, "faults") == f"seed {seed}, {share:.0%} of the requests"
    assert served.statuses(reported(result, "LIGHTSPEED_TOKEN"), 12) == [
        200 if fault is None else REFUSALS.get(fault, 200)
        for fault in faults_of(seed, share, 12)
    ]


def test_the_settings_to_point_at_the_store_are_reported(served: Served) -> None:
    result = type_in()

    assert reported(result, "LIGHTSPEED_API_URL") == ORIGIN
    assert reported(result, "LIGHTSPEED_DOMAIN_PREFIX") == "demo"
    assert reported(result, "ANALYTICS_START_DATE") == "2026-11-01"
    assert reported(result, "ANALYTICS_TIMEZONE") == "America/New_York"


@pytest.mark.parametrize("faults", [(), ("--faults", 3), ("--mishaps",)])
def test_what_is_printed_is_an_env_file_for_python_and_for_a_shell(
    served: Served, tmp_path: Path, faults: tuple[object, ...]
) -> None:
    result = type_in(*faults)
    file = tmp_path / ".env"
    file.write_text(result.stdout, encoding="utf-8")

    read = dotenv_values(file)

    assert read["LIGHTSPEED_API_URL"] == ORIGIN
    assert all(re.fullmatch("[A-Z_]+", name) for name in read)
    for name, value in read.items():
        asked = subprocess.run(
            ["sh", "-c", f'set -eua; . "$1"; printf %s "${name}"', "sh", file],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert (asked.stdout, asked.stderr) == (value, "")
    assert load_settings().api_url == ORIGIN, "the file lies where it is looked for"


@pytest.mark.parametrize("value", ["a", "a.b-c_d", "http://127.0.0.1:1", "Etc/GMT+5"])
def test_a_setting_is_a_line_of_its_own(value: str) -> None:
    lines = simulate.env_lines("A store", {"NAME": value}, {"stop it": "Ctrl-C"})

    assert lines == ["# A store", f"NAME={value}", "# stop it: Ctrl-C"]


def test_the_export_is_written_where_it_was_asked_for(
    served: Served, tmp_path: Path
) -> None:
    reported(type_in("--export", tmp_path / "orders.csv"), "sales")

    assert (tmp_path / "orders.csv").stat().st_size > 0


@pytest.mark.parametrize("rate", ["-0.1", "1.1", "often"])
def test_a_share_that_is_none_is_wrong_use(rate: str, served: Served) -> None:
    assert type_in("--faults", 1, "--fault-rate", rate).exit_code == 2


def test_the_help_says_what_faults_are_for(served: Served) -> None:
    words = " ".join(type_in("--help").stdout.replace("│", " ").split())

    assert "The same SEED fails the same requests in the same way" in words
    assert "simulate --faults 7" in words
