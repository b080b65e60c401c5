"""The shop of eleven ordinary weeks: run once, and copied for each incident."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from analytics_pipeline_tests.conftest import forget_environment
from analytics_pipeline_tests.incidents.incident import BAD_DAY, DAY_BEFORE, OPENED
from analytics_pipeline_tests.incidents.ordinary_shop import (
    Evaluation,
    OrdinaryShop,
    found_shop,
    reopen_shop,
)
from analytics_pipeline_tests.light_run import TABLES

DAILY_RUNS = 8
"""So many are needed for the profiles of contacts to be known the day before."""
WITH_A_PROFILE = TABLES[: TABLES.index("customer_identities") + 1]


@dataclass
class KeptShop:
    """The shop on the morning after the bad day, as it is before any damage.

    ``said`` is everything that the checks said until then.
    """

    folder: Path
    packed: bytes
    said: list[Evaluation]
    stages: dict[str, Path] = field(default_factory=dict)

    def reopen(self, data: Path, begins_at: str) -> OrdinaryShop:
        """Open a copy for which the tables before *begins_at* were made already."""
        return reopen_shop(self.packed, self._stage(begins_at), data)

    def _stage(self, begins_at: str) -> Path:
        wanted = TABLES[: TABLES.index(begins_at)] if begins_at else ()
        if not wanted:
            return self.folder / "morning"
        if begins_at not in self.stages:
            data = self.folder / begins_at
            shop = reopen_shop(self.packed, self.folder / "morning", data)
            shop.update(BAD_DAY, wanted)
            assert shop.failure is None
            self.stages[begins_at] = data
        return self.stages[begins_at]


@pytest.fixture(scope="session")
def kept_shop(tmp_path_factory: pytest.TempPathFactory) -> KeptShop:
    """The shop: its first ten weeks in one run, then a few daily ones."""
    folder = tmp_path_factory.mktemp("incidents")
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, folder)
        shop = found_shop(folder / "morning", OPENED)
        said: list[Evaluation] = []
        for n in range(DAILY_RUNS, -1, -1):
            day = DAY_BEFORE - timedelta(days=n)
            shop.live_through(day)
            is_whole = n in (0, DAILY_RUNS)
            said += shop.update(day, TABLES if is_whole else WITH_A_PROFILE)
            assert shop.failure is None
        shop.live_through(BAD_DAY)
    return KeptShop(folder, shop.pack(), said)


@pytest.fixture
def open_kept_shop(
    kept_shop: KeptShop, tmp_path: Path
) -> Callable[[str], OrdinaryShop]:
    """Open a copy of the shop that may be damaged."""
    return lambda begins_at: kept_shop.reopen(tmp_path / "data", begins_at)
