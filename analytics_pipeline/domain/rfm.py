"""Recency, frequency and monetary value: five scores each, and a group (rule 10.1).

The edges between scores are type-7 quantiles (Hyndman & Fan 1996, "Sample Quantiles in
Statistical Packages", The American Statistician 50(4)) of whole numbers at fifths.
Each is a whole number of fifths, so it is kept as an exact fraction, and no amount is
ever rounded to be compared with it.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from analytics_pipeline.model.checks import CheckResult
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import RfmGroup

SCORES = 5
"""Scores are from 1 to 5, so there are four edges."""

Edges = tuple[Fraction, Fraction, Fraction, Fraction]
"""What separates five scores, ascending; some may be equal."""

Numbers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class RfmEdges:
    """The edges of one quarter.

    Attributes:
        recency: of days since the last order.
        frequency: of the number of orders.
        monetary: of lifetime value, in cents.
    """

    recency: Edges
    frequency: Edges
    monetary: Edges


class MoveCause(StrEnum):
    """Why a person is in another group than before.

    PERSON: what the person did, or let pass, would do it by the edges of before.
    EDGES: by the edges of before the person would still be in the group of before.
    BOTH: by the edges of before the person would be in a third group.
    """

    PERSON = "person"
    EDGES = "edges"
    BOTH = "person and edges"


def note_edges(edges: RfmEdges | None) -> str:
    """Write *edges* down, exactly; nothing is those of people without an order."""
    return json.dumps(asdict(edges) if edges else None, default=str)


def read_edges(note: str) -> RfmEdges | None:
    """Return the edges that :func:`note_edges` wrote down."""
    written = json.loads(note)
    if written is None:
        return None

    def read(name: str) -> Edges:
        first, second, third, fourth = map(Fraction, written[name])
        return first, second, third, fourth

    return RfmEdges(read("recency"), read("frequency"), read("monetary"))


def quarter_end_before(day: date) -> date:
    """Return the last day of the quarter before that of *day* (rule 10.1)."""
    first_month = 3 * ((day.month - 1) // 3) + 1
    return date(day.year, first_month, 1) - timedelta(days=1)


def day_of_edges(first_order_dates: "pd.Series[Any]", day: date) -> date:
    """Return as of which day the edges of *day* are (rule 10.1).

    Args:
        first_order_dates: of everyone, as of *day*; missing without an order.
        day: the day that is graded.
    """
    quarter_end = quarter_end_before(day)
    had_ordered = first_order_dates <= pd.Timestamp(quarter_end)
    return quarter_end if had_ordered.any() else day


# ----------------------------------------------------------------------------------
# The edges, exactly, and the scores.


def find_edges(figures: pd.DataFrame) -> RfmEdges | None:
    """Return the edges that the people with an order have; nothing without any.

    Args:
        figures: one row a person, as of the last day of the quarter before D's, or as
            of D where no one had an order then: ``days_since_last_order,
            order_count, lifetime_value_cents`` of ``CustomerAnalytics``.
    """
    buyers = figures[figures["order_count"] > 0]
    if buyers.empty:
        return None
    return RfmEdges(
        find_quantiles(buyers["days_since_last_order"].to_numpy("int64")),
        find_quantiles(buyers["order_count"].to_numpy("int64")),
        find_quantiles(buyers["lifetime_value_cents"].to_numpy("int64")),
    )


def find_quantiles(values: Numbers) -> Edges:
    """Return the type-7 quantiles .2, .4, .6 and .8 of whole numbers, exactly.

    The quantile k/5 of n ascending values lies (n − 1)·k/5 steps after the first one,
    on the straight line between the values on both sides.

    Raises:
        ValueError: there are no values.
    """
    if not len(values):
        raise ValueError("there are no quantiles of no values")
    steps = [divmod((len(values) - 1) * k, SCORES) for k in range(1, SCORES)]
    sides = {place for low, _ in steps for place in (low, low + 1)} - {len(values)}
    ordered = np.partition(values, sorted(sides))

    def quantile(low: int, fifths: int) -> Fraction:
        below = int(ordered[low])
        above = int(ordered[low + 1]) if fifths else below
        return below + Fraction(fifths * (above - below), SCORES)

    first, second, third, fourth = (quantile(*step) for step in steps)
    return first, second, third, fourth


def score(values: Numbers, edges: Sequence[Fraction]) -> Numbers:
    """Return 1 + the number of *edges* ≤ each of *values* (rule 10.1).

    A whole number reaches an edge exactly where it reaches the next whole number, so
    whole numbers are compared and equal values have equal scores.
    """
    reached_from = np.array([math.ceil(edge) for edge in edges], dtype="int64")
    return 1 + np.searchsorted(reached_from, values, side="right")


def score_recency(days: Numbers, edges: Sequence[Fraction]) -> Numbers:
    """Return 6 − (1 + the number of *edges* < each of *days*): few days score high."""
    last_below = np.array([math.floor(edge) for edge in edges], dtype="int64")
    return SCORES - np.searchsorted(last_below, days, side="left")


def find_last_crossings(
    last_order_dates: "pd.Series[Any]", day: date, edges: RfmEdges
) -> "pd.Series[Any]":
    """Return when the days since each last order last passed an edge of recency.

    That is by *day*; missing where none was passed.
    """
    days = (pd.Timestamp(day) - last_order_dates).dt.days.to_numpy("int64")
    last_below = np.array([math.floor(edge) for edge in edges.recency], dtype="int64")
    passed = np.searchsorted(last_below, days, side="left")
    steps = pd.to_timedelta(last_below[np.maximum(passed, 1) - 1] + 1, unit="D")
    crossings: pd.Series[Any] = (last_order_dates + steps).where(passed > 0)
    return crossings


# ----------------------------------------------------------------------------------
# The groups.

_CHAMPIONS, _LOYAL, _ACTIVE = RfmGroup.CHAMPIONS, RfmGroup.LOYAL, RfmGroup.ACTIVE
_PROMISING, _NEW, _DORMANT = RfmGroup.PROMISING, RfmGroup.NEW, RfmGroup.DORMANT
_ATTENTION, _RISK = RfmGroup.NEEDS_ATTENTION, RfmGroup.AT_RISK
_LOST, _PREVIOUS = RfmGroup.ALMOST_LOST, RfmGroup.PREVIOUSLY_LOYAL

GROUPS = (
    (_DORMANT, _DORMANT, _DORMANT, _PREVIOUS, _PREVIOUS),
    (_LOST, _LOST, _RISK, _RISK, _PREVIOUS),
    (_ATTENTION, _ATTENTION, _ACTIVE, _LOYAL, _LOYAL),
    (_NEW, _PROMISING, _ACTIVE, _LOYAL, _LOYAL),
    (_NEW, _PROMISING, _ACTIVE, _CHAMPIONS, _CHAMPIONS),
)
"""The group of each pair (rule 10.2): a row a recency, a column an FM, from 1 up."""

_GROUPS = np.array([[group.value for group in row] for row in GROUPS], dtype="object")


def name_groups(recency: Numbers, frequency: Numbers, monetary: Numbers) -> Any:
    """Return the group of each three scores (rule 10.2), as an array of texts."""
    halves_up = (frequency + monetary + 1) // 2
    return _GROUPS[recency - 1, halves_up - 1]


def grade_people(people: pd.DataFrame, edges: RfmEdges | None) -> pd.DataFrame:
    """Return the scores and the group of each person (rules 10.1 and 10.2).

    One row a person, in the order of *people*: ``person_id``; ``recency_score,
    frequency_score, monetary_score`` from 1 to 5 and ``rfm_score``, their three
    digits, missing without an order; ``rfm_group``, never missing.

    Args:
        people: ``person_id, days_since_last_order, order_count,
            lifetime_value_cents``, as of D.
        edges: what :func:`find_edges` returns; nothing only if no one has an order.

    Raises:
        ValueError: there are people with an order, and no edges.
    """
    is_buyer = people["order_count"].to_numpy() > 0
    scores = _score_buyers(people[is_buyer], edges)
    return _tabulate(people["person_id"].array, is_buyer, scores)


def count_groups(people: pd.DataFrame, edges: RfmEdges | None) -> dict[str, int]:
    """Return how many *people* are in each group, as of :func:`grade_people`.

    Raises:
        ValueError: there are people with an order, and no edges.
    """
    buyers = people[people["order_count"] > 0]
    recency, frequency, monetary = _score_buyers(buyers, edges)
    pairs = SCORES * (recency - 1) + (frequency + monetary + 1) // 2 - 1
    counts = {group.value: 0 for group in RfmGroup}
    found = np.bincount(pairs, minlength=SCORES * SCORES).tolist()
    for group, count in zip(_GROUPS.ravel(), found, strict=True):
        counts[group] += count
    counts[RfmGroup.PROSPECTS.value] += len(people) - len(buyers)
    return counts


def _score_buyers(buyers: pd.DataFrame, edges: RfmEdges | None) -> list[Numbers]:
    """Return the three scores of people with an order."""
    if edges is None:
        if len(buyers):
            raise ValueError("people with an order need edges to be graded by")
        return [np.zeros(0, dtype="int64")] * 3
    return [
        score_recency(buyers["days_since_last_order"].to_numpy("int64"), edges.recency),
        score(buyers["order_count"].to_numpy("int64"), edges.frequency),
        score(buyers["lifetime_value_cents"].to_numpy("int64"), edges.monetary),
    ]


def _tabulate(ids: Any, is_buyer: Any, scores: list[Numbers]) -> pd.DataFrame:
    """Return the table of :func:`grade_people` from the *scores* of the buyers."""
    columns: dict[str, Any] = {"person_id": ids}
    names = ("recency_score", "frequency_score", "monetary_score")
    for name, each in zip(names, scores, strict=True):
        filled = np.zeros(len(is_buyer), dtype="int64")
        filled[is_buyer] = each
        columns[name] = pd.arrays.IntegerArray(filled, ~is_buyer)
    recency, frequency, monetary = scores
    digits = np.full(len(is_buyer), None, dtype="object")
    digits[is_buyer] = (100 * recency + 10 * frequency + monetary).astype("U3")
    groups = np.full(len(is_buyer), RfmGroup.PROSPECTS.value, dtype="object")
    groups[is_buyer] = name_groups(recency, frequency, monetary)
    columns["rfm_score"] = pd.Series(digits, dtype="str")
    columns["rfm_group"] = pd.Series(groups, dtype="str")
    return pd.DataFrame(columns)


# ----------------------------------------------------------------------------------
# Why a person is in another group than before.


def explain_moves(
    before: pd.DataFrame,
    after: pd.DataFrame,
    edges_before: RfmEdges | None,
    edges_after: RfmEdges | None,
) -> pd.DataFrame:
    """Return who is in another group on a later day, and why (rule 10.2).

    One row a person of both days whose group differs, in the order of *after*:
    ``person_id, group_before, group_after, cause`` (a :class:`MoveCause`).  Days that
    pass without an order are the person's.

    Args:
        before: the columns of :func:`grade_people` as of the earlier day.
        after: the same as of the later day.
        edges_before: by which the earlier day is graded.
        edges_after: by which the later day is graded; those of the earlier one, unless
            a quarter began in between.
    """
    then = grade_people(before, edges_before)
    now = grade_people(after, edges_after)
    # Without edges then, no one had an order: only a person's first one moves.
    unmoved = grade_people(after, edges_before or edges_after)
    moves = now.assign(by_old_edges=unmoved["rfm_group"]).merge(
        then[["person_id", "rfm_group"]], on="person_id", suffixes=("", "_before")
    )
    moves = moves[moves["rfm_group"] != moves["rfm_group_before"]]
    cause = np.select(
        [
            moves["by_old_edges"] == moves["rfm_group"],
            moves["by_old_edges"] == moves["rfm_group_before"],
        ],
        [MoveCause.PERSON.value, MoveCause.EDGES.value],
        MoveCause.BOTH.value,
    )
    columns = {
        "person_id": moves["person_id"].array,
        "group_before": moves["rfm_group_before"].array,
        "group_after": moves["rfm_group"].array,
        "cause": pd.Series(cause, dtype="str"),
    }
    return pd.DataFrame(columns)


# ----------------------------------------------------------------------------------
# The scores against the figures of the day.


def check_scores(
    customer_rfm: pd.DataFrame, customer_analytics: pd.DataFrame
) -> CheckResult:
    """Check that everyone has the scores and the one group that they should have.

    Who has an order has three scores and a group other than Prospects; who has none is
    a prospect without scores; the groups add up to the people.

    Args:
        customer_rfm: ``CustomerRfm``.
        customer_analytics: ``CustomerAnalytics`` of the same day.
    """
    both = customer_rfm.merge(
        customer_analytics[["customer_id", "order_count"]],
        on="customer_id",
        how="outer",
        indicator=True,
    )
    has_order = both["order_count"] > 0
    scores = both[["recency_score", "frequency_score", "monetary_score", "rfm_score"]]
    is_prospect = both["rfm_group"] == RfmGroup.PROSPECTS
    right = has_order.eq(scores.notna().all(axis=1)) & has_order.ne(is_prospect)
    right &= (~has_order).eq(scores.isna().all(axis=1)) & (both["_merge"] == "both")
    wrong = int((~right).sum())
    counted = int(customer_rfm["rfm_group"].isin(list(RfmGroup)).sum())
    people = len(customer_analytics)
    return CheckResult(
        "scores_are_exhaustive",
        not wrong and counted == people,
        f"The groups add up to {say(people, 'person', 'people')}, and everyone with an "
        "order has three scores."
        if not wrong and counted == people
        else f"{say(wrong, 'person has', 'people have')} other scores or another group "
        f"than the orders say; the groups add up to {counted:,} of {people:,} people.",
        evidence={"people": people, "in_groups": counted, "differing": wrong},
    )
