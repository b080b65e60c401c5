"""Every cell of both published files equals the store's own ledger, seed by seed.

The ledger (``oracle.ledger``) works the rules out once more from the store's
records and shares no code with ``domain/``.  Run the long form with
``pytest -m nightly analytics_pipeline_tests/oracle/by_seed``.
"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from analytics_pipeline.model.schemas.exports import (
    CustomerAnalyticsMaster,
    FirstTimeBuyers,
)
from analytics_pipeline_tests.oracle.by_seed.left_out import warned_otherwise
from analytics_pipeline_tests.oracle.by_seed.seeded_stores import (
    LivingStore,
    SeededShop,
    plan_store,
)
from analytics_pipeline_tests.oracle.ledger import (
    PREDICTED_COLUMNS,
    expected_first_time_buyers,
    expected_master,
)

EVERY_DAY = (1, 2, 11, 33)
EVERY_NIGHT = range(100, 300)
LARGE = (1, 2, 3)


def prove(shop: SeededShop, *, days: int) -> None:
    """Update for each of the last *days*, and compare after each."""
    for ago in reversed(range(days)):
        day = shop.plan.last_day - timedelta(days=ago)
        events = shop.update(day)
        assert shop.differences(day) == [], shop.plan
        assert warned_otherwise(shop, day, events) == [], shop.plan
        assert_each_live_record_has_one_place(shop)


def assert_each_live_record_has_one_place(shop: SeededShop) -> None:
    """Compare the people of the files with the records of the store (rule 7.2)."""
    state = shop.store.state
    live = [
        record.id
        for record in state.customers.values()
        if record.deleted_at is None and record.id != state.default_customer_id
    ]
    master = shop.rows("customer_analytics_master.csv")
    listed = [row["Customer ID"] for row in master]
    listed += [other for row in master for other in row["Duplicate IDs"].split(";")]
    shown = [each for each in listed if each and not each.startswith("ecom-")]
    assert sorted(shown) == sorted(live)
    stored = pd.read_parquet(
        shop.data / "warehouse/customer_identities/customer_identities.parquet"
    )
    placed = stored[(stored["record_kind"] == "customer") & stored["is_live"]]
    assert sorted(placed["record_id"]) == sorted(live)
    assert set(placed["person_id"]) <= set(live)


@pytest.mark.parametrize(
    ("seed", "days"),
    [
        (1, 2),
        *(pytest.param(seed, 2, marks=pytest.mark.nightly) for seed in (2, 11, 33)),
    ],
)
def test_every_cell_equals_the_ledger_rules_7_2_and_8_1(
    tmp_path: Path, seed: int, days: int
) -> None:
    prove(SeededShop(plan_store(seed), tmp_path / "data"), days=days)


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
    plan = plan_store(seed, customers=24_000, days=100)  # not all have come by then
    shop = SeededShop(plan, tmp_path / "data")

    prove(shop, days=2)
    assert len(shop.store.state.customers) >= 10_000


def test_the_stores_of_every_day_are_of_all_kinds() -> None:
    plans = [plan_store(seed) for seed in EVERY_DAY]

    assert {plan.api_version for plan in plans} == {"2.0", "2026-07"}
    assert {plan.terms.with_tax for plan in plans} == {True, False}
    assert {plan.terms.tiers_by_lifetime for plan in plans} == {True, False}
    assert len({plan.time_zone for plan in plans}) == len(plans)
    assert max(plan.days for plan in plans) > 90
    assert all(15 <= plan.customers <= 60 for plan in plans)


@pytest.mark.parametrize("choice", ["with_tax", "tiers_by_lifetime"])
def test_a_choice_that_was_ignored_would_show_in_one_of_them(choice: str) -> None:
    shown = []
    for plan in map(plan_store, EVERY_DAY):
        store = LivingStore(plan)
        store.live_until(plan.last_day)
        if getattr(plan.terms, choice) is (choice == "tiers_by_lifetime"):
            other = replace(plan.terms, **{choice: choice == "with_tax"})
            ours = expected_master(store.state, plan.last_day, plan.terms)
            shown.append(ours != expected_master(store.state, plan.last_day, other))
    assert any(shown)


def test_the_ledger_knows_every_column_of_both_files(tmp_path: Path) -> None:
    """An empty ledger would be equal to an empty file."""
    plan = plan_store(3)
    store = LivingStore(plan)
    store.live_until(plan.last_day)
    # Only tiers of the last 90 days can drop.
    terms = replace(plan.terms, tiers_by_lifetime=False)
    master = expected_master(store.state, plan.last_day, terms)
    buyers = expected_first_time_buyers(store.state, plan.last_day, terms)

    for rows, model in ((master, CustomerAnalyticsMaster), (buyers, FirstTimeBuyers)):
        titles = [column.title for column in model.to_schema().columns.values()]
        assert rows
        assert all(list(row) == titles for row in rows)
    blank = {title for title in master[0] if not any(row[title] for row in master)}
    assert blank <= set(PREDICTED_COLUMNS), "which a small shop has not"
