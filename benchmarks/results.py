"""What was measured, on what and in which versions: a file, one entry a section."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.harness import Case, as_record, case_of


@dataclass(frozen=True)
class Result:
    """A section's figures, and where, when and with what they were measured."""

    measured_on: str
    machine: str
    versions: dict[str, str]
    rounds: int
    cases: list[Case]


def read_results(path: Path) -> dict[str, Result]:
    """Return the results by section; none without a file."""
    if not path.exists():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: Result(
            **(reported | {"cases": [case_of(each) for each in reported["cases"]]})
        )
        for name, reported in content.items()
    }


def write_results(path: Path, results: dict[str, Result]) -> None:
    """Write the results of all sections, in the order of their names."""
    content = {
        name: asdict(result) | {"cases": [as_record(case) for case in result.cases]}
        for name, result in sorted(results.items())
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


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
