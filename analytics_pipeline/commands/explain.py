"""Why a customer's row in the master is what it is, on one or two screens.

Shows personal data to whoever asks on this terminal; nothing of it is logged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date

from rich.table import Table
from rich.text import Text

from analytics_pipeline.commands.explained_words import (
    tell_figures,
    tell_person,
    tell_segment,
    tell_tier,
    tell_why_member,
)
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.domain.explanation import (
    Explanation,
    Line,
    LineKind,
    window_start,
)
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.steps.explanation import explain_customer

ID_HEADINGS = ("record", "sale or web order")
LONGEST_ID = 36
JOINERS = "\u200c\u200d"
"""Signs that join letters, which names and emoji need."""
MOST_SHOWN = 1_000
"""Rows of a table at most; to print fifty thousand takes a minute, and nobody reads
them."""
ROOMY = 80
"""Columns from which an id is kept on one line; what is narrower folds everything."""
WIDTH = 100
"""Columns at most, and where the output goes into a file or another program."""


def explain(
    settings: Settings,
    terminal: Terminal,
    customer: str,
    *,
    as_of: date | None = None,
) -> None:
    """Explain the row of *customer*, as of a day or the published one.

    Reads only, so it works while a run is under way.

    Raises:
        WrongUse: nobody or several people are meant, or the day cannot be explained.
        PipelineError: what is stored cannot be explained.
    """
    shop = open_shop(settings)
    shop.versions.refuse_newer()
    with terminal.working("reading what is known", is_brief=True):
        explanation = explain_customer(shop, customer, as_of)
    terminal.facts |= asdict(explanation)
    screen = terminal.out
    screen.width = min(screen.width, WIDTH) if screen.is_terminal else WIDTH
    _show(explanation, terminal)


def _show(explanation: Explanation, terminal: Terminal) -> None:
    """Print the explanation, from who it is to what comes next."""
    title = explanation.name or "A customer without a name"
    _summary(terminal, title, tell_person(explanation))
    numbers = {each.record_id: n for n, each in enumerate(explanation.members, start=1)}
    _table(
        terminal,
        "Which records are this person",
        ("no.", "record", "code", "why"),
        [
            (
                str(numbers[member.record_id]),
                member.record_id,
                member.customer_code,
                tell_why_member(member, numbers),
            )
            for member in explanation.members[:MOST_SHOWN]
        ],
        more=max(0, len(explanation.members) - MOST_SHOWN),
    )
    for heading, lines in (
        ("What counts", explanation.counted),
        ("What does not count", explanation.left_out),
    ):
        _show_lines(terminal, heading, lines, explanation, numbers)
    _summary(terminal, "How it adds up", tell_figures(explanation))
    outlook = explanation.outlook
    to_come = {**tell_segment(outlook), **tell_tier(outlook, explanation.as_of)}
    _summary(terminal, "Segment and tier", to_come)
    if explanation.notes:
        _table(terminal, "Notes", ("",), [(note,) for note in explanation.notes])


def _show_lines(
    terminal: Terminal,
    title: str,
    lines: Sequence[Line],
    explanation: Explanation,
    numbers: Mapping[str, int],
) -> None:
    """Print sales and web orders; what counts in the rolling window has a star.

    Of very many only the latest, which are what matters next.
    """
    start = window_start(explanation.as_of)
    earlier = max(0, len(lines) - MOST_SHOWN)
    rows = [
        (
            line.day.isoformat() + ("*" if line.counts and line.day >= start else ""),
            format_cents(line.value_cents),
            line.id if line.kind is LineKind.SALE else f"{line.kind} {line.id}",
            str(numbers.get(line.record_id, "")),
            line.why,
        )
        for line in lines[earlier:]
    ]
    if any(row[0].endswith("*") for row in rows):
        title += " (* in the last 90 days)"
    headings = ("day", "value", "sale or web order", "no.", "why")
    _table(terminal, title, headings, rows, more=earlier, kind="earlier ones")


def _summary(terminal: Terminal, title: str, lines: Mapping[str, str]) -> None:
    """Print names and what is said of each, wrapped beside its name."""
    _table(terminal, title, ("", ""), list(lines.items()))


def _table(
    terminal: Terminal,
    title: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    more: int = 0,
    kind: str = "more",
) -> None:
    """Print a table below its title; its last column takes what room there is.

    A line below it counts how many *more* of a *kind* are not shown.
    """
    terminal.out.print(_cell(title, "bold"))
    table = Table(
        box=None, show_header=any(headings), header_style="dim", padding=(0, 0, 0, 1)
    )
    whole = ID_HEADINGS if terminal.out.width >= ROOMY else ()
    for heading in headings:
        table.add_column(
            heading,
            justify="right" if heading == "value" else "left",
            min_width=LONGEST_ID if heading in whole else None,
            # A column that may be narrowed is, and then the row is cut at its end.
            no_wrap=heading in whole,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*map(_cell, row))
    if rows:
        terminal.out.print(table)
    else:
        terminal.out.print(" nothing")
    if more:
        terminal.out.print(_cell(f" … and {more:,} {kind}; --json has all"))
    terminal.out.print()


def _cell(text: str, style: str = "") -> Text:
    """Return *text* as it is, but for signs that would steer the terminal."""
    shown = (c if c.isprintable() or c in JOINERS else " " for c in text)
    return Text("".join(shown), style)
