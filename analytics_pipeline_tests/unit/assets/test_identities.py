"""What resolving customers says: who may be several people (rule 3.4)."""

from datetime import date

import pytest

from analytics_pipeline.model.schemas.sources import Customers, EcomOrders
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline_tests.made import made
from analytics_pipeline_tests.tables import make_table

COUPLE = [
    {"customer_id": "a", "name": "Ada Lovelace"},
    {"customer_id": "b", "name": "William King"},
]
HEADER = "left_id,right_id,rule,reason\n"


@pytest.fixture
def folder(tmp_path):
    """A shop with a couple who gave one number."""
    shop = open_shop(load_settings(data_dir=tmp_path, start_date=date(2026, 6, 20)))
    customers = make_table(
        Customers, COUPLE, version=1, created_at="2026-01-01", phone_key="k"
    )
    shop.warehouse.write("customers", Customers, customers)
    shop.warehouse.write("ecom_orders", EcomOrders, make_table(EcomOrders, []))
    return tmp_path


def resolve(folder):
    """Return the candidate and its check result about people."""
    shop = open_shop(load_settings(data_dir=folder, start_date=date(2026, 6, 20)))
    candidate = made(shop, "customer_identities")
    (found,) = (f for f in candidate.check_results if f.check == "people_look_right")
    return candidate, found


def test_a_couple_with_one_number_is_one_person_and_reported(folder):
    candidate, found = resolve(folder)

    assert set(candidate.rows["person_id"]) == {"a"}
    assert not found.passed
    assert not found.blocks
    assert (found.evidence["conflicting_names"], found.evidence["people"]) == (1, "a")


@pytest.mark.parametrize(
    ("rule", "persons"), [("same", {"a"}), ("different", {"a", "b"})]
)
def test_the_line_that_the_warning_asks_for_ends_it(folder, rule, persons):
    overrides = folder / "identity_overrides.csv"
    overrides.write_text(f"{HEADER}a,b,{rule},asked them\n", encoding="utf-8")

    candidate, found = resolve(folder)

    assert set(candidate.rows["person_id"]) == persons
    assert found.passed


def test_a_shop_says_how_many_records_are_too_many(folder):
    (folder / "analytics.toml").write_text("suspicious_size = 1\n", encoding="utf-8")

    _, found = resolve(folder)

    assert found.evidence["too_large"] == 1
