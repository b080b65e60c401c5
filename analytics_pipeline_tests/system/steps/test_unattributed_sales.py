"""Sales of customers without a record, a hidden walk-in, and what explain says."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics_pipeline.commands.person import explain_customer
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.simulator.records import Sale
from analytics_pipeline_tests.light_run import TABLES, evidence_of, run_light
from analytics_pipeline_tests.oracle.left_out import (
    LeftOut,
    hidden_walk_in,
    without_record,
)
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop

ERASED = "00000000-0000-4000-8000-00000000000"


@pytest.fixture
def shop(small_shop: SimulatedShop) -> SimulatedShop:
    return small_shop


def change(shop: SimulatedShop, sale: Sale, **values: Any) -> None:
    for name, value in values.items():
        setattr(sale, name, value)
    shop.store._shop.timeline.edit(sale, shop.store.state.now)


def paid_sales(shop: SimulatedShop) -> list[Sale]:
    state = shop.store.state
    return [
        sale
        for sale in state.sales.values()
        if sale.state == "closed"
        and sale.status == "CLOSED"
        and sale.deleted_at is None
        and sale.return_for is None
        and not sale.return_ids
        and sale.source == "USER"
        and sale.total_price_incl > 1
    ]


def update(shop: SimulatedShop) -> list[Any]:
    noon = datetime.combine(FIRST_DAY + timedelta(days=1), datetime.min.time(), UTC)
    return run_light(
        shop.settings,
        FIRST_DAY,
        clock=lambda: noon.replace(hour=16),
        tables=TABLES[: TABLES.index("customer_analytics") + 1],
    )


def reported(events: list[Any], check: str) -> dict[str, Any]:
    return evidence_of(events, "customer_analytics", check)


@pytest.mark.parametrize(
    ("basis", "customers"),
    [
        ("incl_tax", 3),
        ("excl_tax", 2),
        *(
            pytest.param(*each, marks=pytest.mark.nightly)
            for each in (
                *(("incl_tax", 1), ("incl_tax", 2)),
                *(("excl_tax", 1), ("excl_tax", 3)),
            )
        ),
    ],
)
def test_sales_under_no_record_are_counted_summed_and_explained_rule_3_8(
    shop: SimulatedShop, customers: int, basis: str
) -> None:
    (shop.data / "analytics.toml").write_text(f'money_basis = "{basis}"\n')
    sales = paid_sales(shop)[:5]
    for number, sale in enumerate(sales):
        change(shop, sale, customer_id=f"{ERASED}{number % customers}")
    change(shop, sales[4], deleted_at=shop.store.state.now)  # is no money

    found = reported(update(shop), "customers_have_records")

    name = "total_price_incl" if basis == "incl_tax" else "total_price"
    total = sum(round(getattr(sale, name), 2) for sale in sales[:4])
    assert (found["sales"], found["customers"]) == (4, customers)
    assert Decimal(str(found["value"])) == total
    with pytest.raises(WrongUse) as refused:
        explain_customer(shop.local, f"{ERASED}0", None)
    own = [sale for n, sale in enumerate(sales[:4]) if n % customers == 0]
    total = sum(round(getattr(sale, name), 2) for sale in own)
    words = "is" if len(own) == 1 else "are"
    assert f"under it, {total} in all, {words} unattributed" in refused.value.cause
    assert ERASED not in refused.value.cause


@pytest.mark.nightly
def test_the_ledger_says_so_too_rule_3_8(shop: SimulatedShop) -> None:
    assert without_record(shop.store.state, FIRST_DAY) == LeftOut(0, 0)
    for sale in paid_sales(shop)[:3]:
        change(shop, sale, customer_id=f"{ERASED}1")

    found = reported(update(shop), "customers_have_records")

    expected = without_record(shop.store.state, FIRST_DAY)
    assert expected.sales == found["sales"] == 3
    assert expected.cents == int(str(found["value"]).replace(".", ""))


@pytest.mark.parametrize("typed", [f"{ERASED}9", "unknown", "X-1", "", "%"])
def test_what_no_sale_names_is_nobodys_id_still(
    shop: SimulatedShop, typed: str
) -> None:
    with pytest.raises(WrongUse, match="No customer has this id or customer code"):
        explain_customer(shop.local, typed, None)


@pytest.mark.nightly
def test_a_walk_in_under_another_code_is_named_until_it_is_set_rule_3_8(
    shop: SimulatedShop,
) -> None:
    state = shop.store.state
    walk_in = state.customers[state.default_customer_id]
    walk_in.customer_code, state.default_customer_id = "PASSERS-BY", ""
    shop.store._shop.timeline.edit(walk_in, state.now)
    for sale in state.sales.values():
        change(shop, sale, customer_id=walk_in.id)

    assert hidden_walk_in(state, FIRST_DAY) == walk_in.id
    found = reported(update(shop), "walk_in_is_known")
    assert found["record"] == walk_in.id
    assert found["orders"] > 20 * max(found["next_orders"], 1)
    notes = explain_customer(shop.local, walk_in.id, None).notes
    assert any(f'walk_in_customer_id = "{walk_in.id}"' in note for note in notes)

    policy = f'walk_in_customer_id = "{walk_in.id}"\n'
    (shop.data / "analytics.toml").write_text(policy)
    assert reported(update(shop), "walk_in_is_known")["record"] == ""


@pytest.mark.nightly
def test_a_later_sale_is_reported_with_its_person_rule_1_5(shop: SimulatedShop) -> None:
    people = {row["Customer ID"] for row in shop.rows("customer_analytics_master.csv")}
    sale = next(each for each in paid_sales(shop) if each.customer_id in people)
    change(shop, sale, sale_date=datetime(2190, 5, 1, 12, tzinfo=UTC))

    update(shop)

    notes = explain_customer(shop.local, str(sale.customer_id), None).notes
    assert notes == (
        f"Sale {sale.id} over {round(sale.total_price_incl, 2)} is dated 2190-05-01, "
        f"after today, and is in no figure: the clock of its till is wrong (register "
        f"{sale.register_id}, outlet {sale.outlet_id}).",
    )
