"""The lease on a store in a bucket: one run at a time, from whichever machine.

A run holds an object that it puts there, renews, and gives back by conditional writes,
so of two runs one has it.  What a dead run left is taken over when it was not renewed
for some minutes, by the clock of the store.  A run that could not renew it in time
writes nothing more.
"""

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from socket import gethostname

from pydantic import TypeAdapter
from upath import UPath

from analytics_pipeline.model.errors import (
    DirectoryInUse,
    LeaseLost,
    LocalFailure,
    StoreFailure,
)
from analytics_pipeline.storage.object_store import (
    ObjectStore,
    Version,
    fenced,
    no_conditions,
)
from analytics_pipeline.storage.state import (
    Holder,
    new_holder,
    parse_note,
    seal_note,
)

NAME = "lease.json"

RENEW_EVERY = 30.0
"""Seconds between two renewals."""

SAFE_FOR = 200.0
"""Seconds after its last renewal that a run may still begin to write."""

EXPIRES_AFTER = 300.0
"""Seconds after its last renewal that a lease counts as left by a dead run."""

LOOK_EVERY = 5.0
"""Seconds between two looks of a run that waits for another one."""

_NO_ETAG = '"0"'

REMOVE = "If no run is under way on any machine, remove it; then run it again."

_log = logging.getLogger(__name__)


def seconds_since_start() -> float:
    """Return a time that goes on while the machine sleeps, where there is one."""
    kind = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(kind)


@dataclass(frozen=True, slots=True)
class Claim:
    """What the object says.

    Attributes:
        run: the random id of the run that holds it; empty where none does.
        lock: which lock of a data directory that run holds as well.
        renewals: how many there were; so each renewal is another object.
        holder: who it is, for people.
    """

    run: str
    lock: str
    renewals: int
    holder: Holder | None


_CLAIM = TypeAdapter(Claim)

UNHELD = Claim("", "", 0, None)
"""What the object says when it was given back."""


@dataclass(slots=True)
class Lease:
    """The lease that one run holds, or wants.

    Attributes:
        root: of the store.
        lock: which lock of a data directory the run holds already.
        holder: who it is and what it does now, written with each renewal.
        clock: seconds that only go up.
    """

    root: UPath
    lock: str
    holder: Holder
    clock: Callable[[], float] = seconds_since_start
    run: str = field(default_factory=lambda: secrets.token_hex(16))
    _renewals: int = 0
    _etag: str | None = None
    _renewed_at: float = 0.0
    _lost: bool = False

    def take(self) -> Claim | None:
        """Take the lease if no one has it; return who has it otherwise.

        Raises:
            WrongUse: the store has no conditional writes.
            LocalFailure: the object is damaged.
        """
        found = _read(self.root)
        if found is None:
            if self._put(None, self._claim):
                self._prove_conditions()
                return None
        elif is_free(*found, self.lock):
            if self._put(found[1].etag, self._claim):
                return None
        else:
            return found[0]
        # Somebody was faster, or the answer to our own write was lost.
        found = _read(self.root)
        if found is None or found[0].run != self.run:
            return found[0] if found else UNHELD
        self._etag = found[1].etag
        return None

    def renew(self) -> None:
        """Put the object there again, if it is still ours; else it is lost."""
        self._renewals += 1
        if self._put(self._etag, self._claim):
            return
        found = _read(self.root)
        if found is None or found[0].run != self.run:
            self._lost = True
        else:  # the answer to an earlier write was lost
            self._etag = found[1].etag

    def give_back(self) -> None:
        """Leave the object without a holder, unless it is another's by now."""
        if self._lost:
            return
        try:
            if not self._put(self._etag, UNHELD):
                _log.warning("%s was not ours any more.", self.root / NAME)
        except StoreFailure as error:
            _log.warning(
                "The lease could not be given back: others wait for it for %.0f "
                "minutes. %s",
                EXPIRES_AFTER / 60,
                error.cause,
            )

    def why_lost(self) -> LeaseLost | None:
        """Return why the run must not write any more, if it must not."""
        late = self.clock() - self._renewed_at > SAFE_FOR
        if not (self._lost or late):
            return None
        what = (
            "Another run took over the lease of this one"
            if self._lost
            else f"This run could not renew its lease for {SAFE_FOR / 60:.0f} minutes"
        )
        return LeaseLost(
            f"{what} on {self.root}, so it was ended before it wrote more.",
            "What was published stays. See whether the bucket can be reached from "
            "here, then run it again.",
        )

    def refuse_lost(self) -> None:
        """Make sure that the run may still write.

        Raises:
            LeaseLost: it may not.
        """
        if lost := self.why_lost():
            raise lost

    @property
    def _claim(self) -> Claim:
        return Claim(self.run, self.lock, self._renewals, self.holder)

    def _put(self, etag: str | None, claim: Claim) -> bool:
        """Put a claim there under a condition; say whether that worked."""
        began = self.clock()
        path = (self.root / NAME).path
        put = _store(self.root).put_if(path, _encode(claim), etag)
        if put is None:
            return False
        self._etag, self._renewed_at = put, began
        return True

    def _prove_conditions(self) -> None:
        """Make sure, when the object is made, that the store keeps to conditions.

        Raises:
            WrongUse: it writes whatever they say.
        """
        path, store = self.root / NAME, _store(self.root)
        content = _encode(self._claim)
        if any(store.put_if(path.path, content, etag) for etag in (None, _NO_ETAG)):
            path.unlink()
            raise no_conditions(store.name)


def _encode(claim: Claim) -> bytes:
    return seal_note(json.dumps(asdict(claim), indent=1) + "\n")


def _store(root: UPath) -> ObjectStore:
    store: ObjectStore = root.fs
    return store


def _read(root: UPath) -> tuple[Claim, Version] | None:
    path = root / NAME
    found = _store(root).read_version(path.path)
    if found is None:
        return None
    return parse_note(path, found.content, _CLAIM, REMOVE), found


def is_free(claim: Claim, version: Version, lock: str) -> bool:
    """Say whether no one holds the lease: given back, or left by a dead run.

    Who holds a *lock* knows that the run which held it before has ended.
    """
    return not claim.run or claim.lock == lock or version.age > EXPIRES_AFTER


def read_lease(root: UPath, lock: str) -> Claim | None:
    """Return the claim of the run that holds the store now, for who has no *lock*.

    Raises:
        LocalFailure: the object is damaged.
        StoreFailure: the bucket could not be used.
    """
    found = _read(root)
    return None if found is None or is_free(*found, lock) else found[0]


def identify_lock(path: Path) -> str:
    """Return what identifies a lock of this machine, and changes when it starts again.

    While a process holds the file, no other file has its number.
    """
    boot = Path("/proc/sys/kernel/random/boot_id")
    machine = boot.read_text().strip() if boot.exists() else gethostname()
    there = path.stat()
    return f"{machine}-{there.st_dev}-{there.st_ino}"


# ----------------------------------------------------------------------------------
# To hold it for the length of a run.


_HELD: dict[tuple[str, str], Lease] = {}
"""The leases of this process; who holds the lock of a data directory comes first."""


@contextmanager
def hold_lease(root: UPath, by: str, lock: str, patience: float) -> Iterator[Lease]:
    """Hold the lease on the store under *root*; within it, the outer one goes on.

    Args:
        root: of the store.
        by: the command or the job.
        lock: which lock of a data directory is held already.
        patience: how many seconds another run is waited for; forever if negative.

    Raises:
        DirectoryInUse: another run has it, and is not waited for any longer.
        StoreFailure: the bucket could not be used.
    """
    place = (str(root), lock)
    if place in _HELD:
        yield _HELD[place]
        return
    lease = _take_in_turn(Lease(root, lock, new_holder(by)), by, patience)
    done = threading.Event()
    renewing = threading.Thread(target=_keep, args=(lease, done), daemon=True)
    _HELD[place] = lease
    renewing.start()
    try:
        with fenced(root, lease.refuse_lost):
            yield lease
    finally:
        done.set()
        del _HELD[place]
        renewing.join()
        lease.give_back()


def _take_in_turn(lease: Lease, by: str, patience: float) -> Lease:
    """Take the lease, and wait for it as long as that is wanted."""
    began = lease.clock()
    while claim := lease.take():
        waited = lease.clock() - began
        if 0 <= patience <= waited:
            raise _in_use(lease.root, claim.holder)
        left = LOOK_EVERY if patience < 0 else patience - waited
        time.sleep(min(LOOK_EVERY, left))
        lease.holder = new_holder(by)
    return lease


def _keep(lease: Lease, done: threading.Event) -> None:
    """Renew the lease until the run is *done*, or has lost it."""
    while not done.wait(RENEW_EVERY) and not lease.why_lost():
        try:
            lease.renew()
        except (StoreFailure, LocalFailure) as error:
            _log.warning("The lease could not be renewed. %s", error.cause)


def _in_use(root: UPath, holder: Holder | None) -> DirectoryInUse:
    who = f": {holder.in_words}" if holder else ""
    stop = f" To stop it: {holder.how_to_stop}" if holder else ""
    return DirectoryInUse(
        f"Another run is using {root}{who}.",
        "Wait until it is done, then try again; if it died, it is out of the way "
        f"{EXPIRES_AFTER / 60:.0f} minutes after its last sign of life. To see its "
        f"progress: analytics-pipeline status {stop}".rstrip(),
    )
