"""A process that can write to some folders only, as a unit or a container says."""

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

IN_READ_ONLY = """
while [ "$1" != -- ]; do mount --bind "$1" "$1"; shift; done
shift
mount -o remount,ro,bind /
exec "$@"
"""


def confined(words: Sequence[str], writable: Iterable[Path]) -> list[str]:
    """A command that sees a read-only file system, but for the *writable* folders."""
    if shutil.which("unshare") is None or fails("unshare", "-m", "true"):
        pytest.skip("NOT tried on a read-only file system: only root may mount one.")
    places = [str(path) for path in writable]
    return ["unshare", "-m", "sh", "-ec", IN_READ_ONLY, "sh", *places, "--", *words]


def fails(*words: str) -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode != 0
