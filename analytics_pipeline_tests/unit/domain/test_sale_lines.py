"""The lines of a sale: kept as delivered, and adding up to the sale (rule 12.3)."""

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.sale_lines import (
    Kinds,
    Line,
    LineMark,
    check_lines_explained,
    choose_kinds,
    conserve_lines,
    list_lines,
    read_lines,
    share_out,
    write_lines,
)
from analytics_pipeline.model.money import round_half_away
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sales import RawSales, SaleLines
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import make_table

D = Decimal
KINDS = Kinds("discount", frozenset({"parcel"}))
DAY = pd.Timestamp("2026-06-01")

AMOUNTS = st.decimals(-999_999, 999_999, places=5, allow_nan=False)
MAYBE = st.none() | AMOUNTS
LINES = st.lists(
    st.builds(
        Line,
        st.sampled_from([str(mark) for mark in LineMark]),
        st.none() | st.sampled_from(["p1", "discount", "parcel"]),
        st.booleans(),
        MAYBE,
        MAYBE,
        MAYBE,
        MAYBE,
        MAYBE,
        MAYBE,
    ),
    max_size=6,
)


def sale(*lines: Line, **more: Any) -> dict[str, Any]:
    """A sale whose totals are those of its lines, unless they are given."""
    shares = share_out(lines)
    return {
        "sale_id": "s",
        "business_date": DAY,
        "is_completed": True,
        "total_incl_cents": sum(each.incl for each in shares),
        "total_excl_cents": sum(each.excl for each in shares),
        "lines": write_lines(lines),
        **more,
    }


def listed(*sales: dict[str, Any]) -> pd.DataFrame:
    rows = list_lines(pd.DataFrame(sales), KINDS)
    SaleLines.validate(rows, lazy=True)
    return rows


@given(LINES)
def test_lines_are_kept_as_delivered(lines: list[Line]) -> None:
    text = write_lines(lines)

    assert (read_lines(text) if text else []) == lines


def test_equal_amounts_are_written_alike() -> None:
    one = Line("l", "p", quantity=D("1"), total=D("58.00000"), tax=D("1E+1"))
    other = Line("l", "p", quantity=D("1.0"), total=D("58"), tax=D("10.00"))

    assert write_lines([one]) == write_lines([other])


@settings(max_examples=up_to(200))
@given(LINES)
def test_lines_add_up_to_the_rounded_sum_rule_12_3(lines: list[Line]) -> None:
    exact_excl = sum((each.total or D(0) for each in lines), D(0))
    exact_incl = exact_excl + sum((each.tax or D(0) for each in lines), D(0))

    rows = listed(sale(*lines))

    assert rows["value_excl_cents"].sum() == round_half_away(exact_excl)
    assert rows["value_incl_cents"].sum() == round_half_away(exact_incl)
    assert len(rows) == len(lines)


@settings(max_examples=up_to(200))
@given(LINES, st.integers(-10_000, 10_000), st.integers(-10_000, 10_000))
def test_what_lines_do_not_explain_is_a_line_of_its_own_rule_12_3(
    lines: list[Line], incl: int, excl: int
) -> None:
    rows = listed(sale(*lines, total_incl_cents=incl, total_excl_cents=excl))

    assert rows["value_incl_cents"].sum() == incl
    assert rows["value_excl_cents"].sum() == excl
    rest = rows[rows["kind"] == "unexplained"]
    shares = share_out(lines)
    exact = sum(each.incl for each in shares), sum(each.excl for each in shares)
    assert len(rest) == int(exact != (incl, excl))


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (Line("l", "p1"), "goods"),
        (Line("l", None), "goods"),
        (Line("l", "discount"), "discount"),
        (Line("l", "discount", True), "discount"),
        (Line("l", "parcel"), "shipping"),
        (Line("g", "p1"), "gift_card"),
        (Line("g", "discount"), "gift_card"),
        (Line("d"), "discount"),
        (Line("s"), "surcharge"),
    ],
)
def test_each_line_is_of_one_kind_rule_12_3(line: Line, kind: str) -> None:
    assert KINDS.of(line) == kind


def test_store_and_policy_name_the_products_of_kinds() -> None:
    outlets = make_table(Outlets, [{"discount_product_id": "off"}, {}])

    assert choose_kinds(outlets, Policy(shipping_products=("post",))) == Kinds(
        "off", frozenset({"post"})
    )
    assert choose_kinds(make_table(Outlets, []), Policy()) == Kinds(None, frozenset())


def test_a_sale_without_lines_has_its_total_unexplained() -> None:
    (row,) = listed(sale(total_incl_cents=500, total_excl_cents=450)).to_dict("records")

    assert row["kind"] == "unexplained"
    assert (row["value_incl_cents"], row["value_excl_cents"]) == (500, 450)
    assert row["line_id"] == "s:1"


def test_a_number_that_no_shop_has_is_missing() -> None:
    row = listed(sale(Line("l", "p", quantity=D("1e13"), cost=D("1")))).iloc[0]

    assert row["quantity_thousandths"] is pd.NA
    assert row["cost_cents"] == 100


def test_an_amount_that_could_not_be_read_is_missing_and_not_zero() -> None:
    row = listed(sale(Line("l", "p", total=D("1")))).iloc[0]

    assert row[["discount_cents", "promotion_cents", "cost_cents"]].isna().all()


def explained(*sales: dict[str, Any]) -> Any:
    return check_lines_explained(listed(*sales))


def test_a_cent_of_rounding_is_counted_and_no_warning() -> None:
    result = explained(sale(Line("l", total=D("1")), total_incl_cents=101))

    assert result.passed
    assert result.evidence["off_by_a_cent"] == 1


def test_lines_that_do_not_come_to_the_total_are_a_warning_rule_12_3() -> None:
    result = explained(sale(Line("l", total=D("1")), total_incl_cents=350))

    assert not result.passed
    assert not result.blocks
    assert result.evidence["value"] == "2.50"
    assert result.evidence["sale_ids"] == "s"


def test_a_sale_that_does_not_count_is_no_warning() -> None:
    bad = sale(Line("l", total=D("1")), total_incl_cents=350, is_completed=False)

    assert explained(bad).passed


def test_lines_are_held_against_the_sales_of_the_day_rule_12_3() -> None:
    good = sale(Line("l", total=D("1")))
    rows, sales = listed(good), make_table(RawSales, [without_lines(good)])
    assert conserve_lines(rows, sales).passed

    short = conserve_lines(rows.iloc[:0], sales)

    assert short.blocks
    assert short.evidence["difference_incl"] == -100


def without_lines(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "lines"}
