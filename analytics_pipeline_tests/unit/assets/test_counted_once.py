"""A web shop whose order numbers change on their way: no order counts twice unseen."""

import pytest

from analytics_pipeline.assets.customer_analytics import check_added_orders
from analytics_pipeline.assets.customer_identities import load_identities
from analytics_pipeline.assets.published_masters import (
    SalesHistory,
    describe_sources,
    note_sources,
    remember_master,
)
from analytics_pipeline.domain.web_orders import match_orders
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.storage.state import Acceptance
from analytics_pipeline_tests.examples import each_at_night
from analytics_pipeline_tests.made import ledger_of
from analytics_pipeline_tests.order_numbers import SAME_NUMBER
from analytics_pipeline_tests.tables import make_table
from analytics_pipeline_tests.web_shop import (
    FIRST,
    KINDS,
    PEOPLE,
    D,
    open_web_shop,
    store_web_shop,
)

AT_NIGHT = pytest.mark.nightly
ORDERS = 6 * len(KINDS)
OF_SOURCE = [n for n in range(1, ORDERS + 1) if n % len(KINDS) == 0]
"""Orders whose sale has their number as its source: category matched_by_source_id."""


@pytest.fixture
def open_changed(tmp_path):
    """Store a web shop of which some orders have other numbers in the export."""

    def open_it(numbers=None, at_the_till=str):
        web = open_web_shop(ORDERS)
        for sale in web.sales:
            number = int(sale["sale_id"].rpartition("-")[2])
            sale["customer_id"] = f"person-{number % PEOPLE}"
            for column in ("source_id", "web_order_number"):
                if column in sale:
                    sale[column] = at_the_till(sale[column])
        for row in web.rows:
            row["order_number"] = (numbers or {}).get(
                int(row["order_number"]), row["order_number"]
            )
        data = tmp_path / "data"
        shop = open_shop(load_settings(data_dir=data, start_date=FIRST))
        store_web_shop(shop, web)
        return shop

    return open_it


def evaluate(shop):
    orders = shop.load("ecom_orders", EcomOrders)
    identities = load_identities(shop)
    return check_added_orders(shop, ledger_of(shop, D), identities, orders)


def as_dates(count):
    return {number: f"{number % 28 + 1}. Oct" for number in OF_SOURCE[:count]}


@pytest.mark.nightly
def test_a_shop_whose_numbers_stay_counts_no_order_twice_rule_4_3(open_changed):
    result = evaluate(open_changed())

    assert result.passed
    assert result.evidence["added"] > 20


@pytest.mark.parametrize(
    "count", [3, 4, *(pytest.param(each, marks=AT_NIGHT) for each in (1, 6))]
)
def test_orders_that_are_sales_under_another_number_are_reported_rule_4_3(
    open_changed, count
):
    shop = open_changed(as_dates(count))

    result = evaluate(shop)

    assert not result.passed
    assert result.evidence["orders"] == count
    assert result.evidence["sales"] == ", ".join(
        sorted(f"sale-{number}" for number in OF_SOURCE[:count])
    )
    assert result.blocks is (count > 3 and count * 10 > result.evidence["added"])


@pytest.mark.parametrize(
    "spell",
    each_at_night(SAME_NUMBER, by_day=6),
)
def test_the_engine_finds_every_sale_that_an_order_may_be_rule_4_3(open_changed, spell):
    as_they_are = ledger_of(open_changed(), D).matches
    prefixed = open_changed(
        {number: f"Shop-{number}" for number in range(1, ORDERS + 1)},
        lambda number: spell(f"Shop-{number}"),
    )

    ledger = ledger_of(prefixed, D)

    assert len(ledger.matches) == len(as_they_are)
    found = ledger.matches.sort_values("sale_id")["sale_id"].tolist()
    assert found == as_they_are.sort_values("sale_id")["sale_id"].tolist()
    every = prefixed.engine.to_pandas(ledger.sales)
    orders = prefixed.load("ecom_orders", EcomOrders)
    assert match_orders(orders, every, D).equals(ledger.matches)


@pytest.mark.parametrize(
    "text",
    [
        "{} for Ann",
        *(
            pytest.param(text, marks=AT_NIGHT)
            for text in ("{}\t(web)", "{}\u00a0x", "{}  y")
        ),
    ],
)
def test_the_engine_finds_notes_that_go_on_rule_4_3(open_changed, text):
    shop = open_changed(None, text.format)

    found = ledger_of(shop, D).matches["evidence"].value_counts()

    assert found["note"] == 6 * sum(kind.by == "note" for kind in KINDS) == 18
    assert "source_id" not in found


@pytest.mark.nightly
def test_what_a_person_accepted_is_no_news_on_the_days_after_rule_4_3(open_changed):
    shop = open_changed(as_dates(6))
    ledger = ledger_of(shop, D)
    result = evaluate(shop)
    assert result.blocks

    figures = make_table(CustomerAnalytics, [])
    made_from = describe_sources_of(shop, ledger)
    remember_master(shop, D, figures, note_sources(made_from))
    assert evaluate(shop).blocks

    shop.warehouse.acceptances.add(
        Acceptance(
            "customer_analytics",
            "orders_are_counted_once",
            D.isoformat(),
            result.fingerprint,
            "They bought the same twice",
            "2026-06-21T06:00:00Z",
        )
    )
    assert not evaluate(shop).blocks
    assert not evaluate(shop).passed
    assert evaluate(shop).evidence["accepted"] == 6


def describe_sources_of(shop, ledger):
    from analytics_pipeline.model.schemas.sources import Outlets

    outlets = make_table(Outlets, [])
    history = SalesHistory(shop, shop.sales_log(), ledger.sales, outlets)
    return describe_sources(history, ledger, load_identities(shop))
