"""The shop of eleven ordinary weeks: run once, and copied for each incident."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from analytics_pipeline_tests.built_once import BuiltOnce
from analytics_pipeline_tests.conftest import forget_environment
from analytics_pipeline_tests.light_run import TABLES
from analytics_pipeline_tests.system.incidents.incident import (
    BAD_DAY,
    DAY_BEFORE,
    OPENED,
)
from analytics_pipeline_tests.system.incidents.ordinary_shop import (
    Evaluation,
    OrdinaryShop,
    found_shop,
    reopen_shop,
)

DAILY_RUNS = 8
"""So many are needed for the profiles of contacts to be known the day before."""
WITH_A_PROFILE = ("ecom_orders", "customers", "customer_identities")
STAGES = (
    *("sales_feed", "raw_sales", "customer_identities", "customer_analytics"),
    *("customer_changes", "ecom_reconciliation", "customer_report"),
)
"""Tables before which the bad day is kept as it is then, each made from the last."""


@dataclass
class KeptShop:
    """The shop on the morning after the bad day, as it is before any damage.

    ``said`` is everything that the checks said until then.
    """

    morning: Path
    packed: bytes
    said: list[Evaluation]
    built_once: BuiltOnce

    def reopen(self, data: Path, begins_at: str) -> OrdinaryShop:
        """Open a copy for which the tables before *begins_at* were made already."""
        return reopen_shop(self.packed, self._stage(begins_at or TABLES[0]), data)

    def _stage(self, begins_at: str) -> Path:
        """Return the data in which the tables before *begins_at* are made."""
        number = TABLES.index(begins_at)
        if number == 0:
            return self.morning
        earlier = [each for each in STAGES if TABLES.index(each) < number]
        start = earlier[-1] if earlier else TABLES[0]

        def run_those_before(folder: Path) -> None:
            shop = reopen_shop(self.packed, self._stage(start), folder / "data")
            shop.update(BAD_DAY, TABLES[TABLES.index(start) : number])
            assert shop.failure is None

        return self.built_once.get(f"shop_at_{begins_at}", run_those_before) / "data"


def _live_eleven_weeks(folder: Path) -> None:
    """Run the first ten weeks of the shop at once, then a few days one by one."""
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
    (folder / "shop").write_bytes(pickle.dumps((shop.pack(), said)))


@pytest.fixture(scope="session")
def kept_shop(built_once: BuiltOnce) -> KeptShop:
    """The shop on the morning after the bad day."""
    folder = built_once.get("ordinary_shop", _live_eleven_weeks)
    packed, said = pickle.loads((folder / "shop").read_bytes())
    return KeptShop(folder / "morning", packed, said, built_once)


@pytest.fixture
def open_kept_shop(
    kept_shop: KeptShop, tmp_path: Path
) -> Callable[[str], OrdinaryShop]:
    """Open a copy of the shop that may be damaged."""
    return lambda begins_at: kept_shop.reopen(tmp_path / "data", begins_at)
