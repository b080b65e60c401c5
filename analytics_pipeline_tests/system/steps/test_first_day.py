"""Tests for assets.raw_sales: empty years before the first sale are left out."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from analytics_pipeline.assets import raw_sales as first_day
from analytics_pipeline.assets.raw_sales import find_first_day
from analytics_pipeline.domain.business_days import (
    MOST_EMPTY_DAYS,
    leave_out_empty_years,
)
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline_tests.light_run import SOURCES, UP_TO_PUBLISHING
from analytics_pipeline_tests.system.histories.in_process import (
    Pipeline,
    differing,
    open_pipeline,
)
from analytics_pipeline_tests.system.histories.store_by_hand import Basket, StoreByHand

JANUARY = datetime(2026, 1, 8, 17, tzinfo=UTC)
TODAY, LAST_WEEK = (-1, "12:00"), (-9, "12:00")


def first_day_of(shop: Shop, wanted: date) -> date:
    return find_first_day(shop, shop.sales_log(), wanted)


def open_since(start: date, store: StoreByHand, data: Path) -> Pipeline:
    pipeline = open_pipeline(store, data, api_version="2.0")
    settings = pipeline.settings.model_copy(update={"start_date": start})
    return Pipeline(store, settings)


def kept_days(pipeline: Pipeline) -> list[str]:
    return open_shop(pipeline.settings).warehouse.partitions("raw_sales")


def test_ten_years_are_kept_and_a_day_more_is_not() -> None:
    start = date(1970, 1, 1)
    longest = start + MOST_EMPTY_DAYS

    assert leave_out_empty_years(start, longest) == start
    assert leave_out_empty_years(start, longest + timedelta(days=1)) > longest
    assert leave_out_empty_years(start, None) == start


@pytest.mark.nightly
def test_the_first_day_follows_the_first_sale_as_it_is_now_rule_7_3(
    tmp_path: Path,
) -> None:
    store = StoreByHand(JANUARY)
    store.sell(Basket(), buyer=1, dated=TODAY)
    pipeline = open_since(date(1970, 1, 1), store, tmp_path / "data")
    pipeline.export()
    pipeline.run(pipeline.yesterday, tables=UP_TO_PUBLISHING)
    assert kept_days(pipeline)[0] == "2025-01-01"

    early = store.sell(Basket(), buyer=1, dated=LAST_WEEK)  # in the year before
    pipeline.run(pipeline.yesterday, tables=UP_TO_PUBLISHING)
    days = kept_days(pipeline)
    assert (days[0], len(days)) == ("2024-01-01", 366 + 365 + 7)

    store.move(early, TODAY)
    pipeline.run(pipeline.yesterday, tables=UP_TO_PUBLISHING)
    rebuilt = pipeline.fresh_copy(tmp_path / "rebuilt")
    rebuilt.run(pipeline.yesterday, tables=UP_TO_PUBLISHING, rebuild=True)

    assert kept_days(rebuilt)[0] == "2025-01-01"
    ours, theirs = (
        {
            name: digest
            for name, digest in each.reproducible(pipeline.yesterday).items()
            if "raw_sales" in name or "master" in name
        }
        for each in (pipeline, rebuilt)
    )
    assert differing(ours, theirs) == []
    before = pipeline.everything()
    pipeline.run(pipeline.yesterday, tables=UP_TO_PUBLISHING)
    assert differing(before, pipeline.everything()) == []


@pytest.mark.parametrize("candidates", [1, 2, 1000])
def test_the_first_sale_is_found_among_versions_that_are_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, candidates: int
) -> None:
    monkeypatch.setattr(first_day, "CANDIDATES", candidates)
    store = StoreByHand(JANUARY)
    pipeline = open_since(date(1970, 1, 1), store, tmp_path / "data")
    shop = open_shop(pipeline.settings)
    for dated in ((-3000, "12:00"), (-2000, "12:00"), (-1000, "12:00")):
        store.sell(Basket(), dated=dated)
    pipeline.run(pipeline.yesterday, tables=SOURCES)
    assert first_day_of(shop, pipeline.yesterday) == date(2016, 1, 1)

    for sale in store.sales[:2]:
        store.move(sale, TODAY)
    pipeline.run(pipeline.yesterday, tables=SOURCES)

    assert first_day_of(shop, pipeline.yesterday) == date(2022, 1, 1)
    assert first_day_of(shop, date(2001, 5, 5)) == date(2000, 1, 1)
    assert first_day_of(shop, date(1979, 12, 31)) == date(1970, 1, 1)


def test_without_a_sale_the_days_begin_a_year_before_the_day_that_is_asked_for(
    tmp_path: Path,
) -> None:
    pipeline = open_since(date(1970, 1, 1), StoreByHand(JANUARY), tmp_path / "data")
    pipeline.run(pipeline.yesterday, tables=SOURCES)
    shop = open_shop(pipeline.settings)

    assert first_day_of(shop, pipeline.yesterday) == date(2025, 1, 1)
