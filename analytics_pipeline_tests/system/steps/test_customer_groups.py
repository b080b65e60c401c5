"""The groups of customers: their names as they are now, and what is agreed."""

import pandas as pd

from analytics_pipeline.model.schemas.sources import Customers
from analytics_pipeline.simulator.records import USUAL_GROUPS
from analytics_pipeline_tests.light_run import run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop

TRADE = USUAL_GROUPS[1]
CHOICES = ("do_not_email", "enable_promotional_sms")


def read(shop: SimulatedShop) -> pd.DataFrame:
    shop.simulator.clear_stats()
    run_light(shop.settings, FIRST_DAY, tables=("outlets", "customers"))
    return stored(shop)


def stored(shop: SimulatedShop) -> pd.DataFrame:
    rows = shop.local.warehouse.read("customers", Customers)
    return rows.set_index("customer_id")


def asked_for_groups(shop: SimulatedShop) -> int:
    return int(shop.simulator.stats()["kinds"].get("feed/customer_groups", 0))


def test_each_live_record_has_its_group_and_choices_and_a_deleted_one_none_rule_3_1(
    small_shop: SimulatedShop,
) -> None:
    state, rows = small_shop.store.state, stored(small_shop)

    for record in state.customers.values():
        row = rows.loc[record.id]
        if record.deleted_at is not None:
            assert row[["customer_group_id", "customer_group", *CHOICES]].isna().all()
            continue
        assert row["customer_group_id"] == record.group_id
        assert row["customer_group"] == state.customer_groups[record.group_id].name
        assert [row[each] for each in CHOICES] == [
            record.do_not_email,
            record.enable_promotional_sms,
        ]
    live = rows[~rows["is_deleted"]]
    assert len(set(live["customer_group"])) > 1
    assert all(set(live[each]) == {True, False} for each in CHOICES)


def test_a_renamed_group_renames_records_that_did_not_change(
    small_shop: SimulatedShop,
) -> None:
    before = stored(small_shop)
    group = small_shop.store.state.customer_groups[TRADE.id]
    group.name, group.version = "Trade and hotels", 4

    after = read(small_shop)

    assert asked_for_groups(small_shop) == 1
    members = before["customer_group_id"] == TRADE.id
    assert members.any()
    assert set(after.loc[members, "customer_group"]) == {"Trade and hotels"}
    assert after[~members].equals(before[~members])


def test_a_group_that_the_store_does_not_name_has_no_name(
    small_shop: SimulatedShop,
) -> None:
    del small_shop.store.state.customer_groups[TRADE.id]

    after = read(small_shop)

    assert asked_for_groups(small_shop) == 2  # to the end of the list
    members = after["customer_group_id"] == TRADE.id
    assert after.loc[members, "customer_group"].isna().all()
    live = after[~members & ~after["is_deleted"]]
    assert live["customer_group"].notna().all()
