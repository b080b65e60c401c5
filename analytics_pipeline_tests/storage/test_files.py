"""Tests for analytics_pipeline.storage.files."""

import os
import stat

import pytest
from upath import UPath

from analytics_pipeline.storage import files
from analytics_pipeline.storage.files import (
    is_local,
    make_folder,
    replace_bytes,
    replace_text,
)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def generous_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_file_is_made_with_its_folders(tmp_path):
    path = tmp_path / "a" / "b" / "table.bin"

    replace_bytes(path, b"new")

    assert path.read_bytes() == b"new"


def test_a_file_is_for_its_owner_only_whatever_the_umask(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"old")
    path.chmod(0o666)

    replace_bytes(path, b"new")

    assert mode(path) == 0o600


def test_every_new_folder_is_for_its_owner_only(tmp_path):
    replace_bytes(tmp_path / "a" / "b" / "table.bin", b"")

    assert [mode(tmp_path / "a"), mode(tmp_path / "a" / "b")] == [0o700, 0o700]


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path):
    (tmp_path / "shared").mkdir(mode=0o755)

    make_folder(tmp_path / "shared")

    assert mode(tmp_path / "shared") == 0o755


def fail(*_args, **_kwargs):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, moment
):
    path = tmp_path / "table.bin"
    replace_bytes(path, b"old")
    owner = files.os if moment == "fsync" else files.Path
    monkeypatch.setattr(owner, moment, fail)

    with pytest.raises(OSError, match="No space left"):
        replace_bytes(path, b"new and longer")

    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["table.bin"]


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "table.bin"
    replace_bytes(path, b"old")
    opened = os.fdopen

    def half(descriptor, how):
        stream = opened(descriptor, how)
        stream.write(b"ne")
        stream.flush()
        stream.close()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fdopen", half)
    with pytest.raises(OSError, match="No space left"):
        replace_bytes(path, b"new")

    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["table.bin"]


def test_what_a_killed_writer_left_is_written_over(tmp_path):
    (tmp_path / ".table.bin.partial").write_bytes(b"half of it")

    replace_bytes(tmp_path / "table.bin", b"new")

    assert (tmp_path / "table.bin").read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["table.bin"]


def test_a_link_planted_as_scratch_file_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    (tmp_path / ".table.bin.partial").symlink_to(victim)

    replace_bytes(tmp_path / "table.bin", b"new")

    assert victim.read_bytes() == b"untouched"


def test_text_is_written_as_utf_8_with_its_newlines_as_they_are(tmp_path):
    replace_text(tmp_path / "text", "é\r\n花\n")

    assert "é\r\n花\n".encode() == (tmp_path / "text").read_bytes()


def test_a_folder_path_of_the_table_store_is_local(tmp_path):
    path = UPath(str(tmp_path)) / "table.bin"

    replace_bytes(path, b"new")

    assert is_local(path)
    assert is_local(tmp_path)
    assert (path.read_bytes(), mode(tmp_path / "table.bin")) == (b"new", 0o600)


def test_a_bucket_takes_the_whole_content_at_once():
    path = UPath("memory://bucket/tables/table.bin")
    path.parent.mkdir(parents=True, exist_ok=True)

    make_folder(path.parent)
    replace_bytes(path, b"old")
    replace_bytes(path, b"new")

    assert not is_local(path)
    assert path.read_bytes() == b"new"
