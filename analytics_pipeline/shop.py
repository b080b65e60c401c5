"""One shop on this machine: its settings, tables, files and clock, held together.

Every step takes a :class:`Shop`; nothing else knows where things are.  A command that
reads no table opens one without importing a frame or an engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from filelock import FileLock, Timeout

from analytics_pipeline.domain.business_days import has_moments, leave_out_empty_years
from analytics_pipeline.domain.currency import Currencies
from analytics_pipeline.holding import (
    Holding,
    Notify,
    Progress,
    ignore_notice,
    silent,
    watched,
)
from analytics_pipeline.lazy import lazily
from analytics_pipeline.model.checks import Candidate, name_some
from analytics_pipeline.model.errors import (
    DirectoryInUse,
    InputFailed,
    LocalFailure,
    WrongUse,
)
from analytics_pipeline.model.ids import plain_id
from analytics_pipeline.model.policy import AnomalyLimits, Policy
from analytics_pipeline.settings import (
    Settings,
    load_anomaly_limits,
    load_export_dialect,
    load_policy,
    load_run_limits,
)
from analytics_pipeline.sources.web_shop.export_file import ExportDialect
from analytics_pipeline.storage.feed_log import FeedLog
from analytics_pipeline.storage.files import AnyPath, make_folder, remove_scratch
from analytics_pipeline.storage.files_for_people import QuarantineLists
from analytics_pipeline.storage.lease import (
    Claim,
    Lease,
    hold_lease,
    identify_lock,
    read_lease,
)
from analytics_pipeline.storage.object_store import is_shared, open_root
from analytics_pipeline.storage.older_files import StoredVersions
from analytics_pipeline.storage.publication import Publication
from analytics_pipeline.storage.state import (
    IDENTITY_KEY,
    Holder,
    read_holder,
    read_identity_key,
)
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline.tables import OUTLETS, RAW_SALES, SALES_FEED, TableSpec

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd
    from ibis.backends import BaseBackend

    from analytics_pipeline.domain import contacts, feed
    from analytics_pipeline.domain.contacts import ContactKeys
    from analytics_pipeline.engine import duckdb
    from analytics_pipeline.model.schemas.table import Table
else:
    contacts = lazily("analytics_pipeline.domain.contacts")
    duckdb = lazily("analytics_pipeline.engine.duckdb")
    feed = lazily("analytics_pipeline.domain.feed")

Made = TypeVar("Made")

OnStored = Callable[[str, Candidate], None]
"""Is called with the name of a table and what was stored of it."""


def ignore_candidate(_table: str, _candidate: Candidate) -> None:
    """Do nothing with what was stored."""


LOCK = ".lock"
"""The file of a data directory whose lock keeps the runs of one machine apart."""

CURRENCY_NOTE = "currency"
"""The note of ``outlets`` that holds the currency of the sales."""

DUE_AT = time(6)
"""When yesterday's master should be out, in store time; the nightly run is at two."""


def system_clock() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


@dataclass
class Shop:
    """Settings, policy, tables, published files and clock of one shop."""

    settings: Settings
    policy: Policy
    clock: Callable[[], datetime] = system_clock
    progress: Progress = silent
    notify: Notify = ignore_notice
    on_stored: OnStored = ignore_candidate
    warehouse: Warehouse = field(init=False)
    versions: StoredVersions = field(init=False)
    publication: Publication = field(init=False)
    quarantine: QuarantineLists = field(init=False)
    export_dialect: ExportDialect = field(init=False)
    anomaly_limits: AnomalyLimits = field(init=False)
    kept: dict[str, tuple[object, Any]] = field(default_factory=dict)
    verified: set[str] = field(default_factory=set)
    begins: date | None = None
    uses_checkpoints: bool = True
    readable: frozenset[str] | None = None

    def __post_init__(self) -> None:
        """Find the tables, the published files and the lists of quarantine."""
        self.warehouse = Warehouse(self.settings.warehouse_url)
        self.versions = StoredVersions(self.warehouse.root)
        copies = self.settings.data_dir if self.is_shared else None
        self.publication = Publication(self.home, self.policy.archive_keep_days, copies)
        self.quarantine = QuarantineLists(self.home, self.policy.csv_bom, copies)
        self.export_dialect = load_export_dialect(self.settings.policy_file)
        self.anomaly_limits = load_anomaly_limits(self.settings.policy_file)

    @property
    def is_shared(self) -> bool:
        """Whether runs of several machines may share the tables."""
        return is_shared(self.warehouse.root)

    @property
    def home(self) -> AnyPath:
        """Where what was published is, and the key: the bucket if it is shared."""
        return self.warehouse.root if self.is_shared else self.settings.data_dir

    @cached_property
    def engine(self) -> BaseBackend:
        """The engine, opened on first use."""
        return duckdb.connect(self.settings.engine, self.settings.spark_address)

    def keep(self, what: str, state: object, make: Callable[[], Made]) -> Made:
        """Return what this run made for that *state*, or make it; keep the last one."""
        if self.kept.get(what, (None,))[0] != state:
            self.kept[what] = state, make()
        made: Made = self.kept[what][1]
        return made

    @contextmanager
    def reading_only(self, tables: Iterable[str]) -> Iterator[None]:
        """Let no other tables than these be loaded meanwhile."""
        before, self.readable = self.readable, frozenset(tables)
        try:
            yield
        finally:
            self.readable = before

    def _require(self, table: str) -> None:
        """Make sure that *table* may be loaded now.

        Raises:
            ValueError: the table that is made does not declare it as an input.
        """
        if self.readable is not None and table not in self.readable:
            raise ValueError(f"{table} is loaded but not declared in tables.py")

    def log(self, table: TableSpec) -> FeedLog:
        """Return the current generation of the log of *table*."""
        self._require(table.name)
        return FeedLog(self.warehouse.root / table.name, table, None, self.verified)

    def open_log(self, log: FeedLog, until: int | None = None) -> ir.Table:
        """Return the rows of *log*, or of its segments before *until*."""
        self.versions.refuse_log(log)
        return duckdb.open_table(self.engine, log.paths(until), log.table.schema)

    def sales_log(self) -> FeedLog:
        """Return the current generation of the log of sales."""
        return self.log(SALES_FEED)

    def open_feed(self, log: FeedLog, until: int | None = None) -> ir.Table:
        """Return the versions of sales in *log*, or in its segments before *until*."""
        rows = self.open_log(log, until)
        return feed.in_one_spelling(rows) if self.has_other_spellings(log) else rows

    def has_other_spellings(self, log: FeedLog) -> bool:
        """Say whether an earlier release put ids of another spelling into *log*.

        What is appended now has one spelling, so one look in a run is enough.
        """

        def look() -> bool:
            rows = duckdb.open_table(self.engine, log.paths(), SALES_FEED.schema)
            return bool(self.engine.to_pandas(feed.has_other_spellings(rows)))

        return self.keep(f"spellings of {log.folder}", log.generation, look)

    def open_sales(self, days: Iterable[str]) -> ir.Table:
        """Return the sales of those stored *days*, whatever became of their gates."""
        self._require("raw_sales")
        self.versions.refuse_other("raw_sales")
        plan = self.warehouse.plan("raw_sales", days)
        return duckdb.open_days(self.engine, plan, RAW_SALES.schema)

    def store_as(self, table: str, model: type[Table]) -> Callable[[Candidate], None]:
        """Return what stores a candidate as *table*, or as its day of it."""

        def store(candidate: Candidate) -> None:
            self.warehouse.write(
                table, model, candidate.rows, candidate.partition, candidate.notes
            )

        return store

    # Days ------------------------------------------------------------------------

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the store's business days."""
        return ZoneInfo(self.settings.time_zone)

    @property
    def today(self) -> date:
        """The day that it is in the store."""
        return self.clock().astimezone(self.zone).date()

    @property
    def yesterday(self) -> date:
        """The last day that is over in the store."""
        return self.today - timedelta(days=1)

    @property
    def due_day(self) -> date:
        """The day whose master people may expect by now."""
        is_due = self.clock().astimezone(self.zone).time() >= DUE_AT
        return self.yesterday if is_due else self.yesterday - timedelta(days=1)

    @property
    def first_day(self) -> str:
        """The first partition, which also holds every earlier sale."""
        if self.begins is None:
            noted = self.warehouse.first_day("raw_sales")
            begins = date.fromisoformat(noted) if noted else None
            self.begins = leave_out_empty_years(self.settings.start_date, begins)
        return self.begins.isoformat()

    def days_until(self, last: date) -> list[str]:
        """Return every partition from the first one to *last*."""
        first = date.fromisoformat(self.first_day)
        count = (last - first).days + 1
        return [(first + timedelta(days=n)).isoformat() for n in range(max(count, 0))]

    def show(self, moment: datetime) -> str:
        """Return a *moment* as the store's clocks show it, with their offset."""
        return moment.astimezone(self.zone).isoformat(timespec="seconds")

    def is_missing(self, day: date) -> bool:
        """Say whether *day* was never there, neither in the store nor at an outlet.

        Nothing can be asked for as of such a day (rules 1.1, 1.2).  The outlets are
        looked up only where the store's own zone has left the day out.
        """
        if has_moments(day, self.settings.time_zone):
            return False
        if not self.warehouse.exists("outlets"):
            return True
        outlets = self.warehouse.read("outlets", OUTLETS.schema)
        return not any(has_moments(day, zone) for zone in set(outlets["time_zone"]))

    def refuse_missing_day(self, day: date) -> None:
        """Make sure that there was such a *day*.

        Raises:
            WrongUse: the clocks have left it out.
        """
        if self.is_missing(day):
            before, after = (day + timedelta(days=days) for days in (-1, 1))
            raise WrongUse(
                f"There was no {day} in {self.settings.time_zone}: the calendar there "
                f"went from {before} to {after}.",
                f"Choose one of these two days: --as-of {before} or --as-of {after}",
            )

    def zones(self) -> set[str]:
        """Return the zones in which the shop sells, the store's own among them."""
        zones = {self.settings.time_zone}
        if self.warehouse.exists("outlets"):
            zones |= set(self.load("outlets", OUTLETS.schema)["time_zone"])
        return zones

    # Tables ----------------------------------------------------------------------

    def load(
        self,
        table: str,
        model: type[Table],
        partition: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return a stored table that passed its gate at its last attempt.

        Only *columns* are read, if any are named.

        Raises:
            GateFailed: the last attempt to replace it failed its gate.
            LocalFailure: it was never stored or cannot be read.
        """
        self._require(table)
        self.refuse_failed(table, [partition or ""])
        return self.warehouse.read(table, model, partition, columns)

    def refuse_failed(self, table: str, partitions: list[str]) -> None:
        """Raise if the last attempt at *table*, or at one of its days, failed."""
        failed = self.warehouse.failures(table)
        for partition in sorted(failed.keys() & set(partitions)):
            raise InputFailed(table, failed[partition][0].check, partition)

    def sales_until(self, last: date) -> ir.Table:
        """Return the sales of every stored day up to *last*.

        Raises:
            LocalFailure: a day is missing.
            GateFailed: a day's last attempt failed.
        """
        wanted = self.days_until(last) or [last.isoformat()]
        missing = set(wanted) - set(self.warehouse.partitions("raw_sales"))
        if missing:
            raise LocalFailure(
                f"raw_sales lacks days: {name_some(list(missing))}.",
                f"Run: analytics-pipeline update --as-of {last.isoformat()}",
            )
        self.refuse_failed("raw_sales", wanted)
        return self.open_sales(wanted)

    # The store ------------------------------------------------------------------

    def refuse_another_store(self, store: str | None) -> None:
        """Make sure that the data directory is that of the store which answers.

        Versions are no store's own, so another store's sales would go into the log as
        if they were news.  A *store* without an id cannot be compared.

        Raises:
            WrongUse: it holds the sales of another store.
        """
        if store is None:
            return
        noted = self.warehouse.store_id()
        if noted is None:
            self.warehouse.note_store_id(store)
        elif plain_id(noted) != store:
            raise WrongUse(
                f"{self.settings.data_dir} holds the sales of another store than the "
                "one that answers.",
                "Set LIGHTSPEED_DOMAIN_PREFIX and LIGHTSPEED_TOKEN back to that store, "
                "or give this one an ANALYTICS_DATA_DIR of its own.",
            )

    def compare_currencies(self, now: Currencies) -> Currencies:
        """Return the currencies of *now*, and the one noted with the stored outlets."""
        if not self.warehouse.exists("outlets"):
            return now
        noted = self.warehouse.notes("outlets").get(CURRENCY_NOTE)
        return replace(now, before=noted)

    # Secrets ---------------------------------------------------------------------

    def contact_keys(self, store_country: str | None) -> ContactKeys:
        """Return what turns e-mails and phone numbers into keys (rules 3.1, 3.2)."""
        secret = read_identity_key(self.home / IDENTITY_KEY)
        region = self.policy.phone_region or store_country
        return contacts.ContactKeys(secret, region, self.policy)


@contextmanager
def hold_directory(
    data_dir: Path, *, wait: bool, seconds: float | None = None
) -> Iterator[None]:
    """Keep every other run out of *data_dir*; what a killed one left is cleared away.

    To *wait* is to wait forever, or for so many *seconds*.

    Raises:
        DirectoryInUse: another run holds it, and is not waited for, or not longer.
        LocalFailure: the directory cannot be written.
    """
    patience = (-1 if seconds is None else seconds) if wait else 0
    try:
        make_folder(data_dir)
        lock = FileLock(data_dir / LOCK, mode=0o600, is_singleton=True)
        held = lock.acquire(timeout=patience)
    except Timeout as error:
        raise _in_use(data_dir, read_holder(data_dir)) from error
    except OSError as error:
        raise LocalFailure(
            f"{data_dir} cannot be written ({error.strerror}).",
            "Give yourself the right to write there, or set ANALYTICS_DATA_DIR.",
        ) from error
    with held:
        remove_scratch(data_dir)
        yield


def is_held(settings: Settings) -> bool:
    """Say whether a run holds the shop at this moment, on whichever machine.

    Raises:
        StoreFailure: the bucket of the tables could not be used.
    """
    path = settings.data_dir / LOCK
    if path.exists():
        try:
            with FileLock(path, mode=0o600, timeout=0):
                pass
        except Timeout:
            return True
    return read_claim(settings) is not None


@contextmanager
def hold_shop(
    settings: Settings, by: str, *, wait: bool, seconds: float | None = None
) -> Iterator[Lease | None]:
    """Hold the data directory and, where machines share a bucket, the lease on it.

    The lock of the directory comes first: who has it knows that no other run of this
    machine holds the lease.

    Raises:
        DirectoryInUse: as for ``hold_directory``.
        StoreFailure: the bucket could not be used.
    """
    data_dir, began = settings.data_dir, monotonic()
    with hold_directory(data_dir, wait=wait, seconds=seconds):
        root = open_root(settings.warehouse_url)
        if not is_shared(root):
            yield None
            return
        patience = (-1.0 if seconds is None else seconds) if wait else 0.0
        if patience > 0:
            patience = max(patience - (monotonic() - began), 0.0)
        with hold_lease(root, by, identify_lock(data_dir / LOCK), patience) as lease:
            yield lease


@contextmanager
def hold_for_run(
    settings: Settings, by: str, *, wait: bool = False, seconds: float | None = None
) -> Iterator[Holding]:
    """Hold the shop for a run, which others see, and which has an end.

    Args:
        settings: of the shop.
        by: the command or the job, without arguments.
        wait: as for ``hold_directory``.
        seconds: as there.

    Raises:
        DirectoryInUse: as there.
        RunEnded: the run made no progress, or did not end, in the time that it has,
            or it lost the lease.
    """
    limits = load_run_limits(settings.policy_file)
    with (
        hold_shop(settings, by, wait=wait, seconds=seconds) as lease,
        watched(settings.data_dir, by, limits, lease=lease) as holding,
    ):
        yield holding


def find_holder(settings: Settings) -> Holder | None:
    """Return who holds the shop, on whichever machine, as far as it says so.

    Raises:
        StoreFailure: the bucket of the tables could not be used.
    """
    here = read_holder(settings.data_dir)
    claim = None if here else read_claim(settings)
    return here or (claim.holder if claim else None)


def read_claim(settings: Settings) -> Claim | None:
    """Return the claim of a run on a shared bucket, but for a dead one of this machine.

    Raises:
        StoreFailure: the bucket could not be used.
        LocalFailure: the object of the lease is damaged.
    """
    root, lock = open_root(settings.warehouse_url), settings.data_dir / LOCK
    if not is_shared(root):
        return None
    return read_lease(root, identify_lock(lock) if lock.exists() else "")


def _in_use(data_dir: Path, holder: Holder | None) -> DirectoryInUse:
    """Say who holds the directory, if that is known, and how to go on."""
    if holder is None:
        return DirectoryInUse(
            f"Another run is using {data_dir}.",
            "Wait until it is done, then try again.",
        )
    return DirectoryInUse(
        f"Another run is using {data_dir}: {holder.in_words}.",
        "Wait until it is done, then try again. To see its progress: "
        f"analytics-pipeline status  To stop it: {holder.how_to_stop}",
    )


def open_shop(
    settings: Settings,
    clock: Callable[[], datetime] = system_clock,
    progress: Progress = silent,
    notify: Notify = ignore_notice,
    on_stored: OnStored = ignore_candidate,
) -> Shop:
    """Return the shop of *settings*, with its policy read afresh."""
    policy = load_policy(settings.policy_file)
    return Shop(settings, policy, clock, progress, notify, on_stored)
