"""Files that are read only after their bytes were proved to be those written.

Each file is hashed once by a process, however often it is read, and again when it was
replaced since.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from os import cpu_count
from pathlib import Path

from upath import UPath

from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.storage.files import (
    AnyPath,
    is_local,
    list_states,
    local,
    state_of,
)
from analytics_pipeline.storage.seals import (
    State,
    bears_its_hash,
    examine_file,
    seal_in,
    seal_of,
)

UPDATE = "Run: analytics-pipeline update"
REBUILD = "Run: analytics-pipeline rebuild"

LARGE = 1 << 20
"""Files of so many bytes are hashed at the same time; for smaller ones threads cost
more than they spare."""


class ProvedFiles:
    """The files of this machine's disk that were found sound."""

    def __init__(self) -> None:
        """Begin with none."""
        self._proved: dict[str, str] = {}
        self._seals: dict[str, tuple[str, str | None]] = {}

    def forget(self) -> None:
        """Hash every file again when it is read next."""
        self._proved.clear()
        self._seals.clear()

    def prove(self, paths: Iterable[str | Path]) -> None:
        """Make sure that the files *paths* are sound.

        Raises:
            LocalFailure: one is not; it names the first.
            FileNotFoundError: one is not there.
        """
        unsound = self.find_unsound(paths)
        if unsound:
            path, state = next(iter(unsound.items()))
            raise unsound_file(path, state)

    def find_unsound(self, paths: Iterable[str | Path]) -> dict[str, State]:
        """Return those of the files *paths* that are not sound, and how they are.

        Raises:
            FileNotFoundError: one is not there.
        """
        names = list(map(str, paths))
        large = [name for name in names if Path(name).stat().st_size >= LARGE]
        if len(large) > 1:
            with ThreadPoolExecutor(cpu_count() or 1) as threads:
                found = dict(zip(large, threads.map(self._examine, large), strict=True))
        else:
            found = {}
        found |= {name: self._examine(name) for name in names if name not in found}
        return {name: found[name] for name in names if found[name] is not State.SOUND}

    def find_unsound_in(self, folder: Path, names: Sequence[str]) -> list[str]:
        """Return those of the files *names* in *folder* that are not sound."""
        paths = {f"{folder}/{name}": name for name in names}
        return [paths[path] for path in self.find_unsound(paths)]

    def seal_of(self, path: str, state: str) -> str | None:
        """Return the seal of the file *path*, which is now in that *state*."""
        held = self._seals.get(path)
        if held is None or held[0] != state:
            held = self._seals[path] = state, seal_of(Path(path))
        return held[1]

    def _examine(self, name: str) -> State:
        path = Path(name)
        before = state_of(path.stat())
        if self._proved.get(name) == before:
            return State.SOUND
        content = path.read_bytes()
        found = examine_file(path.name, content)
        if found is State.SOUND:
            self._proved[name] = before
            self._seals[name] = before, seal_in(content)
        return found


@cache
def proved_files() -> ProvedFiles:
    """Return the files that this process has proved."""
    return ProvedFiles()


def list_contents(folder: UPath) -> dict[str, str]:
    """Return each file in *folder* with what tells its content from any other.

    That is the seal of a Parquet file on disk, and nothing that a copy or a touch of
    the clock could change; one without a seal is left out.  A bucket says it of its
    objects.
    """
    states = list_states(folder)
    if not is_local(folder):
        return states
    place, known = local(folder), proved_files()
    seals = {
        name: known.seal_of(f"{place}/{name}", state)
        for name, state in states.items()
        if name.endswith(".parquet")
    }
    return {name: seal for name, seal in seals.items() if seal is not None}


def read_proved(path: AnyPath) -> bytes:
    """Return the bytes of a Parquet file, of the disk or a bucket, once proved sound.

    Raises:
        LocalFailure: it is not as it was written.
        FileNotFoundError: it is not there.
    """
    content = path.read_bytes()
    refuse_unsound(str(path), content)
    return content


def refuse_unsound(path: str, content: bytes) -> None:
    """Make sure that *content* is what was written to *path*.

    Raises:
        LocalFailure: it is not.
    """
    state = examine_file(path.rpartition("/")[2], content)
    if state is not State.SOUND:
        raise unsound_file(path, state)


def prove_local(paths: Sequence[AnyPath]) -> None:
    """Make sure that files of this machine's disk are sound; a bucket's are left alone.

    Raises:
        LocalFailure: one is not.
    """
    if paths and is_local(paths[0]):
        proved_files().prove(map(local, paths))


def unsound_file(path: str, state: State) -> LocalFailure:
    """Return the failure of a file that is not as it was written.

    A run makes tables on disk again; the log, copies and objects of a bucket are left
    to a rebuild.
    """
    name = path.rpartition("/")[2]
    is_left = "/bundles/" in path or "://" in path or bears_its_hash(name)
    remedy = REBUILD if is_left else UPDATE
    if state is State.UNSEALED:
        return LocalFailure(
            f"{path} bears no seal: it is damaged, or of an earlier version.", remedy
        )
    return LocalFailure(f"{path} is damaged.", remedy)
