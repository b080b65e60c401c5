"""Tests for analytics_pipeline.domain.people."""

import pandas as pd
import pytest

from analytics_pipeline.domain.people import describe_people
from analytics_pipeline.model.schemas.customers import CustomerIdentities
from analytics_pipeline.model.schemas.sources import Customers, EcomOrders
from analytics_pipeline_tests.tables import make_table


def describe(members, *, persons=None, orders=(), placeholders=()):
    """Describe persons; *members* are records, *persons* maps a record to its own.

    Without *persons* all are the person ``a``.
    """
    customers = make_table(Customers, members, version=1, created_at="2026-01-01")
    rows = [
        {
            "record_id": row["customer_id"],
            "record_kind": "customer",
            "person_id": (persons or {}).get(row["customer_id"], "a"),
            "is_live": not row.get("is_deleted", False),
            "has_placeholder_email": row["customer_id"] in placeholders,
        }
        for row in members
    ]
    web = {order["ecom_customer_id"] for order in orders}
    rows += [
        {
            "record_id": each,
            "record_kind": "ecom",
            "person_id": (persons or {}).get(each, each),
            "is_live": True,
        }
        for each in sorted(web)
    ]
    ecom_orders = make_table(
        EcomOrders, [{"order_number": str(n), **row} for n, row in enumerate(orders)]
    )
    people = describe_people(
        make_table(CustomerIdentities, rows), customers, ecom_orders
    )
    assert not people["customer_id"].duplicated().any()
    cells = people.astype(object).where(people.notna(), None).to_dict("records")
    return {row["customer_id"]: row for row in cells}


def record(customer_id="a", updated="2026-01-01", **cells):
    moment = f"{updated} 12:00" if updated else None
    return {"customer_id": customer_id, "updated_at": moment, **cells}


FIELDS = {"name": "Ada Example", "email": "ada@example.com", "phone": "+12125550123"}


@pytest.mark.parametrize("field", FIELDS)
def test_a_persons_own_record_speaks_first_rule_3_5(field):
    own = record("a", "2026-01-01", **{field: "own"})
    newer = record("b", "2026-06-01", **{field: "newer"})

    assert describe([newer, own])["a"][field] == "own"


@pytest.mark.parametrize("field", FIELDS)
def test_what_it_lacks_the_latest_updated_live_member_fills_in_rule_3_5(field):
    members = [
        record("a", "2026-06-09"),
        record("b", "2026-06-01", **{field: "older"}),
        record("c", "2026-06-02", **{field: "newer"}),
        record("d", "2026-06-03"),
        record("e", None, **{field: "never updated"}),
    ]

    assert describe(members)["a"][field] == "newer"


def test_each_field_is_filled_in_separately_rule_3_5():
    members = [
        record("a", name="Ada Example"),
        record("b", "2026-06-01", name="Other", phone="+12125550123"),
        record("c", "2026-05-01", email="ada@example.com", phone="+12125550199"),
    ]

    assert {name: describe(members)["a"][name] for name in FIELDS} == FIELDS


def test_a_tie_of_updates_goes_by_the_id():
    members = [record("a"), record("c", name="later"), record("b", name="first")]

    assert describe(members)["a"]["name"] == "first"


def test_a_placeholder_email_counts_as_not_filled_rule_3_5():
    members = [
        record("a", email="noemail@example.com"),
        record("b", email="ada@example.com"),
    ]

    assert describe(members, placeholders="a")["a"]["email"] == "ada@example.com"
    assert describe(members[:1], placeholders="a")["a"]["email"] is None


def test_a_deleted_record_lends_neither_name_nor_contact_rule_3_1():
    members = [record("a"), record("b", is_deleted=True, **FIELDS)]

    row = describe(members)["a"]
    assert [row[name] for name in FIELDS] == [None, None, None]
    assert row["duplicate_ids"] is None


def test_the_code_is_that_of_the_persons_own_record():
    members = [record("a"), record("b", customer_code="B-2")]

    assert describe(members)["a"]["customer_code"] is None
    assert describe([record("a", customer_code="A-1")])["a"]["customer_code"] == "A-1"


def test_the_other_live_members_are_listed_sorted_and_counted_rule_8_1():
    members = [
        record("c", "2026-06-01"),
        record("a"),
        record("b", "2026-05-01"),
        record("d", is_deleted=True),
    ]
    row = describe(members)["a"]

    assert row["duplicate_ids"] == "b;c"
    assert row["note"] == "Merged 2 duplicate records"


def test_one_record_alone_has_no_duplicates_and_no_note_rule_8_1():
    row = describe([record()])["a"]

    assert (row["duplicate_ids"], row["note"]) == (None, None)


def test_of_two_orders_of_one_minute_the_higher_number_is_the_latest():
    """Numbers count as people count: 1000 comes after 999 (rules 3.7 and 4.3)."""
    orders = [
        web_order(order_number="1000", name="Later"),
        web_order(order_number="999", name="Earlier"),
    ]

    assert describe([], orders=orders)["ecom-1"]["name"] == "Later"


def web_order(person="ecom-1", at="2026-06-01 10:00", **cells):
    return {
        "ecom_customer_id": person,
        "ordered_at": at,
        "order_date": at[:10],
        **cells,
    }


def test_a_web_only_person_is_shown_by_the_latest_order_rule_3_7():
    orders = [
        web_order(at="2026-06-02 10:00", name="New Name", email="New@example.com"),
        web_order(at="2026-06-01 10:00", name="Old Name", email="old@example.com"),
    ]
    row = describe([], orders=orders)["ecom-1"]

    assert (row["name"], row["email"]) == ("New Name", "New@example.com")
    for column in ("customer_code", "phone", "duplicate_ids", "note"):
        assert row[column] is None


def test_a_web_email_of_a_customer_makes_no_person_of_its_own_rule_3_7():
    people = describe([record()], orders=[web_order()], persons={"ecom-1": "a"})

    assert list(people) == ["a"]


def test_an_empty_table_describes_no_one():
    assert describe([]) == {}


def test_the_inputs_are_left_as_they_were():
    customers = make_table(Customers, [record()], version=1, created_at="2026-01-01")
    identities = make_table(
        CustomerIdentities,
        [{"record_id": "a", "person_id": "a", "is_live": True}],
        record_kind="customer",
    )
    before = customers.copy(), identities.copy()

    describe_people(identities, customers, make_table(EcomOrders, []))

    pd.testing.assert_frame_equal(before[0], customers)
    pd.testing.assert_frame_equal(before[1], identities)
