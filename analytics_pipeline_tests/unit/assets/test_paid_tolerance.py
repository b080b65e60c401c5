"""A changed ``paid_tolerance`` opens the days that it changes, and no others."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from analytics_pipeline.assets.published_masters import SalesHistory, read_sales_now
from analytics_pipeline.assets.sales_feed import find_quarantined_sales
from analytics_pipeline.domain.feed import changed_sales
from analytics_pipeline.domain.sales import classify_sales
from analytics_pipeline.engine.duckdb import to_ibis
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Outlets, SalesFeed
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline_tests.made import compared
from analytics_pipeline_tests.tables import make_table
from analytics_pipeline_tests.unit.assets.test_stale_days import (
    ENGINE,
    FIRST,
    LAST,
    KeptShop,
)

WORDS = [
    *({"state": state} for state in ("closed", "parked", "voided", "pending")),
    *(
        {"state": "pending", "attributes": given}
        for given in (
            *("pickup", "delivery", "delivery;pickup", "pickup;service", "service"),
            *("layby", "layby;pickup", "onaccount;pickup", "kerbside;pickup"),
        )
    ),
    *(
        {"status": status}
        for status in ("AWAITING_PICKUP", "AWAITING_DISPATCH", "LAYBY", "CLOSED")
    ),
    {"state": "pending", "status": "ODD", "attributes": "pickup"},
]
CENTS = (0, 1, 2, 4, 5, 6, 10, 50, 99, 100)
EVERY_SALE = [
    {
        "sale_id": f"s{number:04}",
        "version": 1,
        "sale_date": "2026-06-03 12:00",
        "total_incl_cents": 1000,
        "paid_cents": 1000 - lacking,
        "is_deleted": is_deleted,
        **words,
    }
    for number, (words, lacking, is_deleted) in enumerate(
        product(WORDS, CENTS, (False, True))
    )
]


def tolerating(cents):
    return Policy(paid_tolerance=Decimal(cents) / 100)


def classify(feed, tolerance):
    rows = classify_sales(feed, make_table(Outlets, []), "UTC", tolerating(tolerance))
    return shape(rows, RawSales)


BY_DAY = {(0, 0), (0, 5), (1, 4), (5, 4), (99, 6)}


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(*each, marks=() if each in BY_DAY else pytest.mark.nightly)
        for each in product((0, 1, 5, 99), (0, 1, 4, 5, 6, 50))
    ],
)
def test_a_sale_is_changed_if_it_counts_otherwise_now_rules_2_1_and_7_3(before, now):
    feed = make_table(SalesFeed, EVERY_SALE)
    stored, fresh = classify(feed, before), classify(feed, now)
    outlets = to_ibis(make_table(Outlets, []), Outlets)

    changed = ENGINE.to_pandas(
        changed_sales(
            to_ibis(feed, SalesFeed),
            to_ibis(stored, RawSales),
            outlets,
            "UTC",
            tolerating(now),
        )
    )

    differing = (stored["is_completed"] != fresh["is_completed"]).sum()
    assert len(changed) == differing
    low, high = sorted((before, now))
    assert bool(differing) is any(low < cents <= high for cents in CENTS)


def lacking(shop, sale, day, cents):
    """Let a pickup arrive that lacks so many cents."""
    shop.read(
        sale, day, 1000, state="pending", attributes="pickup", paid_cents=1000 - cents
    )


@pytest.fixture
def kept(tmp_path: Path):
    """Days that agree with the log; on the second and the fourth a pickup is short."""
    shop = KeptShop(tmp_path)
    for sale in range(4):
        shop.read(sale, sale)
    lacking(shop, 11, 1, 3)
    lacking(shop, 13, 3, 5)
    shop.cut_stale()
    assert compared(shop.shop, LAST).stale_days == []
    return shop


def tolerate(shop, amount):
    shop.shop.policy = replace(shop.shop.policy, paid_tolerance=Decimal(amount))


def days(*numbers):
    return [(FIRST + timedelta(days=n)).isoformat() for n in numbers]


def files(shop):
    folder = Path(str(shop.shop.warehouse.root)) / "raw_sales"
    return {path.name: path.read_bytes() for path in folder.glob("2*.parquet")}


@pytest.mark.parametrize(
    ("amount", "stale"),
    [
        ("0", []),
        ("0.03", days(1)),
        ("0.05", days(1, 3)),
        *(
            pytest.param(*each, marks=pytest.mark.nightly)
            for each in (
                ("0.01", []),
                ("0.02", []),
                ("0.04", days(1)),
                ("0.99", days(1, 3)),
            )
        ),
    ],
)
def test_the_days_of_another_tolerance_are_cut_again_as_a_rebuild_rule_7_3(
    kept, tmp_path, amount, stale
):
    tolerate(kept, amount)

    assert compared(kept.shop, LAST).stale_days == stale
    kept.cut_stale()
    assert compared(kept.shop, LAST).stale_days == []
    cut = files(kept)
    kept.cut(kept.shop.days_until(LAST))
    assert cut == files(kept)
    counted = kept.shop.open_sales(days(1, 3))
    counts = kept.shop.engine.to_pandas(counted)["is_completed"].sum()
    assert counts == len(stale)


@pytest.mark.nightly
def test_a_tolerance_set_back_is_found_too_rule_7_3(kept):
    before = files(kept)
    tolerate(kept, "0.05")
    kept.cut_stale()
    tolerate(kept, "0.01")

    assert compared(kept.shop, LAST).stale_days == days(1, 3)
    kept.cut_stale()
    assert files(kept) == before


def test_anyone_who_reads_sales_reads_them_by_the_same_tolerance_rule_2_1(kept):
    def counts():
        shop = kept.shop
        outlets = shop.load("outlets", Outlets)
        sales = shop.open_sales(shop.warehouse.partitions("raw_sales"))
        history = SalesHistory(shop, shop.sales_log(), sales, outlets)
        now = read_sales_now(history, ["s11"])
        gone = find_quarantined_sales(kept.shop).last_good
        return [*now["is_completed"], *gone["is_completed"]]

    kept.reject(13)

    assert counts() == [False, False]
    tolerate(kept, "0.05")
    assert counts() == [True, True]
