"""Replace a file whole or not at all, readable by its owner only."""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from upath import UPath

# ----------------------------------------------------------------------------------
# Replace a file whole or not at all, readable by its owner only.
#
# A scratch file in the same folder takes the place of the old one by one rename, so a
# reader sees the old bytes or the new ones, whenever the writer dies. File and folder
# are on the disk before the next thing is done, so that a power cut takes nothing out
# of its order. In a bucket a put is atomic.


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


def is_open_to(path: Path, others: int) -> bool:
    """Say whether *others*, such as ``stat.S_IROTH``, have a right to *path*."""
    return os.name == "posix" and bool(path.stat().st_mode & others)


def make_folder(path: AnyPath) -> None:
    """Make *path* a folder that only its owner may open."""
    if not is_local(path):
        return
    folder = local(path)
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(parent.parent)


def list_names(folder: AnyPath) -> list[str]:
    """Return the names in *folder*, sorted; none if it is not there.

    A path object for each of thousands of files would cost more than the rest.
    """
    if isinstance(folder, UPath) and not is_local(folder):
        names = folder.fs.ls(folder.path, detail=False)
        return sorted(name.rpartition("/")[2] for name in names)
    try:
        with os.scandir(local(folder)) as entries:
            return sorted(entry.name for entry in entries)
    except FileNotFoundError:
        return []


def list_states(folder: UPath) -> dict[str, str]:
    """Return each file in *folder* with what identifies its present state.

    A file that was replaced has another one, unless a bucket knows that the new content
    is the old one.
    """
    if not is_local(folder):
        found = folder.fs.ls(folder.path, detail=True)
        return {
            each["name"].rpartition("/")[2]: _state_of_object(each)
            for each in found
            if each["type"] == "file"
        }
    try:
        with os.scandir(local(folder)) as entries:
            return {
                entry.name: state_of(entry.stat())
                for entry in entries
                if entry.is_file()
            }
    except FileNotFoundError:
        return {}


_CONTENT = ("ETag", "etag", "md5Hash")
_CHANGE = ("LastModified", "last_modified", "updated", "mtime", "created", "size")
"""By which of its properties, as file systems call them, a changed object is known."""


def state_of_object(path: AnyPath) -> str | None:
    """Return what identifies the present state of an object; nothing without it."""
    if not isinstance(path, UPath):
        raise TypeError(f"{path} is no object of a bucket")
    try:
        return _state_of_object(path.fs.info(path.path))
    except FileNotFoundError:
        return None


def _state_of_object(entry: Mapping[str, Any]) -> str:
    names = [name for name in _CONTENT if name in entry] or _CHANGE
    return "|".join(str(entry[name]) for name in names if name in entry)


def state_of(found: os.stat_result) -> str:
    """Return what identifies the present state of a file.

    A replacement is a new inode, even in the same tick of the clock.
    """
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"


def replace_bytes(path: AnyPath, content: bytes) -> None:
    """Put *content* in the place of *path*, whole or not at all."""
    if isinstance(path, UPath) and not is_local(path):
        # A stream of fsspec that dies half-way puts what it has in place.
        path.fs.pipe_file(path.path, content)
        return
    target = local(path)
    scratch = target.with_name(f".{target.name}{PARTIAL}")
    with _naming(target):
        make_folder(target.parent)
        try:
            _write(scratch, content)
            _sync_file(scratch)
            scratch.replace(target)
        finally:
            scratch.unlink(missing_ok=True)
        _sync_folder(target.parent)


def replace_files(folder: AnyPath, contents: Mapping[str, bytes]) -> None:
    """Put each of *contents* in the place of the file of its name in *folder*.

    Each file is replaced whole or not at all.  All are on the disk before the first
    takes its place, so that the disk writes them together.
    """
    if not contents:
        return
    if isinstance(folder, UPath) and not is_local(folder):
        for name, content in contents.items():
            replace_bytes(folder / name, content)
        return
    place = local(folder)
    scratches = {name: place / f".{name}{PARTIAL}" for name in contents}
    with _naming(place):
        make_folder(place)
    try:
        for name, scratch in scratches.items():
            with _naming(place / name):
                _write(scratch, contents[name])
        for name, scratch in scratches.items():
            with _naming(place / name):
                _sync_file(scratch)
        for name, scratch in scratches.items():
            with _naming(place / name):
                scratch.replace(place / name)
    finally:
        for scratch in scratches.values():
            scratch.unlink(missing_ok=True)
    with _naming(place):
        _sync_folder(place)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in a failure of the disk: a full one does not say where."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def _write(scratch: Path, content: bytes) -> None:
    """Write *content*, which the operating system may still hold in memory."""
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


def _sync_file(path: Path) -> None:
    """Make the content of *path* outlast a power cut."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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


def read_if_there(path: AnyPath) -> bytes | None:
    """Return the bytes of a file; nothing if there is none.

    To ask first whether it is there would cost two more requests to a bucket.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def read_all(paths: Sequence[UPath]) -> list[bytes]:
    """Return the bytes of all *paths*; of a bucket's, many are fetched at once."""
    if not paths or is_local(paths[0]):
        return [path.read_bytes() for path in paths]
    found = paths[0].fs.cat_all([path.path for path in paths])
    return [found[path.path] for path in paths]


def replace_text(path: AnyPath, text: str) -> None:
    """Put *text*, as UTF-8, in the place of *path*, whole or not at all."""
    replace_bytes(path, text.encode("utf-8"))
