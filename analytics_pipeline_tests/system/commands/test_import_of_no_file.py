"""What is no ordinary file is refused at once, and before the lock is taken."""

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from analytics_pipeline.assets.ecom_orders import put_in_place
from analytics_pipeline.cli import app
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.sources.web_shop import export_file as placed_files
from analytics_pipeline_tests.made import export_read

IN_PLACE = "ecom_orders_export.csv"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def dangling(path: Path) -> None:
    path.symlink_to(path.with_name("gone.csv"))


def loop(path: Path) -> None:
    path.symlink_to(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to(path.with_name("pipe"))


def too_large(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(placed_files.LARGEST + 1)


def missing(path: Path) -> None:
    """Make nothing."""


def listening(path: Path) -> None:
    """Leave the socket of a program that has ended."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def of_another(path: Path) -> None:
    path.write_text("order_number", encoding="utf-8")
    path.chmod(0)


NO_FILES: list[tuple[Callable[[Path], None], str]] = [
    (pipe, "is a pipe"),
    (link_to_pipe, "is a pipe"),
    (folder, "is a folder"),
    (device, "is a device"),
    (listening, "is a socket"),
    (dangling, "is a link to a file that is not there"),
    (loop, "cannot be read: Too many levels"),
    (missing, "cannot be read: No such file"),
    (too_large, "is larger than 512 MB"),
]
EACH = pytest.mark.parametrize(
    ("make", "words"), NO_FILES, ids=[make.__name__ for make, _ in NO_FILES]
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data directory, held by another run."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(data))
    with FileLock(data / ".lock"):
        yield data


@EACH
def test_what_is_no_file_is_refused_before_the_lock_is_taken(
    data: Path, tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    export = tmp_path / "o.csv"
    make(export)

    result = CliRunner().invoke(app, ["import-ecom", str(export)])

    assert result.exit_code == 2, result.output  # 4 would be: the lock was asked for
    cause, remedy = result.stderr.splitlines()
    assert words in cause
    assert "order export" in remedy
    assert {path.name for path in data.iterdir()} <= {".lock"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_of_another_user_is_refused(data: Path, tmp_path: Path) -> None:
    of_another(tmp_path / "o.csv")

    result = CliRunner().invoke(app, ["import-ecom", str(tmp_path / "o.csv")])

    assert result.exit_code == 2
    assert "Permission denied" in result.stderr
    assert data.is_dir()


def test_a_pipe_of_the_shell_ends_in_seconds_not_in_a_wait_for_its_writer(
    tmp_path: Path,
) -> None:
    pipe(tmp_path / "o.csv")
    words = [sys.executable, "-m", "analytics_pipeline", "import-ecom"]

    ended = subprocess.run(
        [*words, str(tmp_path / "o.csv")],
        env=os.environ | {"ANALYTICS_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    assert "is a pipe" in ended.stderr
    assert "Save the order export" in ended.stderr


@EACH
def test_an_update_does_not_wait_for_what_lies_in_the_place_of_the_export(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    shop = open_shop(load_settings(data_dir=tmp_path))
    make(tmp_path / IN_PLACE)

    candidate = export_read(shop)

    readable = candidate.check_results[0]
    assert readable.check == "export_is_readable"
    if make is missing:  # a shop without a web shop
        assert readable.passed
    else:
        assert not readable.passed
        assert words in readable.sentence


@pytest.mark.parametrize("make", [pipe, folder, listening, link_to_pipe, device])
def test_an_import_does_not_wait_for_what_it_is_to_replace(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    shop = open_shop(load_settings(data_dir=tmp_path))
    make(tmp_path / IN_PLACE)
    copy = tmp_path / "copy.csv"
    copy.write_text("order_number", encoding="utf-8")

    with pytest.raises(WrongUse, match="is a "):
        put_in_place(shop, copy)

    assert copy.exists()


def test_a_file_that_becomes_a_pipe_after_it_was_looked_at_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "o.csv", tmp_path / "other"
    pipe(path)
    other.write_text("order_number", encoding="utf-8")
    seen = other.stat()
    assert stat.S_ISREG(seen.st_mode)
    monkeypatch.setattr(Path, "stat", lambda *_, **__: seen)

    with pytest.raises(WrongUse, match="is a pipe"):
        placed_files.read_placed(path)


def test_a_file_that_has_more_than_it_says_is_not_read_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "o.csv"
    path.write_bytes(b"x" * 101)
    monkeypatch.setattr(placed_files, "LARGEST", 100)
    monkeypatch.setattr(placed_files, "_refuse_kind", lambda *_: None)

    with pytest.raises(WrongUse, match="larger"):
        placed_files.read_placed(path)


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_a_file_is_read_whole(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placed_files, "LARGEST", 100)
    (tmp_path / "o.csv").write_bytes(bytes(range(size)))

    assert placed_files.read_placed(tmp_path / "o.csv") == bytes(range(size))


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(WrongUse, match="character"):
        placed_files.read_placed(Path("o\0.csv"))
