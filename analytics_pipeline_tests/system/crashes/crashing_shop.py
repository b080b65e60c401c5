"""A shop whose updates are killed: its state before, and what must come out."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from analytics_pipeline.shop import hold_directory
from analytics_pipeline.simulator.app import WEB_STORE_ID, build_app
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline.storage.publication import Publication
from analytics_pipeline_tests.light_run import TABLES, PatientLightspeed, run_light
from analytics_pipeline_tests.simulated_shop import (
    PUBLISHED,
    TOKEN,
    SimulatedShop,
    open_simulated_shop,
)
from analytics_pipeline_tests.system.crashes.crash_server import (
    CrashServer,
    Ended,
    noon_after,
    open_crash_server,
)
from analytics_pipeline_tests.system.crashes.operations import Kill

OPENED = date(2026, 6, 15)
YESTERDAY, DAY = date(2026, 6, 20), date(2026, 6, 22)
Pair = tuple[bytes | None, ...]


@dataclass
class CrashingShop:
    """One update to be killed, from the same state of the data directory each time.

    ``operations`` are those of the undisturbed run, ``reported`` the same with every
    fsync; ``right`` are the fingerprints that it left, ``old`` and ``new`` the
    published files before and after it.
    """

    shop: SimulatedShop
    server: CrashServer
    before: Path
    full_resync: bool
    reported: list[str]
    operations: list[str]
    right: Mapping[str, str]
    old: Pair
    new: Pair
    prepare: str | None = None

    @property
    def kills(self) -> list[Kill]:
        """Every way to die: in the middle of each write, and before each operation.

        Of two that leave the same but for a scratch file, the one with it is first.
        """
        ways: list[Kill] = []
        for number, line in enumerate(self.operations):
            before = Kill(number)
            if line.startswith("write "):
                ways[-1:] = [Kill(number, is_torn=True), before, ways[-1]]
            else:
                ways.append(before)
        return ways

    def die(self, kill: Kill) -> Ended:
        """Run the update from its start, and kill it there."""
        restore(self.before, self.shop.data)
        return self.server.run(
            self.shop.settings,
            DAY,
            full_resync=self.full_resync,
            kill=kill,
            prepare=self.prepare,
        )

    def complete(self) -> Ended:
        """Run the ordinary update, with no hint that the one before was killed.

        It is not compared with the search, which would find and fetch what a log that
        forgets has lost.
        """
        return self.server.run(self.shop.settings, DAY, days=0, prepare=self.prepare)

    def published(self) -> Pair:
        return published(self.shop.data)

    def publication(self) -> Publication:
        return Publication(self.shop.data, 90)

    def state(self) -> str:
        """Fingerprint the whole data directory, but for the scratch files.

        The next run throws those away before it does anything else.
        """
        found = sha256()
        for path in sorted(self.shop.data.rglob("*")):
            if path.name.endswith(".partial"):
                continue
            content = path.read_bytes() if path.is_file() else b"a folder"
            name = str(path.relative_to(self.shop.data))
            found.update(f"{name} {len(content)} ".encode() + content)
        return found.hexdigest()


def published(data: Path) -> Pair:
    """Read the master and its buyers as they are."""
    return tuple(
        path.read_bytes() if (path := data / name).exists() else None
        for name in PUBLISHED
    )


def restore(before: Path, data: Path) -> None:
    """Put the data directory back to the state of *before*, times and all."""
    shutil.rmtree(data)
    shutil.copytree(before, data)


@contextmanager
def open_served_shop(
    folder: Path, page_limit: int = 15, *, reads_web_shop: bool = False
) -> Iterator[SimulatedShop]:
    """Open a tiny store whose feed has several pages."""
    with (
        open_simulated_shop(
            folder, seed=1, customers=12, opened_on=OPENED, day=YESTERDAY
        ) as opened,
        serve(
            build_app(
                opened.store, token=TOKEN, rate_limit=1_000_000, page_limit=page_limit
            )
        ) as origin,
    ):
        own: dict[str, Any] = {"api_url": origin}
        if reads_web_shop:
            own |= {
                "ecwid_store_id": WEB_STORE_ID,
                "ecwid_token": SecretStr(TOKEN),
                "ecwid_api_url": f"{origin}/api/v3",
            }
        settings = opened.settings.model_copy(update=own)
        yield SimulatedShop(opened.store, opened.simulator, settings)


def update(shop: SimulatedShop, day: date, *, tables: tuple[str, ...] = TABLES) -> None:
    """Update as a command does, which holds the directory; at noon after *day*."""
    moment = noon_after(day)
    with hold_directory(shop.data, wait=False):
        run_light(
            shop.settings,
            day,
            tables=tables,
            lightspeed=PatientLightspeed(shop.settings),
            clock=lambda: moment,
        )


@contextmanager
def open_crashing_shop(
    folder: Path,
    *,
    full_resync: bool = False,
    is_first_load: bool = False,
    is_second: bool = False,
    reads_web_shop: bool = False,
) -> Iterator[CrashingShop]:
    """Bring a shop to the brink of an update, and note what it does undisturbed."""
    with (
        open_served_shop(folder / "data", reads_web_shop=reads_web_shop) as shop,
        open_crash_server() as server,
    ):
        if not is_first_load:
            update(shop, YESTERDAY)
        if is_second:
            first = server.run(shop.settings, YESTERDAY, full_resync=True)
            assert first.code == 0
        shop.live_until(DAY)
        before = folder / "before"
        shutil.copytree(shop.data, before)
        old = published(before)
        run = server.run(shop.settings, DAY, full_resync=full_resync)
        assert (run.signal, run.code) == (0, 0)
        yield CrashingShop(
            shop,
            server,
            before,
            full_resync,
            run.reported,
            run.operations,
            shop.reproducible(DAY),
            old,
            published(shop.data),
        )
