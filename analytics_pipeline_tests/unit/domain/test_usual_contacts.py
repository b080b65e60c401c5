"""Tests for analytics_pipeline.domain.anomalies.people."""

import pytest

from analytics_pipeline.domain.anomalies.people import (
    check_contacts,
    check_placeholders,
    count_contacts,
    count_placeholders,
)
from analytics_pipeline.model.policy import AnomalyLimits, Policy
from analytics_pipeline.model.schemas.customers import CustomerIdentities
from analytics_pipeline.model.schemas.sources import Customers
from analytics_pipeline_tests.tables import make_table

# Valid contacts -------------------------------------------------------------------


def test_contacts_are_counted_of_live_records_of_somebody():
    table = make_table(
        Customers,
        [
            {"email": "a@example.com", "email_key": "k", "phone": "+12025550100"},
            {"email": "nonsense", "phone": "+12025550101", "phone_key": "k"},
            {"phone": "+12025550102", "mobile_key": "k"},
            {"email": "b@", "phone": "7", "is_deleted": True},
            {"email": "c@", "phone": "7", "is_walk_in": True},
            {},
        ],
    )

    assert count_contacts(table) == {
        "emails": 2, "emails_without_key": 1, "phones": 3, "phones_without_key": 1,
    }  # fmt: skip


def run(emails=100, without=0, phones=0, phones_without=0):
    return {
        "emails": emails, "emails_without_key": without,
        "phones": phones, "phones_without_key": phones_without,
    }  # fmt: skip


def contacts(now, before=None, **choices):
    return check_contacts(
        now, [run()] * 28 if before is None else before, AnomalyLimits(**choices)
    )


@pytest.mark.parametrize(("without", "passed"), [(9, True), (10, False)])
def test_ten_more_invalid_e_mails_are_needed(without, passed):
    found = contacts(run(without=without))

    assert found.passed is passed
    assert not found.blocks
    text = f"{without} of 100 e-mails are not valid; usually 0 are."
    assert (found.sentence == text) is not passed


@pytest.mark.parametrize(
    ("emails", "without", "usually", "passed"),
    [
        (400, 20, 0, True),
        (400, 21, 0, False),
        (400, 60, 40, True),
        (400, 61, 40, False),
    ],
)
def test_a_fall_by_more_than_five_percent_is_reported(emails, without, usually, passed):
    before = [run(emails, usually)] * 28

    assert contacts(run(emails, without), before).passed is passed


def test_better_contacts_are_never_reported():
    assert contacts(run(), [run(without=50)] * 28).passed


def test_phone_numbers_are_checked_separately():
    before = [run(phones=100)] * 28

    found = contacts(run(phones=100, phones_without=60), before)

    assert found.sentence == "60 of 100 phone numbers are not valid; usually 0 are."


@pytest.mark.parametrize(("runs", "passed"), [(0, True), (6, True), (7, False)])
def test_seven_runs_are_learned_first(runs, passed):
    found = contacts(run(without=90), [run()] * runs)

    assert found.passed is passed
    assert (found.sentence == f"Still learning: {runs} of 7 runs.") is passed


def test_only_the_last_twenty_eight_runs_are_compared():
    assert contacts(run(without=90), [run()] * 40 + [run(without=90)] * 28).passed


def test_without_any_contacts_there_is_no_share():
    assert contacts(run(emails=0)).passed
    assert contacts(run(without=90), [run(emails=0)] * 28).passed


# Placeholders ---------------------------------------------------------------------


FIVE = Policy(max_shared=5)


def records(*rows, **defaults):
    """Records, and the identities that were made from them."""
    named = [{"customer_id": f"c{n:02}"} | row for n, row in enumerate(rows)]
    blank = {"email": "noemail@example.com"}
    identities = [
        {
            "record_id": row["customer_id"],
            "has_placeholder_email": row.get("email") == blank["email"],
        }
        for row in named
    ]
    return make_table(Customers, named), make_table(CustomerIdentities, identities)


@pytest.mark.parametrize(("holders", "placeholders"), [(5, 0), (6, 6)])
@pytest.mark.parametrize("key", ["email_key", "phone_key", "mobile_key"])
def test_a_key_that_more_than_five_share_is_as_good_as_none(key, holders, placeholders):
    counted = count_placeholders(*records(*[{key: "k"}] * holders, {key: "l"}), FIVE)

    assert counted == {"records": holders + 1, "placeholders": placeholders}


@pytest.mark.parametrize(
    ("row", "placeholders"),
    [
        ({"email": "noemail@example.com"}, 1),
        ({"phone": "000 000-0000"}, 1),
        ({"phone": "+1 9999999999"}, 0),
        ({"phone": "9999999999"}, 1),
        ({"phone": "5555"}, 0),
        ({"phone": "12345"}, 0),
        ({"phone": "+12025550100", "phone_key": "k"}, 0),
        ({"phone": "+33777777777"}, 1),
        ({"phone": "+33777777777 ext. 12"}, 1),
        ({}, 0),
    ],
)
def test_placeholders_are_counted(row, placeholders):
    assert count_placeholders(*records(row), FIVE)["placeholders"] == placeholders


def test_the_deleted_and_the_walk_in_are_left_out():
    gone = {"email": "noemail@example.com", "is_deleted": True}
    no_one = {"email": "noemail@example.com", "is_walk_in": True}

    counted = count_placeholders(*records(gone, no_one, {}), FIVE)

    assert counted == {"records": 1, "placeholders": 0}


def flood(placeholders, records=500, usually=3, runs=28):
    before = [{"records": records, "placeholders": usually}] * runs
    now = {"records": records, "placeholders": placeholders}
    return check_placeholders(now, before, AnomalyLimits())


@pytest.mark.parametrize(
    ("records", "most"), [(100, 13), (500, 13), (1000, 23), (1050, 24)]
)
def test_more_than_ten_and_two_percent_above_normal_is_reported(records, most):
    assert flood(most, records).passed
    assert not flood(most + 1, records).passed
    assert not flood(most + 1, records).blocks


def test_a_flood_is_reported_in_numbers():
    assert flood(400).sentence == (
        "400 of 500 records have a contact that is a placeholder or that many share; "
        "usually 3 have."
    )


def test_fewer_placeholders_are_never_reported():
    assert flood(0, usually=400).passed


@pytest.mark.parametrize(("runs", "passed"), [(6, True), (7, False)])
def test_seven_runs_of_placeholders_are_learned_first(runs, passed):
    assert flood(400, runs=runs).passed is passed
