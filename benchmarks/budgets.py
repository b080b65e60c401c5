"""The goals of DESIGN §8 as data, and whether what was measured meets them.

A goal holds one quantity against another one of the same run, so that it is the same on
any machine; the few that are absolute say so by having nothing to be held against.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from statistics import median

from benchmarks import backfill, commands, daily, gates, master_csv
from benchmarks import customer_analytics as analytics
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
        to: what is different in the quantity that it is a ratio to, if it is one.
    """

    row: str
    of: Quantity
    most: float
    to: Mapping[str, str] = field(default_factory=dict)

    @property
    def against(self) -> Quantity | None:
        """What it is a ratio to, if it is one."""
        return replace(self.of, **self.to) if self.to else None

    @property
    def words(self) -> str:
        """The goal in words."""
        of, most = self.of, f"{self.most:g}"
        place = self.row if self.row == of.case else f"{self.row}; {of.case}"
        ratio = f" × {', '.join(self.to.values())}" if self.to else ""
        return f"{place}: {of.label}, {of.what} ≤ {most}{ratio}"


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


TWENTY_MILLION = "20,000,000 sales, 1,096 days"

BUDGETS: tuple[Budget, ...] = (
    *(
        Budget(
            "requests",
            Quantity("requests", case, asking.UPDATE, asking.REQUESTS),
            1,
            {"what": asking.ALLOWED},
        )
        for case in ("first load", "daily update")
    ),
    Budget(
        "first load",
        Quantity("requests", "first load", asking.UPDATE),
        2.5,
        {"label": asking.FETCHING},
    ),
    Budget("first load", Quantity("requests", "first load", asking.UPDATE, PEAK), 500),
    Budget("daily update", Quantity("requests", "daily update", asking.UPDATE), 5),
    *(
        Budget(
            case,
            Quantity("requests", case, asking.STEPS, CPU),
            most,
            {"label": asking.STEPS_EARLIER},
        )
        for case, most in (("first load", 0.4), ("daily update", 0.35))
    ),
    *(
        Budget(
            "the same after ten years",
            Quantity("daily", "3,652 days", daily.WHOLE, what),
            1.2,
            {"case": "365 days"},
        )
        for what in (asking.REQUESTS, "MB written", SECONDS)
    ),
    *(
        Budget(
            "customer_analytics",
            Quantity("customer_analytics", case, label),
            most,
            {"label": peer},
        )
        for case in (
            "5,000,000 sales, 1,096 days",
            TWENTY_MILLION,
            "5,000,000 sales, 3,652 days",
        )
        for label, most, peer in (
            (analytics.NIGHT, 0.6, analytics.TUNED),
            (analytics.NIGHT, 1, analytics.POLARS),
            (analytics.WITHOUT, 1.3, analytics.TUNED),
        )
    ),
    Budget(
        "customer_analytics",
        Quantity("customer_analytics", TWENTY_MILLION, analytics.NIGHT, PEAK),
        1_024,
    ),
    *(
        Budget(
            "gates of sound tables",
            Quantity("gates", f"{table}, {rows} rows", gates.AUDIT),
            1.2,
            {"label": gates.COUNTING},
        )
        for table in gates.KEYS
        for rows in ("100,000", "1,000,000")
    ),
    Budget(
        "CSV",
        Quantity("csv", "1,000,000 people", master_csv.PRODUCT_CSV),
        1.3,
        {"label": master_csv.POLARS_CSV},
    ),
    Budget(
        "backfill of `raw_sales`",
        Quantity("backfill", "3,652 days", backfill.ONE_RUN),
        3,
        {"label": backfill.ONE_COPY},
    ),
    *(
        Budget("an answer", Quantity("answers", "1,096 days", label, CPU), 0.7)
        for label in (
            commands.STATUS,
            commands.EXPLAIN,
            commands.DOCTOR,
            commands.REFUSAL,
        )
    ),
)
