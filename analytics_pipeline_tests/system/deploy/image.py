"""The image and the containers without an engine: what their files say, done here.

The build stage is run as it is, in a folder that represents the image's root; a
container is a process with the image's environment and a file system of which it can
write to the volumes only.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from analytics_pipeline_tests.system.deploy.confined import confined
from analytics_pipeline_tests.system.shared_deployment.processes import Started, kill

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
COMPOSE = ROOT / "deploy/docker/compose.yaml"
PLACES = ("/opt/analytics", "/usr/local/bin", "/srv/dagster", "/data")


@dataclass(frozen=True)
class Instruction:
    """One instruction of the Dockerfile, and the stage that it is in."""

    stage: int
    name: str
    words: str

    @property
    def copies(self) -> tuple[list[str], str]:
        """What is copied and where to; of another stage, nothing from here."""
        *sources, target = [
            word for word in self.words.split() if not word.startswith("--")
        ]
        return ([] if "--from=" in self.words else sources), target


def read_dockerfile() -> list[Instruction]:
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text("utf-8"), flags=re.MULTILINE)
    instructions, stage = [], -1
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, words = line.split(maxsplit=1)
            stage += name == "FROM"
            instructions.append(Instruction(stage, name, words))
    return instructions


def said(name: str) -> list[str]:
    """What the last stage says in its instructions of that name."""
    instructions = read_dockerfile()
    last = instructions[-1].stage
    return [
        each.words for each in instructions if (each.name, each.stage) == (name, last)
    ]


def read_compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return loaded


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a path go to the engine; the last line wins."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and is_named(path, pattern):
            sent = line.startswith("!")
    return sent


def is_named(path: str, pattern: str) -> bool:
    """Whether a pattern names a path or a folder above it."""
    places = [PurePosixPath(path), *PurePosixPath(path).parents][:-1]
    if pattern.startswith("**/"):
        return any(fnmatch(place.name, pattern[3:]) for place in places)
    return any(
        fnmatch(str(place), pattern)
        for place in places
        if str(place).count("/") == pattern.count("/")
    )


@dataclass
class Image:
    """A folder that represents the root of the image."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def moved(self, text: str) -> str:
        """The same text, about this folder."""
        for place in PLACES:
            text = re.sub(rf"(?<![\w/.]){place}(?![\w])", f"{self.root}{place}", text)
        return text

    def build(self) -> None:
        """Run the build stage, and copy what the last one copies from here."""
        for place in PLACES:
            (self.root / place[1:]).mkdir(parents=True)
        (self.root / "srv/dagster/storage").mkdir()
        folder = self.root
        for each in read_dockerfile():
            if each.name == "WORKDIR":
                folder = self.root / each.words[1:]
                folder.mkdir(exist_ok=True)
            elif each.name == "COPY":
                self._copy(*each.copies, folder)
            elif each.name == "RUN" and each.stage == 0:
                subprocess.run(
                    ["/bin/sh", "-c", self.moved(each.words)],
                    cwd=folder,
                    env={
                        name: value
                        for name, value in os.environ.items()
                        if name != "PYTHONPATH"
                    },
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
        (variables,) = said("ENV")
        self.environment = dict(
            self.moved(word).split("=", 1) for word in shlex.split(variables)
        )

    def _copy(self, sources: Sequence[str], target: str, folder: Path) -> None:
        for source in sources:
            assert is_sent(source), source
            to = Path(self.moved(target)) if target.startswith("/") else folder / target
            if (ROOT / source).is_dir():
                shutil.copytree(
                    ROOT / source,
                    to,
                    ignore=lambda at, names: [
                        name
                        for name in names
                        if not is_sent(str((Path(at) / name).relative_to(ROOT)))
                    ],
                )
            else:
                shutil.copy(ROOT / source, to)

    @property
    def writable(self) -> list[Path]:
        """The volumes, and the file system in memory that a container has at /tmp."""
        temporary = self.root.parent / "tmp"
        temporary.mkdir(exist_ok=True)
        return [self.root / "data", self.root / "srv/dagster/storage", temporary]

    def words(self, words: Sequence[str]) -> list[str]:
        """A command in a container that can write to its volumes only."""
        return confined(words, self.writable)

    def given(self, more: Mapping[str, str]) -> dict[str, str]:
        """The environment of a container."""
        temporary = str(self.writable[-1])
        return {**self.environment, "HOME": temporary, "TMPDIR": temporary, **more}

    def run(
        self, words: Sequence[str], more: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a container of its own, to its end."""
        return subprocess.run(
            self.words(words),
            cwd=self.root / "srv/dagster",
            env=self.given(more),
            capture_output=True,
            text=True,
            check=False,
        )

    @contextmanager
    def running(
        self, words: Sequence[str], more: Mapping[str, str], log: Path
    ) -> Iterator[Started]:
        """Start a container; its processes are killed at the end."""
        with (
            log.open("wb") as stream,
            subprocess.Popen(
                self.words(words),
                cwd=self.root / "srv/dagster",
                env=self.given(more),
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            ) as process,
        ):
            try:
                yield Started(process, log)
            finally:
                kill(process)
