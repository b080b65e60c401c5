"""Tests for analytics_pipeline.domain.web_orders."""

import pytest

from analytics_pipeline.domain.order_numbers import SALE_COLUMN
from analytics_pipeline.domain.web_orders import check_completeness, compare_exports
from analytics_pipeline.model.checks import Severity
from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline_tests.tables import make_table

ORDER = {
    "ordered_at": "2026-01-05 15:07",
    "order_date": "2026-01-05",
    "payment_status": "QUEUED",
    "total_cents": 100,
}


def orders(*numbers, **changes):
    rows = [{"order_number": number} for number in numbers]
    return make_table(EcomOrders, rows, **(ORDER | changes))


def test_new_gone_and_changed_orders_are_distinguished():
    before = orders("1", "2", "3")
    now = make_table(
        EcomOrders,
        [{"order_number": "2"}, {"order_number": "3", "total_cents": 200},
         {"order_number": "4"}, {"order_number": "5"}],
        **ORDER,
    )  # fmt: skip

    changes = compare_exports(before, now)

    assert (changes.before, changes.now) == (3, 4)
    assert (changes.new, changes.gone, changes.changed) == (["4", "5"], ["1"], ["3"])


@pytest.mark.parametrize(
    "change",
    [
        {"payment_status": "ACCEPTED"},
        {"payment_status": None},
        {"fulfillment_status": "SHIPPED"},
        {"total_cents": 101},
        {"tax_cents": 1},
        {"email": "ada@example.com"},
        {"ordered_at": "2026-01-05 15:08"},
    ],
)
def test_an_order_is_changed_by_whatever_a_figure_hangs_on(change):
    before, now = orders("1", "2"), orders("1", "2", **change)

    assert compare_exports(before, now).changed == ["1", "2"]
    assert compare_exports(now, before).changed == ["1", "2"]
    assert compare_exports(now, now).changed == []


def test_an_empty_export_loses_all_and_brings_none():
    changes = compare_exports(orders("1", "2"), orders())

    assert (changes.now, changes.new, changes.gone) == (0, [], ["1", "2"])
    assert compare_exports(orders(), orders("1")).new == ["1"]


def test_an_export_with_all_of_the_last_one_and_more_is_complete():
    result = check_completeness(compare_exports(orders("1"), orders("1", "2")))

    assert result.passed
    assert (result.evidence["orders"], result.evidence["orders_before"]) == (2, 1)


def test_without_an_earlier_export_there_is_nothing_to_compare():
    assert check_completeness(None).passed


def test_fewer_orders_are_reported_with_both_counts_and_up_to_ten_numbers():
    before = orders(*(str(number) for number in range(100, 115)))

    result = check_completeness(compare_exports(before, orders("100", "101")))

    assert not result.passed
    assert "2 orders" in result.sentence
    assert "15" in result.sentence
    assert result.evidence["gone"] == 13
    gone = str(result.evidence["gone_orders"]).split(", ")
    assert gone == [*(str(number) for number in range(102, 112)), "…"]


def test_an_order_that_is_gone_is_reported_though_others_came():
    result = check_completeness(compare_exports(orders("1"), orders("2", "3")))

    assert not result.passed
    assert result.evidence["gone_orders"] == "1"


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ([SALE_COLUMN], "`X-series Order ID`, which the last good one had, so orders"),
        (["bill_person_name"], "`bill_person_name`, which the last good one had."),
    ],
)
def test_a_lost_column_is_a_warning_that_names_it(lost, words):
    result = check_completeness(compare_exports(orders("1"), orders("1")), lost)

    assert (result.passed, result.severity) == (False, Severity.WARN)
    assert words in result.sentence
    assert result.evidence["lost_columns"] == lost[0]


@pytest.mark.parametrize(
    ("held", "gone", "severity"),
    [
        (15, 10, Severity.WARN),
        (15, 11, Severity.ERROR),
        (300, 30, Severity.WARN),
        (300, 31, Severity.ERROR),
    ],
)
def test_many_orders_gone_are_a_file_cut_off_which_only_a_person_may_accept(
    held, gone, severity
):
    numbers = [str(1000 + n) for n in range(held)]

    result = check_completeness(
        compare_exports(orders(*numbers), orders(*numbers[gone:]))
    )

    assert not result.passed
    assert result.severity is severity
    assert result.subject == "\n".join(numbers[:gone])
