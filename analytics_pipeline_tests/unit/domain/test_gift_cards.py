"""Gift cards count when they are redeemed, or when they are sold (rule 2.6)."""

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.sales import classify_sales, give_reason
from analytics_pipeline.model.policy import GiftCards, Policy
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.sources.lightspeed.sales import sales_rows
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import make_table
from analytics_pipeline_tests.till_payloads import SHAPES, Item, TillSale

REDEEMED, SOLD = GiftCards.WHEN_REDEEMED, GiftCards.WHEN_SOLD
CARD = "GC-1"
TAKES_IT_BACK = {"quantity": "-1", "comes_back": True, "gift_card": CARD}


def classified(
    *sales: TillSale, gift_cards: GiftCards = REDEEMED, shape: str = "flat"
) -> pd.DataFrame:
    rows, rejections = sales_rows(map(SHAPES[shape], sales), segment=0, page=1)
    assert rejections == []
    policy = Policy(gift_cards=gift_cards)
    return classify_sales(rows, make_table(Outlets, []), "UTC", policy)


def counted(sale: TillSale, **more: Any) -> tuple[int, int, bool, int]:
    """Value with and without tax, whether it is an order, and what was refunded."""
    row = classified(sale, **more).iloc[0]
    return (
        int(row["value_incl_cents"]),
        int(row["value_excl_cents"]),
        bool(row["is_order"]),
        int(row["refunded_incl_cents"]),
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("sale", "when_redeemed", "when_sold"),
    [
        pytest.param(
            TillSale([Item("100.00", gift_card=CARD)]),
            (0, 0, False, 0),
            (10_000, 10_000, True, 0),
            id="a gift card alone",
        ),
        pytest.param(
            TillSale([Item("20.00", "1.60"), Item("100.00", gift_card=CARD)]),
            (2_160, 2_000, True, 0),
            (12_160, 12_000, True, 0),
            id="with goods",
        ),
        pytest.param(
            TillSale([Item("20.00", "2.00")], paid_by_gift_card=["22.00"]),
            (2_200, 2_000, True, 0),
            (0, 0, True, 0),
            id="redeemed",
        ),
        pytest.param(
            TillSale(
                [Item("20.00", "2.00")], paid=["11.00"], paid_by_gift_card=["11.00"]
            ),
            (2_200, 2_000, True, 0),
            (1_100, 1_000, True, 0),
            id="redeemed in part",
        ),
        pytest.param(
            TillSale([Item("-100.00", **TAKES_IT_BACK)], return_for="sale-0"),
            (0, 0, False, 0),
            (-10_000, -10_000, False, 0),
            id="taken back",
        ),
        pytest.param(
            TillSale(
                [Item("-20.00", "-2.00", "-1", comes_back=True)],
                paid_by_gift_card=["-22.00"],
                return_for="sale-0",
            ),
            (-2_200, -2_000, False, 2_200),
            (0, 0, False, 2_200),
            id="goods taken back for a gift card",
        ),
        pytest.param(
            TillSale(
                [Item("9.00"), Item("50.00", status="VOIDED", gift_card=CARD)],
                total="9.00",
                net_total="9.00",
            ),
            (900, 900, True, 0),
            (900, 900, True, 0),
            id="struck out",
        ),
    ],
)
def test_the_money_of_a_gift_card_counts_once_rule_2_6(
    sale: TillSale, when_redeemed: tuple[Any], when_sold: tuple[Any], shape: str
) -> None:
    assert counted(sale, shape=shape) == when_redeemed
    assert counted(sale, shape=shape, gift_cards=SOLD) == when_sold


def test_half_a_cent_without_tax_is_rounded_away_from_zero_rule_2_6() -> None:
    sale = TillSale([Item("0.01", "0.01")], paid_by_gift_card=["0.01"])

    row = classified(sale, gift_cards=SOLD).iloc[0]

    assert row["gift_paid_excl_cents"] == 1
    assert row["value_excl_cents"] == 0


def test_a_payment_without_a_type_is_known_by_its_name_rule_2_6() -> None:
    record = SHAPES["flat"](TillSale([Item("20.00")], paid_by_gift_card=["5.00"]))
    del record["payments"][0]["payment_type_id"]
    record["payments"][0]["name"] = " Gift card"

    rows, _ = sales_rows([record], segment=0, page=1)

    assert rows["gift_paid_incl_cents"].tolist() == [500]


def test_another_type_is_no_gift_card_whatever_its_name_rule_2_6() -> None:
    record = SHAPES["flat"](TillSale([Item("20.00")], paid=["5.00"]))
    record["payments"][0]["name"] = "Gift Card"

    rows, _ = sales_rows([record], segment=0, page=1)

    assert rows["gift_paid_incl_cents"].tolist() == [0]


def test_a_deleted_payment_by_gift_card_is_none_rule_2_6() -> None:
    record = SHAPES["nested"](TillSale([Item("20.00")], paid_by_gift_card=["5.00"]))
    record["payments"][0]["deleted_at"] = "2026-01-06T10:00:00+00:00"

    rows, _ = sales_rows([record], segment=0, page=1)

    assert rows["gift_paid_incl_cents"].tolist() == [0]


def test_the_number_of_a_gift_card_is_not_kept() -> None:
    record = SHAPES["flat"](TillSale([Item("20.00", gift_card="GC-SECRET")]))

    rows, _ = sales_rows([record], segment=0, page=1)

    assert "SECRET" not in repr(rows.to_dict("records"))


def test_a_sale_of_gift_cards_alone_is_explained_as_no_order_rule_2_6() -> None:
    sale = classified(TillSale([Item("20.00", gift_card=CARD)])).iloc[0]

    assert "it sells gift cards only, so no order" in give_reason(sale, Policy()).words


AMOUNTS = st.integers(min_value=1, max_value=50_000)


@st.composite
def histories(draw: st.DrawFn) -> list[TillSale]:
    """Gift cards that are sold, and then redeemed by anybody to the last cent."""
    sales: list[TillSale] = []
    for number, cents in enumerate(draw(st.lists(AMOUNTS, min_size=1, max_size=4))):
        goods = draw(st.integers(min_value=0, max_value=9_000))
        items = [Item(money(goods))] if goods else []
        cash = [money(goods + cents)]
        card = Item(money(cents), gift_card=CARD)
        sales.append(TillSale([*items, card], paid=cash, sale_id=f"s{number}"))
        first = draw(st.integers(min_value=0, max_value=cents))
        for part in filter(None, (first, cents - first)):
            extra = draw(st.integers(min_value=0, max_value=5_000))
            sales.append(
                TillSale(
                    [Item(money(part + extra))],
                    paid=[money(extra)] if extra else [],
                    paid_by_gift_card=[money(part)],
                    sale_id=f"r{len(sales)}",
                )
            )
    return sales


def money(cents: int) -> str:
    return str(Decimal(cents) / 100)


@settings(max_examples=up_to(100))
@given(histories())
def test_every_cent_that_was_paid_counts_once_either_way_rule_2_6(
    sales: list[TillSale],
) -> None:
    paid = sum(100 * Decimal(amount) for sale in sales for amount in sale.paid)

    for gift_cards in GiftCards:
        rows = classified(*sales, gift_cards=gift_cards)
        assert rows["value_incl_cents"].sum() == paid
