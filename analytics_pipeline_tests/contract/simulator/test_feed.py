from typing import Any

import pytest

from analytics_pipeline.simulator.quirks import Quirks
from analytics_pipeline_tests.contract.simulator.small_store import (
    FIRST_VERSION,
    OPENED,
    Asker,
    asking,
    ids,
    make_customer,
    make_sale,
    make_store,
)

FEED = "/api/2.0/sales"


def walk(asker: Asker, path: str, **params: Any) -> list[str]:
    """Every id in the order of a whole walk, as a careful client makes it."""
    seen: list[str] = []
    after = 0
    while True:
        page = asker.get(path, params={**params, "after": after})
        if not page.json()["data"]:
            return seen
        seen += ids(page)
        after = page.json()["version"]["max"]


def five_sales():
    return make_store(*(make_sale(n) for n in range(1, 6)))


def test_a_page_holds_the_lowest_versions_first_and_names_both_ends():
    store = make_store(make_sale(3), make_sale(1), make_sale(2))
    page = asking(store).get(FEED, params={"page_size": 2})

    assert ids(page) == ["sale-001", "sale-002"]
    assert page.json()["version"] == {
        "min": FIRST_VERSION + 10,
        "max": FIRST_VERSION + 20,
    }


def test_after_is_exclusive_and_before_inclusive():
    window = {"after": FIRST_VERSION + 10, "before": FIRST_VERSION + 40}
    page = asking(five_sales()).get(FEED, params=window)

    assert ids(page) == ["sale-002", "sale-003", "sale-004"]


def test_before_can_be_exclusive_instead():
    asker = asking(five_sales(), quirks=Quirks(before_inclusive=False))

    assert ids(asker.get(FEED, params={"before": FIRST_VERSION + 20})) == ["sale-001"]


@pytest.mark.parametrize("version", ["2.0", "2026-07"])
def test_the_walk_ends_with_an_empty_page_whose_ends_are_null(version):
    asker = asking(five_sales())
    path = f"/api/{version}/sales"
    end = asker.get(path, params={"after": FIRST_VERSION + 50})

    assert end.json() == {"data": [], "version": {"min": None, "max": None}}
    assert walk(asker, path, page_size=2) == [f"sale-00{n}" for n in range(1, 6)]


def test_a_larger_page_than_allowed_is_clamped_without_an_error():
    page = asking(five_sales(), page_limit=3).get(FEED, params={"page_size": 5000})

    assert page.status_code == 200
    assert len(ids(page)) == 3


def test_without_a_page_size_there_are_200_rows():
    store = make_store(*(make_sale(n) for n in range(1, 203)))

    assert len(ids(asking(store).get(FEED))) == 200


def test_unknown_parameters_are_ignored():
    asker = asking(five_sales())
    odd = {"page": 7, "date_from": "2099-01-01", "status": "VOIDED", "deleted": "false"}

    assert ids(asker.get(FEED, params=odd)) == ids(asker.get(FEED))


@pytest.mark.parametrize("name", ["after", "before", "page_size"])
def test_a_parameter_that_is_no_number_is_refused(name):
    refused = asking(five_sales()).get(FEED, params={name: "soon"})

    assert refused.status_code == 400
    assert name in refused.json()["message"]


def test_a_record_changed_during_the_walk_comes_again_at_the_end():
    store = five_sales()
    asker = asking(store)
    first = asker.get(FEED, params={"page_size": 2})
    changed = store.state.sales["sale-001"]
    changed.note = "changed"
    store.touch(changed)
    rest = asker.get(FEED, params={"after": first.json()["version"]["max"]})

    assert ids(rest) == ["sale-003", "sale-004", "sale-005", "sale-001"]
    assert rest.json()["data"][-1]["note"] == "changed"


def test_a_new_sale_shows_without_any_move_of_the_clock():
    store = five_sales()
    asker = asking(store)
    asker.get(FEED)
    store.state.sales["sale-006"] = make_sale(6)

    assert ids(asker.get(FEED))[-1] == "sale-006"


def test_sales_always_include_the_deleted_and_the_voided():
    store = make_store(
        make_sale(1, deleted_at=OPENED), make_sale(2, state="voided", status="VOIDED")
    )

    assert ids(asking(store).get(FEED)) == ["sale-001", "sale-002"]


@pytest.mark.parametrize("path", ["/api/2.0/customers", "/api/2026-07/customers"])
def test_deleted_customers_show_only_on_demand(path):
    people = (make_customer(1), make_customer(2, deleted_at=OPENED), make_customer(3))
    asker = asking(make_store(customers=people))

    assert ids(asker.get(path)) == ["customer-1", "customer-3"]
    assert walk(asker, path, deleted="true", page_size=1) == [
        "customer-1",
        "customer-2",
        "customer-3",
    ]


def test_outlets_and_registers_are_feeds_too():
    asker = asking(make_store())

    assert walk(asker, "/api/2026-07/outlets") == ["outlet-1"]
    assert walk(asker, "/api/2.0/registers") == ["register-1"]
    assert walk(asker, "/api/2.0/registers", deleted="true") == [
        "register-1",
        "register-2",
    ]


@pytest.mark.parametrize("version", ["2.0", "2026-07"])
def test_groups_of_customers_are_a_feed_and_deleted_ones_show_only_if_asked(version):
    store = make_store()
    _everyone, trade, _staff = store.state.customer_groups.values()
    trade.deleted_at = OPENED
    asker = asking(store)

    shown = asker.get(f"/api/{version}/customer_groups").json()
    every = asker.get(f"/api/{version}/customer_groups", params={"deleted": "true"})

    assert [each["name"] for each in shown["data"]] == ["All Customers", "Staff"]
    assert [each["name"] for each in every.json()["data"]][1] == "Trade"
    assert shown["version"] == {"min": 1, "max": 3}
