from datetime import timedelta

import pytest

from analytics_pipeline.simulator.quirks import Quirks
from analytics_pipeline_tests.contract.simulator.small_store import (
    OPENED,
    asking,
    ids,
    make_customer,
    make_product,
    make_sale,
    make_store,
)

PATH = "/api/2026-07/search"


def search(store, **params):
    options = {"quirks": params.pop("quirks", None)}
    return asking(store, **options).get(PATH, params={"type": "sales", **params})


def store_of_five():
    return make_store(
        make_sale(1),
        make_sale(2, outlet_id="outlet-2", customer_id="customer-2"),
        make_sale(3, state="voided", status="VOIDED"),
        make_sale(4, deleted_at=OPENED),
        make_sale(5, attributes=("pickup",), state="pending", status="AWAITING_PICKUP"),
    )


def test_the_latest_sale_comes_first_and_the_deleted_one_not_at_all():
    found = search(store_of_five())

    assert ids(found) == ["sale-005", "sale-003", "sale-002", "sale-001"]
    assert found.json()["total_count"] == 4
    assert "version" not in found.json()


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        pytest.param({"outlet_id": "outlet-2"}, [2], id="outlet"),
        pytest.param({"customer_id": "customer-1"}, [5, 3, 1], id="customer"),
        pytest.param({"state": ["voided", "pending"]}, [5, 3], id="repeated state"),
        pytest.param({"status": "CLOSED"}, [2, 1], id="status"),
        pytest.param({"attributes": "pickup"}, [5], id="attribute"),
        pytest.param({"invoice_number": "3"}, [3], id="receipt number"),
        pytest.param({"deleted": "true"}, [5, 4, 3, 2, 1], id="deleted too"),
        pytest.param({"_id": ["sale-001", "sale-002"]}, [2, 1], id="by id"),
        pytest.param({"-_id": ["sale-001", "sale-002"]}, [5, 3], id="but these"),
        pytest.param({"order_direction": "asc"}, [1, 2, 3, 5], id="oldest first"),
        pytest.param({"colour": "green"}, [5, 3, 2, 1], id="unknown parameter"),
    ],
)
def test_a_search_finds_what_every_given_field_says(params, expected):
    assert ids(search(store_of_five(), **params)) == [f"sale-00{n}" for n in expected]


def test_both_dates_are_inclusive_to_the_second():
    window = {"date_from": "2025-03-01T17:00:00Z", "date_to": "2025-03-01T18:00:00Z"}

    assert ids(search(store_of_five(), **window)) == ["sale-003", "sale-002"]
    later = {**window, "date_from": "2025-03-01T17:00:01Z"}
    assert ids(search(store_of_five(), **later)) == ["sale-003"]


def test_a_plus_that_is_not_escaped_is_a_space_and_refused():
    path = f"{PATH}?type=sales&date_from=2025-03-01T17:00:00+00:00"

    assert asking(store_of_five()).get(path).status_code == 400


def test_pages_by_offset_make_up_the_whole():
    pages = [
        ids(search(store_of_five(), page_size=3, offset=offset)) for offset in (0, 3, 6)
    ]

    assert pages == [["sale-005", "sale-003", "sale-002"], ["sale-001"], []]


def test_a_larger_page_than_allowed_is_clamped():
    asker = asking(store_of_five(), search_limit=2)
    found = asker.get(PATH, params={"type": "sales", "page_size": 1000})

    assert len(ids(found)) == 2
    assert found.json()["total_count"] == 4


def test_a_type_is_required():
    assert asking(store_of_five()).get(PATH).status_code == 400


def test_each_version_finds_sales_in_its_own_shape():
    asker = asking(store_of_five())
    params = {"type": "sales"}
    flat = asker.get("/api/2.0/search", params=params).json()["data"][0]
    nested = asker.get("/api/2026-07/search", params=params).json()["data"][0]

    assert flat["total_price_incl"] == nested["totals"]["price_incl_tax"]
    assert flat["version"] == nested["_metadata"]["version"]


def test_customers_are_found_by_mail_in_any_case():
    people = (make_customer(1), make_customer(2), make_customer(3, deleted_at=OPENED))
    store = make_store(customers=people)

    by_mail = search(store, type="customers", email="ADA.2@example.com")
    assert ids(by_mail) == ["customer-2"]
    assert ids(search(store, type="customers")) == ["customer-2", "customer-1"]


def test_products_are_found_by_sku_and_deleted_ones_on_demand():
    store = make_store()
    for n, deleted_at in ((1, None), (2, None), (3, OPENED)):
        store.state.products[f"product-{n}"] = make_product(n, deleted_at=deleted_at)

    assert ids(search(store, type="products")) == ["product-2", "product-1"]
    assert ids(search(store, type="products", sku="sku-1")) == ["product-1"]
    every = search(store, type="products", deleted="true")
    assert ids(every) == ["product-3", "product-2", "product-1"]


def test_the_count_can_be_absent():
    found = search(store_of_five(), quirks=Quirks(search_total_count=False))

    assert list(found.json()) == ["data"]


def test_the_index_can_lag_behind_the_feed():
    store = store_of_five()
    store.state.now = OPENED + timedelta(hours=5, seconds=10)
    behind = search(store, quirks=Quirks(search_lag=timedelta(seconds=30)))

    assert "sale-005" not in ids(behind)
    assert "sale-005" in ids(search(store, quirks=Quirks()))


def test_a_deep_offset_can_be_refused():
    quirks = Quirks(search_window=4)

    assert search(store_of_five(), quirks=quirks, page_size=2, offset=2).is_success
    deep = search(store_of_five(), quirks=quirks, page_size=2, offset=3)
    assert deep.status_code == 400
