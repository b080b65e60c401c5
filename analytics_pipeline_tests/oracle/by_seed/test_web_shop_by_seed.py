"""The web shop's refunds and unknown words equal the store's own ledger, by seed.

The figures themselves are compared in ``test_ledger_by_seed``: none changes.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analytics_pipeline_tests.light_run import evidence_of, run_light
from analytics_pipeline_tests.oracle.by_seed.seeded_stores import (
    LivingStore,
    SeededShop,
    plan_store,
)
from analytics_pipeline_tests.oracle.web_shop import (
    expected_unknown_words,
    expected_web_refunds,
)

EVERY_DAY = (11, 33, 54)
EVERY_NIGHT = range(100, 140)
WARNED = ("orders", "total_cents", "payment_unknown", "payment_unknown_cents")


def prove(shop: SeededShop) -> None:
    """Compare both warnings, and the orders of the category, with the ledger."""
    day = shop.plan.last_day
    events = shop.update(day)
    events += run_light(
        shop.settings,
        day,
        tables=["ecom_reconciliation"],
        clock=lambda: shop.store.now,
    )
    state = shop.store.state
    refunds = expected_web_refunds(state, day)
    facts = evidence_of(events, "ecom_reconciliation", "refunds_reach_the_tills")
    assert (facts["refunded"], facts["left_cents"]) == (
        len(refunds),
        sum(refunds.values()),
    )
    rows = shop.rows("reports/ecom_reconciliation.csv")
    assert refunds.keys() == {
        row["Order Number"] for row in rows if row["Category"] == "refunded_in_web_shop"
    }
    for row in rows:
        if row["Order Number"] in refunds:
            left = Decimal(refunds[row["Order Number"]]).scaleb(-2)
            assert f"yet {left:.2f} still counts" in row["Reason"]
    words: dict[str, Any] = evidence_of(events, "ecom_orders", "order_words_are_known")
    assert {name: words[name] for name in WARNED} == expected_unknown_words(state)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [11, 33, 54])
def test_refunds_and_words_equal_the_ledger_rule_4_4(tmp_path: Path, seed: int) -> None:
    prove(SeededShop(plan_store(seed), tmp_path / "data"))


@pytest.mark.nightly
@pytest.mark.parametrize("seed", EVERY_NIGHT)
def test_refunds_and_words_equal_the_ledger_on_many_seeds(
    tmp_path: Path, seed: int
) -> None:
    prove(SeededShop(plan_store(seed), tmp_path / "data"))


def test_the_stores_of_every_day_have_refunds_and_unknown_words() -> None:
    refunds, words = 0, 0
    for seed in EVERY_DAY:
        plan = plan_store(seed)
        assert plan.mishaps
        store = LivingStore(plan)
        store.live_until(plan.last_day)
        refunds += len(expected_web_refunds(store.state, plan.last_day))
        words += expected_unknown_words(store.state)["orders"]
    assert refunds > 3
    assert words > 1
