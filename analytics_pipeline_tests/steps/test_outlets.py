"""What is noticed about outlets and the store before their table is replaced."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from analytics_pipeline_tests.doctored import Change, doctored
from analytics_pipeline_tests.light_run import evidence_of, exit_code_of, run_light
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    SimulatedShop,
    open_simulated_shop,
)


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    opened = FIRST_DAY - timedelta(days=3)
    with open_simulated_shop(
        tmp_path / "data", seed=1, customers=5, opened_on=opened
    ) as simulated:
        yield simulated


def read(shop: SimulatedShop, change: Change = lambda _path, _it: True) -> list[Any]:
    way = doctored(shop, change)
    return run_light(shop.settings, FIRST_DAY, tables=["outlets"], lightspeed=way)


def passed(events: list[Any], check: str) -> bool:
    (found,) = [e for e in events if getattr(e, "check_name", None) == check]
    return bool(found.passed)


def without(key: str) -> Change:
    def change(path: str, it: dict[str, Any]) -> bool:
        if path == "retailer":
            it.pop(key)
        return True

    return change


def test_a_sound_store_passes_every_check(shop: SimulatedShop) -> None:
    events = read(shop)

    for check in (
        "time_zone_agrees",
        "outlets_are_all_there",
        "phone_region_is_known",
    ):
        assert passed(events, check)


def test_a_zone_that_does_not_exist_is_told(shop: SimulatedShop) -> None:
    def to_mars(path: str, it: dict[str, Any]) -> bool:
        if path == "outlets":
            it["time_zone"] = "Mars/Olympus"
        return True

    events = read(shop, to_mars)

    assert not passed(events, "time_zone_agrees")
    assert evidence_of(events, "outlets", "time_zone_agrees")["outlets"]


@pytest.mark.parametrize("key", ["country", "timezone"])
def test_what_the_store_said_of_itself_must_not_get_lost(
    shop: SimulatedShop, key: str
) -> None:
    read(shop)

    with pytest.raises(dg.Failure, match="gate") as caught:
        read(shop, without(key))

    assert exit_code_of(caught.value) == 1
    assert caught.value.metadata["lost"].value.startswith("store_")


def test_a_store_that_never_named_its_country_is_told_what_to_set(
    shop: SimulatedShop,
) -> None:
    events = read(shop, without("country"))

    assert not passed(events, "phone_region_is_known")
    assert passed(events, "outlets_are_all_there")


@pytest.mark.parametrize(
    ("country", "sentence"),
    [
        ("UK", "The store names the country UK, which is GB for phone numbers, so "
         "those without a country code are read as of GB. Set phone_region in "
         "analytics.toml to GB."),
        ("el", "The store names the country EL, which is GR for phone numbers, so "
         "those without a country code are read as of GR. Set phone_region in "
         "analytics.toml to GR."),
        ("ZZ", "The store names the country ZZ, which phone numbers do not know, so "
         "phone numbers without a country code join nobody. Set phone_region in "
         "analytics.toml, such as GB."),
        ("AQ", "The store names the country AQ, which phone numbers do not know, so "
         "phone numbers without a country code join nobody. Set phone_region in "
         "analytics.toml, such as GB."),
    ],
)  # fmt: skip
def test_a_country_that_phone_numbers_do_not_know_is_told_rule_3_2(
    shop: SimulatedShop, country: str, sentence: str
) -> None:
    events = read(shop, naming(country))

    (found,) = [
        each
        for each in events
        if getattr(each, "check_name", None) == "phone_region_is_known"
    ]
    assert not found.passed
    assert found.description == sentence


def naming(country: str) -> Change:
    def change(path: str, it: dict[str, Any]) -> bool:
        if path == "retailer":
            it["country"] = country
        return True

    return change


def test_a_configured_region_makes_up_for_the_stores_country_rule_3_2(
    shop: SimulatedShop,
) -> None:
    shop.settings.policy_file.parent.mkdir(parents=True, exist_ok=True)
    shop.settings.policy_file.write_text('phone_region = "GB"', encoding="utf-8")

    assert passed(read(shop, naming("UK")), "phone_region_is_known")


@pytest.mark.parametrize("collection", ["outlets", "registers"])
def test_a_store_without_outlets_or_registers_is_not_believed(
    shop: SimulatedShop, collection: str
) -> None:
    with pytest.raises(dg.Failure, match=f"names no {collection}") as caught:
        read(shop, lambda path, _it: path != collection)

    assert exit_code_of(caught.value) == 3
