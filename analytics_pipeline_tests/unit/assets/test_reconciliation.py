"""A web shop of thousands of orders, reconciled as of the published day."""

import csv
import io
import shutil
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pandas as pd
import pytest

from analytics_pipeline.assets.ecom_reconciliation import (
    RECONCILIATION,
    store_reconciliation,
)
from analytics_pipeline.domain.reconciliation import summarise_reconciliation
from analytics_pipeline.model.checks import SCHEMA_CHECK
from analytics_pipeline.model.schemas.customers import CustomerIdentities
from analytics_pipeline.model.schemas.reconciliation import EcomReconciliation
from analytics_pipeline.model.schemas.sources import Customers, EcomOrders
from analytics_pipeline.model.vocabulary import ReconciliationCategory as Category
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline_tests.made import made
from analytics_pipeline_tests.tables import make_table
from analytics_pipeline_tests.web_shop import (
    FIRST,
    KINDS,
    D,
    open_web_shop,
    publish,
    store_web_shop,
)

ORDERS = 150 * len(KINDS)
STEP = len(KINDS)


def open_at(folder):
    return open_shop(load_settings(data_dir=folder, start_date=FIRST))


@pytest.fixture(scope="module")
def web():
    return open_web_shop(ORDERS)


@pytest.fixture(scope="module")
def stored_data(web, tmp_path_factory):
    shop = open_at(tmp_path_factory.mktemp("web") / "data")
    store_web_shop(shop, web)
    return shop.settings.data_dir


@pytest.fixture
def shop(stored_data, tmp_path):
    return open_at(shutil.copytree(stored_data, tmp_path / "data"))


@pytest.fixture(scope="module")
def candidate(stored_data):
    return made(open_at(stored_data), "ecom_reconciliation")


def check_result_of(candidate, check):
    return next(each for each in candidate.check_results if each.check == check)


def test_thousands_of_orders_are_in_the_category_of_their_kind(web, candidate):
    table = candidate.rows

    assert len(table) == len(web.expected) >= 2_400
    assert dict(zip(table["order_number"], table["category"], strict=True)) == {
        number: category.value for number, category in web.expected.items()
    }
    EcomReconciliation.validate(table, lazy=True)


def test_every_category_is_filled_and_they_sum_to_the_export(web, candidate):
    """Both sums are made from the text of the export, by a reader of this test's."""
    totals = {
        row["order_number"]: int(Decimal(row["order_total"]) * 100)
        for row in csv.DictReader(io.StringIO(web.export()), delimiter=";")
        if row["order_number"] in web.expected
    }
    money: Counter[str] = Counter()
    for number, category in web.expected.items():
        money[category] += totals[number]

    summary = summarise_reconciliation(candidate.rows)

    assert summary["orders"].to_dict() == Counter(web.expected.values())
    assert (summary["orders"] >= 150).all()
    assert summary["order_total_cents"].to_dict() == money
    assert summary["orders"].sum() == len(totals)
    assert summary["order_total_cents"].sum() == sum(totals.values())
    sums = check_result_of(candidate, "categories_add_up")
    assert sums.passed
    assert sums.evidence["export_orders"] == len(totals)
    assert sums.evidence["export_cents"] == sum(totals.values())


def test_what_the_orders_add_is_what_no_sale_has(web, candidate):
    kinds = {Category.UNSYNCED_COUNTED, Category.UNATTRIBUTED}
    added = sum(
        cents for number, cents in web.cents.items() if web.expected[number] in kinds
    )

    assert candidate.rows["counted_value_cents"].sum() == added


def test_the_figures_to_plot_are_the_counts_of_the_categories(web, candidate):
    counts = Counter(str(category) for category in web.expected.values())

    assert candidate.figures == counts | {"as_of": D.isoformat()}
    assert candidate.notes == {"as_of": D.isoformat()}


def test_doubtful_and_late_orders_warn_and_block_nothing(candidate):
    assert not any(result.blocks for result in candidate.check_results)
    assert (
        check_result_of(candidate, "evidence_agrees").evidence["contradicting"] == 300
    )
    assert not check_result_of(candidate, "orders_have_sales").passed


def test_a_refund_is_reported_with_what_is_left_rule_4_4(web, candidate):
    result = check_result_of(candidate, "refunds_reach_the_tills")
    given_back = [
        number
        for number, category in web.expected.items()
        if category == Category.REFUNDED_IN_WEB_SHOP
    ]
    of_sales = {
        sale["sale_id"]: sale["total_incl_cents"]
        for sale in web.sales
        if sale["business_date"] <= D.isoformat()
    }

    assert not result.passed
    assert result.evidence["refunded"] == len(given_back) == 300
    assert result.evidence["left_cents"] == sum(
        of_sales[f"sale-{number}"] for number in given_back
    )


def test_no_evidence_holds_a_contact_or_a_person(candidate):
    text = str(
        [(each.sentence, dict(each.evidence)) for each in candidate.check_results]
    )

    assert "@" not in text
    assert "ecom-" not in text
    assert "person-" not in text


def test_the_table_and_the_file_for_people_say_the_same(shop, candidate):
    store_reconciliation(shop, candidate)

    path = shop.settings.data_dir / RECONCILIATION
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    stored = shop.load("ecom_reconciliation", EcomReconciliation)
    pd.testing.assert_frame_equal(stored, candidate.rows)
    assert [row["Order Number"] for row in rows] == stored["order_number"].tolist()
    assert [row["Category"] for row in rows] == stored["category"].tolist()
    cents = sum(int(Decimal(row["Order Total"]) * 100) for row in rows)
    assert cents == stored["order_total_cents"].sum()
    assert path.stat().st_mode & 0o777 == 0o600


def test_reconciling_twice_changes_no_byte_rule_7_4(shop):
    paths = [
        shop.warehouse.path("ecom_reconciliation"),
        shop.settings.data_dir / RECONCILIATION,
    ]
    found = []
    for _ in range(2):
        store_reconciliation(shop, made(shop, "ecom_reconciliation"))
        found.append([path.read_bytes() for path in paths])

    assert found[0] == found[1]


def test_it_is_as_of_the_day_that_is_published_rule_1_1(shop, web):
    later = D + timedelta(days=1)
    shop.warehouse.path("raw_sales", later.isoformat()).write_bytes(
        shop.warehouse.path("raw_sales", D.isoformat()).read_bytes()
    )
    publish(shop, later)

    candidate = made(shop, "ecom_reconciliation")

    assert len(candidate.rows) == ORDERS > len(web.expected)


def test_before_the_first_publication_there_is_nothing_and_it_says_so(tmp_path):
    shop = open_at(tmp_path / "data")
    for table, schema in (("customers", Customers), ("ecom_orders", EcomOrders)):
        shop.warehouse.write(table, schema, make_table(schema, []))
    shop.store_as("customer_identities", CustomerIdentities)(
        made(shop, "customer_identities")
    )

    candidate = made(shop, "ecom_reconciliation")
    store_reconciliation(shop, candidate)

    assert candidate.rows.empty
    assert all(result.passed for result in candidate.check_results)
    assert "No master is published yet" in candidate.check_results[0].sentence
    EcomReconciliation.validate(candidate.rows, lazy=True)
    assert {each.check for each in candidate.check_results} | {SCHEMA_CHECK} == {
        "categories_add_up", "evidence_agrees", "orders_have_sales", "matches_schema",
        "refunds_reach_the_tills",
    }  # fmt: skip
    assert set(candidate.figures) == set(Category)
