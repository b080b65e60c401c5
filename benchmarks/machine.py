"""What was measured on, and in which versions."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

GIGABYTE = 1 << 30


def describe_machine() -> str:
    """Return processor, cores, memory and operating system in one line."""
    import psutil  # of the extra `bench`, which --help and --render do without

    memory = psutil.virtual_memory().total / GIGABYTE
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def _processor() -> str:
    """Return the model of the processor, as far as the system says it."""
    reported = Path("/proc/cpuinfo")
    if reported.exists():
        for line in reported.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def list_versions(libraries: Sequence[str]) -> dict[str, str]:
    """Return the installed version of each library."""
    return {name: _version(name) for name in libraries}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
