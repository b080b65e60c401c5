"""Tests for analytics_pipeline.storage.files."""

import errno
import os
import stat
from pathlib import Path

import pytest
from upath import UPath

from analytics_pipeline.storage import files
from analytics_pipeline.storage.files import (
    is_local,
    make_folder,
    remove_scratch,
    replace_bytes,
    replace_files,
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


# Many files ----------------------------------------------------------------------


def contents_of(folder):
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def test_many_files_are_replaced_and_others_left(tmp_path):
    for name in ("a", "b", "c"):
        replace_bytes(tmp_path / name, b"old")

    replace_files(tmp_path, {"a": b"new", "b": b"newer", "d": b""})

    assert contents_of(tmp_path) == {"a": b"new", "b": b"newer", "c": b"old", "d": b""}
    assert mode(tmp_path / "d") == 0o600


def test_of_no_files_none_is_made(tmp_path):
    replace_files(tmp_path / "new", {})

    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("moment", "after", "new"),
    [("fsync", 0, []), ("fsync", 1, []), ("replace", 0, []), ("replace", 1, ["a"])],
)
def test_of_many_files_each_is_old_or_new_whatever_fails(
    tmp_path, monkeypatch, moment, after, new
):
    for name in ("a", "b"):
        replace_bytes(tmp_path / name, b"old")
    owner = files.os if moment == "fsync" else files.Path
    real, done = getattr(owner, moment), []

    def fail_then(*given):
        if len(done) == after:
            fail()
        done.append(given)
        return real(*given)

    monkeypatch.setattr(owner, moment, fail_then)

    with pytest.raises(OSError, match="No space left") as failed:
        replace_files(tmp_path, {"a": b"new", "b": b"new"})

    assert failed.value.filename == str(tmp_path / ("a" if after == 0 else "b"))
    expected = {name: b"new" if name in new else b"old" for name in ("a", "b")}
    assert contents_of(tmp_path) == expected


def test_many_files_are_on_the_disk_before_any_takes_its_place(tmp_path, monkeypatch):
    done = []
    sync, replace = os.fsync, files.Path.replace

    def noted_sync(descriptor):
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        sync(descriptor)

    def noted_replace(scratch, target):
        done.append("renamed")
        return replace(scratch, target)

    monkeypatch.setattr(files.os, "fsync", noted_sync)
    monkeypatch.setattr(files.Path, "replace", noted_replace)

    replace_files(tmp_path, {"a": b"new", "b": b"new"})

    assert done == [".a.partial", ".b.partial", "renamed", "renamed", tmp_path.name]


def test_a_bucket_takes_many_files(tmp_path):
    folder = UPath("memory://bucket/many")

    replace_files(folder, {"a": b"new", "b": b"newer"})

    assert (folder / "a").read_bytes() == b"new"
    assert (folder / "b").read_bytes() == b"newer"


# Durability ----------------------------------------------------------------------


def test_the_name_of_a_file_is_on_the_disk_too(tmp_path, monkeypatch):
    path = tmp_path / "a" / "table.bin"
    done = []
    sync, replace = os.fsync, files.Path.replace

    def noted_sync(descriptor):
        done.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        sync(descriptor)

    def noted_replace(scratch, target):
        done.append("renamed")
        return replace(scratch, target)

    monkeypatch.setattr(files.os, "fsync", noted_sync)
    monkeypatch.setattr(files.Path, "replace", noted_replace)

    replace_bytes(path, b"new")

    scratch = str(tmp_path / "a" / ".table.bin.partial")
    assert done == [str(tmp_path), scratch, "renamed", str(tmp_path / "a")]


def refuse_folders(monkeypatch, code):
    sync = os.fsync

    def refusing(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    monkeypatch.setattr(files.os, "fsync", refusing)


def test_a_file_system_that_cannot_sync_a_folder_is_put_up_with(tmp_path, monkeypatch):
    refuse_folders(monkeypatch, errno.EINVAL)

    replace_bytes(tmp_path / "table.bin", b"new")

    assert (tmp_path / "table.bin").read_bytes() == b"new"


def test_a_disk_that_fails_to_sync_a_folder_is_not(tmp_path, monkeypatch):
    refuse_folders(monkeypatch, errno.EIO)

    with pytest.raises(OSError, match="Input/output error"):
        replace_bytes(tmp_path / "table.bin", b"new")


def test_a_folder_is_closed_again(tmp_path):
    open_files = Path("/proc/self/fd")
    before = len(list(open_files.iterdir()))

    for _ in range(5):
        replace_bytes(tmp_path / "table.bin", b"new")

    assert len(list(open_files.iterdir())) == before


def test_a_full_disk_is_named_with_the_file_that_was_to_be_written(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(files.os, "fsync", fail)

    with pytest.raises(OSError, match="No space left") as failed:
        replace_bytes(tmp_path / "table.bin", b"new")

    assert failed.value.filename == str(tmp_path / "table.bin")


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    kept = [
        "table.bin",
        "theirs.partial",
        ".hidden",
        ".dagster/.of_another.partial",
    ]
    left = [
        ".table.bin.partial",
        "a/b/.00000001.parquet.partial",
        ".incoming.partial/export.csv",
    ]
    for name in [*kept, *left]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")

    remove_scratch(tmp_path)

    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert found == {*kept, ".dagster", "a", "a/b"}
