"""Tables on a terminal, however wide it is, and in a file."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analytics_pipeline.commands.terminal import Terminal

ID_HEADINGS = ("record", "sale or web order")
LONGEST_ID = 36
JOINERS = "\u200c\u200d"
"""Signs that join letters, which names and emoji need."""
MOST_SHOWN = 1_000
"""Rows of a table at most; printing fifty thousand takes a minute, and no one reads
them."""
ROOMY = 80
"""Columns from which an id is kept on one line; what is narrower folds everything."""
WIDTH = 100
"""Columns at most, and where the output goes into a file or another program."""
NUMBERS = ("value", "people", "at stake", "to keep")
"""The headings of columns of numbers."""


def narrow(screen: Console) -> None:
    """Let what is printed be no wider than people read."""
    screen.width = min(screen.width, WIDTH) if screen.is_terminal else WIDTH


def print_table(
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
    terminal.out.print(cell(title, "bold"))
    table = Table(
        box=None, show_header=any(headings), header_style="dim", padding=(0, 0, 0, 1)
    )
    whole = ID_HEADINGS if terminal.out.width >= ROOMY else ()
    for heading in headings:
        table.add_column(
            heading,
            justify="right" if heading in NUMBERS else "left",
            min_width=LONGEST_ID if heading in whole else None,
            # A column that may be narrowed is, and then the row is cut at its end.
            no_wrap=heading in whole,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*map(cell, row))
    if rows:
        terminal.out.print(table)
    else:
        terminal.out.print(" nothing")
    if more:
        terminal.out.print(cell(f" … and {more:,} {kind}; --json has all"))
    terminal.out.print()


def cell(text: str, style: str = "") -> Text:
    """Return *text* as it is, but for signs that would steer the terminal."""
    shown = (c if c.isprintable() or c in JOINERS else " " for c in text)
    return Text("".join(shown), style)
