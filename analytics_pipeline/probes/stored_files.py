"""Whether every stored file is what was written there: ``doctor --deep``.

Changes nothing.  A file that a run under way removes meanwhile is passed over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from upath import UPath

from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.progress import Progress
from analytics_pipeline.schemas.versions import HISTORY
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.alert_book import TELL_AGAIN
from analytics_pipeline.storage.files import AnyPath, is_local, local, read_all
from analytics_pipeline.storage.gate_notes import ACCEPT_AGAIN
from analytics_pipeline.storage.identity_key import PUT_BACK
from analytics_pipeline.storage.proved_files import REBUILD, UPDATE, proved_files
from analytics_pipeline.storage.publication import (
    FIRST_TIME_BUYERS,
    MAKE_AGAIN,
    MASTER,
    PROVE_NO_MORE,
)
from analytics_pipeline.storage.seals import State, examine_file
from analytics_pipeline.storage.small_notes import REBUILD as REMOVE_AND_REBUILD
from analytics_pipeline.storage.small_notes import read_note_bytes
from analytics_pipeline.storage.stored_files import (
    list_notes,
    list_set_aside,
    list_tables,
)
from analytics_pipeline.storage.stored_versions import NAME as VERSIONS_FILE

AT_ONCE = 64
"""How many files are looked at between two words about how far it is."""

_COPY = (
    "Copy the other one over it: owner in the store and .store_owner in the data "
    "directory hold the same."
)
_REMEDIES = {
    ".identity_key": PUT_BACK,
    "acceptances.json": ACCEPT_AGAIN,
    "agreement.json": UPDATE,
    "alerts.json": TELL_AGAIN,
    ".hashes.json": PROVE_NO_MORE,
    "index.json": UPDATE,
    "owner": _COPY,
    ".store_owner": _COPY,
}
"""What makes a damaged note good again, where it is not to be removed first."""


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """A file that is not what was written there, and what makes it good again."""

    path: str
    remedy: str


@dataclass(slots=True)
class StoredFiles:
    """What became of looking at every stored file.

    Attributes:
        proved: how many are what was written.
        unsealed: how many earlier versions wrote that cannot be proved yet.
        damaged: those that are not what was written.
        set_aside: the damaged ones that runs have put aside.
    """

    proved: int = 0
    unsealed: int = 0
    damaged: list[DamagedFile] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)


def prove_stored_files(shop: Shop, progress: Progress) -> StoredFiles:
    """Look at every byte that is stored: tables, notes, log, copies and archive.

    Raises:
        StoreFailure: the bucket of the tables could not be used.
    """
    proved_files().forget()
    found = StoredFiles()
    root = shop.warehouse.root
    is_older = _is_older(shop)
    paths = list(list_tables(root))
    for start in range(0, len(paths), AT_ONCE):
        progress("stored files", start, len(paths))
        some = paths[start : start + AT_ONCE]
        for path, state in _states(some):
            _enter(found, path, state, root, is_older=is_older)
    _prove_notes(shop, found)
    _prove_archive(shop, found)
    found.set_aside += map(str, list_set_aside(root))
    return found


def _is_older(shop: Shop) -> bool:
    """Say whether what is stored may be from before there were seals."""
    try:
        return shop.versions.is_older()
    except LocalFailure:  # told of among the notes
        return False


def _states(paths: Sequence[UPath]) -> Iterator[tuple[UPath, State]]:
    """Yield each file that is there, and what its bytes say of it."""
    if is_local(paths[0]):
        there = [path for path in paths if path.exists()]
        unsound = proved_files().find_unsound([local(path) for path in there])
        for path in there:
            yield path, unsound.get(str(local(path)), State.SOUND)
    else:
        for path, content in zip(paths, read_all(paths), strict=True):
            yield path, examine_file(path.name, content)


def _enter(
    found: StoredFiles, path: UPath, state: State, root: UPath, *, is_older: bool
) -> None:
    if state is State.SOUND:
        found.proved += 1
    elif state is State.UNSEALED and is_older:
        found.unsealed += 1
    else:
        found.damaged.append(DamagedFile(str(path), remedy_for_table(path, root)))


def remedy_for_table(path: UPath, root: UPath) -> str:
    """Return what makes a damaged Parquet file good again."""
    if "generation-" in str(path) and path.parent.name != "bundles":
        return REBUILD
    for table in HISTORY:
        if path.parent == root / table:
            is_memory = path.parent.name == "published"
            return _PASSED_OVER if is_memory else f"{UPDATE} --as-of {path.stem}"
    return UPDATE if is_local(path) else REBUILD


_PASSED_OVER = (
    "Remove it: changes are then explained from the master before it. The next three "
    "published days leave it behind anyway."
)


def _prove_notes(shop: Shop, found: StoredFiles) -> None:
    for path in list_notes(shop.warehouse.root, shop.settings.data_dir):
        _prove_note(found, path, _REMEDIES.get(path.name, REMOVE_AND_REBUILD))
    try:
        shop.versions.all()
        found.proved += 1
    except LocalFailure as error:
        path = shop.warehouse.root / VERSIONS_FILE
        found.damaged.append(DamagedFile(str(path), error.remedy))


def _prove_note(found: StoredFiles, path: AnyPath, remedy: str) -> None:
    try:
        read_note_bytes(path, remedy)
        found.proved += 1
    except LocalFailure:
        found.damaged.append(DamagedFile(str(path), remedy))


def _prove_archive(shop: Shop, found: StoredFiles) -> None:
    """Hold archived and published files against what was noted of them."""
    try:
        damaged = shop.publication.find_damaged()
    except LocalFailure:  # told of among the notes
        return
    found.damaged += [DamagedFile(str(path), _remedy_for_csv(path)) for path in damaged]
    found.proved += shop.publication.count_noted() - len(damaged)


def _remedy_for_csv(path: Path) -> str:
    if path.name in (MASTER, FIRST_TIME_BUYERS):
        return UPDATE
    day = path.stem.split(".")[0].rpartition("_")[2]
    return (
        "Put it back from a backup, or make that day again from what is known now: "
        f"{MAKE_AGAIN} {day}"
    )
