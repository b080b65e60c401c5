"""Returns of returns are followed up to the order that the web shop gave back."""

from pathlib import Path

import pytest

from analytics_pipeline.model.vocabulary import ReconciliationCategory as Category
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline_tests.made import made
from analytics_pipeline_tests.web_shop import (
    FIRST,
    Kind,
    WebShop,
    _take_order,
    store_web_shop,
)

REFUNDED = Kind(Category.REFUNDED_IN_WEB_SHOP, "REFUNDED", by="source", returned=True)


@pytest.mark.parametrize(
    ("depth", "category"),
    [
        pytest.param(0, Category.MATCHED_BY_SOURCE_ID, marks=pytest.mark.nightly),
        pytest.param(1, Category.REFUNDED_IN_WEB_SHOP, marks=pytest.mark.nightly),
        pytest.param(2, Category.MATCHED_BY_SOURCE_ID, marks=pytest.mark.nightly),
        (3, Category.REFUNDED_IN_WEB_SHOP),
        (4, Category.MATCHED_BY_SOURCE_ID),
    ],
)
def test_each_return_of_a_return_turns_it_round_rule_4_4(
    tmp_path: Path, depth: int, category: Category
) -> None:
    web = WebShop()
    _take_order(web, 1, REFUNDED)
    for n in range(depth):
        last = web.sales[-1]
        turned = {
            "sale_id": f"again-{n}",
            "return_for": last["sale_id"],
            "total_incl_cents": -last["total_incl_cents"],
        }
        web.sales.append(last | turned)
    shop = open_shop(load_settings(data_dir=tmp_path / "data", start_date=FIRST))
    store_web_shop(shop, web)

    table = made(shop, "ecom_reconciliation").rows

    assert table["category"].tolist() == [category]


def test_a_circle_of_returns_ends_rule_4_4(tmp_path: Path) -> None:
    web = WebShop()
    _take_order(web, 1, REFUNDED)
    sale, back = web.sales
    sale["return_for"] = back["sale_id"]
    shop = open_shop(load_settings(data_dir=tmp_path / "data", start_date=FIRST))
    store_web_shop(shop, web)

    assert len(made(shop, "ecom_reconciliation").rows) == 1
