"""Tests for analytics_pipeline.assets.raw_sales: many days are cut as each one is."""

import pytest

from analytics_pipeline.assets import raw_sales
from analytics_pipeline.assets.raw_sales import cut_days, group_days, list_runs
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.orchestration.gate import next_together
from analytics_pipeline.storage.parquet import encode
from analytics_pipeline_tests.examples import each_at_night
from analytics_pipeline_tests.made import days_cut
from analytics_pipeline_tests.unit.assets.test_stale_days import KeptShop

DAYS = [f"2026-06-0{n}" for n in range(1, 7)]


@pytest.fixture
def kept(tmp_path):
    """Days with nothing odd, odd ones of each kind, one without a sale."""
    kept = KeptShop(tmp_path)
    waits = {"state": "pending", "attributes": "pickup", "paid_cents": 60}
    kept.read(1, -2, state="closed")  # before the first day, which keeps it
    kept.read(2, 0, 300, state="closed")
    kept.read(3, 1, **waits)
    kept.read(4, 1, state="closed")
    kept.read(5, 2, state="sent to the moon")
    kept.read("A", 3, state="closed")
    kept.read("a", 3, state="closed")
    kept.read(7, 5, state="voided")
    return kept


ALONE = {
    "matches_schema",
    "is_caught_up",
    "words_are_known",
    "no_sale_is_a_little_short",
    "ids_differ_in_more_than_case",
}
"""The checks that look at one day and at no other."""


def described(candidates):
    """What is stored and reported of each candidate."""
    return [
        (
            each.partition,
            each.encode(),
            [result for result in each.check_results if result.check in ALONE],
            dict(each.figures),
        )
        for each in candidates
    ]


@pytest.mark.parametrize(
    ("few", "most"), each_at_night([(1, 2), (1, 1), (6, 100), (1, 100)], by_day=2)
)
def test_days_cut_together_are_as_each_one_cut_alone(kept, monkeypatch, few, most):
    alone = [cut for day in DAYS for cut in days_cut(kept.shop, [day])]
    monkeypatch.setattr(raw_sales, "FEW_DAYS", few)
    monkeypatch.setattr(raw_sales, "SALES_AT_ONCE", most)

    together = days_cut(kept.shop, DAYS)

    assert [each.partition for each in together] == DAYS
    assert described(together) == described(alone)
    assert all(len(results) == len(ALONE) for _, _, results, _ in described(alone))


def test_the_bytes_of_a_day_are_those_of_its_frame(kept):
    for each in days_cut(kept.shop, DAYS):
        assert each.encode() == encode(each.rows, RawSales)


def test_an_odd_day_is_reported_and_the_days_around_it_are_not(kept):
    failed = {
        (each.partition, result.check)
        for each in days_cut(kept.shop, DAYS)
        for result in each.check_results
        if not result.passed and result.check != "starts_with_the_first_sale"
    }

    assert failed == {
        ("2026-06-02", "no_sale_is_a_little_short"),
        ("2026-06-03", "words_are_known"),
        ("2026-06-04", "ids_differ_in_more_than_case"),
    }


def test_the_figures_are_those_of_the_sales_that_count(kept):
    figures = [dict(each.figures) for each in days_cut(kept.shop, DAYS)]

    assert [each["value_cents"] for each in figures] == [400, 100, 0, 200, 0, 0]


def test_the_days_between_two_that_are_cut_are_not_read(kept, monkeypatch):
    read = []
    classify = raw_sales.classify_sales

    def watched(sales, *given):
        read.extend(sales["sale_id"])
        return classify(sales, *given)

    monkeypatch.setattr(raw_sales, "classify_sales", watched)

    days_cut(kept.shop, [DAYS[0], DAYS[5]])

    assert sorted(read) == ["s1", "s2", "s7"]


def test_the_sales_of_many_days_are_kept_by_the_engine_once(kept, monkeypatch):
    monkeypatch.setattr(raw_sales, "FEW_DAYS", 1)
    log, outlets = kept.shop.sales_log(), kept.shop.load("outlets", Outlets)
    before = count_tables(kept.shop)

    for _ in cut_days(kept.shop, log, outlets, DAYS):
        assert count_tables(kept.shop) == before + 1

    assert count_tables(kept.shop) == before


def count_tables(shop):
    counted = shop.engine.con.execute("SELECT count(*) FROM duckdb_tables()")
    return counted.fetchall()[0][0]


@pytest.mark.parametrize(
    ("most", "groups"),
    [
        (1, [["1"], ["2"], ["3", "4"]]),
        (5, [["1", "2"], ["3", "4"]]),
        (99, [["1", "2", "3", "4"]]),
    ],
)
def test_days_are_grouped_by_their_sales(most, groups):
    counts = [("0", 1), ("1", 1), ("2", 3), ("3", 4), ("9", 7)]

    assert list(group_days(["1", "2", "3", "4"], counts, most)) == groups


def test_days_without_a_gap_are_one_run():
    days = ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-03"]

    assert list_runs(days) == [
        ("2026-02-27", "2026-03-01"),
        ("2026-03-03", "2026-03-03"),
    ]
    assert list_runs([]) == []


def test_the_days_that_are_stored_together_are_taken_together():
    days = [
        Candidate(None, partition="1", goes_with_next=True),
        Candidate(None, partition="2"),
        Candidate(None, partition="3", goes_with_next=True),
    ]
    left = iter(days)

    assert [list(next_together(left)) for _ in range(3)] == [days[:2], days[2:], []]
