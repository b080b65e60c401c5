"""What this machine says: programs, variables, disk, rights, and who is at work.

Changes nothing: what is looked at may belong to a run that is under way.
"""

import os
import platform
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from tempfile import TemporaryFile

from filelock import FileLock, Timeout
from packaging.requirements import Requirement

from analytics_pipeline.storage.files import is_open_to

PACKAGE = "analytics-pipeline"
NAMED = ("dagster", "dagster-webserver", "pandas", "duckdb")
"""The packages whose versions people ask for."""

FROM_THE_REPOSITORY = (".gitkeep", ".gitignore", "analytics.example.toml")
"""What a fresh clone has in ``data``."""

NOT_PERSONAL = (".dagster", ".lock", "analytics.toml", *FROM_THE_REPOSITORY)


@dataclass(frozen=True, slots=True)
class Programs:
    """What is installed, by name, and what is not as the package needs it."""

    versions: Mapping[str, str]
    unmet: list[str]


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes that are free, bytes in use by the data, and why nothing can be written."""

    free: int
    used: int
    trouble: str | None


def list_programs() -> Programs:
    """Return the versions of what matters, and every requirement that is not met."""
    versions = {"Python": platform.python_version()}
    versions |= {name: found for name in NAMED if (found := _version_of(name))}
    try:
        needed = [Requirement(text) for text in requires(PACKAGE) or ()]
    except PackageNotFoundError:  # run from a source tree
        needed = []
    return Programs(versions, [told for each in needed for told in _unmet(each)])


def _version_of(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _unmet(needed: Requirement) -> Iterator[str]:
    """Say what is wrong with a package, unless it is one of an extra."""
    if needed.marker and not needed.marker.evaluate({"extra": ""}):
        return
    found = _version_of(needed.name)
    if found is None:
        yield f"{needed.name} is missing"
    elif not needed.specifier.contains(found, prereleases=True):
        yield f"{needed.name} is {found}, not {needed.specifier}"


def measure_disk(folder: Path) -> Disk:
    """Return how much room there is in *folder*, and whether it can be written."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    used = sum(path.stat().st_size for path in _files_in(folder, skip=()))
    return Disk(shutil.disk_usage(there).free, used, _trouble_at(there, folder))


def _trouble_at(there: Path, folder: Path) -> str | None:
    """Return why nothing can be written to *folder*, by a file without a name."""
    if not there.is_dir():
        return f"{there} is no folder"
    if there != folder:  # it is made when it is needed
        return None if os.access(there, os.W_OK | os.X_OK) else f"{there} is read-only"
    try:
        with TemporaryFile(dir=folder) as scratch:
            scratch.write(b"-")
    except OSError as error:
        return f"{folder} cannot be written ({error.strerror})"
    return None


def list_exposed(folder: Path) -> list[Path]:
    """Return the files with personal data in *folder* that everybody may read."""
    found = _files_in(folder, skip=NOT_PERSONAL)
    return sorted(path for path in found if is_open_to(path, stat.S_IROTH))


def _files_in(folder: Path, skip: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files under *folder*; one that goes away meanwhile is none."""
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in skip]
        paths = (Path(root, name) for name in names if name not in skip)
        yield from (path for path in paths if path.is_file())


def is_exposed(secret: Path) -> bool:
    """Say whether others than its owner may read a file that holds a token."""
    return secret.exists() and is_open_to(secret, stat.S_IRGRP | stat.S_IROTH)


def is_held(data_dir: Path) -> bool:
    """Say whether a run holds the data directory at this moment."""
    path = data_dir / ".lock"
    if not path.exists():
        return False
    try:
        with FileLock(path, mode=0o600, timeout=0):
            return False
    except Timeout:
        return True
