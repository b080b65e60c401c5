"""Tests for analytics_pipeline.assets.sales_feed: what is dated after today."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.assets.sales_feed import check_later_sales, find_later_sales
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.unit.assets.test_stale_days import READ_AT, KeptShop

PAID = {"state": "closed", "paid_cents": 700, "register_id": "till-7"}
STORE = "America/New_York"
TODAY = READ_AT.astimezone(ZoneInfo(STORE)).date()


def reported(kept):
    log = kept.shop.sales_log()
    return find_later_sales(kept.shop, log)["sale_id"].tolist()


@pytest.fixture
def kept(tmp_path):
    """A shop in New York, where it is still the evening of 19 June."""
    assert TODAY.isoformat() == "2026-06-19"
    return KeptShop(tmp_path)


@pytest.mark.parametrize(
    ("moment", "is_reported"),
    [
        ("2026-06-19 12:00:00", False),
        ("2026-06-20 03:59:59", False),
        ("2026-06-20 04:00:00", True),
        ("2026-06-21 00:00:00", True),
        ("2027-03-10 15:00:00", True),
        ("2036-03-10 15:00:00", True),
        ("2199-12-31 23:59:59", True),
        ("1970-01-01 00:00:00", False),
    ],
)
def test_a_sale_is_later_than_the_store_s_today_rule_1_5(kept, moment, is_reported):
    kept.read(1, 0, 700, **PAID | {"sale_date": moment})

    assert reported(kept) == (["s1"] if is_reported else [])
    found = check_later_sales(kept.shop, kept.shop.sales_log())
    assert found.passed is not is_reported
    assert found.evidence["value"] == ("7.00" if is_reported else "0.00")
    assert ("till-7" in found.sentence) is is_reported


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "Pacific/Kiritimati", "UTC"])
def test_where_tomorrow_has_begun_already_a_sale_is_not_later_rule_1_5(kept, zone):
    kept.place(zone)
    kept.read(1, 0, 700, **PAID | {"sale_date": "2026-06-19 23:59:00"})

    assert reported(kept) == []


@pytest.mark.parametrize(
    "row",
    [
        {"is_deleted": True},
        {"state": "parked"},
        {"state": "voided"},
        {"state": "pending", "attributes": "layby"},
        {"state": "pending", "attributes": "pickup", "paid_cents": 0},
        {"state": "archived"},
    ],
)
def test_a_later_sale_without_money_is_not_reported_rule_1_5(kept, row):
    kept.read(1, 0, 700, **PAID | {"sale_date": "2036-01-01 12:00"} | row)

    assert reported(kept) == []


def test_the_latest_version_decides_rule_1_5(kept):
    kept.read(1, 0, 700, **PAID | {"sale_date": "2036-01-01 12:00"})
    kept.read(2, 0, 700, **PAID)
    kept.read(3, 0, 700, **PAID | {"sale_date": "2036-01-01 12:00"})
    assert reported(kept) == ["s1", "s3"]

    kept.read(1, 2, 700, **PAID)
    kept.read(2, 0, 700, **PAID | {"sale_date": "2030-01-01 12:00"})
    kept.reject(3)

    assert reported(kept) == ["s2"]


def test_a_log_without_sales_has_no_later_one_rule_1_5(kept):
    assert reported(kept) == []


@settings(max_examples=up_to(5))
@given(
    st.lists(
        st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30)),  # noqa: DTZ001
        min_size=1,
        max_size=8,
    )
)
def test_whatever_the_clocks_say_rule_1_5(moments):
    with tempfile.TemporaryDirectory() as folder:
        kept = KeptShop(Path(folder))
        for number, moment in enumerate(moments):
            kept.read(number, 0, 700, **PAID | {"sale_date": moment.isoformat(" ")})

        days = [m.replace(tzinfo=UTC).astimezone(ZoneInfo(STORE)) for m in moments]
        wanted = [f"s{n}" for n, day in enumerate(days) if day.date() > TODAY]
        assert sorted(reported(kept)) == wanted
