"""Everybody's explanation adds up to their row in the master."""

from dataclasses import asdict

import pytest

from analytics_pipeline.commands.person import Books, explain_person, read_people
from analytics_pipeline.domain.explanation import Explanation
from analytics_pipeline_tests.made import ledger_of
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    PUBLISHED,
    SimulatedShop,
)

HEADERS = {
    "lifetime_value_cents": "Lifetime Value",
    "rolling_90_day_value_cents": "Rolling 90-Day Value",
    "order_count": "Order Count",
    "rolling_90_day_order_count": "Rolling 90-Day Order Count",
    "average_order_value_cents": "Average Order Value",
    "first_order_date": "First Order Date",
    "last_order_date": "Last Order Date",
    "days_since_last_order": "Days Since Last Order",
    "is_vip": "Is VIP",
    "is_high_value": "Is High Value",
    "ecom_order_count": "eCom Order Count",
    "retail_order_count": "Retail Order Count",
    "refunded_value_cents": "Refunded Value",
}


@pytest.fixture
def books(updated_shop: SimulatedShop) -> Books:
    shop = updated_shop.local
    people = read_people(shop)
    ledger = ledger_of(shop, FIRST_DAY)
    return Books(shop, FIRST_DAY, people, ledger)


def cells(explanation: Explanation) -> dict[str, str]:
    """The explanation's sums as the master's row writes them."""
    written = {
        HEADERS[name]: as_text(name, value)
        for name, value in asdict(explanation.figures).items()
    }
    return written | {
        "Customer ID": explanation.person_id,
        "Tier": explanation.outlook.tier,
        "Inactive Segment": explanation.outlook.segment,
    }


def as_text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if name.endswith("_cents"):
        assert isinstance(value, int)
        return f"{'-' if value < 0 else ''}{abs(value) // 100}.{abs(value) % 100:02}"
    return str(value)


@pytest.mark.nightly
def test_everybodys_sums_are_the_row_of_the_master_rules_5_1_to_5_6(
    books: Books, updated_shop: SimulatedShop
) -> None:
    rows = updated_shop.rows(PUBLISHED[0])

    values = [explain_person(books, row["Customer ID"]) for row in rows]

    wanted = [{name: row[name] for name in cells(values[0])} for row in rows]
    assert [cells(each) for each in values] == wanted
    assert {each.notes for each in values} == {()}
    assert sum(len(each.members) > 1 for each in values) > 2
    assert any(each.person_id.startswith("ecom-") for each in values)
    assert_each_sale_is_explained_once(books, values)


def assert_each_sale_is_explained_once(
    books: Books, reported: list[Explanation]
) -> None:
    """Every sale that counts for somebody is explained once, for them (rule 7.1)."""
    purchases = books.shop.engine.to_pandas(books.ledger.purchases)
    owned = purchases.dropna(subset=["person_id"])
    ids = owned["sale_id"].fillna(owned["order_number"])

    assert sorted(line.id for each in reported for line in each.counted) == sorted(ids)
