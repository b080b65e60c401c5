"""Tests for analytics_pipeline.simulator.mishaps_money: each does what it is for."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from analytics_pipeline.simulator import mishaps_money
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.mishaps import MISHAPS
from analytics_pipeline_tests.oracle.bookings import unpaid
from analytics_pipeline_tests.oracle.left_out import (
    LeftOut,
    dated_later,
    hidden_walk_in,
    nearly_paid,
    without_record,
)
from analytics_pipeline_tests.oracle.terms import Terms

OPENED = date(2026, 5, 1)
TODAY = date(2026, 5, 9)
NOW = datetime(2026, 5, 9, 16, tzinfo=UTC)
NOTHING = LeftOut(0, 0)
SEEDS = (1, 2, 3, 4, 5)


@pytest.fixture(params=SEEDS)
def store(request: pytest.FixtureRequest) -> Store:
    """A store of a week without any mishap."""
    store = Store(request.param, customers=20, opened_on=OPENED)
    store.advance_to(NOW)
    assert dated_later(store.state, TODAY) == NOTHING
    assert without_record(store.state, TODAY) == NOTHING
    assert nearly_paid(store.state) == {}
    assert hidden_walk_in(store.state, TODAY) is None
    return store


def test_all_of_them_can_happen() -> None:
    assert {
        mishaps_money.run_years_ahead,
        mishaps_money.sell_to_an_erased_customer,
        mishaps_money.sell_over_the_counter,
        mishaps_money.pay_rounded_cash,
    } <= set(MISHAPS)


def test_a_till_runs_years_ahead_rule_1_5(store: Store) -> None:
    mishaps_money.run_years_ahead(store._shop, NOW)

    assert dated_later(store.state, TODAY).sales == 1
    store.advance_to(NOW + timedelta(days=5))
    assert dated_later(store.state, TODAY + timedelta(days=5)).sales <= 1


def test_some_dates_are_corrected_later_rule_1_5() -> None:
    store = Store(1, customers=20, opened_on=OPENED)
    store.advance_to(NOW)
    for _ in range(40):
        mishaps_money.run_years_ahead(store._shop, NOW)

    assert dated_later(store.state, TODAY).sales == 40
    store.advance_to(NOW + timedelta(days=5))
    assert 10 < dated_later(store.state, TODAY + timedelta(days=5)).sales < 35


def test_an_erased_customer_has_sales_and_no_record_rule_3_8(store: Store) -> None:
    mishaps_money.sell_to_an_erased_customer(store._shop, NOW)

    assert 1 <= without_record(store.state, TODAY).sales <= 3
    assert without_record(store.state, TODAY - timedelta(days=1)) == NOTHING


def test_a_counter_record_comes_to_sell_as_a_walk_in_rule_3_8(store: Store) -> None:
    customers = len(store.state.customers)
    for _ in range(60):
        mishaps_money.sell_over_the_counter(store._shop, NOW)

    found = hidden_walk_in(store.state, TODAY)
    assert found is not None
    counter = store.state.customers[found]
    assert counter.customer_code == mishaps_money.COUNTER_CODE
    assert len(store.state.customers) == customers + 1


def test_cash_is_rounded_to_a_step_and_some_of_it_is_missing_rule_2_1() -> None:
    store = Store(1, customers=20, opened_on=OPENED)
    store.advance_to(NOW)
    before = set(store.state.sales)
    for _ in range(60):
        mishaps_money.pay_rounded_cash(store._shop, NOW)

    sales = [sale for key, sale in store.state.sales.items() if key not in before]
    cents = Decimal("0.01")
    assert all(abs(unpaid(sale)) <= 5 * cents for sale in sales)
    assert all(sale.payments[0].amount % (5 * cents) == 0 for sale in sales)
    short = [unpaid(sale) for sale in sales if unpaid(sale) > cents]
    reported = nearly_paid(store.state)
    assert sum(day.sales for day in reported.values()) == len(short) > 10
    assert nearly_paid(store.state, Terms(paid_tolerance=5 * cents)) == {}
