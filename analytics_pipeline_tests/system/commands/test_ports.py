"""A port that cannot be opened is reported before anything is started."""

import errno
import signal
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._cli import dev
from filelock import FileLock
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.commands import ui as ports
from analytics_pipeline.commands import ui_services
from analytics_pipeline.model.errors import WrongUse

SMALL = ("--customers", "3", "--opened-on", "2026-11-20")


@contextmanager
def listening(host: str = "127.0.0.1", family: int = socket.AF_INET) -> Iterator[int]:
    """Another program that listens on some port."""
    with socket.socket(family, socket.SOCK_STREAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((host, 0))
        other.listen(1)
        yield other.getsockname()[1]


@pytest.mark.parametrize("command", [("ui",), ("simulate", *SMALL)])
def test_a_port_in_use_is_one_line_of_cause_and_one_of_remedy(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    with listening() as port:
        result = CliRunner().invoke(app, [*command, "--port", str(port)])

    cause, remedy = result.stderr.splitlines()
    assert result.exit_code == 2
    assert cause == f"error: Port {port} is in use by another program."
    assert f"analytics-pipeline {command[0]} --port " in remedy
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_is_in_use_whichever_way_the_other_program_listens(host: str) -> None:
    with listening(host) as port, pytest.raises(WrongUse, match="in use") as caught:
        ports.refuse_taken(port, "ui")

    offered = int(caught.value.remedy.rsplit(" ", 1)[1])
    assert offered not in (0, port)
    ports.refuse_taken(offered, "ui")


def test_no_free_port_near_by_means_any_free_one() -> None:
    assert ports._free_port_after(ports.LAST) == 0


def test_a_port_that_was_used_a_moment_ago_is_free() -> None:
    with listening() as port, socket.create_connection(("127.0.0.1", port)):
        pass

    ports.refuse_taken(port, "ui")


def test_any_free_port_is_never_refused() -> None:
    ports.refuse_taken(0, "simulate")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_port_for_administrators_only_is_reported(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_port: int) -> None:
        raise OSError(number, "no right")

    monkeypatch.setattr(ports, "_try", refuse)

    with pytest.raises(WrongUse, match="administrator") as caught:
        ports.refuse_taken(80, "ui")
    assert "from 1024 on" in caught.value.remedy


def test_another_trouble_of_the_machine_is_not_called_a_taken_port() -> None:
    with pytest.raises(OSError, match="disk"), ports.named_if_taken(80, "ui"):
        raise OSError(errno.EIO, "the disk failed")


@pytest.mark.parametrize("command", ["ui", "simulate"])
@pytest.mark.parametrize("port", ["65536", "-1", "http", "3000.5", "99999999999"])
def test_what_is_no_port_is_wrong_use(command: str, port: str) -> None:
    result = CliRunner().invoke(app, [command, "--port", port])

    assert result.exit_code == 2
    assert "Invalid value for '--port'" in result.stderr


# What the ui becomes -----------------------------------------------------------------


def ending(how: BaseException | None) -> Any:
    def run_module(*_words: object, **_options: object) -> None:
        if how is not None:
            raise how

    return run_module


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the process changes of itself is put back."""
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(dev, "open_ipc_subprocess", dev.open_ipc_subprocess)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("how", "code"), [(None, 5), (SystemExit(0), 5), (SystemExit(1), 5)]
)
def test_services_that_end_separately_are_a_failure(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    how: BaseException | None,
    code: int,
) -> None:
    monkeypatch.setattr(ui_services.runpy, "run_module", ending(how))

    assert ui_services.run(tmp_path, ["--port", "0"]) == code
    assert "ended unexpectedly" in capsys.readouterr().err


@pytest.mark.usefixtures("restored")
def test_that_dagster_calls_its_own_command_superseded_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def run_module(*_words: object, **_options: object) -> None:
        warnings.warn("Use 'dg dev' instead.", dg.SupersessionWarning, stacklevel=2)

    monkeypatch.setattr(ui_services.runpy, "run_module", run_module)

    assert ui_services.run(tmp_path, ["--port", "0"]) == 5  # not 1, of a traceback
    assert "dg dev" not in capsys.readouterr().err


@pytest.mark.usefixtures("restored")
def test_a_port_that_was_taken_meanwhile_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(ui_services.runpy, "run_module", ending(None))

    with listening() as port:
        assert ui_services.run(tmp_path, ["--port", str(port)]) == 2
    assert f"Port {port} is in use" in capsys.readouterr().err


@pytest.mark.usefixtures("restored")
def test_services_that_were_interrupted_end_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def run_module(*_words: object, **_options: object) -> None:
        with pytest.raises(KeyboardInterrupt):  # Dagster stops its services here
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(ui_services.runpy, "run_module", run_module)

    assert ui_services.run(tmp_path, ["--port", "0"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("restored")
def test_a_second_one_of_an_instance_is_refused_and_the_first_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    started = []
    monkeypatch.setattr(
        ui_services.runpy, "run_module", lambda *_words, **_more: started.append(1)
    )

    with FileLock(tmp_path / ui_services.LOCK):
        assert ui_services.run(tmp_path, ["--port", "0"]) == 2
    assert "runs already" in capsys.readouterr().err
    assert started == []

    ui_services.run(tmp_path, ["--port", "0"])
    assert started == [1]
