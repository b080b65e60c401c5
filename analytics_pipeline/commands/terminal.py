"""What a person sees while a command works: progress, waits, a summary, errors."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from analytics_pipeline.domain.typed_commands import for_shop
from analytics_pipeline.errors import PipelineError


@dataclass
class Terminal:
    """The two streams: what is asked for goes to one, everything else to the other.

    ``shop`` is the one of a chain of which everything tells.
    """

    debug: bool = False
    out: Console = field(default_factory=lambda: Console(highlight=False))
    err: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))
    shop: str | None = None
    _bars: Progress | None = None
    _tasks: dict[str, object] = field(default_factory=dict)

    @property
    def log_level(self) -> str:
        """How much of Dagster's own log is shown."""
        return "DEBUG" if self.debug else "CRITICAL"

    @contextmanager
    def working(self, on: str) -> Iterator[None]:
        """Show that *on* is being done; on a terminal, with a moving line."""
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            console=self.err,
            transient=True,
            disable=not self.err.is_terminal,
        )
        if not self.err.is_terminal:
            self.err.print(f"{on} …")
        with self._bars:
            self._main = self._bars.add_task(on, count="", total=None)
            yield
        self._bars = None

    def progress(self, what: str, done: int, of: int | None) -> None:
        """Show how much of *what* is done."""
        if self._bars is None:
            return
        count = f"{done:,}" if of is None else f"{done:,} of {of:,}"
        self._bars.update(self._main, count=f"{what}: {count}")

    def waiting(self, seconds: float, reason: str) -> None:
        """Show that Lightspeed makes us wait, and why."""
        line = f"waiting {seconds:.0f} s: {reason}"
        if self._bars is not None and self.err.is_terminal:
            self._bars.update(self._main, count=line)
        else:
            self.err.print(line, markup=False)

    def note(self, sentence: str) -> None:
        """Print what a person should know and need not act upon."""
        self._complain("note: ", sentence)

    def summary(self, title: str, lines: Mapping[str, str]) -> None:
        """Print what came out, one line a figure."""
        width = max(map(len, lines), default=0)
        self.out.print(title, style="bold", markup=False)
        for name, value in lines.items():
            line = f" {name.ljust(width)}  {for_shop(value, self.shop)}"
            self.out.print(line, markup=False, soft_wrap=True)

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
        self._complain("warning: ", sentence)

    def fail(self, error: PipelineError) -> None:
        """Print one line of cause and one of remedy."""
        self._complain("error: ", error.cause)
        self.say(f"  {error.remedy}", self.err)

    def say(self, sentence: str, on: Console | None = None) -> None:
        """Print a sentence; its commands name the shop, where there are several."""
        line = for_shop(sentence, self.shop)
        (on or self.out).print(line, markup=False, soft_wrap=True)

    def _complain(self, word: str, sentence: str) -> None:
        """Say what is wrong, and with which shop."""
        of = f"{self.shop}: " if self.shop else ""
        self.say(f"{word}{of}{sentence}", self.err)
