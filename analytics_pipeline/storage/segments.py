"""The segments of the log of sales: one immutable file for every page read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, TypeVar

from upath import UPath

from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.storage.files import is_local, local
from analytics_pipeline.storage.log_bundles import SIZE
from analytics_pipeline.storage.parquet import (
    count_proved_rows,
    read_proved_notes,
    read_version,
)
from analytics_pipeline.storage.proved_files import prove_local, read_proved

Read = TypeVar("Read")

SUFFIX = ".parquet"
TURNED_AWAY = "-q"
"""How the name of a segment ends that holds records turned away."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One immutable file of the log."""

    number: int
    folder: UPath
    name: str

    @property
    def path(self) -> UPath:
        """Where it is."""
        return self.folder / self.name

    @property
    def has_rejections(self) -> bool:
        """Say whether records were turned away when it was read."""
        return self.name.endswith(f"{TURNED_AWAY}{SUFFIX}")

    def notes(self) -> dict[str, str]:
        """Return the notes of the footer: origin, cursor and rejections.

        Raises:
            LocalFailure: the segment is damaged.
        """
        return _with_proved(self.path, read_proved_notes)

    def version(self) -> int:
        """Return of which version of the log's form the rows are.

        Raises:
            LocalFailure: the segment is damaged.
        """
        return _with_proved(self.path, read_version)

    def verify(self) -> None:
        """Make sure that the bytes are those that were written.

        Raises:
            LocalFailure: they are not.
        """
        prove_local([self.path])


def names_of(segments: Sequence[Segment]) -> list[str]:
    """Return the names of the files."""
    return [segment.name for segment in segments]


def beside(
    bundles: Mapping[int, UPath], segments: Sequence[Segment]
) -> Iterator[Segment]:
    """Yield the *segments* that are in none of the *bundles*."""
    return (each for each in segments if each.number // SIZE * SIZE not in bundles)


def row_count_of(path: UPath) -> int:
    """Return how many versions of sales a segment, or a bundle of them, holds.

    Raises:
        LocalFailure: it is damaged.
    """
    return _with_proved(path, count_proved_rows)


def _with_proved(path: UPath, read: Callable[[BinaryIO], Read]) -> Read:
    """Return what *read* finds in a file of the log, once that is proved sound.

    Raises:
        LocalFailure: its bytes are not those that were written.
    """
    if not is_local(path):
        return read(BytesIO(read_proved(path)))
    prove_local([path])
    with local(path).open("rb") as stream:
        return read(stream)


def damaged(cause: str) -> LocalFailure:
    """Return the failure of a log that is not as it was written."""
    return LocalFailure(cause, "Run: analytics-pipeline rebuild")
