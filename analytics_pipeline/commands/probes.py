"""What ``doctor`` looks at: the machine, the store, the records, the files."""

import os
import platform
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from tempfile import TemporaryFile

from packaging.requirements import Requirement
from upath import UPath

from analytics_pipeline.assets import export_in_place
from analytics_pipeline.commands.switches import find_switched_off
from analytics_pipeline.domain.contacts import ContactKeys
from analytics_pipeline.domain.currency import Currencies
from analytics_pipeline.holding import Progress
from analytics_pipeline.model.checks import CheckResult
from analytics_pipeline.model.errors import LightspeedUnavailable, LocalFailure
from analytics_pipeline.orchestration.home import find_home
from analytics_pipeline.orchestration.record_files import AskDagster, open_record_files
from analytics_pipeline.orchestration.tills import Lightspeed
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.lightspeed.outlets import currencies_of, details_of
from analytics_pipeline.sources.protocol import StoreDetails, WebShopDetails
from analytics_pipeline.sources.web_shop.export import OrderReader, count_ecom_orders
from analytics_pipeline.sources.web_shop.export_file import is_placed
from analytics_pipeline.storage.catch_ups import PUT_BACK_OR_REMOVE, put_log_back
from analytics_pipeline.storage.files import (
    AnyPath,
    is_local,
    is_open_to,
    local,
    read_all,
)
from analytics_pipeline.storage.older_files import NAME as VERSIONS_FILE
from analytics_pipeline.storage.older_files import (
    list_history,
    list_notes,
    list_set_aside,
    list_tables,
)
from analytics_pipeline.storage.parquet import (
    REBUILD,
    UPDATE,
    State,
    examine_file,
    proved_files,
)
from analytics_pipeline.storage.publication import (
    FIRST_TIME_BUYERS,
    MAKE_AGAIN,
    MASTER,
    PROVE_NO_MORE,
)
from analytics_pipeline.storage.state import (
    ACCEPT_AGAIN,
    IDENTITY_KEY,
    KEY_BYTES,
    PUT_BACK,
    REMOVE_AND_REBUILD,
    SEND_AGAIN,
    read_identity_key,
    read_note_bytes,
)
from analytics_pipeline.storage.versions import HISTORY
from analytics_pipeline.tables import CUSTOMER_LOG

# ----------------------------------------------------------------------------------
# What Dagster's records say: whether they open, and when its daemon was last seen.


SCHEDULER = "SCHEDULER"
"""The part of Dagster's daemon that starts the nightly run."""


@dataclass(frozen=True, slots=True)
class Records:
    """Where the records are, when the daemon was seen, and what is switched off."""

    home: Path
    daemon_seen_at: datetime | None
    switched_off: Sequence[str] = ()


def read_records(settings: Settings) -> Records | None:
    """Open the records, if there are any yet.

    Raises:
        LocalFailure: they cannot be read.
        WrongUse: their settings cannot be used.
    """
    home = find_home(settings)
    if home is None:
        return None
    seen_at, switches = _look_without_dagster(settings) or _ask_dagster(settings, home)
    return Records(home, seen_at, find_switched_off(switches))


_Seen = tuple[datetime | None, list[tuple[str, str]]]
"""When the daemon was last seen, and the switches with their states."""


def _look_without_dagster(settings: Settings) -> _Seen | None:
    """Look into the files of the records; nothing where they do not do."""
    try:
        with open_record_files(settings) as files:
            return files.daemon_seen_at(SCHEDULER), list(files.switches())
    except AskDagster:
        return None


def _ask_dagster(settings: Settings, home: Path) -> _Seen:
    from analytics_pipeline.commands.by_dagster import ask_of_daemon

    return ask_of_daemon(home, settings.shop_name, SCHEDULER)


# ----------------------------------------------------------------------------------
# What Lightspeed says: whether it is there, by which clock, and in which currency.


LONGEST_WAIT = 5.0
"""Seconds: who asks what is wrong does not want to wait for the answer."""


@dataclass(frozen=True, slots=True)
class Store:
    """A store that accepted the token.

    Attributes:
        details: what it says of itself.
        ahead_by: how far this machine's clock is ahead of the store's.
        currencies: in which currencies it and its outlets sell.
    """

    details: StoreDetails
    ahead_by: timedelta | None
    currencies: Currencies


def ask_store(settings: Settings) -> Store:
    """Ask the store for itself and its outlets; a second time if a request broke.

    Raises:
        WrongUse: prefix, origin or token are lacking or cannot be used.
        LightspeedUnavailable: it does not answer, or only after a while.
        LightspeedRefused: it refuses.
    """
    with Lightspeed(settings, _refuse_to_wait, attempts=2).connect() as client:
        details = details_of(client.retailer())
        pages = client.pages("outlets", deleted=True)
        outlets = [record for page in pages for record in page.records]
        currencies = currencies_of(outlets, details)
        return Store(details, client.clock_ahead_by, currencies)


def ask_web_shop(settings: Settings) -> WebShopDetails | None:
    """Ask the web shop once what it says of itself; nothing where none is set.

    Raises:
        WrongUse: one of its settings is lacking or cannot be used.
        WebShopUnavailable: it does not answer.
        WebShopRefused: it refuses: the token, or the plan.
    """
    with Lightspeed(settings, _refuse_to_wait, attempts=2).open_web_shop() as web_shop:
        return web_shop.details() if web_shop else None


def count_evidence(shop: Shop) -> dict[str, int]:
    """Return how many web orders are sales, by the evidence of the reconciliation.

    Raises:
        LocalFailure: the stored reconciliation is damaged.
    """
    if not shop.warehouse.exists("ecom_reconciliation"):
        return {}
    from analytics_pipeline.model.schemas.reconciliation import EcomReconciliation

    rows = shop.warehouse.read(
        "ecom_reconciliation", EcomReconciliation, columns=["evidence"]
    )
    counts = rows.loc[rows["evidence"] != "none", "evidence"].value_counts()
    return {str(evidence): int(count) for evidence, count in counts.items()}


def _refuse_to_wait(seconds: float, reason: str) -> None:
    """Give up where the wait would be long.

    Raises:
        LightspeedUnavailable: it would.
    """
    if seconds > LONGEST_WAIT:
        raise LightspeedUnavailable(
            f"Lightspeed asks to wait {seconds:.0f} s: {reason}.",
            "Run it again after that time.",
        )


# ----------------------------------------------------------------------------------
# What lies in the data directory for the pipeline to read: export, key and settings.
#
# Changes nothing: a key that is lacking is not made here.


def read_export(shop: Shop) -> tuple[int, CheckResult] | None:
    """Read the web shop's export, if there is one: how many orders, and how old.

    Raises:
        WrongUse: it cannot be used.
    """
    path = export_in_place.export_path(shop)
    if not is_placed(path):
        return None
    no_ones = ContactKeys(bytes(KEY_BYTES), shop.policy.phone_region, shop.policy)
    zone, dialect = shop.settings.time_zone, shop.export_dialect
    orders = count_ecom_orders(path, OrderReader(path.name, no_ones, zone, dialect))
    age = export_in_place.age_of(shop, path)
    return orders, export_in_place.check_export_age(age, path.name)


def has_lost_its_key(shop: Shop) -> bool:
    """Say whether customers are stored but the key that hashed their contacts is gone.

    Raises:
        LocalFailure: the key is damaged.
        StoreFailure: the bucket of the tables could not be used.
    """
    path = shop.home / IDENTITY_KEY
    if path.exists():
        read_identity_key(path)
        return False
    return shop.warehouse.exists("customers")


# ----------------------------------------------------------------------------------
# What this machine says: programs, variables, disk, rights, and who is at work.
#
# Changes nothing: what is looked at may belong to a run that is under way.


PACKAGE = "analytics-pipeline"
NAMED = ("dagster", "dagster-webserver", "pandas", "duckdb")
"""The packages whose versions people ask for."""

FROM_THE_REPOSITORY = (".gitkeep", ".gitignore", "analytics.example.toml")
"""What a fresh clone has in ``data``."""

NOT_PERSONAL = (".dagster", ".lock", "analytics.toml", *FROM_THE_REPOSITORY)


@dataclass(frozen=True, slots=True)
class Programs:
    """What is installed, by name, and what is not as the package needs it."""

    versions: Mapping[str, str]
    unmet: list[str]


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes that are free, bytes in use by the data, and why nothing can be written."""

    free: int
    used: int
    trouble: str | None


def list_programs() -> Programs:
    """Return the versions of what matters, and every requirement that is not met."""
    versions = {"Python": platform.python_version()}
    versions |= {name: found for name in NAMED if (found := _version_of(name))}
    try:
        needed = [Requirement(text) for text in requires(PACKAGE) or ()]
    except PackageNotFoundError:  # run from a source tree
        needed = []
    return Programs(versions, [unmet for each in needed for unmet in _unmet(each)])


def _version_of(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _unmet(needed: Requirement) -> Iterator[str]:
    """Say what is wrong with a package, unless it is one of an extra."""
    if needed.marker and not needed.marker.evaluate({"extra": ""}):
        return
    found = _version_of(needed.name)
    if found is None:
        yield f"{needed.name} is missing"
    elif not needed.specifier.contains(found, prereleases=True):
        yield f"{needed.name} is {found}, not {needed.specifier}"


def measure_disk(folder: Path) -> Disk:
    """Return how much room there is in *folder*, and whether it can be written."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    used = sum(path.stat().st_size for path in _files_in(folder, skip=()))
    return Disk(shutil.disk_usage(there).free, used, _trouble_at(there, folder))


def _trouble_at(there: Path, folder: Path) -> str | None:
    """Return why nothing can be written to *folder*, by a file without a name."""
    if not there.is_dir():
        return f"{there} is no folder"
    if there != folder:  # it is made when it is needed
        return None if os.access(there, os.W_OK | os.X_OK) else f"{there} is read-only"
    try:
        with TemporaryFile(dir=folder) as scratch:
            scratch.write(b"-")
    except OSError as error:
        return f"{folder} cannot be written ({error.strerror})"
    return None


def list_exposed(folder: Path) -> list[Path]:
    """Return the files with personal data in *folder* that everybody may read."""
    found = _files_in(folder, skip=NOT_PERSONAL)
    return sorted(path for path in found if is_open_to(path, stat.S_IROTH))


def _files_in(folder: Path, skip: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files under *folder*; one that goes away meanwhile is none."""
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in skip]
        paths = (Path(root, name) for name in names if name not in skip)
        yield from (path for path in paths if path.is_file())


def is_exposed(secret: Path) -> bool:
    """Say whether others than its owner may read a file that holds a token."""
    return secret.exists() and is_open_to(secret, stat.S_IRGRP | stat.S_IROTH)


# ----------------------------------------------------------------------------------
# Whether every stored file is what was written there: ``doctor --deep``.
#
# Changes nothing. A file that a run under way removes meanwhile is passed over.


AT_ONCE = 64
"""How many files are looked at between two words about how far it is."""

_COPY = (
    "Copy the other one over it: owner in the store and .store_owner in the data "
    "directory hold the same."
)
_REMEDIES = {
    IDENTITY_KEY: PUT_BACK,
    "acceptances.json": ACCEPT_AGAIN,
    "agreement.json": UPDATE,
    "alerts.json": SEND_AGAIN,
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
    except LocalFailure:  # reported among the notes
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
        log = root / CUSTOMER_LOG.name
        return put_log_back(log) if log in path.parents else REBUILD
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
    for path in list_history(shop.warehouse.root):
        _prove_note(found, path, PUT_BACK_OR_REMOVE)
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
    except LocalFailure:  # reported among the notes
        return
    found.damaged += [DamagedFile(str(path), _remedy_for_csv(path)) for path in damaged]
    found.proved += shop.publication.count_noted() - len(damaged)


def _remedy_for_csv(path: AnyPath) -> str:
    if path.name in (MASTER, FIRST_TIME_BUYERS):
        return UPDATE
    day = path.stem.split(".")[0].rpartition("_")[2]
    return (
        "Put it back from a backup, or make that day again from what is known now: "
        f"{MAKE_AGAIN} {day}"
    )
