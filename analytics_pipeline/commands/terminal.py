"""What a person sees while a command works: progress, waits, a summary, errors."""

import json
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from analytics_pipeline.commands.streams import ErrorSpeaker, Speaker
from analytics_pipeline.model.errors import PipelineError
from analytics_pipeline.model.text import for_shop
from analytics_pipeline.sources.protocol import LIMIT_REACHED, LIMIT_USED_UP

# ----------------------------------------------------------------------------------
# What a command is doing right now, in one line: how much, how fast, and any wait.


WORTH_A_RATE = 2.0
"""Seconds after which a rate means something."""

FIRST_LINE, LONGEST_SILENCE = 10.0, 300.0
"""Seconds until the first line where there is no terminal, and between two at most."""


@dataclass
class Waits:
    """How often and how long one reason made a command wait."""

    times: int = 0
    seconds: float = 0.0


@dataclass
class Activity:
    """One piece of work under way."""

    name: str
    clock: Callable[[], float] = time.monotonic
    waits: dict[str, Waits] = field(default_factory=dict)
    _what: str = ""
    _done: int = 0
    _of: int | None = None
    _began: float = 0.0
    _seen: float = 0.0
    _paused: float = 0.0
    _wait: tuple[float, str] | None = None
    _next_line: float = 0.0
    _silence: float = FIRST_LINE

    def __post_init__(self) -> None:
        """Begin now."""
        self._began = self._seen = self.clock()
        self._next_line = self._began + FIRST_LINE

    def advance(self, what: str, done: int, of: int | None) -> None:
        """Note how much of *what* is done."""
        if what != self._what:
            self._what, self._began, self._paused = what, self._seen, 0.0
        self._done, self._of, self._seen, self._wait = done, of, self.clock(), None

    def wait(self, seconds: float, reason: str) -> bool:
        """Note a wait; return whether it is worth a line where there is no terminal.

        The first wait for a reason is, then the second, the fourth and so on, and each
        that is long.
        """
        self._wait = self.clock() + seconds, reason
        self._paused += seconds
        known = self.waits.setdefault(reason, Waits())
        known.times += 1
        known.seconds += seconds
        is_power_of_two = known.times & (known.times - 1) == 0
        return is_power_of_two or seconds >= FIRST_LINE

    def is_due(self) -> bool:
        """Say whether it is time for a line; each silence is longer than the last."""
        now = self.clock()
        if now < self._next_line:
            return False
        self._silence = min(self._silence * 1.5, LONGEST_SILENCE)
        self._next_line = now + self._silence
        return True

    def line(self) -> str:
        """Return what is being done, or waited for, right now."""
        if self._wait is not None:
            left = self._wait[0] - self.clock()
            if left > 0:
                return describe_wait(left, self._wait[1])
        if not self._what:
            return f"{self.name} …"
        return f"{self.name}: {self._what}{self._count()}"

    def _count(self) -> str:
        """Say how much is done, of how much, and how fast."""
        if self._of == 1 or (not self._done and self._of is None):
            return " …"
        of = "" if self._of is None else f" of {self._of:,}"
        passed = self._seen - self._began - self._paused
        rate = self._done / passed if passed >= WORTH_A_RATE else 0
        speed = f" ({rate:,.0f}/s)" if rate >= 1 else ""
        return f" {self._done:,}{of}{speed}"


def describe_wait(seconds: float, reason: str) -> str:
    """Say how long a command waits, and why."""
    shown = f"{max(seconds, 1):.0f} s"
    if reason in (LIMIT_REACHED, LIMIT_USED_UP):
        return f"Lightspeed asks to wait {shown}: {reason}"
    return f"trying Lightspeed again in {shown}: {reason}"


# ----------------------------------------------------------------------------------
# What a person sees while a command works: progress, waits, a summary, errors.


MOST_WARNINGS = 5
"""How many warnings are shown before a summary, which is to stay on the screen."""


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """The output of a command: with all logs, in JSON, or only what is wrong."""

    debug: bool = False
    as_json: bool = False
    quiet: bool = False


class _Doing(ProgressColumn):
    """The line of an activity, cut where the terminal ends."""

    def __init__(self, activity: Activity) -> None:
        super().__init__(Column(no_wrap=True, overflow="ellipsis"))
        self._activity = activity

    def render(self, task: Any) -> Text:  # noqa: ARG002 (rich gives it)
        """Return the line as it is now: a wait counts down."""
        return Text(self._activity.line())


def _open_error_stream() -> Console:
    """Return standard error; a terminal by a descriptor of its own.

    While a step runs, Dagster keeps what is written to the usual one in a file, and a
    line that moves would stop, and fill that file.
    """
    if not sys.stderr.isatty():
        return ErrorSpeaker(stderr=True, highlight=False)
    own = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding=sys.stderr.encoding)
    return ErrorSpeaker(file=own, highlight=False)


def _fold(text: str, width: int, indent: int) -> str:
    """Break *text* between words; a path that is too long for a line stays whole."""
    return textwrap.fill(
        text,
        max(width - indent, 20),
        break_long_words=False,
        break_on_hyphens=False,
    ).replace("\n", "\n" + " " * indent)


@dataclass
class Terminal:
    """The two streams: what is asked for goes to one, everything else to the other.

    ``shop`` is the shop of a chain that the output is about, ``headline`` what is most
    important about it, and ``facts`` what the document says that ``--json`` prints.
    """

    output_options: OutputOptions = field(default_factory=OutputOptions)
    out: Console = field(default_factory=lambda: Speaker(highlight=False))
    err: Console = field(default_factory=_open_error_stream)
    shop: str | None = None
    headline: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    waits: dict[str, Waits] = field(default_factory=dict)
    _activity: Activity | None = None

    def __post_init__(self) -> None:
        """Keep standard output for the document, or for nothing."""
        if self.output_options.as_json or self.output_options.quiet:
            self.out.quiet = True

    @property
    def log_level(self) -> str:
        """How much of Dagster's own log is shown."""
        return "DEBUG" if self.output_options.debug else "CRITICAL"

    @property
    def moves(self) -> bool:
        """Whether a line can be shown that moves: not in a file, nor in a pipe."""
        return self.err.is_terminal and not self.err.is_dumb_terminal

    @contextmanager
    def working(self, on: str, *, is_brief: bool = False) -> Iterator[None]:
        """Show that *on* is being done; on a terminal, with a moving line.

        What is mostly brief gets no line where there is no terminal.
        """
        self._activity = activity = Activity(on, waits=self.waits)
        is_shown = not self.output_options.quiet
        if is_shown and not is_brief and not self.moves:
            self.err.print(activity.line(), markup=False, soft_wrap=True)
        bars = Progress(
            SpinnerColumn(),
            _Doing(activity),
            TimeElapsedColumn(),
            console=self.err,
            transient=True,
            disable=not (is_shown and self.moves),
        )
        try:
            with bars:
                bars.add_task("", total=None)
                yield
        finally:
            self._activity = None

    def progress(self, what: str, done: int, of: int | None) -> None:
        """Show how much of *what* is done."""
        if self._activity is None:
            return
        self._activity.advance(what, done, of)
        if not self.moves and not self.output_options.quiet and self._activity.is_due():
            self.err.print(self._activity.line(), markup=False, soft_wrap=True)

    def waiting(self, seconds: float, reason: str) -> None:
        """Show that Lightspeed makes us wait, and why."""
        activity = self._activity or Activity("", waits=self.waits)
        is_worth_it = activity.wait(seconds, reason)
        if is_worth_it and not self.moves and not self.output_options.quiet:
            self.err.print(describe_wait(seconds, reason), markup=False, soft_wrap=True)

    def summary(self, title: str, lines: Mapping[str, str]) -> None:
        """Print what came out, one line a figure.

        On a terminal what is long goes on beneath itself, but a path stays whole.
        """
        width = max(map(len, lines), default=0)
        self.out.print(title, style="bold", markup=False)
        for name, value in lines.items():
            start = f" {name.ljust(width)}  "
            shown = for_shop(value, self.shop)
            if self.out.is_terminal:
                shown = _fold(shown, self.out.width, len(start))
            self.out.print(start + shown, markup=False, soft_wrap=True)

    @contextmanager
    def after_headlines(self, title: str, heads: Mapping[str, str]) -> Iterator[None]:
        """Hold back what is printed until *heads* are filled, and print them first.

        Without a *title* there are none.
        """
        if not title or self.out.quiet:
            yield
            return
        out, held = self.out, StringIO()
        self.out = Console(
            file=held,
            force_terminal=out.is_terminal,
            width=out.width,
            height=out.height,
            highlight=False,
        )
        try:
            yield
        finally:
            self.out = out
        self.summary(title, heads)
        self.out.file.write(f"\n{held.getvalue()}")

    def marked(
        self, word: str, style: str, name: str, sentence: str, width: int
    ) -> None:
        """Print a sentence with a coloured word before it, and what it is about."""
        start = f" {word:<8} {name.ljust(width)}  "
        shown = for_shop(sentence, self.shop)
        if self.out.is_terminal:
            shown = _fold(shown, self.out.width, len(start))
        line = Text(start + shown)
        line.stylize(style, 0, len(word) + 1)
        self.out.print(line, soft_wrap=True)

    def rows(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a small table."""
        table = Table(box=None, header_style="bold", pad_edge=False)
        for heading in headings:
            table.add_column(heading, justify="right" if heading == "rows" else "left")
        for row in rows:
            table.add_row(*row)
        self.out.print(table)

    def warn(self, sentence: str) -> None:
        """Print a warning that stops nothing."""
        self.warnings.append(sentence)
        self._complain("warning: ", sentence, is_prose=True)

    def warn_of_all(self, sentences: Sequence[str]) -> None:
        """Print warnings; on a terminal the first of many, so that the summary fits."""
        shown = sentences[:MOST_WARNINGS] if self.moves else sentences
        for sentence in shown:
            self.warn(sentence)
        if len(shown) < len(sentences):
            self.warnings.extend(sentences[len(shown) :])
            more = len(sentences) - len(shown)
            self.say(f"and {more} more warnings: analytics-pipeline status", self.err)

    def fail(self, error: PipelineError) -> None:
        """Print one line of cause and one of remedy."""
        self._complain("error: ", error.cause, is_prose=True)
        self.say(f"  {error.remedy}", self.err)

    def note(self, sentence: str) -> None:
        """Print what is good to know while a command works, apart from its results."""
        if not self.output_options.quiet:
            self.say(sentence, self.err)

    def say(self, sentence: str, on: Console | None = None) -> None:
        """Print a sentence; its commands name the shop, where there are several."""
        line = for_shop(sentence, self.shop)
        (on or self.out).print(line, markup=False, soft_wrap=True)

    def prose(self, sentence: str, indent: int) -> None:
        """Print a sentence that goes on beneath itself on a terminal."""
        text = for_shop(sentence, self.shop)
        if self.out.is_terminal:
            text = _fold(text, self.out.width, indent)
        self.out.print(" " * indent + text, markup=False, soft_wrap=True)

    def print_document(self, document: Mapping[str, Any]) -> None:
        """Print the one JSON document that a program reads."""
        self.out.quiet = False
        # Some signs beyond ASCII would steer the terminal.
        self.out.print_json(json.dumps(document), ensure_ascii=True)

    def _complain(self, word: str, sentence: str, *, is_prose: bool = False) -> None:
        """Say what is wrong, and with which shop; prose goes on beneath itself."""
        of = f"{self.shop}: " if self.shop else ""
        text = f"{of}{for_shop(sentence, self.shop)}"
        if is_prose and self.err.is_terminal:
            text = _fold(text, self.err.width, len(word))
        self.err.print(f"{word}{text}", markup=False, soft_wrap=True)
