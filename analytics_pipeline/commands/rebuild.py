"""The full rebuild: everything again from the start, compared with what was there."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING

from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.commands.update import choose_day
from analytics_pipeline.lazy import lazily
from analytics_pipeline.model.errors import GateFailed
from analytics_pipeline.orchestration.records import (
    DAILY_UPDATE,
    FULL_REBUILD,
    update_config,
)
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, hold_for_run, open_shop
from analytics_pipeline.storage.shared_store import prepare_store

if TYPE_CHECKING:
    from analytics_pipeline.commands import running
    from analytics_pipeline.orchestration import upkeep
else:
    running = lazily("analytics_pipeline.commands.running")
    upkeep = lazily("analytics_pipeline.orchestration.upkeep")

COMPARED = ("customers", "customer_identities", "ecom_orders")


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """The fingerprint of every stored file that a rebuild must reproduce."""

    files: Mapping[str, str]

    @classmethod
    def of(cls, shop: Shop, day: date) -> "Fingerprints":
        """Take the fingerprints of a shop's tables and of the snapshot of *day*."""
        warehouse, key = shop.warehouse, day.isoformat()
        paths = {table: warehouse.path(table) for table in COMPARED}
        for partition in warehouse.partitions("raw_sales"):
            if partition <= key:
                path = warehouse.path("raw_sales", partition)
                paths[f"raw_sales of {partition}"] = path
        snapshot = warehouse.path("customer_analytics", key)
        paths[f"customer_analytics of {key}"] = snapshot
        published = shop.publication.published()
        if published is not None and published.as_of == key:
            # As of a later day it may show sales that only the rebuild brings in.
            paths["ecom_reconciliation"] = warehouse.path("ecom_reconciliation")
        return cls(
            {
                name: sha256(path.read_bytes()).hexdigest()
                for name, path in paths.items()
                if path.exists()
            }
        )

    def differences(self, after: "Fingerprints") -> list[str]:
        """Name the files that are not what they were."""
        return sorted(
            name
            for name in self.files.keys() | after.files.keys()
            if self.files.get(name) != after.files.get(name)
        )


def rebuild(
    settings: Settings, terminal: Terminal, *, as_of: date | None = None
) -> None:
    """Catch up, then read all again, and compare the two.

    The catch-up first brings the tables up to date in the ordinary way.  What the
    rebuild then changes is a difference that no news explains: a fault of the log,
    of a stored file, or of the program.

    Raises:
        GateFailed: something differed; the rebuilt tables are in place all the same.
        PipelineError: the rebuild failed; what was published stays.
    """
    started = time.monotonic()
    day = choose_day(open_shop(settings), as_of)
    with hold_for_run(settings, "analytics-pipeline rebuild"):
        _read_no_copy(settings, terminal)
        before = _catch_up(settings, day, terminal)
        with terminal.working(f"rebuilding everything up to {day}"):
            config = update_config(days=0, full_resync=True, recut_all_days=True)
            outcome = running.run_job(settings, FULL_REBUILD, day, config, terminal)
        after = Fingerprints.of(open_shop(settings), day)
    running.print_checks(outcome, terminal)
    if outcome.failure is not None:
        raise outcome.failure
    shop = open_shop(settings)
    running.print_summary(shop, outcome, day, time.monotonic() - started, terminal)
    _compare(before, after, terminal)


def _read_no_copy(settings: Settings, terminal: Terminal) -> None:
    """Remove all that is a copy, and set damaged files aside, before anything is read.

    A store of another data directory is left alone; the run refuses it.

    Raises:
        LocalFailure: a damaged file cannot be made again without a loss.
        WrongUse: the store is that of another data directory, or of a newer program.
        StoreFailure: its bucket could not be used.
    """
    shop = open_shop(
        settings, notify=lambda sentence: terminal.note(f"note: {sentence}")
    )
    prepare_store(shop.warehouse.root, settings.data_dir)
    shop.versions.refuse_newer()
    upkeep.remove_caches(shop)
    if not shop.versions.is_older():  # the run seals what is from before seals
        upkeep.set_damaged_aside(shop, in_buckets=True)


def _catch_up(settings: Settings, day: date, terminal: Terminal) -> Fingerprints:
    """Bring the tables up to date in the ordinary way, and take their fingerprints.

    There are none before the first load, nor where the catch-up fails, which is
    reported.
    """
    if not open_shop(settings).sales_log().segments():
        return Fingerprints({})
    config = update_config(days=0)
    with terminal.working("catching up first"):
        caught_up = running.run_job(settings, DAILY_UPDATE, day, config, terminal)
    if caught_up.failure is not None:
        terminal.warn(
            "The catch-up failed, so there is nothing to compare with: "
            f"{caught_up.failure.cause}"
        )
        return Fingerprints({})
    return Fingerprints.of(open_shop(settings), day)


def _compare(before: Fingerprints, after: Fingerprints, terminal: Terminal) -> None:
    """Say what differed between the incremental tables and the rebuilt ones."""
    differing = before.differences(after) if before.files else []
    terminal.facts |= {
        "compared_files": len(after.files) if before.files else 0,
        "differing_files": differing,
    }
    if not before.files:
        terminal.out.print("There was nothing to compare with.")
        return
    if not differing:
        terminal.out.print(
            f"{len(after.files):,} files are byte for byte what they were."
        )
        return
    shown = ", ".join(differing[:10])
    raise GateFailed(
        f"The rebuild differs from what was there in {len(differing)} of "
        f"{len(after.files)} files: {shown}.",
        "The rebuilt ones are in place now. Please report this with the run's log.",
    )
