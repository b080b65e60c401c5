"""Tests for analytics_pipeline.report.page: the page as its reader has it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import ibis
import pytest

from analytics_pipeline.domain.report import report_figures
from analytics_pipeline.model.checks import LastResult, Outcome
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.report import CustomerReport
from analytics_pipeline.report.page import Page, render_page
from analytics_pipeline.report.sections import build_sections
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline_tests.report_measured import AS_OF, measure, purchase

ROWS = [
    purchase(200, 30_000, "ann"),
    purchase(150, 20_000, "ann", is_ecom=True),
    purchase(110, 5_050, "ben"),
    purchase(2, 160_000, "cas"),
    purchase(1, 700, None),
]
GOOD = LastResult("raw_sales", "is_caught_up", Outcome.PASSED, "All is read.")
BAD = LastResult("ecom_orders", "export_is_fresh", Outcome.WARNS, "It is <9> days old.")


class Cells(HTMLParser):
    """The tables of a page: by caption, the cells of each row."""

    def __init__(self, text):
        super().__init__()
        self.tables, self._rows, self._text = {}, None, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self._rows = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"td", "th", "caption"}:
            self._text = ""

    def handle_data(self, data):
        if self._text is not None:
            self._text += data

    def handle_endtag(self, tag):
        if tag == "caption":
            self.tables[self._text] = self._rows
        elif tag in {"td", "th"}:
            self._rows[-1].append(self._text)
        if tag in {"td", "th", "caption"}:
            self._text = None


@pytest.fixture(scope="module")
def page():
    measured = measure(ibis.duckdb.connect(threads=1), ROWS)
    report = shape(report_figures(measured, Policy(), AS_OF), CustomerReport)
    return Page(
        as_of=AS_OF,
        report=report,
        sections=build_sections(report, AS_OF),
        changes=[],
        last_results=[GOOD],
        with_tax=True,
        provisional=False,
    )


@pytest.fixture(scope="module")
def text(page):
    return render_page(page)


@pytest.fixture(scope="module")
def tables(text):
    return Cells(text).tables


def test_nothing_of_the_page_is_elsewhere(text):
    addresses = set(re.findall(r"""(?:https?:)?//[^\s"'<>]+""", text))

    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "<script" not in text
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) <= {"data:,", "#health"}


def test_every_section_has_a_plot_a_table_and_the_columns_that_it_is_made_from(
    page, text, tables
):
    assert len(page.sections) == 8
    for section in page.sections:
        assert section.svg in text
        assert len(tables[section.title]) == len(section.grid.rows) + 1
        for column in section.made_from.split(", "):
            assert f"<code>{column}</code>" in text


def test_the_same_report_gives_the_same_bytes(page, text):
    again = replace(page, sections=build_sections(page.report, AS_OF))

    assert render_page(again) == text


def test_revenue_is_by_month_the_latest_first(tables):
    assert tables["Revenue by month"][:3] == [
        ["month", "returning", "new", "unattributed", "all"],
        ["2026-06", "0.00", "1,600.00", "7.00", "1,607.00"],
        ["2026-03", "0.00", "50.50", "0.00", "50.50"],
    ]


def test_the_rate_of_second_purchases_waits_for_the_ninety_days(tables):
    rows = tables["First-time buyers, and who bought again"]

    assert rows[1:] == [
        ["2026-06", "1", "0", "0", "1", "not known yet"],
        ["2026-03", "1", "0", "0", "1", "not known yet"],
        ["2025-12", "1", "1", "0", "0", "100.0 %"],
    ]


def test_retention_shows_finished_months_only(tables):
    values = {row[0]: row[2:] for row in tables["Who comes back"][1:]}

    assert [cell for cell in values["2026-03"] if cell] == ["0.0 %", "0.0 %"]
    assert [cell for cell in values["2026-06"] if cell] == []


def test_all_is_well_only_if_every_check_passed(page, text):
    assert "All 1 checks passed." in text
    reported = render_page(replace(page, last_results=[GOOD, BAD]))

    assert "All 2 checks passed" not in reported
    assert "1 of 2 checks raised a warning." in reported
    assert Cells(reported).tables["Checks that did not pass"][1] == [
        "ecom_orders", "export_is_fresh", "warning", "It is <9> days old.",
    ]  # fmt: skip


def test_content_is_text_and_never_markup(page):
    change = dict.fromkeys(
        ("person", "change", "before", "after", "value", "cause", "by", "day"),
        "<script>alert(1)</script>",
    )

    reported = render_page(replace(page, changes=[change], shop="<b>x</b>"))

    assert "<script" not in reported
    assert "<b>x</b>" not in reported


def test_a_day_that_goes_on_is_said_to_be_provisional(page, text):
    assert "Provisional" not in text
    assert "Provisional" in render_page(replace(page, provisional=True))


def test_money_without_tax_is_said_to_be_so(page, text):
    assert "tax included" in text
    assert "without tax" in render_page(replace(page, with_tax=False))


def test_a_shop_that_has_sold_nothing_yet_has_a_page(page):
    measured = measure(ibis.duckdb.connect(threads=1), [])
    report = shape(report_figures(measured, Policy(), AS_OF), CustomerReport)

    reported = render_page(
        replace(page, report=report, sections=build_sections(report, AS_OF))
    )

    assert "No month is 90 days old yet." in reported
