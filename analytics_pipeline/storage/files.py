"""Replace a file whole or not at all, readable by its owner only.

A scratch file in the same folder takes the place of the old one by one rename, so a
reader sees the old bytes or the new ones, whenever the writer dies.  In a bucket a
put is whole by itself.
"""

import json
import os
from pathlib import Path
from typing import Any

from upath import UPath

from analytics_pipeline.errors import LocalFailure

AnyPath = Path | UPath


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


def replace_bytes(path: AnyPath, content: bytes) -> None:
    """Put *content* in the place of *path*, whole or not at all."""
    if not is_local(path):
        path.write_bytes(content)
        return
    make_folder(path.parent)
    scratch = local(path).with_name(f".{path.name}.partial")
    try:
        _write_through(scratch, content)
        scratch.replace(local(path))
    finally:
        scratch.unlink(missing_ok=True)


def _write_through(scratch: Path, content: bytes) -> None:
    """Write *content* to disk, past the operating system's cache."""
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


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
