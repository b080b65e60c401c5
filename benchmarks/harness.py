"""Run measures in turn, each in a process of its own, and compare their results."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.worker import Figure

ROOT = Path(__file__).parent.parent
COMPLETE = "complete.json"

PRODUCT, PEER, LIMIT, MORE = "product", "peer", "limit", "more"
"""What a measure is: ours, somebody else's way, what no way can beat, ours and more."""


@dataclass(frozen=True)
class Measure:
    """One thing to measure: ``module:name`` of a function, and its arguments.

    Another *root* is that of an earlier commit, with benchmarks of its own.
    """

    label: str
    function: str
    arguments: dict[str, Any]
    role: str = PEER
    root: Path = ROOT


@dataclass
class Tally:
    """What all rounds of one measure took."""

    label: str
    role: str
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The middle one of the rounds' seconds."""
        return median(self.seconds)


@dataclass
class Case:
    """One size of a benchmark with its measures, all of one and the same result."""

    size: str
    tallies: list[Tally]


class Disagreement(Exception):
    """Two ways of working out one thing do not agree."""


class MeasureFailed(Exception):
    """A measure's process ended badly."""


@dataclass(frozen=True)
class Bench:
    """How to measure: how often, on what sizes, with files kept where."""

    rounds: int
    sizes: Sequence[int]
    cache: Path
    quick: bool = False
    say: Callable[[str], None] = print

    def prepare(
        self,
        name: str,
        function: str,
        unnoted: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> Path:
        """Return the folder *name* of the cache, filled by *function* if it is not.

        The function is called with the folder and all arguments.  A folder that was
        filled otherwise, or not to the end, is filled again; *unnoted* arguments may
        differ, because what they lead to is the same.
        """
        folder = self.cache / name
        wanted = json.dumps([function, arguments], sort_keys=True)
        note = folder / COMPLETE
        if note.exists() and note.read_text(encoding="utf-8") == wanted:
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.say(f"  preparing {name} …")
        run_alone(function, {"folder": str(folder), **arguments, **(unnoted or {})})
        note.write_text(wanted, encoding="utf-8")
        return folder

    def compare(self, size: str, measures: Sequence[Measure]) -> Case:
        """Run every measure in turn, as many rounds as wanted.

        Raises:
            Disagreement: two results are not the same.
        """
        tallies = [Tally(each.label, each.role) for each in measures]
        found: dict[str, str] = {}
        for number in range(1, self.rounds + 1):
            for measure, tally in zip(measures, tallies, strict=True):
                self.say(f"  {size}, round {number} of {self.rounds}: {measure.label}")
                reply = run_alone(measure.function, measure.arguments, measure.root)
                add_reply(tally, reply)
                if reply["fingerprint"] is not None and measure.root == ROOT:
                    found[measure.label] = reply["fingerprint"]
                    _require_one(found, size)
        return Case(size, tallies)


def add_reply(tally: Tally, reply: dict[str, Any]) -> None:
    """Add what one round took."""
    tally.seconds.append(reply["seconds"])
    tally.cpu.append(reply["cpu"])
    tally.peak.append(reply["peak"])
    tally.figures = reply["figures"]


def _require_one(found: dict[str, str], size: str) -> None:
    """Raise if two measures found different things."""
    if len(set(found.values())) > 1:
        text = ", ".join(f"{label}: {value[:12]}" for label, value in found.items())
        raise Disagreement(f"The results for {size} are not the same ({text}).")


def run_alone(
    function: str, arguments: dict[str, Any], root: Path = ROOT
) -> dict[str, Any]:
    """Call *function* in a fresh process and return what it took and found.

    Raises:
        MeasureFailed: the process did not end well; its output is shown.
    """
    with tempfile.TemporaryDirectory() as folder:
        reply = Path(folder) / "reply.json"
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.worker", str(reply)],
            input=json.dumps({"function": function, "arguments": arguments}),
            capture_output=True,
            text=True,
            cwd=root,
            env=environment_of(root),
            check=False,
        )
        if done.returncode or not reply.exists():
            text = done.stderr.strip()[-3000:]
            raise MeasureFailed(f"{function} failed ({done.returncode}):\n{text}")
        content: dict[str, Any] = json.loads(reply.read_text(encoding="utf-8"))
        return content


def environment_of(root: Path) -> dict[str, str]:
    """Return the environment of a process that is to use the code in *root*."""
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [path for path in others if path and Path(path) != ROOT]
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *kept])}


@contextmanager
def copy_of(data: Path) -> Iterator[Path]:
    """Yield a copy of a data directory that a measure may change.

    Tables are linked: the product never writes into one, it puts another in its place.
    """
    with tempfile.TemporaryDirectory(dir=data.parent) as scratch:
        yield Path(
            shutil.copytree(data, Path(scratch) / "data", copy_function=link_table)
        )


def link_table(source: str, target: str) -> None:
    """Copy a file; of a table, make another name: by its inode it is known again."""
    if source.endswith(".parquet"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


@dataclass(frozen=True)
class Section:
    """One benchmark: what it compares, on which sizes, with which libraries.

    Attributes:
        name: what ``--only`` calls it.
        unit: what its sizes count.
        sizes: the full ones; ``quick_sizes`` those of a trial.
        libraries: whose versions are shown.
        run: measures all sizes.
        picture: draws the figures as SVG, for the file ``picture_name`` in ``docs/``.
    """

    name: str
    unit: str
    sizes: Sequence[int]
    quick_sizes: Sequence[int]
    libraries: Sequence[str]
    run: Callable[[Bench], list[Case]]
    rounds: int = 5
    picture: Callable[[list[Case]], str] | None = None
    picture_name: str = ""


def as_record(case: Case) -> dict[str, Any]:
    """Return *case* as JSON has it."""
    return asdict(case)


def case_of(record: dict[str, Any]) -> Case:
    """Return the case that :func:`as_record` wrote."""
    return Case(record["size"], [Tally(**each) for each in record["tallies"]])
