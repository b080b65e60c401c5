import json
from decimal import Decimal
from typing import Any

import pytest

from analytics_pipeline.simulator.projections import Projection
from analytics_pipeline.simulator.records import USUAL_GROUPS
from analytics_pipeline_tests.contract.simulator.small_store import (
    make_customer,
    make_product,
    make_sale,
    make_store,
)

FLAT = Projection(nested=False)


def read(written: bytes) -> Any:
    return json.loads(written, parse_float=Decimal)


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [("Ada", "Rivera", "Ada Rivera"), (None, "Rivera", "Rivera"), (None, "", None)],
)
def test_a_customers_name_is_made_of_first_and_last(first, last, name):
    written = FLAT.customer(make_customer(first_name=first, last_name=last))

    assert read(written)["name"] == name


def test_the_store_says_timezone_and_an_outlet_says_time_zone():
    state = make_store().state
    outlet = read(FLAT.outlet(state.outlets["outlet-1"], state.retailer))
    retailer = read(FLAT.retailer(state.retailer))

    assert outlet["time_zone"] == retailer["timezone"] == "America/New_York"
    assert "timezone" not in outlet
    assert "time_zone" not in retailer
    assert retailer["discount_product_id"] == "product-discount"
    assert retailer["country"] == "US"
    assert isinstance(retailer["version"], str)


TEXT, NUMBER, WHOLE, FLAG, LIST = str, (Decimal, int), int, bool, list
VENDOR_FIELDS = {
    "sale": {
        **dict.fromkeys(("id", "outlet_id", "register_id", "user_id"), TEXT),
        **dict.fromkeys(("invoice_number", "source", "status", "note"), TEXT),
        **dict.fromkeys(("short_code", "sale_date", "created_at", "updated_at"), TEXT),
        **dict.fromkeys(("total_price", "total_tax", "total_loyalty"), NUMBER),
        **dict.fromkeys(("taxes", "line_items", "payments", "attributes"), LIST),
        "version": WHOLE,
        "adjustments": LIST,
        "ecom_custom_charges": dict,
    },
    "line": {
        **dict.fromkeys(("id", "product_id", "tax_id", "status"), TEXT),
        **dict.fromkeys(("quantity", "price", "price_total", "discount"), NUMBER),
        **dict.fromkeys(("discount_total", "cost", "cost_total", "tax"), NUMBER),
        **dict.fromkeys(("tax_total", "loyalty_value", "sequence"), NUMBER),
        **dict.fromkeys(("surcharges", "tax_components"), LIST),
        **dict.fromkeys(("is_return", "price_set"), FLAG),
    },
    "payment": {
        **dict.fromkeys(("name", "register_id", "retailer_payment_type_id"), TEXT),
        "payment_type_id": TEXT,
        "payment_date": TEXT,
        "amount": NUMBER,
    },
    "customer": {
        **dict.fromkeys(("id", "customer_code", "customer_group_id"), TEXT),
        **dict.fromkeys(("created_at", "updated_at"), TEXT),
        **dict.fromkeys(("year_to_date", "balance", "loyalty_balance"), NUMBER),
        "enable_loyalty": FLAG,
        "do_not_email": FLAG,
        "version": WHOLE,
    },
    "customer group": {
        **dict.fromkeys(("id", "name", "group_id", "retailer_id"), TEXT),
        **dict.fromkeys(("created_at", "updated_at"), TEXT),
        "version": WHOLE,
    },
    "outlet": {
        **dict.fromkeys(("id", "name", "time_zone", "default_tax_id"), TEXT),
        **dict.fromkeys(("currency", "currency_symbol", "display_prices"), TEXT),
        "physical_city": TEXT,
        "email": TEXT,
        "attributes": LIST,
        "version": WHOLE,
    },
    "register": {
        **dict.fromkeys(("id", "name", "outlet_id", "invoice_prefix"), TEXT),
        **dict.fromkeys(("ask_for_note_on_save", "invoice_sequence"), NUMBER),
        "print_receipt": FLAG,
        "is_open": FLAG,
        "version": WHOLE,
    },
}


def test_only_dated_versions_say_whether_a_customer_wants_messages():
    dated = read(Projection(nested=True).customer(make_customer()))

    assert dated.pop("enable_promotional_sms") is False
    assert dated == read(FLAT.customer(make_customer()))


@pytest.mark.parametrize("answer", [False, True])
def test_a_customer_says_what_was_agreed_and_which_group_it_is_in(answer):
    person = make_customer(
        group_id="group-1", do_not_email=answer, enable_promotional_sms=answer
    )
    flat, dated = (
        read(Projection(nested=nested).customer(person)) for nested in (False, True)
    )

    assert flat["do_not_email"] is dated["do_not_email"] is answer
    assert dated["enable_promotional_sms"] is answer
    assert flat["customer_group_id"] == dated["customer_group_id"] == "group-1"


def test_only_the_group_of_all_customers_is_built_in():
    state = make_store().state
    everyone, *others = (
        read(FLAT.customer_group(group, state.retailer))
        for group in state.customer_groups.values()
    )

    assert (everyone["name"], everyone["group_id"]) == ("All Customers", "1111111111")
    assert [each["group_id"] for each in others] == [each["id"] for each in others]


def test_flat_records_have_the_fields_and_types_of_the_vendors_description():
    state = make_store().state
    sale = read(FLAT.sale(make_sale()))
    records = {
        "sale": sale,
        "line": sale["line_items"][0],
        "payment": sale["payments"][0],
        "customer": read(FLAT.customer(make_customer())),
        "customer group": read(FLAT.customer_group(USUAL_GROUPS[0], state.retailer)),
        "outlet": read(FLAT.outlet(state.outlets["outlet-1"], state.retailer)),
        "register": read(FLAT.register(state.registers["register-1"])),
    }
    wrong = [
        f"{record}.{name}"
        for record, fields in VENDOR_FIELDS.items()
        for name, kind in fields.items()
        if not isinstance(records[record].get(name), kind)
    ]

    assert wrong == []


def test_a_product_is_written_as_the_vendor_shows_it():
    """As in the examples of its documentation: a brand that lacks is an object."""
    variant = make_product(parent_id="product-0", category="Home", is_active=False)

    found = read(FLAT.product(variant))

    assert (found["variant_parent_id"], found["has_variants"]) == ("product-0", True)
    assert found["product_category"]["name"] == found["type"]["name"] == "Home"
    assert (found["brand"], found["supplier"]) == ({}, {})
    assert found["active"] is found["is_active"] is False
    assert found["version"] == variant.version
    assert found == read(Projection(nested=True).product(variant))
