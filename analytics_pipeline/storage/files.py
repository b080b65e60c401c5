"""Replace a file whole or not at all, readable by its owner only.

A scratch file in the same folder takes the place of the old one by one rename, so a
reader sees the old bytes or the new ones, whenever the writer dies.  File and folder
are on the disk before the next thing is done, so that a power cut takes nothing out of
its order.  In a bucket a put is whole by itself.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fsspec.utils import tokenize
from upath import UPath

from analytics_pipeline.errors import LocalFailure

AnyPath = Path | UPath

PARTIAL = ".partial"
"""How the name of a scratch file, or of a folder of them, ends."""


def local(path: AnyPath) -> Path:
    """Return a path of this machine's disk as the standard library has it."""
    return Path(str(path))


def is_local(path: AnyPath) -> bool:
    """Say whether *path* is on this machine's disk."""
    return isinstance(path, Path) and path.__class__.__module__.startswith(
        ("pathlib", "upath.implementations.local")
    )


def make_folder(path: AnyPath) -> None:
    """Make *path* a folder that only its owner may open."""
    if not is_local(path):
        return
    folder = local(path)
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(parent.parent)


def list_names(folder: UPath) -> list[str]:
    """Return the names in *folder*, sorted; none if it is not there.

    A path object for each of thousands of files would cost more than the rest.
    """
    if not folder.exists():
        return []
    if is_local(folder):
        with os.scandir(local(folder)) as entries:
            return sorted(entry.name for entry in entries)
    return sorted(each.rsplit("/", 1)[-1] for each in folder.fs.ls(folder.path, False))


def list_states(folder: UPath) -> dict[str, str]:
    """Return each file in *folder* with what tells its present state from any other.

    A file that was replaced has another one, whatever its new content is.
    """
    if not is_local(folder):
        found = folder.fs.ls(folder.path, detail=True) if folder.exists() else []
        return {
            each["name"].rsplit("/", 1)[-1]: tokenize(each)
            for each in found
            if each["type"] == "file"
        }
    if not folder.exists():
        return {}
    with os.scandir(local(folder)) as entries:
        return {
            entry.name: _state_of(entry.stat()) for entry in entries if entry.is_file()
        }


def _state_of(found: os.stat_result) -> str:
    """A replacement is a new inode, even in the same tick of the clock."""
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"


def replace_bytes(path: AnyPath, content: bytes) -> None:
    """Put *content* in the place of *path*, whole or not at all."""
    if not is_local(path):
        path.write_bytes(content)
        return
    target = local(path)
    scratch = target.with_name(f".{target.name}{PARTIAL}")
    with _naming(target):
        make_folder(target.parent)
        try:
            _write_through(scratch, content)
            scratch.replace(target)
        finally:
            scratch.unlink(missing_ok=True)
        _sync_folder(target.parent)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in a failure of the disk: a full one does not say where."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def _write_through(scratch: Path, content: bytes) -> None:
    """Write *content* to disk, past the operating system's cache."""
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Make what was put into *folder*, or renamed there, outlast a power cut.

    Without this the new name may still be in memory only.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems do not know this operation; they have no other.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def remove_scratch(folder: Path) -> None:
    """Remove what killed writers left half written under *folder*.

    The folders of other programs, whose names begin with a dot, are left alone.
    """
    for root, folders, names in os.walk(folder):
        for name in filter(_is_scratch, names):
            Path(root, name).unlink(missing_ok=True)
        for name in filter(_is_scratch, folders):
            shutil.rmtree(Path(root, name))
        folders[:] = [name for name in folders if not name.startswith(".")]


def remove_folder(folder: UPath) -> None:
    """Remove a folder and all that is in it, if it is there."""
    if not folder.exists():
        return
    if is_local(folder):
        shutil.rmtree(local(folder))
    else:
        folder.fs.rm(folder.path, recursive=True)


def _is_scratch(name: str) -> bool:
    return name.startswith(".") and name.endswith(PARTIAL)


def read_json(path: AnyPath) -> Any:
    """Return what a small state file holds.

    Raises:
        LocalFailure: it is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LocalFailure(
            f"{path} is damaged.",
            "Remove it, then run: analytics-pipeline rebuild",
        ) from error


def replace_text(path: AnyPath, text: str) -> None:
    """Put *text*, as UTF-8, in the place of *path*, whole or not at all."""
    replace_bytes(path, text.encode("utf-8"))
