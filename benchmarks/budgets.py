"""The goals of DESIGN §8 as data, and whether what was measured meets them.

A goal holds one quantity against another one of the same run, so that it is the same on
any machine; the few that are absolute say so by having nothing to be held against.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks import backfill, commands, customer_analytics, daily, gates, master_csv
from benchmarks import requests as asking
from benchmarks.document import amount
from benchmarks.harness import Tally
from benchmarks.results import Result

SECONDS, CPU, PEAK = "seconds", "s of CPU", "peak MB"


@dataclass(frozen=True)
class Quantity:
    """Something that was measured.

    Attributes:
        section: the benchmark.
        case: how the size begins.
        label: of the measure.
        what: ``SECONDS``, ``CPU``, ``PEAK``, or the name of a figure.
    """

    section: str
    case: str
    label: str
    what: str = SECONDS


@dataclass(frozen=True)
class Budget:
    """One goal: a quantity is at most so much, or so many times another one.

    Attributes:
        row: of DESIGN §8.
        of: what is held against the goal.
        most: the goal.
        against: what it is a ratio to, if to anything.
    """

    row: str
    of: Quantity
    most: float
    against: Quantity | None = None

    @property
    def words(self) -> str:
        """The goal in words."""
        of, other, most = self.of, self.against, f"{self.most:g}"
        place = self.row if self.row == of.case else f"{self.row}; {of.case}"
        subject = f"{place}: {of.label}, {of.what}"
        if other is None:
            return f"{subject} ≤ {most}"
        places = ((other.case, of.case), (other.label, of.label))
        named = [one for one, own in places if one != own]
        if other.what != of.what:
            named.append(other.what)
        return f"{subject} ≤ {most} × {', '.join(named)}"


@dataclass(frozen=True)
class Checked:
    """A goal, and what was measured; nothing if it was not."""

    budget: Budget
    measured: float | None

    @property
    def is_met(self) -> bool:
        """Whether the goal is met; one that was not measured is not."""
        return self.measured is not None and self.measured <= self.budget.most


def check_all(results: Mapping[str, Result]) -> list[Checked]:
    """Hold every goal against the results."""
    return [Checked(budget, measure(budget, results)) for budget in BUDGETS]


def measure(budget: Budget, results: Mapping[str, Result]) -> float | None:
    """Return the quantity of a goal, or its ratio; nothing if it was not measured."""
    value = _find(budget.of, results)
    if budget.against is None or value is None:
        return value
    other = _find(budget.against, results)
    return value / other if other else None


def render_checks(checks: Iterable[Checked]) -> str:
    """Return the goals as a Markdown table."""
    rows = [("goal", "measured", "met?"), ("---", "---:", "---")]
    for each in checks:
        value = each.measured
        shown = "not measured" if value is None else amount(value)
        rows.append((each.budget.words, shown, "yes" if each.is_met else "**no**"))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _find(wanted: Quantity, results: Mapping[str, Result]) -> float | None:
    cases = results[wanted.section].cases if wanted.section in results else []
    for case in cases:
        for tally in case.tallies:
            if case.size.startswith(wanted.case) and tally.label == wanted.label:
                return _value(tally, wanted.what)
    return None


def _value(tally: Tally, what: str) -> float | None:
    if what == SECONDS:
        return tally.median
    if what == CPU:
        return median(tally.cpu)
    if what == PEAK:
        return max(tally.peak)
    value = tally.figures.get(what)
    return None if value is None else float(value)


# ----------------------------------------------------------------------------------
# The goals, row by row.


def _requests() -> Iterable[Budget]:
    for case in ("first load", "daily update"):
        of, most = (
            Quantity("requests", case, asking.UPDATE, what)
            for what in (asking.REQUESTS, asking.ALLOWED)
        )
        yield Budget("requests", of, 1, most)


def _first_load() -> Iterable[Budget]:
    row, case = "first load", "first load"
    update = Quantity("requests", case, asking.UPDATE)
    fetching = Quantity("requests", case, asking.FETCHING)
    yield Budget(row, update, 2.5, fetching)
    steps, earlier = (
        Quantity("requests", case, label, CPU)
        for label in (asking.STEPS, asking.STEPS_EARLIER)
    )
    yield Budget(row, steps, 0.4, earlier)
    yield Budget(row, Quantity("requests", case, asking.UPDATE, PEAK), 500)


def _daily_update() -> Iterable[Budget]:
    row, case = "daily update", "daily update"
    yield Budget(row, Quantity("requests", case, asking.UPDATE), 5)
    steps, earlier = (
        Quantity("requests", case, label, CPU)
        for label in (asking.STEPS, asking.STEPS_EARLIER)
    )
    yield Budget(row, steps, 0.35, earlier)
    for what in (asking.REQUESTS, "MB written", SECONDS):
        ten, one = (
            Quantity("daily", case, daily.WHOLE, what)
            for case in ("3,652 days", "365 days")
        )
        yield Budget("the same after ten years", ten, 1.2, one)


def _customer_analytics() -> Iterable[Budget]:
    row, ways = "customer_analytics", customer_analytics
    for case in (
        "5,000,000 sales, 1,096 days",
        "20,000,000 sales, 1,096 days",
        "5,000,000 sales, 3,652 days",
    ):
        night, without, tuned, polars = (
            Quantity(row, case, label)
            for label in (ways.NIGHT, ways.WITHOUT, ways.TUNED, ways.POLARS)
        )
        yield Budget(row, night, 0.6, tuned)
        yield Budget(row, night, 1, polars)
        yield Budget(row, without, 1.3, tuned)
    large = Quantity(row, "20,000,000 sales, 1,096 days", ways.NIGHT, PEAK)
    yield Budget(row, large, 1_024)


def _gates() -> Iterable[Budget]:
    for table in gates.KEYS:
        for rows in ("100,000", "1,000,000"):
            audit, counting = (
                Quantity("gates", f"{table}, {rows} rows", label)
                for label in (gates.AUDIT, gates.COUNTING)
            )
            yield Budget("gates of sound tables", audit, 1.2, counting)


def _files() -> Iterable[Budget]:
    product, polars = (
        Quantity("csv", "1,000,000 people", label)
        for label in (master_csv.PRODUCT_CSV, master_csv.POLARS_CSV)
    )
    yield Budget("CSV of 1 M people", product, 1.3, polars)
    run, copy = (
        Quantity("backfill", "3,652 days", label)
        for label in (backfill.ONE_RUN, backfill.ONE_COPY)
    )
    yield Budget("backfill of `raw_sales`", run, 3, copy)


def _answers() -> Iterable[Budget]:
    for label in (
        commands.STATUS,
        commands.EXPLAIN,
        commands.DOCTOR,
        commands.REFUSAL,
    ):
        of = Quantity("answers", "1,096 days", label, CPU)
        yield Budget("an answer", of, 0.7)


BUDGETS: tuple[Budget, ...] = (
    *_requests(),
    *_first_load(),
    *_daily_update(),
    *_customer_analytics(),
    *_gates(),
    *_files(),
    *_answers(),
)
