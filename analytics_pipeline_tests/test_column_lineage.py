"""Tests for analytics_pipeline.column_lineage: a column told to be another's is it."""

import pandas as pd
import pytest

from analytics_pipeline.catalogue import Catalogue
from analytics_pipeline.column_lineage import TAKEN_FROM, trace_columns
from analytics_pipeline.domain.exports import (
    assemble_first_time_buyers,
    assemble_master,
)
from analytics_pipeline.domain.people import describe_people
from analytics_pipeline.schemas.customers import CustomerAnalytics
from analytics_pipeline.schemas.sales import RawSales
from analytics_pipeline.schemas.sources import Customers, EcomOrders, SalesFeed
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.identities import load_identities
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline_tests.simulated_shop import FIRST_DAY

DAY = FIRST_DAY.isoformat()
CONTRACTS = {contract.name: contract for contract in Catalogue(None).all}


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


MADE = {
    "raw_sales": (sales_of, ["sale_id", "version"]),
    "first_time_buyers": (
        lambda shop: exports_of(shop, assemble_first_time_buyers),
        ["customer_id"],
    ),
    "customer_analytics_master": (
        lambda shop: exports_of(shop, assemble_master),
        ["customer_id"],
    ),
}


@pytest.mark.parametrize("name", list(TAKEN_FROM))
def test_a_column_holds_what_it_is_told_to_come_from(name, small_shop):
    make, key = MADE[name]
    ours, theirs = make(small_shop.local)
    traced = trace_columns(CONTRACTS[name], CONTRACTS[TAKEN_FROM[name]])
    above = ours[key].merge(theirs, on=key, how="left", validate="1:1")

    assert len(traced) > 5
    assert len(ours) > 3
    for column, source in traced.items():
        pd.testing.assert_series_equal(
            ours[column], above[source], check_names=False, obj=f"{name}.{column}"
        )
