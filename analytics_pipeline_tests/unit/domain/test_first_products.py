"""Tests for analytics_pipeline.domain.first_products."""

from datetime import date, timedelta
from functools import cache
from typing import Any

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.first_products import (
    FAMILY,
    check_first_products,
    count_first_buyers,
    describe_first_products,
    find_next_families,
    follow_buyers,
    list_bought,
    list_order_days,
)
from analytics_pipeline.domain.report import FIRST_ORDER, join_first_orders
from analytics_pipeline.engine.duckdb import columns_to_ibis
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.sources import Products
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.order_days import days_of, first_orders
from analytics_pipeline_tests.tables import make_table

D = date(2026, 6, 30)
PRODUCTS = make_table(
    Products,
    [
        {"product_id": "tea", "family_id": "tea", "name": "Tea"},
        {"product_id": "tea-green", "family_id": "tea", "name": "Tea"},
        {"product_id": "cup", "family_id": "cup", "name": "Cup"},
    ],
    version=1,
    segment=1,
)
FAMILY_OF = dict(zip(PRODUCTS["product_id"], PRODUCTS["family_id"], strict=True))

Sale = tuple[str, int, list[str], int]
"""Who bought how many days before D which products, for how many cents."""

SALES = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from([0, 1, 29, 30, 31, 89, 90, 91, 364, 365, 366, 400]),
        st.lists(st.sampled_from([*FAMILY_OF, "unknown"]), max_size=3),
        st.integers(-300, 900),
    ),
    max_size=12,
)


@cache
def engine() -> Any:
    return ibis.duckdb.connect(threads=1)


def day(ago: int) -> pd.Timestamp:
    return pd.Timestamp(D - timedelta(days=ago))


LINE = {
    "sale_id": "string",
    "product_id": "string",
    "kind": "string",
    "is_return": "boolean",
}


def products_of(sales: list[Sale], **odd: Any) -> pd.DataFrame:
    """Return the table of these sales; all their lines are *odd*."""
    bought = pd.DataFrame(
        [(person, day(ago), cents) for person, ago, _, cents in sales],
        columns=["person_id", "day", "value_cents"],
    ).astype({"person_id": "str", "day": "datetime64[us]", "value_cents": "int64"})
    firsts = columns_to_ibis(first_orders(bought), FIRST_ORDER)
    followed = follow_buyers(join_first_orders(days_of(bought), firsts))
    ids = [f"sale-{number}" for number in range(len(sales))]
    orders = columns_to_ibis(
        bought.assign(sale_id=ids),
        {"sale_id": "string", "person_id": "string", "day": "timestamp"},
    )
    days = list_order_days(followed)
    chosen = orders.inner_join(days, ["person_id", "day"]).drop("day")
    lines = [
        {"sale_id": sale_id, "product_id": product, "kind": "goods", "is_return": False}
        for sale_id, (_, _, products, _) in zip(ids, sales, strict=True)
        for product in products
    ]
    frame = pd.DataFrame([line | odd for line in lines], columns=list(LINE))
    families = columns_to_ibis(PRODUCTS[list(FAMILY)], FAMILY)
    found = list_bought(chosen, columns_to_ibis(frame, LINE), families)
    return describe_first_products(
        engine().to_pandas(count_first_buyers(found, followed, D)),
        engine().to_pandas(find_next_families(found)),
        PRODUCTS,
    )


def by_hand(sales: list[Sale]) -> dict[str, dict[str, Any]]:
    """Count the same one by one."""
    rows: dict[str, dict[str, Any]] = {}
    for person in "abc":
        mine = [sale for sale in sales if sale[0] == person]
        agos = sorted({ago for _, ago, *_ in mine}, reverse=True)
        on = [
            {
                FAMILY_OF.get(p, p)
                for _, ago, some, _ in mine
                if ago == then
                for p in some
            }
            for then in agos[:2]
        ]
        for family in on[0] if on else ():
            row = rows.setdefault(family, {"first_buyers": 0, "next": []})
            row["first_buyers"] += 1
            row["next"] += sorted(on[1]) if on[1:] else []
            for within in (30, 60, 90, 180, 365):
                had = agos[0] >= within
                again = had and len(agos) > 1 and agos[0] - agos[1] <= within
                value = sum(c for *_, ago, _, c in mine if agos[0] - ago <= within)
                for name, count in (
                    (f"followed_{within}_people", had),
                    (f"repurchased_{within}_people", again),
                    (f"value_{within}_days_cents", had * value),
                ):
                    row[name] = row.get(name, 0) + count
    for row in rows.values():
        later = row.pop("next")
        most = max(map(later.count, later), default=0)
        row["next_people"] = most
        row["next_product_id"] = min(
            (each for each in later if later.count(each) == most), default=None
        )
    return rows


@settings(max_examples=up_to(60))
@given(SALES)
def test_first_buyers_and_what_came_of_them_are_as_counted_one_by_one_rule_12_4(
    sales: list[Sale],
) -> None:
    expected = by_hand(sales)

    found = products_of(sales).set_index("product_id")

    assert set(found.index) == expected.keys()
    for product, row in expected.items():
        for name in row.keys() & set(found.columns):
            cell = found.loc[product, name]
            assert (None if pd.isna(cell) else cell) == row[name], name
        for days in (90, 365):
            count = row[f"followed_{days}_people"]
            average = found.loc[product, f"average_value_{days}_days_cents"]
            exact = row[f"value_{days}_days_cents"] / max(count, 1)
            assert pd.isna(average) if not count else abs(average - exact) <= 0.5


def test_variants_count_under_their_family_by_its_name_rule_12_4() -> None:
    sales = [("a", 9, ["tea-green"], 1), ("b", 9, ["tea", "tea-green"], 1)]

    (row,) = products_of(sales).to_dict("records")

    assert (row["product_id"], row["product"], row["first_buyers"]) == ("tea", "Tea", 2)


@pytest.mark.parametrize(
    "odd", [{"kind": "shipping"}, {"kind": "gift_card"}, {"is_return": True}], ids=str
)
def test_only_goods_that_were_bought_are_products_rule_12_4(odd: Any) -> None:
    assert products_of([("a", 9, ["tea"], 1)], **odd).empty


def test_more_buyers_than_people_are_reported() -> None:
    sales: list[Sale] = [("a", 40, ["tea"], 100), ("a", 20, ["cup"], 100)]
    products = products_of(sales)
    people = make_table(CustomerAnalytics, [{"customer_id": "a", "order_count": 2}])

    assert check_first_products(products, people).passed
    for column in ("first_buyers", "followed_30_people", "repurchased_30_people"):
        wrong = products.assign(**{column: 2})
        assert not check_first_products(wrong, people).passed
