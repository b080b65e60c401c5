"""Records that break a rule: out of every figure, reported, and tried again."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics_pipeline_tests.doctored import doctored
from analytics_pipeline_tests.light_run import (
    SOURCES,
    PatientLightspeed,
    evidence_of,
    run_light,
)
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    PUBLISHED,
    SimulatedShop,
    open_simulated_shop,
)

MASTER, _ = PUBLISHED


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    """A shop of twelve days of which nothing has been read."""
    opened = FIRST_DAY - timedelta(days=12)
    with open_simulated_shop(
        tmp_path / "data", seed=1, customers=20, opened_on=opened
    ) as simulated:
        yield simulated


def a_counted_sale(shop: SimulatedShop) -> Any:
    """The last sale that counts for a customer."""
    state = shop.store.state
    return next(
        sale
        for sale in reversed(state.sales.values())
        if sale.state == "closed"
        and sale.deleted_at is None
        and sale.total_price_incl > 1
        and sale.customer_id not in (None, state.default_customer_id)
    )


def listed(shop: SimulatedShop, table: str = "sales_feed") -> str:
    return (shop.data / "quarantine" / table / "records.csv").read_text()


def bump(shop: SimulatedShop, record: Any) -> None:
    record.version = 1 + max(each.version for each in shop.store.state.sales.values())


def conservation(events: list[Any]) -> dict[str, Any]:
    return evidence_of(events, "customer_analytics", "conserves_money")


@pytest.mark.nightly
def test_money_in_quarantine_is_reported_by_its_last_good_value(
    shop: SimulatedShop,
) -> None:
    sale = a_counted_sale(shop)
    good = conservation(run_light(shop.settings, FIRST_DAY))
    total, sale.total_price_incl = sale.total_price_incl, None
    bump(shop, sale)

    bad = conservation(run_light(shop.settings, FIRST_DAY))

    assert good["quarantined_sales"] == 0
    assert bad["quarantined_sales"] == 1
    assert bad["quarantined_unknown"] == 0
    assert bad["quarantined_last_good_cents"] == round(total * 100)
    gone = good["sales_cents"] - bad["sales_cents"]
    assert gone == bad["quarantined_last_good_cents"]
    assert bad["difference_cents"] == 0


@pytest.mark.nightly
def test_a_sale_that_was_never_good_has_no_known_value(
    shop: SimulatedShop,
) -> None:
    a_counted_sale(shop).total_price_incl = None

    found = conservation(run_light(shop.settings, FIRST_DAY))

    assert (found["quarantined_sales"], found["quarantined_unknown"]) == (1, 1)
    assert found["quarantined_last_good_cents"] == 0


@pytest.mark.nightly
def test_a_sale_of_a_later_day_is_worth_nothing_yet(shop: SimulatedShop) -> None:
    run_light(shop.settings, FIRST_DAY)
    sale = a_counted_sale(shop)
    sale.total_price_incl = None
    bump(shop, sale)

    earlier = FIRST_DAY - timedelta(days=12)
    found = conservation(run_light(shop.settings, earlier))

    assert found["quarantined_sales"] == 1
    assert found["quarantined_last_good_cents"] == 0


@pytest.mark.nightly
def test_a_corrected_sale_is_read_separately(shop: SimulatedShop) -> None:
    sale = a_counted_sale(shop)
    total, sale.total_price_incl = sale.total_price_incl, None
    run_light(shop.settings, FIRST_DAY)
    assert sale.id in listed(shop)

    sale.total_price_incl = total
    bump(shop, sale)
    run_light(shop.settings, FIRST_DAY)

    assert sale.id not in listed(shop)
    assert expected_master(shop.store.state, FIRST_DAY) == shop.rows(MASTER)


@pytest.mark.nightly
def test_a_sale_that_was_only_delivered_badly_is_good_after_a_replay(
    shop: SimulatedShop,
) -> None:
    sale = a_counted_sale(shop)

    def spoil(path: str, it: dict[str, Any]) -> bool:
        if path in ("sales", "search") and it["id"] == sale.id:
            it["totals"]["price_incl_tax"] = None
        return True

    way = doctored(shop, spoil)
    run_light(shop.settings, FIRST_DAY, lightspeed=way, tables=SOURCES)
    run_light(shop.settings, FIRST_DAY, days=0, tables=SOURCES)
    assert sale.id in listed(shop)

    events = run_light(shop.settings, FIRST_DAY, days=0, replay=True)

    assert listed(shop).count("\n") == 1
    assert conservation(events)["quarantined_sales"] == 0
    assert expected_master(shop.store.state, FIRST_DAY) == shop.rows(MASTER)


@pytest.mark.nightly
def test_a_replay_of_what_is_still_bad_adds_nothing_to_the_log(
    shop: SimulatedShop,
) -> None:
    a_counted_sale(shop).total_price_incl = None
    run_light(shop.settings, FIRST_DAY)
    before, segments = listed(shop), shop.local.sales_log().segments()

    for _ in range(2):
        run_light(shop.settings, FIRST_DAY, days=0, replay=True)

    assert listed(shop) == before
    assert shop.local.sales_log().segments() == segments


@pytest.mark.nightly
def test_a_customer_that_was_only_delivered_badly_is_good_after_a_replay(
    shop: SimulatedShop,
) -> None:
    buyer = a_counted_sale(shop).customer_id

    def spoil(path: str, it: dict[str, Any]) -> bool:
        if path == "customers" and it["id"] == buyer:
            it["created_at"] = "some day"
        return True

    run_light(shop.settings, FIRST_DAY, lightspeed=doctored(shop, spoil))
    run_light(shop.settings, FIRST_DAY)
    assert buyer in listed(shop, "customers")

    run_light(shop.settings, FIRST_DAY, replay=True)

    assert listed(shop, "customers").count("\n") == 1
    assert expected_master(shop.store.state, FIRST_DAY) == shop.rows(MASTER)


@pytest.mark.parametrize("table", ["sales_feed", "customers"])
@pytest.mark.nightly
def test_a_record_delivered_without_a_version_is_good_after_a_replay(
    shop: SimulatedShop, table: str
) -> None:
    sale = a_counted_sale(shop)
    named = sale.id if table == "sales_feed" else sale.customer_id

    def unversion(path: str, it: dict[str, Any]) -> bool:
        if path in ("sales", "customers") and it["id"] == named:
            it.pop("version", None)
            it.pop("_metadata", None)
        return True

    run_light(shop.settings, FIRST_DAY, lightspeed=doctored(shop, unversion))
    assert named in listed(shop, table)

    events = run_light(shop.settings, FIRST_DAY, days=0, replay=True)

    assert listed(shop, table).count("\n") == 1
    values = [
        e.metadata for e in events if "fixed" in (getattr(e, "metadata", 0) or {})
    ]
    assert [int(metadata["fixed"]) for metadata in values].count(1) == 1
    assert expected_master(shop.store.state, FIRST_DAY) == shop.rows(MASTER)


@pytest.mark.nightly
def test_many_old_records_in_quarantine_do_not_shut_the_gate_of_a_replay(
    shop: SimulatedShop,
) -> None:
    """Ten are let pass in one run, and one in another; together they are old news."""
    sales = [
        sale for sale in shop.store.state.sales.values() if sale.deleted_at is None
    ]

    def unversion(names: set[str]) -> Any:
        def change(path: str, it: dict[str, Any]) -> bool:
            if path.startswith("sales") and it["id"] in names:
                it.pop("_metadata")
            return True

        return doctored(shop, change)

    ten = {sale.id for sale in sales[:10]}
    run_light(shop.settings, FIRST_DAY, lightspeed=unversion(ten))
    bump(shop, sales[10])
    eleven = unversion(ten | {sales[10].id})
    run_light(shop.settings, FIRST_DAY, days=0, lightspeed=eleven)
    bump(shop, sales[11])
    segments = len(shop.local.sales_log().segments())

    for _ in range(2):
        run_light(shop.settings, FIRST_DAY, days=0, replay=True, lightspeed=eleven)
        run_light(shop.settings, FIRST_DAY, days=0, lightspeed=eleven)

    assert listed(shop).count("\n") == 12
    assert len(shop.local.sales_log().segments()) == segments + 1
    run_light(shop.settings, FIRST_DAY, days=0, full_resync=True, lightspeed=eleven)


@pytest.mark.nightly
def test_a_replay_asks_for_each_record_once(shop: SimulatedShop) -> None:
    a_counted_sale(shop).total_price_incl = None
    run_light(shop.settings, FIRST_DAY)
    shop.simulator.clear_stats()

    run_light(
        shop.settings,
        FIRST_DAY,
        days=0,
        replay=True,
        lightspeed=PatientLightspeed(shop.settings),
    )

    assert shop.simulator.stats()["kinds"]["single/sales"] == 1
