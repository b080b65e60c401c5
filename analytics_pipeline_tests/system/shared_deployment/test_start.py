"""The script that starts the processes: what it becomes, and with which settings."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analytics_pipeline.commands import workspace
from analytics_pipeline_tests.chain_of_shops import write_shop
from analytics_pipeline_tests.system.shared_deployment.processes import environment

SCRIPT = Path(__file__).parents[3] / "deploy/postgres/start"
PROGRAMS = ("dagster", "dagster-daemon", "python")
WEBSERVER = "python -P -m analytics_pipeline.webserver"
DOTENV = f"""#!/bin/sh
exec "{sys.executable}" -m dotenv "$@"
"""
MODULE = "--module-name analytics_pipeline.definitions"
WORKSPACE = "--workspace WORKSPACE"
PYTHON = """#!/bin/sh
case "$*" in
*.commands.workspace*) echo WORKSPACE; exit "${{WORKSPACE_CODE:-0}}" ;;
esac
{reported}
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Dagster's programs, of which each says how it was called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in PROGRAMS:
        text = f'echo {name} "$@"\necho "$ALERT_URLS"'
        write_program(folder / name, PYTHON.format(reported=text))
    write_program(folder / "dotenv", DOTENV)
    return folder


def write_program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o700)


def start(
    programs: Path, *words: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    known = {"PATH": f"{programs}:{os.environ['PATH']}", **environment}
    return subprocess.run(
        [SCRIPT, *words], env=known, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("words", "becomes"),
    [
        (("webserver",), f"{WEBSERVER} --host 127.0.0.1 --port 3000 {WORKSPACE}"),
        (("daemon",), f"dagster-daemon run {WORKSPACE}"),
    ],
    ids=["webserver", "daemon"],
)
def test_it_becomes_the_process_with_what_the_file_says(
    programs: Path, tmp_path: Path, words: tuple[str, ...], becomes: str
) -> None:
    if shutil.which("flock") is None:
        pytest.skip("flock is not installed; it is part of util-linux.")
    urls = "json://example.com/?a=1&b=2"
    Path(".env").write_text(
        f"DAGSTER_HOME={tmp_path}\nANALYTICS_DATA_DIR={tmp_path}/data\n"
        f"ALERT_URLS={urls}\n",
        encoding="utf-8",
    )

    assert start(programs, *words).stdout.splitlines() == [becomes, urls]
    typed = start(programs, *words, ALERT_URLS="json://example.com/other")
    assert typed.stdout.splitlines()[1] == "json://example.com/other"


def test_with_a_port_for_the_code_all_use_the_one_process(
    programs: Path, tmp_path: Path
) -> None:
    given = {"DAGSTER_HOME": "x", "ANALYTICS_DATA_DIR": str(tmp_path)}
    given["ANALYTICS_CODE_PORT"] = "4000"

    served = start(programs, "code", **given).stdout
    web = start(programs, "webserver", "8080", **given).stdout

    code_server = "dagster code-server start --host 127.0.0.1 --port 4000"
    assert served.startswith(f"{code_server} {MODULE}\n")
    assert f"--port 8080 {WORKSPACE}\n" in web
    given["ANALYTICS_CODE_HOST"] = "code"
    elsewhere = start(programs, "code", **given).stdout
    assert elsewhere.startswith(
        f"dagster code-server start --host 0.0.0.0 --port 4000 {MODULE}\n"
    )


@pytest.mark.parametrize("process", ["webserver", "daemon", "code"])
def test_nothing_is_started_without_a_workspace(
    programs: Path, tmp_path: Path, process: str
) -> None:
    given = {"DAGSTER_HOME": "x", "ANALYTICS_DATA_DIR": str(tmp_path)}
    given |= {"ANALYTICS_CODE_PORT": "4000", "WORKSPACE_CODE": "2"}

    result = start(programs, process, **given)

    assert (result.returncode, result.stdout) == (2, "")


@pytest.fixture
def chain(tmp_path: Path) -> dict[str, str]:
    """The environment of a deployment with two shops."""
    for name in ("north", "south"):
        write_shop(tmp_path / "shops", name)
    return {
        "ANALYTICS_SHOPS": str(tmp_path / "shops"),
        "ANALYTICS_DATA_DIR": str(tmp_path / "data"),
    }


def find_workspace(
    monkeypatch: pytest.MonkeyPatch, port: str = "", **given: str
) -> int:
    """Ask which locations there are, as the script does; return the exit code."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return workspace.main(port)


def locations_in(printed: str) -> list[tuple[str, str]]:
    """The kind and the name of each location."""
    text = Path(printed.strip()).read_text(encoding="utf-8")
    return [
        (kind, place["location_name"])
        for entry in json.loads(text)["load_from"]
        for kind, place in entry.items()
    ]


def test_without_a_home_the_records_are_files_next_to_the_workspace(
    tmp_path: Path,
) -> None:
    result = subprocess.run(
        [sys.executable, "-P", "-m", "analytics_pipeline.commands.workspace", ""],
        env={**environment(), "ANALYTICS_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    folder = Path(result.stdout.strip()).parent
    assert folder == tmp_path / ".dagster"
    assert str(folder) in (folder / "dagster.yaml").read_text(encoding="utf-8")


def test_the_home_of_dagster_is_the_folder_of_the_workspace_unless_it_is_set(
    programs: Path, tmp_path: Path
) -> None:
    for name in PROGRAMS:
        sentence = 'echo "$DAGSTER_HOME"'
        text = PYTHON.format(reported=sentence).replace(
            "WORKSPACE;", "/a/b/workspace.yaml;"
        )
        write_program(programs / name, text)
    given = {"ANALYTICS_DATA_DIR": str(tmp_path)}

    assert start(programs, "webserver", **given).stdout == "/a/b\n"
    assert start(programs, "webserver", **given, DAGSTER_HOME="c").stdout == "c\n"


def test_a_chain_is_served_with_a_location_for_each_shop(
    chain: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert find_workspace(monkeypatch, **chain) == 0

    assert locations_in(capsys.readouterr().out) == [
        ("python_module", "north"),
        ("python_module", "south"),
    ]


def test_a_chain_with_one_process_for_the_code_is_refused(
    chain: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert find_workspace(monkeypatch, "4000", **chain) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Unset ANALYTICS_CODE_PORT" in printed.err


def test_a_process_for_the_code_is_a_location_of_the_same_name(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = {"ANALYTICS_DATA_DIR": str(tmp_path)}

    assert find_workspace(monkeypatch, "4000", **given) == 0

    assert locations_in(capsys.readouterr().out) == [
        ("grpc_server", "analytics_pipeline")
    ]


def test_a_process_for_the_code_may_be_on_another_machine(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(tmp_path))

    assert workspace.main("4000", "code") == 0

    written = json.loads(Path(capsys.readouterr().out.strip()).read_text("utf-8"))
    (place,) = written["load_from"]
    assert place["grpc_server"]["host"] == "code"
    assert place["grpc_server"]["port"] == 4000


def test_a_container_says_where_its_webserver_listens(
    programs: Path, tmp_path: Path
) -> None:
    given = {"DAGSTER_HOME": "x", "ANALYTICS_DATA_DIR": str(tmp_path)}

    served = start(programs, "webserver", ANALYTICS_WEB_HOST="0.0.0.0", **given).stdout

    assert served.startswith(f"{WEBSERVER} --host 0.0.0.0 --port 3000 ")


def test_a_folder_that_it_makes_is_of_its_account_only(
    programs: Path, tmp_path: Path
) -> None:
    data = tmp_path / "new" / "data"

    start(programs, "daemon", DAGSTER_HOME="x", ANALYTICS_DATA_DIR=str(data))

    for folder in (data, data.parent):
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("words", "given", "reported"),
    [
        (("daemon",), {}, "ANALYTICS_DATA_DIR"),
        (("daemon",), {"DAGSTER_HOME": "x"}, "ANALYTICS_DATA_DIR"),
        ((), {"DAGSTER_HOME": "x", "ANALYTICS_DATA_DIR": "y"}, "usage"),
    ],
)
def test_it_says_what_is_missing(
    programs: Path, words: tuple[str, ...], given: dict[str, str], reported: str
) -> None:
    result = start(programs, *words, **given)

    assert result.returncode != 0
    assert reported in result.stderr
    assert result.stdout == ""
