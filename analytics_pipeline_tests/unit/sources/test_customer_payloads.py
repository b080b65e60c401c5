"""Tests for analytics_pipeline.sources.lightspeed.customers."""

import json

import pandas as pd
import pytest

from analytics_pipeline.domain.contacts import ContactKeys
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sources import Customers
from analytics_pipeline.simulator.projections import Projection
from analytics_pipeline.sources.lightspeed.customers import customers_rows, group_names
from analytics_pipeline_tests.contract.simulator.small_store import make_customer
from analytics_pipeline_tests.unit.sources.samples import customer

KEYS = ContactKeys(b"a secret of the tests", "US", Policy())
POLICY = Policy()


def row_of(record, policy=POLICY):
    rows, rejections = customers_rows([record], KEYS, policy)
    assert rejections == []
    Customers.validate(rows, lazy=True)
    return rows.astype(object).where(rows.notna(), None).iloc[0].to_dict()


def rule_of(record):
    rows, rejections = customers_rows([record], KEYS, POLICY)
    assert rows.empty
    return rejections[0].rule


def test_a_record_becomes_its_row():
    expected = {
        "customer_id": "customer-1",
        "version": 30_000_000_007,
        "customer_code": "Ada-1234",
        "name": "Ada Example",
        "email": "Ada@Example.com",
        "phone": "+12125550123",
        "created_at": pd.Timestamp("2025-01-05T15:07:00Z"),
        "updated_at": pd.Timestamp("2025-02-05T15:07:00Z"),
        "is_deleted": False,
        "is_walk_in": False,
        "email_key": KEYS.of_email("ada@example.com"),
        "phone_key": KEYS.of_phone("+12125550123"),
        "mobile_key": None,
        "customer_group_id": None,
        "customer_group": None,
        "do_not_email": None,
        "enable_promotional_sms": None,
    }

    assert expected == row_of(customer())


CHOICES = ("do_not_email", "enable_promotional_sms")


@pytest.mark.parametrize("nested", [False, True], ids=["2.0", "2026-07"])
@pytest.mark.parametrize("answer", [False, True])
def test_group_and_choices_are_read_in_both_shapes_rule_13_1(nested, answer):
    person = make_customer(
        group_id="GROUP-1", **dict.fromkeys(CHOICES, answer), version=7
    )
    row = row_of(json.loads(Projection(nested=nested).customer(person)))

    assert (row["customer_group_id"], row["customer_group"]) == ("GROUP-1", None)
    assert row["do_not_email"] is answer
    assert row["enable_promotional_sms"] is (answer if nested else None)


@pytest.mark.parametrize("field", CHOICES)
@pytest.mark.parametrize("value", [None, "", "false", "true", 0, 1, [], {}])
def test_what_is_no_yes_or_no_is_unknown_and_never_a_no_rule_13_1(field, value):
    assert row_of(customer(**{field: value}))[field] is None


@pytest.mark.parametrize("value", [None, "", " ", 5, ["a"], {}])
def test_a_group_that_has_no_id_is_none_and_rejects_no_customer(value):
    assert row_of(customer(customer_group_id=value))["customer_group_id"] is None


def test_a_deleted_record_keeps_neither_group_nor_choices_rule_3_1():
    row = row_of(
        customer(
            deleted_at="2025-03-01T00:00:00Z",
            customer_group_id="group-1",
            **dict.fromkeys(CHOICES, True),
        )
    )

    kept = ("customer_group_id", "customer_group", *CHOICES)
    assert [row[column] for column in kept] == [None] * 4


def test_groups_have_names_and_one_without_is_left_out():
    groups = [
        {"id": "0A1B2C3D-0000-4000-8000-000000000001", "name": " Trade\n"},
        {"id": "b", "name": ""},
        {"id": "c", "name": 5},
        {"id": None, "name": "Staff"},
        "no record",
        {"id": "d"},
    ]

    assert group_names(groups) == {"0a1b2c3d-0000-4000-8000-000000000001": "Trade"}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        pytest.param({}, "Ada Example", id="name first"),
        pytest.param({"name": None}, "Ada Example", id="first and last"),
        pytest.param({"name": "", "last_name": " "}, "Ada", id="one of the two"),
        pytest.param(
            {"name": " ", "first_name": None, "last_name": ""},
            "Example Flowers",
            id="company",
        ),
        pytest.param({"name": " Ada\tde\nSample "}, "Ada\tde\nSample", id="as typed"),
        pytest.param({"name": "Zoë  Ünal"}, "Zoë  Ünal", id="letters of all kinds"),
    ],
)
def test_the_name_is_the_first_that_is_filled(changes, name):
    assert name == row_of(customer(**changes))["name"]


def test_a_record_without_any_name_has_none():
    names = dict.fromkeys(["name", "first_name", "last_name", "company_name"], "")

    assert row_of(customer(**names))["name"] is None


def test_a_deleted_record_keeps_its_keys_and_nothing_personal():
    row = row_of(customer(deleted_at="2025-03-01T00:00:00Z", mobile="+12125550199"))

    assert row["is_deleted"] is True
    shown = ("customer_code", "name", "email", "phone")
    assert [row[column] for column in shown] == [None] * 4
    assert row["email_key"] == KEYS.of_email("ada@example.com")
    assert row["phone_key"] == KEYS.of_phone("+12125550123")
    assert row["mobile_key"] == KEYS.of_phone("+12125550199")


def test_the_walk_in_customer_goes_by_its_code():
    assert row_of(customer(customer_code=" WALKIN "))["is_walk_in"] is True


def test_a_configured_id_decides_alone_who_the_walk_in_customer_is():
    policy = Policy(walk_in_customer_id="customer-9")

    assert row_of(customer(id="customer-9"), policy)["is_walk_in"] is True
    assert row_of(customer(customer_code="WALKIN"), policy)["is_walk_in"] is False


def test_a_deleted_walk_in_customer_is_still_the_walk_in():
    row = row_of(customer(customer_code="WALKIN", deleted_at="2025-03-01T00:00:00Z"))

    assert row["is_walk_in"] is True


def test_a_phone_number_may_be_a_json_number():
    assert row_of(customer(phone=2125550123))["phone"] == "+12125550123"


def test_a_record_that_was_never_changed_has_no_such_moment():
    assert row_of(customer(updated_at=None))["updated_at"] is None


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"id": None}, "id_is_given"),
        ({"version": None}, "version_is_given"),
        ({"created_at": None}, "created_at_is_given"),
        ({"created_at": ""}, "created_at_is_given"),
        ({"created_at": "once"}, "created_at_is_a_time"),
        ({"updated_at": "now"}, "updated_at_is_a_time"),
        ({"deleted_at": True}, "deleted_at_is_a_time"),
        ({"email": ["ada@example.com"]}, "email_is_text"),
        ({"phone": {}}, "phone_is_text"),
        ({"name": 1.5}, "name_is_text"),
    ],
)
def test_a_record_that_breaks_a_rule_is_rejected(changes, rule):
    assert rule == rule_of(customer(**changes))


def test_a_rejection_holds_nothing_of_the_record():
    _, (rejection,) = customers_rows([customer(created_at="?")], KEYS, POLICY, page=2)

    assert "Ada" not in str(rejection)
    assert (rejection.table, rejection.position) == ("customers", "page 2, record 1")


def test_the_latest_version_on_a_page_makes_the_row():
    page = [customer(version=9, name="New Name"), customer(version=8)]

    rows, _ = customers_rows(page, KEYS, POLICY)

    assert rows["name"].tolist() == ["New Name"]


def test_no_records_are_still_a_valid_table():
    rows, _ = customers_rows([], KEYS, POLICY)

    Customers.validate(rows, lazy=True)
