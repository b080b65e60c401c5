"""The report in a real browser: on a desk, on a phone, on paper, and read aloud."""

import random
from pathlib import Path
from typing import Any

import ibis
import pytest

from analytics_pipeline.domain.report import report_figures
from analytics_pipeline.model.checks import LastResult, Outcome
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.report import CustomerReport
from analytics_pipeline.report.page import Page, render_page
from analytics_pipeline.report.sections import build_sections
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline_tests.report_measured import (
    AS_OF,
    EVERYBODY,
    measure,
    purchase,
)

PLOTS = 8
SMALLEST_LETTER = 9
"""In pixels of a screen; smaller ones tire the eye."""

DRAWN = """() => [...document.querySelectorAll('.drawing svg')].map(svg => {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')];
  const scale = frame.width / svg.viewBox.baseVal.width;
  const size = text => parseFloat(getComputedStyle(text).fontSize);
  const [left, right] = [frame.left - 2, frame.right + 2];
  return {
    name: svg.closest('section').querySelector('h2').textContent,
    width: frame.width,
    height: frame.height,
    marks: svg.querySelectorAll('.mark').length,
    letter: Math.min(...texts.map(size)) * scale,
    cut: texts.filter(t => {
      const box = t.getBoundingClientRect();
      return box.width > 0 && (box.left < left || box.right > right);
    }).map(t => t.textContent),
  };
})"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a report with something in every part of it."""
    chance = random.Random(4)
    rows = [
        purchase(
            chance.randint(0, 700),
            chance.randint(100, 90_000),
            chance.choice([*EVERYBODY, None]),
            is_ecom=chance.random() < 0.3,
        )
        for _ in range(150)
    ]
    measured = measure(ibis.duckdb.connect(threads=1), rows)
    figures = shape(report_figures(measured, Policy(), AS_OF), CustomerReport)
    change = {
        "person": "0242ac12-0002-11eb-e0b9-3fd2f2b4f0d5", "change": "value",
        "before": "", "after": "12.00", "value": "+12.00", "cause": "sale",
        "by": "0242ac12-0002-11eb-e0b9-3fd2f2b4f0d6", "day": "2026-06-19",
    }  # fmt: skip
    page = Page(
        as_of=AS_OF,
        report=figures,
        sections=build_sections(figures, AS_OF),
        changes=[change] * 20,
        last_results=[
            LastResult("raw_sales", "is_caught_up", Outcome.PASSED, "All is read."),
            LastResult("ecom_orders", "export_is_fresh", Outcome.WARNS, "It is old."),
        ],
        with_tax=True,
        provisional=True,
    )
    path = tmp_path_factory.mktemp("report") / "customer_report.html"
    path.write_text(render_page(page), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_every_plot_is_drawn_whole_in_letters_that_can_be_read(
    page: Any, requests: list[str], report: str, width: int
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.set_viewport_size({"width": width, "height": 800})

    page.goto(report)
    drawn = page.evaluate(DRAWN)

    assert len(drawn) == PLOTS
    for plot in drawn:
        assert plot["width"] > 0.8 * min(width, 340), plot
        assert plot["height"] > 120, plot
        assert plot["marks"] >= 3, plot
        assert plot["cut"] == [], plot
        assert plot["letter"] >= (SMALLEST_LETTER if width >= 390 else 7.5), plot
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert requests == [report]
    assert said == []


def test_it_can_be_used_by_people_who_see_or_hear_less(page: Any, report: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.goto(report)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = Axe().run(page)

    assert found.response["violations"] == [], found.generate_report()
    assert len(found.response["passes"]) > 15


def test_every_number_of_a_plot_is_in_the_table_below_it(
    page: Any, report: str
) -> None:
    page.goto(report)
    section = page.locator("section.plot", has=page.get_by_text("Customers by tier"))
    assert not section.locator("table").is_visible()

    section.locator("summary").click()

    assert section.locator("table").is_visible()
    assert section.get_by_text("customer_analytics.tier").is_visible()


def test_on_paper_it_is_a_few_pages_with_every_plot(
    page: Any, report: str, tmp_path: Path
) -> None:
    page.goto(report)
    pdf = page.pdf(path=tmp_path / "report.pdf", format="A4")
    page.emulate_media(media="print")

    assert 2 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= 6
    assert len(page.evaluate(DRAWN)) == PLOTS
    assert not page.locator("summary").first.is_visible()
