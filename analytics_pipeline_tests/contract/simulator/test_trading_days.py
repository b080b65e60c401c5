"""Tests for analytics_pipeline.simulator.trading_days: how an ordinary shop trades."""

from collections import Counter
from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.records import Sale
from analytics_pipeline.simulator.trading_days import ORDINARY, Trade

OPENED = date(2026, 10, 1)
THANKSGIVING, CHRISTMAS = date(2026, 11, 26), date(2026, 12, 25)


@cache
def ordinary_store() -> Store:
    """An ordinary shop that has lived from October to the new year."""
    store = Store(3, customers=330, opened_on=OPENED, sales_per_day=62, trade=ORDINARY)
    store.advance_to(datetime(2027, 1, 5, 12, tzinfo=UTC))
    return store


def rung_up(sale: Sale) -> date:
    """Return the day on which a sale was typed into its till."""
    zone = ordinary_store().state.outlets[sale.outlet_id].time_zone
    return sale.created_at.astimezone(ZoneInfo(zone)).date()


def sold_at_tills() -> "Counter[date]":
    """Count what is sold at the tills of each day, returns left out."""
    return Counter(
        rung_up(sale)
        for sale in ordinary_store().state.sales.values()
        if sale.return_for is None and not sale.note.startswith("Order ID:")
    )


def test_an_ordinary_shop_sells_sixty_times_a_day_and_never_when_closed() -> None:
    days = sold_at_tills()

    closed = [day for day in days if not ORDINARY.is_open(day, "US")]
    assert not closed
    assert THANKSGIVING not in days
    assert CHRISTMAS not in days
    assert not any(day.weekday() == 6 for day in days)
    assert 55 < sum(days.values()) / len(days) < 95
    assert min(days.values()) > 30


def test_the_web_shop_never_closes() -> None:
    zone = ZoneInfo("America/New_York")
    ordered = {
        order.placed_at.astimezone(zone).date().weekday()
        for order in ordinary_store().state.web_orders.values()
    }

    assert ordered == set(range(7))


def test_the_shop_is_busy_before_christmas_and_sells_through_three_outlets() -> None:
    days = sold_at_tills()
    december = [date(2026, 12, day) for day in (15, 16, 17)]
    october = [date(2026, 10, day) for day in (20, 21, 22)]

    assert sum(days[day] for day in december) > 1.2 * sum(days[day] for day in october)
    outlets = Counter(sale.outlet_id for sale in ordinary_store().state.sales.values())
    assert len(outlets) == 3
    assert min(outlets.values()) > 500


def test_nothing_in_it_deserves_a_warning() -> None:
    state = ordinary_store().state

    assert "ARCHIVED" not in {sale.status for sale in state.sales.values()}
    assert not any("kerbside" in sale.attributes for sale in state.sales.values())
    assert all(register.deleted_at is None for register in state.registers.values())
    synced = {sale.source_id for sale in state.sales.values() if sale.source_id}
    assert set(state.web_orders) <= synced
    for sale in state.sales.values():
        if sale.source_id in state.web_orders:
            hinted = state.web_orders[sale.source_id].exported_sale_id
            assert hinted in (None, sale.id)


def test_returns_edits_duplicates_laybys_and_walk_ins_go_on() -> None:
    state, crowd = ordinary_store().state, ordinary_store()._shop.crowd
    sales = state.sales.values()

    assert sum(sale.return_for is not None for sale in sales) > 50
    assert sum(sale.updated_at > sale.created_at for sale in sales) > 100
    assert len(crowd.duplicates) > 5
    assert "LAYBY_CLOSED" in {sale.status for sale in sales}
    walk_in = sum(sale.customer_id == state.default_customer_id for sale in sales)
    assert 0.6 < walk_in / len(sales) < 0.8


@pytest.mark.parametrize("number", [0, 1, 90])
def test_growth_compounds_day_by_day(number: int) -> None:
    trade = Trade(growth=0.01)

    assert trade.busyness(OPENED, number) == pytest.approx(1.01**number)


def test_a_store_that_nothing_is_said_of_is_open_every_day_of_the_year() -> None:
    assert Trade().is_open(CHRISTMAS, "US")
    assert not ORDINARY.is_open(CHRISTMAS, "US")
    assert ORDINARY.is_open(CHRISTMAS, "JP")
