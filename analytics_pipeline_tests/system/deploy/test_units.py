"""The units of systemd and the lines of cron: sound, closed, and what they start."""

import os
import re
import shutil
import signal
import subprocess
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop
from analytics_pipeline_tests.system.deploy.machine import (
    ROOT,
    Machine,
    mode,
    read_unit,
)
from analytics_pipeline_tests.system.shared_deployment.processes import wait_until
from analytics_pipeline_tests.system.shared_deployment.server import free_port

DAY = FIRST_DAY + timedelta(days=1)
UNITS = sorted((ROOT / "deploy/systemd").iterdir())
SERVICES = [path for path in UNITS if path.suffix == ".service"]
CRON = ROOT / "deploy/cron/analytics-pipeline"
SYSTEMD = shutil.which("systemd-analyze")
WORKSPACE = "--workspace said something"
"""What the programs of the machine say, also that which is asked for the workspace."""
WEBSERVER = "python -P -m analytics_pipeline.webserver"

needs_systemd = pytest.mark.skipif(
    SYSTEMD is None, reason="The units were NOT verified: systemd-analyze is lacking."
)
named = pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.stem)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "analytics")


def analyse(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SYSTEMD), *map(str, words)], capture_output=True, text=True, check=False
    )


def installed(machine: Machine, folder: Path) -> list[Path]:
    """The units, about this machine, where systemd can look at them together."""
    folder.mkdir()
    for unit in UNITS:
        text = machine.moved(unit.read_text(encoding="utf-8"))
        (folder / unit.name).write_text(text, encoding="utf-8")
    return sorted(folder.iterdir())


@needs_systemd
def test_systemd_finds_nothing_wrong(machine: Machine, tmp_path: Path) -> None:
    units = installed(machine, tmp_path / "units")

    verified = analyse("verify", "--man=no", *units)

    assert (verified.returncode, verified.stderr) == (0, "")


@needs_systemd
def test_systemd_calls_the_services_closed(machine: Machine, tmp_path: Path) -> None:
    services = [
        unit
        for unit in installed(machine, tmp_path / "units")
        if unit.suffix == ".service"
    ]

    checked = analyse("security", "--offline=true", "--threshold=20", *services)

    assert checked.returncode == 0, checked.stdout[-500:]


@needs_systemd
def test_the_timer_goes_off_at_two_in_the_stores_zone() -> None:
    (spec,) = read_unit(ROOT / "deploy/systemd/analytics-update.timer")["OnCalendar"]

    understood = analyse("calendar", spec)

    assert understood.returncode == 0
    assert re.search(r" 02:00:00 America/New_York", understood.stdout)


@named
def test_a_service_writes_to_the_shop_without_privileges(unit: Path) -> None:
    known = read_unit(unit)

    assert known["User"] == known["Group"] == ["analytics"]
    assert known["UMask"] == ["0077"]
    assert known["NoNewPrivileges"] == ["yes"]
    assert known["ProtectSystem"] == ["strict"]
    (places,) = known["ReadWritePaths"]
    assert set(places.split()) <= {"/srv/analytics/data", "-/srv/analytics/dagster"}


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("update", "analytics-pipeline update"),
        ("webserver", f"{WEBSERVER} --host 127.0.0.1 --port 3000 {WORKSPACE}"),
        ("daemon", f"dagster-daemon run {WORKSPACE}"),
    ],
)
def test_a_service_starts_what_it_says_with_the_settings_of_the_shop(
    machine: Machine, name: str, becomes: str
) -> None:
    unit = read_unit(ROOT / f"deploy/systemd/analytics-{name}.service")
    environment = machine.environment(unit) | {
        "ANALYTICS_ENV_READ": "1",  # the file was read by systemd
        "DAGSTER_HOME": "x",
        "ANALYTICS_DATA_DIR": str(machine.folder / "data"),
    }

    subprocess.run(
        machine.moved(unit["ExecStart"][0]).split(),
        cwd=machine.moved(unit["WorkingDirectory"][0]),
        env=environment,
        check=True,
        capture_output=True,
    )

    assert machine.reported[-2:] == [
        f"{machine.programs}/{becomes}",
        f"{machine.folder} demo",
    ]


def test_an_update_is_tried_again_only_where_that_can_help() -> None:
    unit = read_unit(ROOT / "deploy/systemd/analytics-update.service")

    assert unit["Restart"] == ["on-failure"]
    # A failed gate and wrong use need a person.
    assert unit["RestartPreventExitStatus"] == ["1 2"]


def cron_lines(machine: Machine) -> tuple[dict[str, str], list[tuple[str, ...]]]:
    """The variables of the file, and the hour, account and command of each line."""
    variables: dict[str, str] = {}
    entries = []
    for line in machine.moved(CRON.read_text(encoding="utf-8")).splitlines():
        if re.match(r"[A-Z]+=", line):
            name, variables[name] = line.split("=")
        elif line and not line.startswith("#"):
            minute, hour, *every, account, command = line.split(maxsplit=6)
            assert every == ["*", "*", "*"]
            assert minute.isdecimal()
            assert account == "analytics"
            entries.append((hour, command))
    return variables, entries


def by_cron(
    machine: Machine, variables: dict[str, str], command: str
) -> subprocess.CompletedProcess[str]:
    assert "%" not in command  # of which cron makes an end of line
    return subprocess.run(
        [variables["SHELL"], "-c", command],
        env={"PATH": variables["PATH"]},
        cwd=machine.folder.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_cron_is_silent_when_all_is_well(machine: Machine) -> None:
    variables, entries = cron_lines(machine)
    results = [by_cron(machine, variables, command) for _hour, command in entries]

    assert [hour for hour, _command in entries] == ["2", "6"]
    assert [result.stdout + result.stderr for result in results] == ["", ""]
    assert machine.reported == [
        f"{machine.programs}/analytics-pipeline update",
        f"{machine.folder} ",
        f"{machine.programs}/analytics-pipeline status",
        f"{machine.folder} ",
    ]
    for log in ("update.log", "status.log"):
        assert (machine.folder / "data" / log).read_text(
            encoding="utf-8"
        ) == "said something\n"
        assert mode(machine.folder / "data" / log) == 0o600


def test_cron_mails_the_exit_code_and_nothing_of_what_was_said(
    machine: Machine,
) -> None:
    variables, entries = cron_lines(machine)
    machine.note(code=3)

    mails = [by_cron(machine, variables, command).stdout for _hour, command in entries]

    assert variables["MAILTO"]
    for mail, name in zip(mails, ("update", "status"), strict=True):
        assert mail.startswith(f"analytics-pipeline {name} ended with 3; see ")
        assert "said something" not in mail
        assert mail.count("\n") == 1


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_the_lines_of_cron_publish_and_find_it_stale(
    machine: Machine, small_shop: SimulatedShop
) -> None:
    """The store of the tests lived some time ago: yesterday is not in it."""
    machine.install()
    shutil.copytree(small_shop.data, machine.folder / "data", dirs_exist_ok=True)
    small_shop.live_until(DAY)
    given = small_shop.settings.as_environment()
    machine.settings(given | {"ANALYTICS_DATA_DIR": "data"})
    variables, ((_two, update), (_six, status)) = cron_lines(machine)

    day = update.replace("pipeline update", f"pipeline update --as-of {DAY}")
    updated = by_cron(machine, variables, day)
    checked = by_cron(machine, variables, status)

    assert (updated.stdout, updated.stderr) == ("", "")
    log = (machine.folder / "data/update.log").read_text(encoding="utf-8")
    assert f"As of {DAY}" in log
    assert checked.stdout.startswith("analytics-pipeline status ended with 1; ")


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_the_service_of_the_update_publishes(
    machine: Machine, small_shop: SimulatedShop
) -> None:
    machine.install()
    shutil.copytree(small_shop.data, machine.folder / "data", dirs_exist_ok=True)
    small_shop.live_until(DAY)
    given = small_shop.settings.as_environment()
    machine.settings(given | {"ANALYTICS_DATA_DIR": "data"})
    unit = read_unit(ROOT / "deploy/systemd/analytics-update.service")

    result = subprocess.run(
        machine.command(unit, "--as-of", DAY.isoformat()),
        cwd=machine.folder,
        env=machine.environment(unit),
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert f"As of {DAY}" in result.stdout


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_the_service_of_the_webserver_answers_with_records_in_files(
    machine: Machine, small_shop: SimulatedShop
) -> None:
    machine.install()
    given = small_shop.settings.as_environment()
    machine.settings(given | {"ANALYTICS_DATA_DIR": "data"})
    unit = read_unit(ROOT / "deploy/systemd/analytics-webserver.service")
    port = free_port()
    words = machine.command(unit, str(port))
    with (
        (machine.folder / "log").open("wb") as log,
        subprocess.Popen(
            words,
            cwd=machine.folder,
            env=machine.environment(unit),
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            wait_until(lambda: answers(port))
            assert (machine.folder / "data/.dagster/history/runs").is_dir()
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=120)
            assert not answers(port)
        finally:
            if is_anybody_left(process.pid):
                os.killpg(process.pid, signal.SIGKILL)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/server_info").is_success
    except httpx.TransportError:
        return False


def is_anybody_left(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
