"""A table whose last attempt failed its gate is built on by nothing, each in turn."""

import shutil
from datetime import UTC, date, datetime

import pandas as pd
import pytest

from analytics_pipeline.model.errors import GateFailed, LocalFailure, WrongUse
from analytics_pipeline.model.schemas.customers import (
    CustomerAnalytics,
    CustomerIdentities,
)
from analytics_pipeline.model.schemas.insights import (
    CustomerPredictions,
    CustomerRfm,
    PredictionModels,
    TierOutlook,
)
from analytics_pipeline.model.schemas.sales import RawSales, SaleLines
from analytics_pipeline.model.schemas.sources import (
    Customers,
    EcomOrders,
    Outlets,
    SalesFeed,
)
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.storage.catch_ups import CatchUp
from analytics_pipeline.storage.state import FailedCheck
from analytics_pipeline_tests.made import compared, days_cut, made
from analytics_pipeline_tests.tables import make_table
from analytics_pipeline_tests.web_shop import publish

D = date(2026, 6, 20)
DAY = D.isoformat()
MASTER = "customer_analytics_master"
READ_AT = datetime(2026, 6, 21, 6, tzinfo=UTC)
SALE = {"sale_id": "s", "version": 5, "sale_date": f"{DAY} 16:00", "outlet_id": "o"}
RECORD = {"customer_id": "a", "version": 1, "created_at": "2026-01-01"}


def cut(shop):
    return days_cut(shop, [DAY])


def analyse(shop):
    return made(shop, "customer_analytics", D)


def identify(shop):
    return made(shop, "customer_identities")


def open_at(folder):
    return open_shop(load_settings(data_dir=folder, start_date=D), lambda: READ_AT)


def outlook(shop):
    return made(shop, "tier_outlook", D)


def rfm(shop):
    return made(shop, "customer_rfm", D)


def models(shop):
    return made(shop, "prediction_models", D)


def predictions(shop):
    return made(shop, "customer_predictions", D)


def lines(shop):
    return made(shop, "sale_lines", D)


@pytest.fixture(scope="module")
def sound_data(tmp_path_factory):
    """One sound day of one sale, read to the end after the day had ended."""
    shop = open_at(tmp_path_factory.mktemp("sound"))
    for name, model, rows in [
        ("outlets", Outlets, [{"outlet_id": "o", "time_zone": "UTC"}]),
        ("customers", Customers, [RECORD]),
        ("ecom_orders", EcomOrders, []),
    ]:
        shop.warehouse.write(name, model, make_table(model, rows))
    feed = make_table(SalesFeed, [SALE], state="closed", total_incl_cents=100)
    shop.sales_log().append(feed, [], number=0, cursor=5)
    shop.sales_log().mark_checked()
    for table in ("sales_feed", "customers"):
        shop.warehouse.catch_ups.record(table, CatchUp(READ_AT, 5))
    for table, model, make in [
        ("raw_sales", RawSales, lambda: cut(shop)[0]),
        (
            "customer_identities",
            CustomerIdentities,
            lambda: identify(shop),
        ),
        ("customer_analytics", CustomerAnalytics, lambda: analyse(shop)),
        ("tier_outlook", TierOutlook, lambda: outlook(shop)),
        ("customer_rfm", CustomerRfm, lambda: rfm(shop)),
        ("prediction_models", PredictionModels, lambda: models(shop)),
        ("customer_predictions", CustomerPredictions, lambda: predictions(shop)),
        ("sale_lines", SaleLines, lambda: lines(shop)),
    ]:
        shop.store_as(table, model)(make())
    publish(shop, D)
    return shop.settings.data_dir


@pytest.fixture
def shop(sound_data, tmp_path):
    """A copy of the sound day, to be damaged."""
    return open_at(shutil.copytree(sound_data, tmp_path / "data"))


STEPS = {
    "raw_sales": cut,
    "customer_identities": identify,
    "customer_analytics": analyse,
    "tier_outlook": outlook,
    "customer_rfm": rfm,
    "prediction_models": models,
    "customer_predictions": predictions,
    "first_time_buyers": lambda shop: made(shop, "first_time_buyers", D),
    MASTER: lambda shop: made(shop, MASTER, D),
    "ecom_reconciliation": lambda shop: made(shop, "ecom_reconciliation"),
    "outlet_analytics": lambda shop: made(shop, "outlet_analytics", D),
    "product_analytics": lambda shop: made(shop, "product_analytics", D),
}
DEPENDENCIES = [
    ("raw_sales", "outlets", None),
    ("raw_sales", "sales_feed", None),
    ("customer_identities", "customers", None),
    ("customer_identities", "ecom_orders", None),
    ("customer_analytics", "raw_sales", DAY),
    ("customer_analytics", "customer_identities", None),
    ("customer_analytics", "customers", None),
    ("customer_analytics", "ecom_orders", None),
    ("customer_analytics", "outlets", None),
    ("tier_outlook", "customer_analytics", DAY),
    ("tier_outlook", "raw_sales", DAY),
    ("prediction_models", "customer_analytics", DAY),
    ("prediction_models", "raw_sales", DAY),
    ("customer_predictions", "prediction_models", DAY),
    ("customer_predictions", "customer_analytics", DAY),
    ("tier_outlook", "customer_identities", None),
    ("customer_rfm", "customer_analytics", DAY),
    ("customer_rfm", "raw_sales", DAY),
    ("customer_rfm", "outlets", None),
    ("first_time_buyers", "outlets", None),
    (MASTER, "outlets", None),
    ("ecom_reconciliation", "outlets", None),
    ("first_time_buyers", "customer_analytics", DAY),
    ("first_time_buyers", "customers", None),
    (MASTER, "customer_analytics", DAY),
    (MASTER, "tier_outlook", DAY),
    (MASTER, "customer_rfm", DAY),
    (MASTER, "customer_predictions", DAY),
    (MASTER, "customer_identities", None),
    (MASTER, "first_time_buyers", DAY),
    ("ecom_reconciliation", "ecom_orders", None),
    ("ecom_reconciliation", "raw_sales", DAY),
    ("ecom_reconciliation", "customers", None),
    ("ecom_reconciliation", "customer_identities", None),
    ("outlet_analytics", "customer_analytics", DAY),
    ("outlet_analytics", "raw_sales", DAY),
    ("outlet_analytics", "outlets", None),
    ("outlet_analytics", MASTER, DAY),
    ("product_analytics", "customer_analytics", DAY),
    ("product_analytics", "raw_sales", DAY),
    ("product_analytics", "sale_lines", DAY),
    ("product_analytics", "products", None),
    ("product_analytics", "outlets", None),
    ("product_analytics", MASTER, DAY),
]


@pytest.mark.parametrize("table", STEPS)
def test_a_table_on_sound_inputs_can_be_made(shop, table):
    assert STEPS[table](shop)


@pytest.mark.parametrize(("table", "source", "day"), DEPENDENCIES)
def test_a_table_is_not_made_from_one_that_failed_its_gate(shop, table, source, day):
    shop.warehouse.remember_failure(source, day, [FailedCheck("some_check", "why", "")])

    with pytest.raises(GateFailed, match=f"last attempt at {source}"):
        STEPS[table](shop)


def test_first_products_are_not_made_without_the_lines_of_a_day(shop):
    shop.warehouse.remove("sale_lines", DAY)

    with pytest.raises(LocalFailure, match=f"sale_lines lacks days: {DAY}"):
        made(shop, "product_analytics", D)


def test_a_day_not_read_to_its_end_is_not_made(shop):
    early = CatchUp(datetime(2026, 6, 20, 23, tzinfo=UTC), 5)
    shop.warehouse.catch_ups.record("customers", early)

    for table in ("customer_analytics", "first_time_buyers", MASTER):
        candidate = STEPS[table](shop)
        assert candidate.frame is None
        assert [
            result.check for result in candidate.check_results if result.blocks
        ] == ["is_caught_up"]
    (candidate,) = cut(shop)
    assert "is_caught_up" in {
        each.check for each in candidate.check_results if each.blocks
    }


def test_a_log_that_was_not_read_to_its_end_is_not_cut(shop):
    feed = make_table(SalesFeed, [SALE | {"version": 6}])
    shop.sales_log().append(feed, [], number=1, cursor=6)

    with pytest.raises(GateFailed, match="not read to its end"):
        cut(shop)


def test_a_store_without_any_sale_has_empty_days(tmp_path):
    shop = open_at(tmp_path)
    outlets = make_table(Outlets, [{"outlet_id": "o", "time_zone": "UTC"}])
    shop.warehouse.write("outlets", Outlets, outlets)

    assert compared(shop, D).stale_days == [DAY]
    (candidate,) = cut(shop)
    assert len(candidate.rows) == 0


OVERRIDES = "left_id,right_id,rule,reason\n"


def test_the_walk_in_can_be_joined_to_no_one_rule_3_4(shop):
    records = [RECORD, RECORD | {"customer_id": "w", "is_walk_in": True}]
    shop.warehouse.write("customers", Customers, make_table(Customers, records))
    path = shop.settings.data_dir / "identity_overrides.csv"
    path.write_text(f"{OVERRIDES}a,w,same,a mistake\n", encoding="utf-8")

    with pytest.raises(WrongUse, match="line 2"):
        identify(shop)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b"left_id,right_id\na,b,c,d\n", id="too many cells"),
        pytest.param(b"a;b;c\n1;2;3\n", id="another table"),
    ],
)
def test_a_file_of_overrides_that_cannot_be_read_is_wrong_use(shop, content):
    path = shop.settings.data_dir / "identity_overrides.csv"
    path.write_bytes(content)

    with pytest.raises(WrongUse, match=r"identity_overrides\.csv"):
        identify(shop)


@pytest.mark.parametrize("text", [OVERRIDES, f"﻿{OVERRIDES}"])
def test_a_file_of_overrides_without_lines_declares_nothing(shop, text):
    path = shop.settings.data_dir / "identity_overrides.csv"
    path.write_text(text, encoding="utf-8")

    candidate = identify(shop)

    assert not [result for result in candidate.check_results if result.blocks]
    assert pd.isna(candidate.rows.loc[0, "evidence"])
