"""Every cell of both published files equals the store's own ledger, seed by seed.

The ledger (``simulator.ledger``) works the rules out once more from the store's
records and shares no code with ``domain/``.  Run the long form with
``pytest -m nightly analytics_pipeline_tests/ledger``.
"""

from datetime import timedelta
from pathlib import Path

import pytest

from analytics_pipeline.schemas.exports import CustomerAnalyticsMaster, FirstTimeBuyers
from analytics_pipeline_tests.ledger.seeded_stores import SeededShop, plan_store

EVERY_DAY = range(6)
EVERY_NIGHT = range(100, 300)
LARGE = (1, 2, 3)
COLUMNS = {
    "customer_analytics_master.csv": CustomerAnalyticsMaster,
    "first_time_buyers.csv": FirstTimeBuyers,
}


def prove(shop: SeededShop, *, days: int) -> None:
    """Update for each of the last *days*, and compare after each."""
    for ago in reversed(range(days)):
        day = shop.plan.last_day - timedelta(days=ago)
        shop.update(day)
        assert shop.differences(day) == [], shop.plan


def test_the_ledger_knows_every_column_of_both_files(tmp_path: Path) -> None:
    shop = SeededShop(plan_store(0), tmp_path / "data")
    shop.update(shop.plan.last_day)

    for name, model in COLUMNS.items():
        titles = [column.title for column in model.to_schema().columns.values()]
        assert list(shop.rows(name)[0]) == titles
    assert len(shop.rows("customer_analytics_master.csv")[0]) == 22


@pytest.mark.parametrize("seed", EVERY_DAY)
def test_every_cell_equals_the_ledger(tmp_path: Path, seed: int) -> None:
    prove(SeededShop(plan_store(seed), tmp_path / "data"), days=2)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", EVERY_NIGHT)
def test_every_cell_equals_the_ledger_on_many_seeds(tmp_path: Path, seed: int) -> None:
    prove(SeededShop(plan_store(seed), tmp_path / "data"), days=3)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", LARGE)
def test_every_cell_equals_the_ledger_with_ten_thousand_customers(
    tmp_path: Path, seed: int
) -> None:
    plan = plan_store(seed, customers=10_000, days=100)

    prove(SeededShop(plan, tmp_path / "data"), days=2)
