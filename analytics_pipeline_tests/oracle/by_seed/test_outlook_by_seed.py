"""What the outlook of a day says comes true while nothing is sold (rule 9.3)."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics_pipeline.commands.person import explain_customer
from analytics_pipeline.model.schemas.insights import TierOutlook
from analytics_pipeline_tests.light_run import run_light
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    LONG_AGO,
    NOON,
    SimulatedShop,
    open_simulated_shop,
)

TODAY = FIRST_DAY + timedelta(days=1)
NOW = datetime.combine(TODAY, NOON)
"""The store has arrived there: nothing is sold after it."""


def tiers_of(path: str | None, tier: str) -> dict[date, str]:
    """The tier of each of the 90 days that follow, by the stored path."""
    steps = {date.fromisoformat(day): then for day, then, _ in json.loads(path or "[]")}
    found = {}
    for days in range(1, 91):
        day = TODAY + timedelta(days=days)
        tier = steps.get(day, tier)
        found[day] = tier
    return found


def outlook_of(shop: SimulatedShop) -> list[dict[str, Any]]:
    """The stored rows, with none where a cell is missing."""
    rows = shop.local.load("tier_outlook", TierOutlook, TODAY.isoformat())
    plain = rows.astype(object).where(rows.notna(), None)
    return [
        {str(name): value for name, value in row.items()}
        for row in plain.to_dict("records")
    ]


@pytest.mark.nightly
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(20))
def test_the_tiers_of_90_days_without_a_sale_are_those_foreseen_rule_9_3(
    seed: int, tmp_path: Path
) -> None:
    with open_simulated_shop(
        tmp_path / "data", seed=seed, customers=80, opened_on=LONG_AGO
    ) as shop:
        run_light(shop.settings, TODAY, clock=lambda: NOW)
        foreseen = {
            row["customer_id"]: tiers_of(row["tier_path"], row["tier"])
            for row in outlook_of(shop)
        }
        state = shop.store.state

    for days in range(1, 91):
        day = TODAY + timedelta(days=days)
        masters = {
            row["Customer ID"]: row["Tier"] for row in expected_master(state, day)
        }
        assert masters == {each: tiers[day] for each, tiers in foreseen.items()}
    changes = [len(set(tiers.values())) - 1 for tiers in foreseen.values()]
    assert sum(changes) > 20
    assert max(changes) > 1


@pytest.mark.nightly
def test_everyone_is_explained_as_foreseen_rules_9_1_and_9_2(tmp_path: Path) -> None:
    with open_simulated_shop(
        tmp_path / "data", seed=2, customers=60, opened_on=LONG_AGO
    ) as shop:
        run_light(shop.settings, TODAY, clock=lambda: NOW)
        for row in outlook_of(shop):
            own = explain_customer(shop.local, str(row["customer_id"]), TODAY).outlook
            path = [
                [str(each.day), each.tier, each.value_cents] for each in own.changes
            ]
            assert (own.tier, own.value_cents) == (row["tier"], row["tier_value_cents"])
            assert path == json.loads(row["tier_path"] or "[]")
            drop = row["tier_drop_date"]
            assert own.drop_day == (drop and drop.date())
            assert own.keep_cents == row["spend_to_keep_cents"]
            assert (own.next_tier, own.raise_cents) == (
                row["next_tier"],
                row["spend_to_next_cents"],
            )
