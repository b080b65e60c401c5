"""Tests for analytics_pipeline.assets.ecom_orders: exports changed on their way."""

import pytest

from analytics_pipeline.assets.ecom_orders import (
    open_sold_order_numbers,
    take_in_export,
)
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline_tests.made import export_read
from analytics_pipeline_tests.unit.assets.test_ecom_orders import export, shop, text_of
from analytics_pipeline_tests.unit.domain.test_order_matching import (
    noted_sale,
    raw_sales,
    sale,
    web_sale,
)
from analytics_pipeline_tests.unit.domain.test_sales import sales_feed

__all__ = ["shop"]
FILE = "ecom_orders_export.csv"


def store_sales(shop, *sales):
    rows = raw_sales(*({"business_date": "2026-06-05"} | each for each in sales))
    shop.warehouse.write("raw_sales", RawSales, rows, "2026-06-05")


def evaluate(shop, *numbers, check="export_is_readable"):
    """Read an export of these orders; return what a check says of it."""
    rows = [number.replace('"', '""') for number in numbers]
    quoted = [f'"{row}"' if '"' in row else row for row in rows]
    export(shop, text_of(quoted))
    results = {each.check: each for each in export_read(shop).check_results}
    return results[check]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("1002.0", "1002.0 ends with decimals"),
        ("1,003E+11", "1,003E+11 is in scientific notation"),
        ("'1004", "'1004 begins with an apostrophe"),
        ('="1005"', '="1005" is a formula of a spreadsheet'),
        ("1.006", "1.006 has marks between its thousands"),
        ("１００７.0", "１００７.0 ends with decimals"),
    ],
)
def test_a_cell_that_shows_a_change_stops_the_gate_with_its_line_rule_4_3(
    shop, number, words
):
    result = evaluate(shop, "1001", number, "1008")

    assert result.blocks
    assert f"{FILE}, line 3: `order_number` was changed on its way: {words}" in (
        result.sentence
    )
    assert "Export the orders again from the web shop" in result.sentence
    assert evaluate(shop, "1001", "1008").passed


@pytest.mark.parametrize(
    "known",
    [
        web_sale("s1", "00101"),
        noted_sale("s1", "00101"),
        noted_sale("s1", "00101 for Ann"),
        noted_sale("s1", "００１０１"),
        web_sale("s1", "00\u200b101"),
    ],
)
def test_a_number_that_lost_the_zeros_of_a_sale_stops_the_gate_rule_4_3(shop, known):
    assert evaluate(shop, "101").passed

    store_sales(shop, known)
    result = evaluate(shop, "102", "101")

    assert result.blocks
    assert (
        "line 3: `order_number` was changed on its way: 101 lost its leading zeros"
        in (result.sentence)
    )
    assert "Ann" not in result.sentence
    assert evaluate(shop, "00101", "102").passed


def test_a_number_that_lost_the_zeros_of_a_stored_order_stops_the_gate_rule_4_3(shop):
    export(shop, text_of(["0007", "0008"]))
    shop.store_as("ecom_orders", EcomOrders)(export_read(shop))

    result = evaluate(shop, "7", "8")

    assert result.blocks
    assert "it is known as 0007. 1 other number was changed too." in result.sentence
    assert evaluate(shop, "0007", "0008").passed


@pytest.mark.parametrize("number", ["1002.0", "1,001", "'1004", '="1005"', "1E+11"])
def test_a_number_that_a_sale_has_exactly_so_is_the_shops_own_rule_4_3(shop, number):
    assert evaluate(shop, number).blocks

    store_sales(shop, web_sale("s1", number), noted_sale("s2", "1"))

    assert evaluate(shop, number).passed


def test_a_shop_that_numbers_so_may_have_an_order_without_a_sale_rule_4_3(shop):
    store_sales(shop, web_sale("s1", "26.001"), web_sale("s2", "1003"))

    assert evaluate(shop, "26.001", "26.002").passed
    assert evaluate(shop, "26.002", "1002.0").blocks
    assert evaluate(shop, "1.003").blocks


def test_numbers_of_sales_that_are_not_of_the_web_shop_say_nothing_rule_4_3(shop):
    store_sales(
        shop,
        sale("s1", source="SHOPIFY", source_id="00101"),
        web_sale("s2", "PLANT-00101"),
        noted_sale("s3", "x00101"),
    )

    assert evaluate(shop, "101", "PLANT-101").passed


def test_an_import_is_refused_for_the_same_reason_rule_4_3(shop):
    store_sales(shop, web_sale("s1", "00101"))
    path = export(shop, text_of(["101"]))

    with pytest.raises(WrongUse, match=r"line 2: .* lost its leading zeros") as caught:
        take_in_export(shop, path, open_sold_order_numbers(shop))
    assert "known numbers" not in caught.value.remedy


def test_damaged_sales_block_no_export_and_are_reported(shop):
    store_sales(shop, web_sale("s1", "00101"))
    shop.warehouse.path("raw_sales", "2026-06-05").write_bytes(b"not a table")

    result = evaluate(shop, "101", check="export_is_complete")

    assert not result.passed
    assert "could not be compared with those of the stored sales" in result.sentence
    assert evaluate(shop, "101").passed
    assert evaluate(shop, "1002.0").blocks


def test_before_any_day_is_cut_the_log_says_what_the_tills_write_rule_4_3(shop):
    log = shop.sales_log()
    rows = sales_feed({"source": "ecw:1", "source_id": "00101"})
    log.append(rows, [], number=0, cursor=1)

    assert evaluate(shop, "101").blocks
    assert evaluate(shop, "00101").passed
