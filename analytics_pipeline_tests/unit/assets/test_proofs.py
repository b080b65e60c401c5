"""Tests for assets.customer_analytics: tiers compared with the master before."""

from datetime import UTC, date, datetime, timedelta

import pytest

from analytics_pipeline.assets.customer_analytics import check_people
from analytics_pipeline.model.schemas.customers import (
    CustomerAnalytics,
    CustomerIdentities,
)
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline_tests.tables import make_table

DAY = date(2026, 6, 20)
NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)


def people(tier):
    rows = [{"customer_id": f"c{n}", "tier": tier} for n in range(40)]
    return make_table(CustomerAnalytics, rows)


def publish(folder, as_of):
    shop = open_shop(load_settings(data_dir=folder, start_date=DAY))
    shop.publication.stage_first_time_buyers(as_of, b"buyers")
    shop.publication.publish_master(as_of, b"master", 40, NOW, provisional=False)
    table = "customer_analytics"
    shop.warehouse.write(table, CustomerAnalytics, people("Seed"), as_of.isoformat())
    return shop


def tiers(shop):
    no_one = make_table(CustomerIdentities, [])
    _, found = check_people(shop, DAY, people("Sprout"), no_one)
    return found


@pytest.mark.parametrize(("days", "passed"), [(3, False), (4, True)])
def test_tiers_are_held_against_the_published_master(tmp_path, days, passed):
    found = tiers(publish(tmp_path, DAY - timedelta(days=days)))

    assert found.passed is passed
    assert (found.evidence["up"], found.evidence["days"]) == (40, days)


@pytest.mark.parametrize(("days", "compared"), [(0, False), (31, True), (32, False)])
def test_a_master_of_the_day_itself_or_of_long_ago_is_none_to_compare_with(
    tmp_path, days, compared
):
    found = tiers(publish(tmp_path, DAY - timedelta(days=days)))

    assert ("moved" in found.evidence) is compared


def test_a_later_master_is_none_to_compare_with(tmp_path):
    found = tiers(publish(tmp_path, DAY + timedelta(days=1)))

    assert found.sentence == "There is no earlier master to compare with."


def test_a_damaged_master_before_is_reported_once(tmp_path):
    before = DAY - timedelta(days=1)
    shop = publish(tmp_path, before)
    shop.warehouse.path("customer_analytics", before.isoformat()).write_bytes(b"PAR1")

    vanished, moved = check_people(
        shop, DAY, people("Sprout"), make_table(CustomerIdentities, [])
    )

    assert not vanished.passed
    assert moved.passed
    assert moved.sentence == vanished.sentence
