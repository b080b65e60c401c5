"""The completeness gate: what the search has and the log lacks is fetched."""

from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from analytics_pipeline.assets import sales_feed as repairs
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.quirks import Quirks
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline_tests.doctored import Change, doctored
from analytics_pipeline_tests.light_run import evidence_of, exit_code_of, run_light
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    NOON,
    PUBLISHED,
    TOKEN,
    SimulatedShop,
)

NEXT_DAY = FIRST_DAY + timedelta(days=1)
MASTER, _ = PUBLISHED


@pytest.fixture
def shop(small_shop: SimulatedShop) -> SimulatedShop:
    """A shop whose FIRST_DAY is published, and that has lived one day since."""
    small_shop.live_until(NEXT_DAY)
    return small_shop


def a_new_sale(shop: SimulatedShop) -> Any:
    """A counted sale of NEXT_DAY, of a customer, that the log cannot have yet."""
    held = shop.local.sales_log().cursor()
    state = shop.store.state
    noon = datetime.combine(NEXT_DAY, NOON)
    return next(
        sale
        for sale in state.sales.values()
        if sale.version > held
        and noon < sale.sale_date < noon + timedelta(hours=12)
        and sale.state == "closed"
        and sale.deleted_at is None
        and sale.total_price_incl > 1
        and sale.customer_id not in (None, state.default_customer_id)
    )


def origins(shop: SimulatedShop) -> list[str]:
    return [each.notes()["origin"] for each in shop.local.sales_log().segments()]


def compared(shop: SimulatedShop, change: Change) -> dict[str, Any]:
    way = doctored(shop, change)
    events = run_light(shop.settings, NEXT_DAY, lightspeed=way)
    return evidence_of(events, "sales_feed", "agrees_with_search")


def assert_equals_ledger(shop: SimulatedShop) -> None:
    assert expected_master(shop.store.state, NEXT_DAY) == shop.rows(MASTER)


def test_a_sale_that_the_feed_left_out_is_fetched(shop: SimulatedShop) -> None:
    lost = a_new_sale(shop).id

    evidence = compared(shop, lambda path, it: path != "sales" or it["id"] != lost)

    assert (evidence["repaired"], evidence["missing"]) == (1, 0)
    assert origins(shop).count("repair") == 1
    assert_equals_ledger(shop)


@pytest.mark.nightly
def test_a_repair_does_not_move_the_cursor(shop: SimulatedShop) -> None:
    newest = max(shop.store.state.sales.values(), key=lambda sale: sale.version)

    def leave_out(path: str, it: dict[str, Any]) -> bool:
        return path != "sales" or it["id"] != newest.id

    compared(shop, leave_out)
    assert shop.local.sales_log().cursor() < newest.version

    run_light(shop.settings, NEXT_DAY)
    assert shop.local.sales_log().cursor() == newest.version
    assert_equals_ledger(shop)


@pytest.mark.parametrize("days", [0, 7])
@pytest.mark.nightly
def test_without_the_comparison_the_lost_sale_stays_lost(
    shop: SimulatedShop, days: int
) -> None:
    """What the comparison is for: the same history, with it and without it."""
    lost = a_new_sale(shop).id
    way = doctored(shop, lambda path, it: path != "sales" or it["id"] != lost)

    run_light(shop.settings, NEXT_DAY, days=days, lightspeed=way)

    right = expected_master(shop.store.state, NEXT_DAY) == shop.rows(MASTER)
    assert right is (days == 7)


@pytest.mark.nightly
def test_other_money_at_the_same_version_is_put_right(shop: SimulatedShop) -> None:
    wrong = a_new_sale(shop).id

    def pay_less(path: str, it: dict[str, Any]) -> bool:
        if path == "sales" and it["id"] == wrong:
            it["totals"]["price_incl_tax"] = "0.01"
        return True

    evidence = compared(shop, pay_less)

    assert (evidence["differed"], evidence["repaired"]) == (1, 1)
    assert_equals_ledger(shop)


@pytest.mark.nightly
@pytest.mark.parametrize("spoilt", ["total", "state", "customer"])
def test_a_day_that_was_cut_wrongly_is_cut_again_at_the_same_version(
    shop: SimulatedShop, spoilt: str
) -> None:
    """The version of a stored sale does not change when the log is repaired."""
    wrong = a_new_sale(shop).id

    def spoil(path: str, it: dict[str, Any]) -> bool:
        if path == "sales" and it["id"] == wrong:
            if spoilt == "total":
                it["totals"]["price_incl_tax"] = "0.01"
            elif spoilt == "state":
                it["state"] = "voided"
            else:
                it["customer_id"] = None
        return True

    run_light(shop.settings, NEXT_DAY, days=0, lightspeed=doctored(shop, spoil))
    right = expected_master(shop.store.state, NEXT_DAY)
    assert right != shop.rows(MASTER)

    fixed = {"days": 7} if spoilt != "customer" else {"full_resync": True}
    run_light(shop.settings, NEXT_DAY, **fixed)

    assert right == shop.rows(MASTER)


def test_a_single_sale_that_is_answered_in_an_older_version_stops_the_run(
    shop: SimulatedShop,
) -> None:
    lost = a_new_sale(shop)

    def lag(path: str, it: dict[str, Any]) -> bool:
        if path == f"sales/{lost.id}":
            it["_metadata"]["version"] = lost.version - 1
        return path != "sales" or it["id"] != lost.id

    with pytest.raises(dg.Failure) as caught:
        compared(shop, lag)

    assert caught.value.metadata["sales"].value == lost.id


def test_a_reply_about_another_sale_is_not_taken_for_the_one_asked_for(
    shop: SimulatedShop,
) -> None:
    lost = a_new_sale(shop).id

    def swap(path: str, it: dict[str, Any]) -> bool:
        if path == f"sales/{lost}":
            it["id"] = "another"
        return path != "sales" or it["id"] != lost

    with pytest.raises(dg.Failure) as caught:
        compared(shop, swap)

    assert exit_code_of(caught.value) == 3


@pytest.mark.nightly
def test_another_state_at_the_same_version_is_put_right(shop: SimulatedShop) -> None:
    wrong = a_new_sale(shop).id

    def void(path: str, it: dict[str, Any]) -> bool:
        if path == "sales" and it["id"] == wrong:
            it["state"] = "voided"
        return True

    assert compared(shop, void)["repaired"] == 1
    assert_equals_ledger(shop)


@pytest.mark.nightly
def test_an_index_that_is_wrong_changes_nothing(shop: SimulatedShop) -> None:
    wrong = a_new_sale(shop).id

    def pay_less(path: str, it: dict[str, Any]) -> bool:
        if path == "search" and it["id"] == wrong:
            it["totals"]["price_incl_tax"] = "0.01"
        return True

    first = compared(shop, pay_less)
    segments = len(shop.local.sales_log().segments())
    second = compared(shop, pay_less)

    for evidence in (first, second):
        assert (evidence["differed"], evidence["repaired"]) == (1, 0)
    assert len(shop.local.sales_log().segments()) == segments
    assert_equals_ledger(shop)


@pytest.mark.nightly
def test_a_sale_that_cannot_be_fetched_stops_the_run(shop: SimulatedShop) -> None:
    lost = a_new_sale(shop).id
    before = [(shop.data / name).read_bytes() for name in PUBLISHED]

    with pytest.raises(dg.Failure) as caught:
        compared(shop, lambda path, it: path == "search" or it["id"] != lost)

    assert exit_code_of(caught.value) == 1
    assert "agrees_with_search" in str(caught.value.metadata["cause"].value)
    assert caught.value.metadata["sales"].value == lost
    assert before == [(shop.data / name).read_bytes() for name in PUBLISHED]

    run_light(shop.settings, NEXT_DAY)
    assert_equals_ledger(shop)


@pytest.mark.nightly
def test_a_sale_that_the_log_holds_need_not_be_found_singly(
    shop: SimulatedShop,
) -> None:
    wrong = a_new_sale(shop).id

    def contradict(path: str, it: dict[str, Any]) -> bool:
        if path == "search" and it["id"] == wrong:
            it["totals"]["price_incl_tax"] = "0.01"
        return path != f"sales/{wrong}"

    assert compared(shop, contradict)["missing"] == 0
    assert_equals_ledger(shop)


@pytest.mark.nightly
def test_what_the_search_does_not_know_yet_is_counted_only(
    shop: SimulatedShop,
) -> None:
    lagging = Quirks(search_lag=timedelta(days=2))
    app = build_app(shop.store, token=TOKEN, rate_limit=1_000_000, quirks=lagging)
    with serve(app) as origin:
        settings = shop.settings.model_copy(update={"api_url": origin})
        events = run_light(settings, NEXT_DAY)

    evidence = evidence_of(events, "sales_feed", "agrees_with_search")
    assert evidence["only_in_the_log"] > 0
    assert (evidence["differed"], evidence["missing"]) == (0, 0)
    assert_equals_ledger(shop)


@pytest.mark.nightly
def test_a_bad_sale_found_by_the_search_alone_goes_to_quarantine(
    shop: SimulatedShop,
) -> None:
    lost = a_new_sale(shop)
    lost.total_price_incl = None

    evidence = compared(shop, lambda path, it: path != "sales" or it["id"] != lost.id)

    assert evidence["missing"] == 0
    listed = (shop.data / "quarantine/sales_feed/records.csv").read_text()
    assert lost.id in listed

    again = compared(shop, lambda path, it: path != "sales" or it["id"] != lost.id)
    assert again["differed"] == 0


@pytest.mark.nightly
def test_a_sale_that_once_came_without_a_version_is_compared_like_any_other(
    shop: SimulatedShop,
) -> None:
    sale = a_new_sale(shop)

    def unversion(path: str, it: dict[str, Any]) -> bool:
        if path in ("sales", "search", f"sales/{sale.id}") and it["id"] == sale.id:
            it.pop("_metadata")
        return True

    run_light(shop.settings, NEXT_DAY, lightspeed=doctored(shop, unversion))
    newest = max(each.version for each in shop.store.state.sales.values())
    sale.version = newest + 1
    run_light(shop.settings, NEXT_DAY)
    sale.total_price_incl += 1
    sale.version = newest + 2
    # The feed is not empty for want of that sale.
    other = next(each for each in shop.store.state.sales.values() if each is not sale)
    other.version = newest + 3

    evidence = compared(shop, lambda path, it: path != "sales" or it["id"] != sale.id)

    assert (evidence["differed"], evidence["repaired"]) == (1, 1)
    assert_equals_ledger(shop)


@pytest.mark.nightly
def test_many_lost_sales_are_fetched_some_at_a_time(
    shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repairs, "AT_ONCE", 3)
    held = shop.local.sales_log().cursor()

    def leave_out(path: str, it: dict[str, Any]) -> bool:
        return path != "sales" or it["_metadata"]["version"] <= held

    evidence = compared(shop, leave_out)

    lost = [sale for sale in shop.store.state.sales.values() if sale.version > held]
    assert evidence["repaired"] >= 4
    assert evidence["repaired"] <= len(lost)
    assert origins(shop).count("repair") == -(-evidence["repaired"] // 3)
