"""The report as one page of HTML that asks nothing of any network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from analytics_pipeline.domain.report import Headline, rows_of
from analytics_pipeline.model.checks import LastResult, Outcome
from analytics_pipeline.model.vocabulary import ReportFigure, ReportUnit
from analytics_pipeline.report.sections import (
    Grid,
    Section,
    amount,
    difference,
    money,
)


@dataclass(frozen=True, slots=True)
class Page:
    """What the page of a day is drawn from.

    Attributes:
        as_of: the day.
        report: ``CustomerReport`` of that day.
        sections: those of the report, each with its plot.
        changes: the changes to list, in words.
        last_results: the last result of every check.
        with_tax: whether money is with tax.
        provisional: whether the day was not over yet.
        shop: the shop's name in a chain, else empty.
    """

    as_of: date
    report: pd.DataFrame
    sections: Sequence[Section]
    changes: Sequence[Mapping[str, str]]
    last_results: Sequence[LastResult]
    with_tax: bool
    provisional: bool
    shop: str = ""


def render_page(page: Page) -> str:
    """Return the page as HTML."""
    problems = [
        each for each in page.last_results if each.outcome is not Outcome.PASSED
    ]
    return _template().render(
        page=page,
        due=page.as_of + timedelta(days=2),
        tiles=_tiles(page.report),
        changes=_list_changes(page.changes),
        counts=_count_changes(page.report),
        problems=problems,
        problems_grid=_list_problems(problems),
        passed=len(page.last_results) - len(problems),
        health=_describe_health(page.report),
    )


@cache
def _template() -> Template:
    """Return the template, which refuses what it does not know and escapes the rest."""
    loader = PackageLoader("analytics_pipeline.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("customer_report.html")


def _tiles(report: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return the numbers at the top: what, how much, and a detail."""
    found = {
        (each.label, each.series): each.amount
        for each in rows_of(report, ReportFigure.HEADLINE)
    }
    people = found[Headline.PEOPLE, "people"]
    last, before = (found[when, "cents"] for when in (Headline.LAST, Headline.BEFORE))
    day = found[Headline.DAY, "orders"], found[Headline.DAY, "cents"]
    tiles = [
        (Headline.DAY, money(day[1]), f"{day[0]:,} orders"),
        (
            Headline.LAST,
            money(last),
            f"{difference(last, before)} against the 30 days before",
        ),
        (Headline.BUYERS, f"{found[Headline.BUYERS, 'people']:,}", f"of {people:,}"),
        (
            Headline.FIRST_TIME,
            f"{found[Headline.FIRST_TIME, 'people']:,}",
            "people with exactly one order",
        ),
        (Headline.VIPS, f"{found[Headline.VIPS, 'people']:,}", "by lifetime value"),
        (
            Headline.LIFETIME,
            money(found[Headline.LIFETIME, "value"]),
            f"{found[Headline.ORDERS, 'orders']:,} orders of all people",
        ),
    ]
    return [(str(name), number, not_bundled) for name, number, not_bundled in tiles]


def _list_changes(changes: Sequence[Mapping[str, str]]) -> Grid:
    """Return the changes to list, a line each."""
    names = ("person", "change", "before", "after", "value", "cause", "by", "day")
    return Grid(names, [[each[name] for name in names] for each in changes])


def _list_problems(last_results: Sequence[LastResult]) -> Grid:
    """Return what did not pass, a line each."""
    return Grid(
        ("table", "check", "result", "what it found"),
        [
            (
                f"{each.table} of {each.day}" if each.day else each.table,
                each.check,
                each.outcome,
                each.sentence,
            )
            for each in last_results
        ],
    )


def _count_changes(report: pd.DataFrame) -> dict[str, Any]:
    """Return how many changes there are, in all and by what changed and what did it."""
    rows = rows_of(report, ReportFigure.CHANGES)
    lines = [(each.label, each.series, f"{each.amount:,}") for each in rows]
    grid = Grid(("change", "cause", "how many"), lines)
    return {"total": f"{sum(each.amount for each in rows):,}", "grid": grid}


def _describe_health(report: pd.DataFrame) -> dict[str, Any]:
    """Return both sides of the sums, and how old what was read is."""
    sums = rows_of(report, ReportFigure.RECONCILIATION)
    sides = {(each.label, each.unit): each.amount for each in sums}
    lines = [
        [name, *(_side(sides, names, unit) for unit in _UNITS)]
        for name, names in _SIDES.items()
    ]
    days = [
        (each.label, amount(each.amount, each.unit), _WORDS[each.unit])
        for each in rows_of(report, ReportFigure.FRESHNESS)
    ]
    web = [
        (each.label.replace("_", " "), amount(each.amount, each.unit))
        for each in rows_of(report, ReportFigure.WEB_ORDERS)
    ]
    return {
        "web_orders": Grid(("how they are", "orders"), web),
        "sides": Grid(("side", "value", "orders"), lines),
        "fresh": Grid(("what", "how much", "unit"), days),
    }


_WORDS = {ReportUnit.DAYS: "days before the day of the report"}
_UNITS = (ReportUnit.CENTS, ReportUnit.ORDERS)
_SIDES = {
    "people": ("people",),
    "+ unattributed": ("unattributed",),
    "+ gift cards": ("gift cards",),
    "= together": ("people", "unattributed", "gift cards"),
    "sales": ("sales",),
    "+ added web orders": ("web orders",),
    "= all together": ("sales", "web orders"),
}


def _side(
    sides: Mapping[tuple[str, ReportUnit], int], names: Sequence[str], unit: ReportUnit
) -> str:
    return amount(sum(sides[name, unit] for name in names), unit)
