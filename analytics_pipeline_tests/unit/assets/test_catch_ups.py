"""Tests for analytics_pipeline.assets.catch_ups: what a walk was made under is kept."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import TypeAdapter

from analytics_pipeline.assets.catch_ups import record_catch_up
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.storage.state import open_note
from analytics_pipeline_tests.tables import make_table

BEGAN = datetime(2026, 6, 21, 6, tzinfo=UTC)
ENDED = BEGAN + timedelta(minutes=4)
HEADER = "left_id,right_id,rule,reason\n"


@pytest.fixture
def data(tmp_path):
    return tmp_path


def recorded(data, log=None):
    """Record a walk of the customers by a shop that reads its choices now."""
    shop = open_shop(
        load_settings(data_dir=data, start_date=date(2025, 3, 1), time_zone="UTC"),
        lambda: ENDED,
    )
    record_catch_up(shop, "customers", BEGAN, 17, log and log(shop))
    last = shop.warehouse.catch_ups.last("customers")
    assert last is not None
    return last


def kept(data, folder, name):
    content = (data / "warehouse" / folder / f"{name}.json").read_bytes()
    return json.loads(open_note(content))


def test_a_walk_is_kept_with_when_it_began_and_ended(data):
    last = recorded(data)

    assert (last.began_at, last.ended_at, last.cursor) == (BEGAN, ENDED, 17)
    assert (last.generation, last.segments) == (None, None)
    assert last.program


def test_a_walk_into_a_log_is_kept_with_the_segments_that_it_left_rule_15_1(data):
    def two_segments(shop):
        log = shop.sales_log().of_generation(3)
        for number in range(2):
            page = make_table(SalesFeed, [{"sale_id": "s", "version": number + 1}])
            log.append(page, [], number=number, cursor=number + 1)
        log.mark_checked()
        return log

    last = recorded(data, two_segments)

    assert (last.generation, last.segments) == (3, 2)


def test_every_choice_of_that_moment_is_kept_defaults_too_rule_15_1(data):
    (data / "analytics.toml").write_text("vip_from = 900\n")
    before = recorded(data)
    (data / "analytics.toml").write_text("vip_from = 800\n")
    after = recorded(data)

    found = kept(data, "policies", before.policy)
    policy = TypeAdapter(Policy).validate_python(found["policy"])
    assert policy == Policy(vip_from=Decimal(900))
    assert (found["time_zone"], found["start_date"]) == ("UTC", "2025-03-01")
    assert kept(data, "policies", after.policy)["policy"]["vip_from"] == "800"
    assert recorded(data).policy == after.policy
    assert len(list((data / "warehouse/policies").iterdir())) == 2


def test_the_overrides_of_that_moment_are_kept_without_their_reasons_rule_15_1(data):
    path = data / "identity_overrides.csv"
    without = recorded(data)
    path.write_text(HEADER + " a ,b,same,Ann Example moved\n", encoding="utf-8-sig")
    joined = recorded(data)
    path.write_text(HEADER)
    empty = recorded(data)

    assert kept(data, "identity_overrides", without.overrides) == []
    assert kept(data, "identity_overrides", joined.overrides) == [["a", "b", "same"]]
    assert empty.overrides == without.overrides
    files = (data / "warehouse/identity_overrides").iterdir()
    assert not any(b"Ann" in each.read_bytes() for each in files)


@pytest.mark.parametrize("content", [b"left_id,rule\na,same\n", b"\xff\xfe\x00", b""])
def test_overrides_that_cannot_be_used_are_unknown_and_lose_no_walk(data, content):
    (data / "identity_overrides.csv").write_bytes(content)

    assert recorded(data).overrides is None
