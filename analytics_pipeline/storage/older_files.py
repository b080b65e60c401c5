"""The versions of stored tables, and what becomes of files of an older one."""

import json
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from pydantic import TypeAdapter
from upath import UPath

from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.storage.catch_ups import (
    BEFORE,
    OVERRIDES,
    POLICIES,
    list_kept,
)
from analytics_pipeline.storage.feed_log import FeedLog
from analytics_pipeline.storage.files import (
    AnyPath,
    list_names,
    read_all,
    remove_folder,
    replace_bytes,
    replace_text,
)
from analytics_pipeline.storage.object_store import is_shared
from analytics_pipeline.storage.parquet import (
    UNMARKED,
    UPDATE,
    read_version,
    refuse_other_version,
    seal_older,
)
from analytics_pipeline.storage.state import forget_agreement, read_note
from analytics_pipeline.storage.versions import (
    FIRST,
    NOTES,
    SEALED,
    STORED,
    VERSIONS,
    current_versions,
    oldest_versions,
)

# ----------------------------------------------------------------------------------
# Which version the tables of a store are of: one small file.
#
# To ask thousands of files would cost an opening of each; ``versions.json`` is read
# once in a run. It is written when all that it lists is in place, so a table may be
# newer than it says for a while, never older. Each file's own footer has it too.


NAME = "versions.json"
_VERSIONS = TypeAdapter(dict[str, int])
_READ_AGAIN = "Remove it, then run: analytics-pipeline update"
_SEAL = "seal"
"""The entry that shows damage: older programs would not understand a last line."""

SALES_FEED = "sales_feed"
READABLE_FROM = "_generation"
"""After the name of a log: its first generation that is of the stated version."""


class StoredVersions:
    """The versions of the tables under one root."""

    def __init__(self, root: UPath) -> None:
        """Keep them next to the tables under *root*."""
        self._root = root
        self._held: dict[str, int] | None = None

    def all(self) -> Mapping[str, int]:
        """Return what the file says; without it, nothing.

        Raises:
            LocalFailure: it is damaged.
        """
        if self._held is None:
            self._held = self._read() or {}
        return self._held

    def of(self, table: str) -> int:
        """Return the version of a table, or of the notes; unmarked if unknown."""
        return self.all().get(table, UNMARKED)

    def note(self, versions: Mapping[str, int]) -> None:
        """Record *versions*, which are in place; those of others stay."""
        values = {**self.all(), **versions}
        if values == self.all():
            return
        self._held = values
        text = json.dumps({**values, _SEAL: _hash(values)}, indent=1, sort_keys=True)
        replace_text(self._root / NAME, text + "\n")

    def note_log(self, log: FeedLog) -> None:
        """Record that *log* is of this program's version, and none before it was.

        Where the log was of this version before, there is nothing to record.
        """
        name = log.table.name
        version = current_versions()[name]
        if self.of(name) < version:
            self.note({name: version, name + READABLE_FROM: log.generation})

    def refuse_newer(self) -> None:
        """Refuse a store that a newer program has written to.

        Raises:
            WrongUse: one did.
        """
        for name, known in current_versions().items():
            found = self.of(name)
            if found > known:
                what = "set of notes about the tables" if name == NOTES else name
                refuse_other_version(found, known, what)

    def is_older(self) -> bool:
        """Say whether anything is of an older version, or of an unknown one."""
        return any(self.of(name) < now for name, now in current_versions().items())

    def is_outdated(self) -> bool:
        """Say whether a table is known to be of a version that is not read any more."""
        reported = self.all()
        return any(
            reported.get(name, oldest) < oldest
            for name, oldest in oldest_versions().items()
        )

    def refuse_other(self, table: str) -> None:
        """Refuse to read all days of *table* at once if they are of another version.

        Raises:
            LocalFailure: they are older.
            WrongUse: they are newer.
        """
        found = self.of(table)
        if found == UNMARKED:  # never recorded: the last day's own footer decides
            days = [each for each in list_names(self._root / table) if _is_day(each)]
            if not days:
                return
            with (self._root / table / days[-1]).open("rb") as stream:
                found = read_version(stream)
        known, oldest = current_versions()[table], oldest_versions()[table]
        refuse_other_version(found, known, table, oldest)

    def is_log_older(self, log: FeedLog) -> bool:
        """Say whether *log*, the current one, must be read again from its start."""
        found = self.of(log.table.name) or log.version()
        return max(found, FIRST) < current_versions()[log.table.name]

    def refuse_log(self, log: FeedLog) -> None:
        """Refuse to read *log* if it is of another version than this program's.

        A generation after the current one is just being written, by this program.

        Raises:
            LocalFailure: it is older.
            WrongUse: it is newer.
        """
        name = log.table.name
        found, known = self.of(name), current_versions()[name]
        if found == UNMARKED:
            found = log.version()
        elif found < known and log.generation > log.current_generation():
            return
        refuse_other_version(found, known, name)
        if log.generation < self.all().get(name + READABLE_FROM, 0):
            raise LocalFailure(
                f"An earlier generation of {name} is of an older version.",
                UPDATE,
            )

    def _read(self) -> dict[str, int] | None:
        found = read_note(self._root / NAME, _VERSIONS, _READ_AGAIN)
        if found is None or (_SEAL not in found and found.get(NOTES, 0) < SEALED):
            return found  # an earlier version wrote it
        values = {name: found[name] for name in found if name != _SEAL}
        if found.get(_SEAL) != _hash(values):
            raise LocalFailure(
                f"{self._root / NAME} is damaged: it does not hold what was written "
                "there.",
                _READ_AGAIN,
            )
        return values


def _hash(versions: Mapping[str, int]) -> int:
    """Return what identifies these versions, as a number of 60 bits."""
    return int(sha256(repr(sorted(versions.items())).encode()).hexdigest()[:15], 16)


def _is_day(name: str) -> bool:
    return name.endswith(".parquet") and not name.startswith(".")


# ----------------------------------------------------------------------------------
# Every file that the pipeline keeps, by how its bytes are proved.


SET_ASIDE = ".damaged"
"""How the name of a damaged file ends that a run has set aside."""

_OF_A_TABLE = (
    "agreement.json",
    BEFORE,
    "current_generation",
    "failed_gates.json",
    "first_day",
    "usual.json",
)
_OF_A_GENERATION = ("judged_segments",)
_OF_THE_STORE = ("acceptances.json", "owner", "store_id")
_OF_A_HOME = (
    ".identity_key",
    ".customer_analytics_master.csv.json",
    "archive/.hashes.json",
)
_OF_THE_DATA = (*_OF_A_HOME, ".store_owner", ".dagster/alerts.json")
_COPIES = ("bundles", "checkpoints")


def list_tables(root: UPath) -> Iterator[UPath]:
    """Yield every Parquet file under *root*: tables, days, the log, and copies."""
    for folder in _folders(root):
        yield from (
            folder / name for name in list_names(folder) if name.endswith(".parquet")
        )


def list_notes(root: UPath, data_dir: Path) -> Iterator[AnyPath]:
    """Yield every small note that is there, of the store and of the data directory.

    Where machines share the store, it has notes of the data directory too.
    """
    for folder in _folders(root):
        wanted = {*_OF_A_TABLE, *_OF_A_GENERATION, "index.json"}
        yield from (folder / name for name in list_names(folder) if name in wanted)
    yield from (root / name for name in list_names(root) if name in _OF_THE_STORE)
    for name in _OF_THE_DATA:
        if (data_dir / name).exists():
            yield data_dir / name
    if is_shared(root):
        yield from (root / name for name in _OF_A_HOME if (root / name).exists())


def list_history(root: UPath) -> Iterator[UPath]:
    """Yield the notes of every walk of a feed, and of what they were made under."""
    for table in STORED:
        yield from list_kept(root / table)
    for folder in (POLICIES, OVERRIDES):
        yield from (root / folder / name for name in list_names(root / folder))


def list_set_aside(root: UPath) -> Iterator[UPath]:
    """Yield the damaged files that runs have set aside."""
    for folder in _folders(root):
        yield from (
            folder / name for name in list_names(folder) if name.endswith(SET_ASIDE)
        )


def _folders(root: UPath) -> Iterator[UPath]:
    """Yield every folder of the store that holds files of a table."""
    for table in STORED:
        yield from _with_copies(root / table)
        for name in list_names(root / table):
            if name.startswith("generation-"):
                yield from _with_copies(root / table / name)


def _with_copies(folder: UPath) -> Iterator[UPath]:
    yield folder
    yield from (folder / name for name in list_names(folder) if name in _COPIES)


# ----------------------------------------------------------------------------------
# Files of an older version of a table: remove them, or seal them.
#
# A run that dies half-way is begun again by the next one: each file is replaced or
# removed whole.


AT_ONCE = 64
"""How many files are read together, which spares waiting where they are in a bucket."""

Count = Callable[[int, int], None]
"""Called with how many files are done, and of how many."""


class OlderFiles:
    """The files of one table, as some program left them."""

    def __init__(self, folder: UPath, form: str) -> None:
        """Look into the *folder* of a table of that *form*."""
        self._folder, self._form = folder, form
        self.names = [name for name in list_names(folder) if _is_day(name)]

    def oldest_version(self) -> int:
        """Return the version of the oldest file, as the files themselves say.

        A damaged one says nothing.
        """
        versions = [VERSIONS[self._form]]
        for name in self.names:
            try:
                with (self._folder / name).open("rb") as stream:
                    versions.append(max(read_version(stream), FIRST))
            except LocalFailure:
                continue
        return min(versions)

    def seal(self, count: Count) -> int:
        """Give each file its seal that is from before there were seals; say how many.

        A damaged one stays as it is: the next reader refuses it.
        """
        sealed = 0
        for done, (path, content) in enumerate(self._contents(), start=1):
            try:
                fresh = seal_older(content, path.name)
            except LocalFailure:
                continue
            if fresh != content:
                sealed += 1
                replace_bytes(path, fresh)
                count(done, len(self.names))
        return sealed

    def remove(self, count: Count) -> None:
        """Remove the files; the notes next to them stay."""
        self.forget_copies()
        for done, name in enumerate(self.names, start=1):
            (self._folder / name).unlink(missing_ok=True)
            count(done, len(self.names))

    def _contents(self) -> Iterator[tuple[UPath, bytes]]:
        paths = [self._folder / name for name in self.names]
        for start in range(0, len(paths), AT_ONCE):
            some = paths[start : start + AT_ONCE]
            yield from zip(some, read_all(some), strict=True)

    def forget_copies(self) -> None:
        """Remove what was made of the files as they were."""
        forget_agreement(self._folder)
        remove_folder(self._folder / "bundles")
