"""Every operation on the disk that a run does, counted, and a kill at any of them.

Python states its audit hooks of an operation before it is done; writing has no such
event, so the files that are opened for it are given a write of ours.  What changes
nothing, as removing a file that is not there, is not counted.
"""

import io
import os
import signal
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHANGING = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True, slots=True)
class Kill:
    """When to die: before that operation (the first is 0), or part-way."""

    operation: int
    is_torn: bool = False


@dataclass
class Operations:
    """The operations below *folder*, as they come; the process dies at *kill*.

    ``record`` is given each one's line before it is done: ``rename a/.b.partial``.
    The folders of ``others`` are those of programs that write in ways of their own.
    Making a file durable changes nothing that a killed process could leave behind, so
    it is reported and not counted.
    """

    folder: Path
    record: Callable[[str], None]
    kill: Kill | None = None
    others: Collection[str] = ()
    done: int = 0

    def install(self) -> None:
        """Watch this process until it ends: audit hooks cannot be taken back."""
        sys.addaudithook(self._hear)
        opened, synced = os.fdopen, os.fsync

        def fdopen(descriptor: int, mode: str = "r", *more: Any, **named: Any) -> Any:
            if "w" in mode and self.below(path_of(descriptor)):
                return CountedFile(self, descriptor, mode)
            return opened(descriptor, mode, *more, **named)

        def fsync(descriptor: Any) -> None:
            name = self.below(path_of(descriptor))
            if name is not None:
                self.record(f"fsync {name}")
            synced(descriptor)

        vars(os).update(fdopen=fdopen, fsync=fsync)

    def count(self, kind: str, name: str, torn: Callable[[], None] | None) -> None:
        """Report an operation that is about to be done; die if it is the one."""
        self.record(f"{kind} {name}")
        if self.kill is not None and self.done == self.kill.operation:
            if self.kill.is_torn:
                assert torn is not None, f"{kind} {name} cannot be torn"
                torn()
            os.kill(os.getpid(), signal.SIGKILL)
        self.done += 1

    def _hear(self, event: str, reported: tuple[Any, ...]) -> None:
        """Count an event of the interpreter if it changes something below."""
        if event == "open":
            self._hear_open(*reported)
        elif event in CHANGING:
            self._hear_change(event.removeprefix("os."), reported)

    def _hear_open(self, path: Any, mode: str | None, flags: int) -> None:
        if isinstance(path, int) or not flags & WRITING:
            return
        name = self.below(os.fsdecode(path))
        if name is None:
            return
        if mode is not None and not name.startswith(tuple(self.others)):
            # Such a file would be written without being counted.
            os.write(2, f"{name} is opened for writing past the count\n".encode())
            os._exit(3)
        if flags & os.O_TRUNC or not os.path.lexists(path):
            self.count("create", name, None)

    def _hear_change(self, kind: str, reported: tuple[Any, ...]) -> None:
        folder = "" if reported[-1] in (-1, None) else path_of(reported[-1])
        path = os.path.join(folder, os.fsdecode(reported[0]))  # noqa: PTH118
        name = self.below(path)
        if name is not None and os.path.lexists(path) is (kind != "mkdir"):
            self.count(kind, name, None)

    def below(self, path: str) -> str | None:
        """Return the path within the folder; nothing if it lies elsewhere."""
        inside = Path(path).absolute()
        if not inside.is_relative_to(self.folder):
            return None
        return str(inside.relative_to(self.folder))


class CountedFile(io.FileIO):
    """A file whose every write is an operation, and may be torn in its middle."""

    def __init__(self, operations: Operations, descriptor: int, mode: str) -> None:
        super().__init__(descriptor, mode.replace("b", ""))
        self._operations = operations
        self._path = operations.below(path_of(descriptor)) or ""

    def write(self, content: Any) -> int:
        whole = bytes(content)

        def half() -> None:
            super(CountedFile, self).write(whole[: len(whole) // 2])

        self._operations.count("write", self._path, half)
        return super().write(whole)


def path_of(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())
