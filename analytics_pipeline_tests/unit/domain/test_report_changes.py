"""Tests for analytics_pipeline.domain.report."""

from datetime import date

from analytics_pipeline.domain.report import MOST_LISTED, list_largest_changes
from analytics_pipeline.model.schemas.changes import CustomerChanges
from analytics_pipeline_tests.tables import make_table

WEB_PERSON = "ecom-0123456789abcdef"


def change(kind, cents=0, **cells):
    return {
        "customer_id": "c1",
        "change": kind,
        "cause": "sale",
        "lifetime_value_change_cents": cents,
        **cells,
    }


def listed(*rows):
    return list_largest_changes(make_table(CustomerChanges, rows))


def test_people_and_tiers_come_before_money_and_money_by_its_size():
    rows = listed(
        change("group"),
        change("segment"),
        change("value", 500),
        change("value", -90_000),
        change("tier"),
        change("gone"),
    )

    assert [(each["change"], each["value"]) for each in rows] == [
        ("gone", ""),
        ("tier", ""),
        ("value", "-900.00"),
        ("value", "+5.00"),
        ("segment", ""),
        ("group", ""),
    ]


def test_a_change_names_person_before_after_and_cause():
    (row,) = listed(
        change("tier", before="Seed", after="Bloom", cause_id="s1",
               cause_date=date(2026, 6, 19))
    )  # fmt: skip

    assert row == {
        "person": "c1",
        "change": "tier",
        "before": "Seed",
        "after": "Bloom",
        "value": "",
        "cause": "sale",
        "by": "s1",
        "day": "2026-06-19",
    }


def test_ids_made_from_e_mails_are_named_nowhere():
    (row,) = listed(
        change("merged", customer_id=WEB_PERSON, before=WEB_PERSON, after="c1",
               cause_id=f"email:{WEB_PERSON}")
    )  # fmt: skip

    assert not [cell for cell in row.values() if "ecom-" in cell]
    assert row["person"] == "a web-shop buyer"
    assert row["by"] == "email:a web-shop buyer"


def test_no_more_are_listed_than_fit_a_page():
    assert len(listed(*[change("value", n) for n in range(1, 60)])) == MOST_LISTED
