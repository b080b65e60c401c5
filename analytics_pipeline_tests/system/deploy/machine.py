"""A machine whose /srv/analytics is a folder of the test's, for units and cron lines.

The programs there are either the real ones or, for most tests, one that notes how it
was called.
"""

import shutil
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from analytics_pipeline_tests import clock
from analytics_pipeline_tests.system.deploy.confined import confined

ROOT = Path(__file__).parents[3]
HOME = "/srv/analytics"
PROGRAMS = ("analytics-pipeline", "dagster-daemon", "python")
NOTE = """#!/bin/sh
echo "$0 $*" >> "{folder}/calls"
echo "$PWD $LIGHTSPEED_DOMAIN_PREFIX" >> "{folder}/calls"
echo "said something"
exit {code}
"""
REAL = """#!/bin/sh
{clock}
export PYTHONWARNINGS=ignore PYTHONDONTWRITEBYTECODE=1
exec "{python}" {module} "$@"
"""
MODULES = dict(
    zip(
        PROGRAMS,
        ("-m analytics_pipeline", "-m dagster._daemon", ""),
        strict=True,
    )
)
Unit = dict[str, list[str]]


@dataclass
class Machine:
    """The folder that represents /srv/analytics."""

    folder: Path

    def __post_init__(self) -> None:
        self.programs.mkdir(parents=True)
        (self.folder / "data").mkdir()
        (self.folder / "dagster").mkdir()
        self.temporary.mkdir()
        shutil.copytree(ROOT / "deploy", self.folder / "deploy")
        self.settings({"LIGHTSPEED_DOMAIN_PREFIX": "demo"})
        self.note()

    @property
    def programs(self) -> Path:
        return self.folder / ".venv/bin"

    @property
    def temporary(self) -> Path:
        return self.folder.parent / "tmp"

    @property
    def reported(self) -> list[str]:
        return (self.folder / "calls").read_text(encoding="utf-8").splitlines()

    def settings(self, given: dict[str, str]) -> None:
        lines = [f"{name}='{value}'\n" for name, value in given.items()]
        (self.folder / ".env").write_text("".join(lines), encoding="utf-8")

    def note(self, code: int = 0) -> None:
        """Let every program note how it was called, and end with that code."""
        for name in PROGRAMS:
            self._write(name, NOTE.format(folder=self.folder, code=code))

    def install(self) -> None:
        """Put the real programs in their places."""
        for name, module in MODULES.items():
            text = REAL.format(
                clock=clock.exported(), python=sys.executable, module=module
            )
            self._write(name, text)
        text = REAL.format(
            clock=clock.exported(), python=sys.executable, module="-m dotenv"
        )
        self._write("dotenv", text)

    def moved(self, text: str) -> str:
        """The same text about this machine."""
        return text.replace(HOME, str(self.folder))

    def environment(self, unit: Unit) -> dict[str, str]:
        """What systemd would give the process of a unit."""
        files = [Path(self.moved(name)) for name in unit.get("EnvironmentFile", [])]
        assert files
        lines = [
            line for path in files for line in path.read_text("utf-8").splitlines()
        ]
        given = [*map(self.moved, unit.get("Environment", [])), *lines]
        named = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            "TMPDIR": str(self.temporary),  # what PrivateTmp is there
        }
        for line in given:
            name, value = line.split("=", 1)
            named[name] = value.strip("'")
        return named

    def command(self, unit: Unit, *more: str) -> list[str]:
        """What the unit starts, which can write where the unit says only."""
        places = self.moved(unit["ReadWritePaths"][0]).split()
        named = [Path(place.removeprefix("-")) for place in places]
        writable = [*named, self.temporary]
        return confined([*self.moved(unit["ExecStart"][0]).split(), *more], writable)

    def _write(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o700)


def read_unit(path: Path) -> Unit:
    """The settings of a unit, whatever their section."""
    unit: Unit = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            unit[name].append(value)
    return unit


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
