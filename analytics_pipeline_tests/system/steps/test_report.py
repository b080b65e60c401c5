"""The report of a simulated shop, against its published files and its people."""

import re
import shutil
from datetime import timedelta
from decimal import Decimal

import dagster as dg
import pandas as pd
import pytest

from analytics_pipeline.model.schemas.report import CustomerReport
from analytics_pipeline.model.vocabulary import ReportFigure
from analytics_pipeline.shop import open_shop
from analytics_pipeline.storage.files_for_people import ReportFiles
from analytics_pipeline_tests.light_run import TABLES, exit_code_of, run_light
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    SimulatedShop,
    open_simulated_shop,
)

NEXT_DAY = FIRST_DAY + timedelta(days=1)
ONLY_THE_REPORT = ("customer_report",)


@pytest.fixture(scope="module")
def two_days(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with open_simulated_shop(folder / "data", seed=5, customers=60) as shop:
        run_light(shop.settings, FIRST_DAY, tables=TABLES)
        shop.live_until(NEXT_DAY)
        run_light(shop.settings, NEXT_DAY, tables=TABLES)
        yield shop


@pytest.fixture
def shop(two_days, tmp_path):
    data = shutil.copytree(two_days.data, tmp_path / "data")
    settings = two_days.settings.model_copy(update={"data_dir": data})
    return SimulatedShop(two_days.store, two_days.simulator, settings)


def files_of(shop: SimulatedShop) -> ReportFiles:
    return ReportFiles(shop.data, 90)


def report_of(shop: SimulatedShop, day) -> pd.DataFrame:
    return open_shop(shop.settings).warehouse.read(
        "customer_report", CustomerReport, day.isoformat()
    )


def total(report: pd.DataFrame, figure: ReportFigure) -> int:
    return int(report.loc[report["figure"] == figure, "amount"].sum())


def test_the_page_is_that_of_the_published_day_and_each_day_has_its_own(two_days):
    files = files_of(two_days)

    assert files.latest.read_bytes() == files.of(NEXT_DAY).read_bytes()
    assert files.of(FIRST_DAY).read_bytes() != files.of(NEXT_DAY).read_bytes()
    assert NEXT_DAY.strftime("%-d %B %Y") in files.latest.read_text()


def test_the_report_adds_up_to_the_published_files(two_days):
    report = report_of(two_days, NEXT_DAY)
    master = two_days.rows("customer_analytics_master.csv")
    buyers = two_days.rows("first_time_buyers.csv")
    no_one = report[(report["figure"] == "reconciliation")
                    & (report["label"] == "unattributed")]  # fmt: skip
    cents = no_one.loc[no_one["unit"] == "cents", "amount"].item()
    value = sum(Decimal(row["Lifetime Value"]) for row in master)

    assert total(report, ReportFigure.REVENUE) == int(value * 100) + cents
    once = report[report["series"] == "not so far"]
    assert once["amount"].sum() == len(buyers)
    tiers = report[(report["figure"] == "tiers") & (report["series"] == "now")]
    assert dict(zip(tiers["label"], tiers["amount"], strict=True)) == {
        tier: sum(row["Tier"] == tier for row in master)
        for tier in ("None", "Seed", "Sprout", "Bloom", "Evergreen")
    }


def test_the_page_names_no_person(two_days):
    page = files_of(two_days).latest.read_text()
    words = {
        word
        for row in two_days.rows("customer_analytics_master.csv")
        for column in ("Customer Code", "Name", "Email", "Phone")
        if len(word := row[column]) > 5
    }

    assert len(words) > 100
    assert not [
        word for word in words if re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", page)
    ]
    assert not re.search(r"ecom-[0-9a-f]{16}", page)


def test_the_changes_of_the_day_are_reported_with_their_cause(two_days):
    page = files_of(two_days).latest.read_text()

    assert "Changes since the last update" in page
    assert "changes that matter most" in page
    assert total(report_of(two_days, FIRST_DAY), ReportFigure.CHANGES) == 0
    assert total(report_of(two_days, NEXT_DAY), ReportFigure.CHANGES) > 10


def test_making_it_again_changes_nothing(shop):
    before = files_of(shop).latest.read_bytes()

    run_light(shop.settings, NEXT_DAY, tables=ONLY_THE_REPORT)

    assert files_of(shop).latest.read_bytes() == before


def test_an_earlier_day_made_again_leaves_the_latest_page(shop):
    latest = files_of(shop).latest.read_bytes()
    files_of(shop).of(FIRST_DAY).unlink()

    run_light(shop.settings, FIRST_DAY, tables=("customer_analytics", *ONLY_THE_REPORT))

    assert files_of(shop).of(FIRST_DAY).exists()
    assert files_of(shop).latest.read_bytes() == latest


def test_figures_older_than_the_sales_make_no_page(shop):
    page = files_of(shop).latest.read_bytes()
    shop.live_until(NEXT_DAY + timedelta(days=1))
    run_light(shop.settings, NEXT_DAY, tables=("sales_feed", "customers"))
    sales = shop.data / f"warehouse/raw_sales/{NEXT_DAY}.parquet"
    shutil.copy(shop.data / f"warehouse/raw_sales/{FIRST_DAY}.parquet", sales)

    with pytest.raises(dg.Failure) as stopped:
        run_light(shop.settings, NEXT_DAY, tables=ONLY_THE_REPORT)

    assert exit_code_of(stopped.value) == 1
    assert files_of(shop).latest.read_bytes() == page


def test_web_orders_are_counted_as_in_the_reconciliation(two_days):
    reported = report_of(two_days, NEXT_DAY)
    reported = reported[reported["figure"] == ReportFigure.WEB_ORDERS]
    orders = two_days.rows("reports/ecom_reconciliation.csv")

    assert dict(zip(reported["label"], reported["amount"], strict=True)) == {
        category: sum(row["Category"] == category for row in orders)
        for category in reported["label"]
    }
    assert reported["amount"].sum() == len(orders) > 0
