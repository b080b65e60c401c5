"""What is noticed about outlets and the store before their table is replaced."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from analytics_pipeline_tests.doctored import Change, doctored
from analytics_pipeline_tests.examples import each_at_night
from analytics_pipeline_tests.light_run import (
    TABLES,
    UP_TO_REPORTING,
    evidence_of,
    exit_code_of,
    run_light,
)
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
        "one_currency",
        "time_zone_agrees",
        "outlets_are_all_there",
        "phone_region_is_known",
    ):
        assert passed(events, check)


def test_a_zone_that_does_not_exist_is_reported(shop: SimulatedShop) -> None:
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


def test_a_store_that_never_named_its_country_is_reported_what_to_set(
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
         "phone numbers without a country code join no one. Set phone_region in "
         "analytics.toml, such as GB."),
        ("AQ", "The store names the country AQ, which phone numbers do not know, so "
         "phone numbers without a country code join no one. Set phone_region in "
         "analytics.toml, such as GB."),
    ],
)  # fmt: skip
def test_a_country_that_phone_numbers_do_not_know_is_reported_rule_3_2(
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


def in_currencies(store: object, outlets: object) -> Change:
    """Let the store and all its outlets name these currencies."""

    def change(path: str, it: dict[str, Any]) -> bool:
        if path in ("retailer", "outlets"):
            it["currency"] = store if path == "retailer" else outlets
        return True

    return change


def describe_currency(events: list[Any]) -> dict[str, Any]:
    return evidence_of(events, "outlets", "one_currency")


@pytest.mark.parametrize("code", ["KWD", "BHD", "TND", "JOD", "CLF"])
def test_a_store_with_three_decimals_is_refused_and_says_so_rule_1_6(
    shop: SimulatedShop, code: str
) -> None:
    with pytest.raises(dg.Failure, match="decimals") as caught:
        read(shop, in_currencies({"code": code}, code))

    assert exit_code_of(caught.value) == 1
    assert f"The shop sells in {code}, which has" in str(caught.value)


def test_outlets_in_two_currencies_are_refused_by_id_rule_1_6(
    shop: SimulatedShop,
) -> None:
    with pytest.raises(dg.Failure, match="one_currency") as caught:
        read(shop, in_currencies({"code": "USD"}, "CAD"))

    text = str(caught.value)
    assert "CAD (outlet " in text
    assert "USD (the store)" in text


def test_a_currency_that_is_not_named_is_remembered_from_before_rule_1_6(
    shop: SimulatedShop,
) -> None:
    nowhere = in_currencies(None, None)
    first = read(shop, nowhere)
    assert passed(first, "one_currency")
    assert describe_currency(first)["currencies"] == "unknown"
    read(shop, in_currencies("EUR", "EUR"))

    later = read(shop, nowhere)

    assert describe_currency(later)["before"] == "EUR"
    with pytest.raises(dg.Failure, match="the stored sales are in EUR"):
        read(shop, in_currencies("BGN", "BGN"))


def test_a_currency_set_back_lets_the_shop_go_on_rule_1_6(shop: SimulatedShop) -> None:
    euro, lev = in_currencies("EUR", "EUR"), in_currencies("BGN", "BGN")
    read(shop, euro)
    with pytest.raises(dg.Failure, match="one_currency"):
        read(shop, lev)

    assert passed(read(shop, euro), "one_currency")


BEFORE = ("ecom_feed", "ecom_orders", "sales_feed")
AFTER = [table for table in TABLES if table not in BEFORE]
WITHOUT_MONEY = ("outlets", "customer_log", "products", "customer_identities")
MONEY = [each for each in AFTER if each not in WITHOUT_MONEY]


@pytest.mark.parametrize("table", each_at_night(MONEY, by_day=4))
def test_nothing_is_made_alone_while_the_currency_is_refused_rule_1_6(
    refused_shop: SimulatedShop, table: str
) -> None:
    master = refused_shop.data / "customer_analytics_master.csv"
    before = master.read_bytes()

    with pytest.raises(dg.Failure, match="one_currency") as caught:
        run_light(refused_shop.settings, FIRST_DAY, tables=[table])

    assert exit_code_of(caught.value) == 1
    assert master.read_bytes() == before


@pytest.fixture(scope="module")
def refused_shop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A shop that was published, and whose outlets then sell in another currency."""
    opened = FIRST_DAY - timedelta(days=3)
    data = tmp_path_factory.mktemp("refused") / "data"
    with open_simulated_shop(data, seed=1, customers=5, opened_on=opened) as shop:
        run_light(shop.settings, FIRST_DAY, tables=UP_TO_REPORTING)
        with pytest.raises(dg.Failure, match="one_currency"):
            read(shop, in_currencies("USD", "CAD"))
        yield shop
