"""Tests for analytics_pipeline.domain: the report's figures, people and proof."""

from decimal import Decimal

import ibis
import pytest
from hypothesis import given, settings

from analytics_pipeline.domain.report import (
    MADE_FROM,
    Headline,
    check_report,
    report_figures,
    rows_of,
)
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.report import CustomerReport
from analytics_pipeline.model.vocabulary import ReportFigure
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import TABLES
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.report_measured import (
    AS_OF,
    measure,
    purchase,
    purchases,
)

PROVED = (
    ReportFigure.REVENUE,
    ReportFigure.CHANNEL_REVENUE,
    ReportFigure.CHANNEL_ORDERS,
    ReportFigure.SECOND_PURCHASE,
    ReportFigure.TIER_MOVES,
    ReportFigure.SEGMENT_MOVES,
    ReportFigure.LIFETIME_PEOPLE,
)


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect(threads=1)


def report_of(measured, policy=None):
    reported = report_figures(measured, policy or Policy(), AS_OF)
    return shape(reported, CustomerReport)


def numbers(report, figure):
    """The numbers of a figure that are not zero, by label and series."""
    return {(r.label, r.series): r.amount for r in rows_of(report, figure) if r.amount}


@settings(max_examples=up_to(6))
@given(purchases())
def test_the_report_of_any_history_keeps_its_contract_and_adds_up(engine, rows):
    measured = measure(engine, rows)

    report = report_of(measured)

    CustomerReport.validate(report)
    assert check_report(report, measured.analytics, measured.sides).passed


@pytest.fixture(scope="module")
def measured(engine):
    """What two orders come to."""
    return measure(
        engine, [purchase(40, 50_000), purchase(2, 9_900, "ben", is_ecom=True)]
    )


@pytest.mark.parametrize("figure", PROVED)
def test_one_number_that_is_off_by_one_stops_the_report(measured, figure):
    report = report_of(measured)
    row = report.index[report["figure"] == figure][0]
    report.loc[row, "amount"] += 1

    result = check_report(report, measured.analytics, measured.sides)

    assert result.blocks
    assert "does not add up" in result.sentence


def test_people_move_between_tiers_and_segments_within_a_month(engine):
    rows = [
        purchase(100, 30_000, "ann"),  # Sprout until ten days ago, 90d since
        purchase(20, 160_000, "ben"),  # nothing a month ago, Evergreen now
        purchase(60, 5_000, "cas"),
    ]

    report = report_of(measure(engine, rows))

    assert numbers(report, ReportFigure.TIER_MOVES) == {
        ("Sprout", "Seed"): 1,
        ("None", "Evergreen"): 1,
        ("Seed", "Seed"): 1,
        ("None", "None"): 1,
    }
    assert numbers(report, ReportFigure.SEGMENT_MOVES) == {
        ("60d", "90d"): 1,
        ("never", "active"): 1,
        ("active", "60d"): 1,
        ("never", "never"): 1,
    }


def test_a_class_of_lifetime_value_begins_at_its_bound_and_thresholds_are_bounds(
    engine,
):
    rows = [
        purchase(5, 0, "ann"),
        purchase(5, 77_700, "ben"),
        purchase(5, 77_699, "cas"),
    ]
    policy = Policy(vip_from=Decimal(777))

    report = report_of(measure(engine, rows, policy), policy)

    assert numbers(report, ReportFigure.LIFETIME_PEOPLE) == {
        ("no order", "people"): 1,
        ("0 or less", "people"): 1,
        ("500 to 777", "people"): 1,
        ("777 to 1,000", "people"): 1,
    }
    assert numbers(report, ReportFigure.LIFETIME_VALUE)["500 to 777", "value"] == 77_699


def test_the_numbers_at_the_top(engine):
    rows = [
        purchase(0, 1_000, "ann"),
        purchase(29, 2_000, "ann"),
        purchase(30, 4_000, "ben"),
        purchase(3, -500, "ben", orders=0),
        purchase(1, 800, None),
    ]

    found = numbers(report_of(measure(engine, rows)), ReportFigure.HEADLINE)

    assert found == {
        (Headline.PEOPLE, "people"): 4,
        (Headline.BUYERS, "people"): 2,
        (Headline.FIRST_TIME, "people"): 1,
        (Headline.LIFETIME, "value"): 6_500,
        (Headline.ORDERS, "orders"): 3,
        (Headline.DAY, "cents"): 1_000,
        (Headline.DAY, "orders"): 1,
        (Headline.LAST, "cents"): 3_300,
        (Headline.LAST, "orders"): 3,
        (Headline.BEFORE, "cents"): 4_000,
        (Headline.BEFORE, "orders"): 1,
    }


def test_every_number_can_be_traced_to_columns_that_exist(measured):
    report = report_of(measured)
    named = {
        column for cell in report["made_from"] for column in str(cell).split(", ")
    } | {column for _, cell in MADE_FROM.values() for column in cell.split(", ")}

    assert named
    for column in named:
        table, name = column.split(".")
        assert name in TABLES[table].columns, column
