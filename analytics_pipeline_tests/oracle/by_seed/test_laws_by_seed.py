"""The laws of conservation on stores of which a part cannot be read.

Some sales are spoilt on their way: some from the first delivery on, some at a later
version only.  Both sides of the law are counted here from the store's own ledger,
without the sales that are in quarantine.  Rule 7.2 has its proof beside this file,
rules 7.3 and 7.4 in ``histories.test_random_histories``.
"""

from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest

from analytics_pipeline.simulator.records import Sale, StoreState
from analytics_pipeline_tests.light_run import evidence_of
from analytics_pipeline_tests.oracle.bookings import (
    business_day,
    is_completed,
    value_of,
)
from analytics_pipeline_tests.oracle.by_seed.seeded_stores import SeededShop, plan_store
from analytics_pipeline_tests.oracle.ledger import expected_master, expected_totals

BY_DAY = (2, pytest.param(5, marks=pytest.mark.nightly))
EVERY_NIGHT = range(100, 140)
SHARE = 0.15


class SpoiltShop(SeededShop):
    """A store of which some sales lose their total before they are read."""

    def __init__(self, seed: int, data: Path) -> None:
        super().__init__(plan_store(seed), data)
        self.rng = Random(f"spoilt/{seed}")
        self.totals: dict[str, Any] = {}
        with (data / "analytics.toml").open("a", encoding="utf-8") as policy:
            policy.write("max_quarantined = 100000\n")

    @property
    def sales(self) -> dict[str, Sale]:
        return self.store.state.sales

    def worth(self, sale: Sale, day: date) -> int:
        """Return what a sale counts for up to *day*, as the ledger says."""
        if (
            not is_completed(sale, self.plan.terms)
            or business_day(self.store.state, sale) > day
        ):
            return 0
        return value_of(sale, self.plan.terms)

    def spoil_some(self) -> None:
        """Take the total away from some sales; remember it for the ledger's sake."""
        good = [sale for sale in self.sales.values() if sale.id not in self.totals]
        for sale in self.rng.sample(good, round(len(good) * SHARE)):
            self.totals[sale.id] = sale.total_price_incl
            sale.total_price_incl = None  # type: ignore[assignment]
            sale.version = 1 + max(each.version for each in self.sales.values())

    def fix_some(self) -> None:
        """Give some of them their total back, in a version of its own."""
        for sale_id in self.rng.sample(sorted(self.totals), len(self.totals) // 3):
            sale = self.sales[sale_id]
            sale.total_price_incl = self.totals.pop(sale_id)
            sale.version = 1 + max(each.version for each in self.sales.values())

    @property
    def legible(self) -> StoreState:
        """The store without what is in quarantine."""
        kept = {k: sale for k, sale in self.sales.items() if k not in self.totals}
        return replace(self.store.state, sales=kept)


def expected_sides(shop: SpoiltShop, day: date, last_good: dict[str, int]) -> Any:
    """Return both sides of the law as the ledger has them (rule 7.1)."""
    totals = expected_totals(shop.legible, day, shop.plan.terms)
    return {
        "people_cents": totals["lifetime_value_cents"],
        "people_orders": totals["attributed_order_count"],
        "unattributed_cents": totals["unattributed_cents"],
        "unattributed_orders": totals["unattributed_order_count"],
        "gift_cards_cents": totals["gift_cards_cents"],
        "gift_cards_orders": 0,
        "sales_cents": totals["revenue_cents"] + totals["gift_cards_cents"],
        "sales_orders": totals["order_count"] - totals["added_web_order_count"],
        "web_orders_cents": totals["added_web_orders_cents"],
        "web_orders_orders": totals["added_web_order_count"],
        "quarantined_sales": len(shop.totals),
        "quarantined_unknown": len(shop.totals.keys() - last_good.keys()),
        "quarantined_last_good_cents": sum(
            last_good.get(sale_id, 0) for sale_id in shop.totals
        ),
        "difference_cents": 0,
        "difference_orders": 0,
    }


def prove(shop: SpoiltShop) -> None:
    day = shop.plan.last_day
    shop.store.live_until(day)
    shop.spoil_some()
    assert found_sides(shop, day) == expected_sides(shop, day, {})

    last_good = {k: shop.worth(sale, day) for k, sale in shop.legible.sales.items()}
    shop.spoil_some()
    shop.fix_some()
    assert found_sides(shop, day) == expected_sides(shop, day, last_good)

    assert shop.rows("customer_analytics_master.csv") == expected_master(
        shop.legible, day, shop.plan.terms
    )


def found_sides(shop: SpoiltShop, day: date) -> Any:
    found = evidence_of(shop.update(day), "customer_analytics", "conserves_money")
    return {name: value for name, value in found.items() if name != "days"}


@pytest.mark.nightly
@pytest.mark.parametrize("seed", BY_DAY)
def test_no_cent_is_lost_whatever_is_in_quarantine_rule_7_1(
    tmp_path: Path, seed: int
) -> None:
    prove(SpoiltShop(seed, tmp_path / "data"))


@pytest.mark.nightly
@pytest.mark.parametrize("seed", EVERY_NIGHT)
def test_no_cent_is_lost_on_many_seeds_rule_7_1(tmp_path: Path, seed: int) -> None:
    prove(SpoiltShop(seed, tmp_path / "data"))
