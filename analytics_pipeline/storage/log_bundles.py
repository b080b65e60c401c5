"""Many segments of the log in one file, so that years of daily reads open quickly.

A segment stays a file of its own: that is what is appended, numbered and proved whole.
A *bundle* is a copy of the rows of so many segments in a row, named by their names,
which bear the fingerprints of their bytes, and by the fingerprint of its own.  Without
the bundles nothing is lost but time.
"""

import logging
from collections.abc import Sequence
from hashlib import sha256

from upath import UPath

from analytics_pipeline.storage.files import (
    is_local,
    list_names,
    local,
    read_all,
    remove_folder,
    replace_bytes,
)
from analytics_pipeline.storage.parquet import join
from analytics_pipeline.storage.proved_files import proved_files, refuse_unsound

_log = logging.getLogger(__name__)

SIZE = 128
"""How many segments a bundle holds."""

_DIGITS = 16
_KEY = 8 + 1 + _DIGITS  # the first segment's number, and what tells the segments


def fingerprint(content: bytes) -> str:
    """Return what tells *content* from any other, for use in a file's name."""
    return sha256(content).hexdigest()[:_DIGITS]


class LogBundles:
    """The bundles of one generation of the log, in a folder beside its segments."""

    def __init__(self, generation: UPath, verified: set[str]) -> None:
        """Keep the bundles of *generation*; *verified* files need no other look."""
        self._generation = generation
        self._folder = generation / "bundles"
        self._verified = verified

    def find(self, names: Sequence[str]) -> dict[int, UPath]:
        """Return the whole bundles of the segments *names*, by their first segment."""
        if len(names) < SIZE:
            return {}
        files = {name[:_KEY]: name for name in list_names(self._folder)}
        found = {}
        for first in _starts(names):
            name = files.get(_name(names, first))
            if name is not None and self._is_whole(self._folder / name):
                found[first] = self._folder / name
        return found

    def _is_whole(self, path: UPath) -> bool:
        """Say whether a bundle is as it was written; one that is not is not used.

        A bucket checks what it stores by itself.
        """
        if is_local(path) and str(path) not in self._verified:
            if proved_files().find_unsound([local(path)]):
                _log.warning("%s is damaged: its segments are read singly.", path)
                return False
            self._verified.add(str(path))
        return True

    def add(self, names: Sequence[str]) -> None:
        """Bundle the segments *names*, as far as they fill bundles and are in none."""
        held = self.find(names)
        for first in _starts(names):
            if first not in held:
                those = names[first : first + SIZE]
                content = join(self._read_segments(those))
                name = f"{_name(names, first)}-{fingerprint(content)}.parquet"
                replace_bytes(self._folder / name, content)

    def _read_segments(self, names: Sequence[str]) -> list[bytes]:
        """Return the bytes of some segments, proved sound.

        Raises:
            LocalFailure: one is damaged.
        """
        contents = read_all([self._generation / each for each in names])
        for name, content in zip(names, contents, strict=True):
            refuse_unsound(f"{self._generation}/{name}", content)
        return contents

    def remove(self) -> None:
        """Remove the bundles; segments are read one by one then."""
        remove_folder(self._folder)


def _starts(names: Sequence[str]) -> range:
    """Return the first segment of each bundle that *names* can fill."""
    return range(0, len(names) - SIZE + 1, SIZE)


def _name(names: Sequence[str], first: int) -> str:
    """Return how the name of the bundle begins."""
    those = "\n".join(names[first : first + SIZE])
    return f"{first:08d}-{fingerprint(those.encode())}"
