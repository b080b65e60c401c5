"""Tests for orchestration.tables: a column's declared origin is its origin."""

import pandas as pd
import pytest

from analytics_pipeline.assets.customer_identities import load_identities
from analytics_pipeline.assets.customer_log import read_versions
from analytics_pipeline.domain.exports import (
    assemble_first_time_buyers,
    assemble_master,
)
from analytics_pipeline.domain.people import describe_people
from analytics_pipeline.domain.sales import classify_sales
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.insights import (
    CustomerPredictions,
    CustomerRfm,
    TierOutlook,
)
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import (
    Customers,
    EcomOrders,
    Outlets,
    SalesFeed,
)
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import CUSTOMER_LOG, RAW_SALES, TABLES
from analytics_pipeline_tests.simulated_shop import FIRST_DAY
from analytics_pipeline_tests.tables import make_table

DAY = FIRST_DAY.isoformat()


def sales_of(shop: Shop) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The sales of a day, and the log's versions of them."""
    feed = shape(shop.engine.to_pandas(shop.open_feed(shop.sales_log())), SalesFeed)
    return shop.load("raw_sales", RawSales, DAY), feed


def exports_of(shop: Shop, assemble) -> tuple[pd.DataFrame, pd.DataFrame]:
    analytics = shop.load("customer_analytics", CustomerAnalytics, DAY)
    people = describe_people(
        load_identities(shop),
        shop.load("customers", Customers),
        shop.load("ecom_orders", EcomOrders),
    )
    return assemble(analytics, people), analytics


def versions_of(shop: Shop) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What was logged of each customer record, and the records."""
    return read_versions(shop, shop.log(CUSTOMER_LOG)), shop.load(
        "customers", Customers
    )


MADE = {
    "customer_log": (versions_of, ["customer_id"]),
    "raw_sales": (sales_of, ["sale_id", "version"]),
    "first_time_buyers": (
        lambda shop: exports_of(shop, assemble_first_time_buyers),
        ["customer_id"],
    ),
    "customer_analytics_master": (
        lambda shop: exports_of(
            shop,
            lambda analytics, people: assemble_master(
                analytics,
                [
                    shop.load("tier_outlook", TierOutlook, DAY).drop(columns="tier"),
                    shop.load("customer_rfm", CustomerRfm, DAY),
                    shop.load("customer_predictions", CustomerPredictions, DAY),
                ],
                people,
            ),
        ),
        ["customer_id"],
    ),
}


@pytest.mark.parametrize(
    "name", [spec.name for spec in TABLES.values() if spec.taken_from]
)
def test_a_column_holds_its_documented_source(name, small_shop):
    make, key = MADE[name]
    ours, theirs = make(small_shop.local)
    traced = TABLES[name].taken_columns
    above = ours[key].merge(theirs, on=key, how="left", validate="1:1")

    assert len(traced) > 5
    assert len(ours) > 3
    for column, source in traced.items():
        pd.testing.assert_series_equal(
            ours[column], above[source], check_names=False, obj=f"{name}.{column}"
        )


def test_a_computed_column_has_no_lineage():
    row = {"sale_id": "a", "status": "ONACCOUNT_CLOSED", "state": None}
    feed = make_table(SalesFeed, [row | {"attributes": "", "sale_date": "2026-06-01"}])
    sales = classify_sales(feed, make_table(Outlets, []), "UTC", Policy())
    traced = RAW_SALES.taken_columns

    for column in ("state", "attributes"):
        assert sales[column].tolist() != feed[column].tolist()
        assert column not in traced
