"""Put the measured tables between the marks of a document; the rest is hand-written."""

import re
from collections.abc import Iterable, Mapping

from benchmarks.harness import LIMIT, PRODUCT, Case, Tally
from benchmarks.results import Result
from benchmarks.worker import Figure


class NoMark(Exception):
    """The document has no place for a section."""


def fill_document(text: str, results: Mapping[str, Result]) -> str:
    """Return *text* with the table of each of *results* between its marks.

    Raises:
        NoMark: a section's marks are missing.
    """
    for name, result in results.items():
        text = put_between(text, f"<!-- benchmark: {name} -->", render_result(result))
    return text


def put_between(text: str, begin: str, content: str) -> str:
    """Return *text* with *content* between the mark *begin* and the next end.

    Raises:
        NoMark: a mark is missing.
    """
    end = "<!-- end of benchmark -->"
    place = re.compile(rf"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
    if not place.search(text):
        raise NoMark(f"The document lacks the marks {begin} and {end}.")
    return place.sub(lambda _found: f"{begin}\n{content}{end}", text, count=1)


def render_result(result: Result) -> str:
    """Return a section's table and what it was measured on."""
    rounds = "round" if result.rounds == 1 else "rounds"
    versions = ", ".join(
        f"{name} {reported}" for name, reported in result.versions.items()
    )
    return (
        f"\n{render_table(result.cases)}\n"
        f"{result.rounds} {rounds} in turn, {result.measured_on}. {result.machine}; "
        f"{versions}.\n\n"
    )


def render_table(cases: Iterable[Case]) -> str:
    """Return the measures of all *cases* as one Markdown table."""
    cases = list(cases)
    reported = {
        name for case in cases for each in case.tallies for name in each.figures
    }
    in_order = [
        name for case in cases for each in case.tallies for name in each.figures
    ]
    names = sorted(reported, key=in_order.index)
    heads = ["", "", "seconds (min–max)", "of CPU", "peak MB", "× product", *names]
    sides = ["---", "---", *["---:"] * (len(heads) - 2)]
    rows = [heads, sides]
    for case in cases:
        product = find_product(case)
        for number, tally in enumerate(case.tallies):
            size = f"**{case.size}**" if number == 0 else ""
            rows.append([size, *_cells(tally, product, names)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def find_product(case: Case) -> Tally | None:
    """Return the measure that the others are compared with."""
    return next((each for each in case.tallies if each.role == PRODUCT), None)


def _cells(tally: Tally, product: Tally | None, names: list[str]) -> list[str]:
    label = f"*{tally.label}*" if tally.role == LIMIT else tally.label
    spread = f"{amount(min(tally.seconds))}–{amount(max(tally.seconds))}"
    cpu = sorted(tally.cpu)[len(tally.cpu) // 2]
    return [
        f"**{label}**" if tally.role == PRODUCT else label,
        f"{amount(tally.median)} ({spread})",
        amount(cpu),
        f"{max(tally.peak):,.0f}",
        amount(tally.median / product.median) if product and product.median else "",
        *(_figure(tally.figures.get(name, "")) for name in names),
    ]


def _figure(value: Figure) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else amount(value)


def amount(value: float) -> str:
    """Return a number with about three figures that mean something."""
    for least, places in ((100, 0), (10, 1), (0.1, 2)):
        if value >= least:
            return f"{value:,.{places}f}"
    return f"{value:.3f}"
