"""The measured figures as a file, one entry a section, so that one can be run again."""

import json
from dataclasses import asdict, dataclass
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
