"""What becomes of everybody's tier if nothing is bought (rule 9).

A person's value of the rolling window changes only on the days on which a movement
leaves it: 90 days after its own day.  So the days that matter are known as of D, and
all people are followed at once, by sums along the sorted movements.

Days are business dates (rule 1.2): calendar days without a time.  Adding 90 of them is
the same across a change of the clocks, so daylight saving time plays no part.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from analytics_pipeline.domain.analytics import ROLLING_DAYS, list_rungs
from analytics_pipeline.model.checks import CheckResult, Severity
from analytics_pipeline.model.ids import find_places, is_among
from analytics_pipeline.model.policy import Policy, TierBasis
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import Tier

LEAST_CENTS = 1
"""The smallest purchase there is: what a rung costs that nothing is lacking to."""

Numbers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class TierOutlook:
    """The tiers of everybody after D, if nothing is bought.

    ``people``: one row a person, in the order they were given in: ``person_id``;
    ``tier`` and ``value_cents`` as of D; ``tier_drop_date``, ``tier_after_drop`` and
    ``spend_to_keep_cents``, missing where no tier falls; ``next_tier`` and
    ``spend_to_next_cents``, missing on the highest rung.

    ``path``: one row a person and day of D + 1 to D + 90 on which the tier differs
    from the day before: ``person_id, day, tier, value_cents``, both of that day; the
    people in the same order, the days of each ascending.
    """

    people: pd.DataFrame
    path: pd.DataFrame


def foresee_tiers(
    movements: pd.DataFrame, people: pd.DataFrame, policy: Policy, as_of: date
) -> TierOutlook:
    """Return when tiers change after *as_of*, and what keeps or raises them (rule 9).

    The tier that is kept is that of the day before the drop: where a return that
    leaves the window raises it first, it is the raised one.  Without any order the
    next rung is Seed, which any purchase reaches.

    Args:
        movements: everything that moves the value of the window: ``person_id, day``
            (business date), ``value_cents`` (returns negative), any number of rows a
            person and day.  Not read where tiers are set on lifetime value.
        people: ``person_id`` (each once), ``order_count`` (ever),
            ``lifetime_value_cents``, as ``CustomerAnalytics`` has them.
        policy: the bounds of the tiers, and the value that they are set on.
        as_of: the day D.

    Raises:
        ValueError: a movement is outside the window of D, or of no person of *people*.
    """
    ladder = _Ladder(policy)
    has_order = people["order_count"].to_numpy() > 0
    if policy.tier_basis is TierBasis.LIFETIME:
        value = people["lifetime_value_cents"].to_numpy("int64")
        leaving = _Leaving.nothing()
    else:
        leaving = _sum_by_day(movements, people["person_id"], as_of)
        value = leaving.sum_by_person(len(people))
    level = ladder.grade(value, has_order)
    steps = _follow(leaving, value, level, has_order, ladder)
    columns = {
        "person_id": people["person_id"].array,
        "tier": ladder.name(level),
        "value_cents": value,
        **_first_drop(steps, len(people), ladder, as_of),
        **_next_rung(level, value - leaving.on_first_day(len(people)), ladder),
    }
    moved = steps[steps["level"] != steps["level_before"]]
    path = {
        "person_id": people["person_id"].array.take(moved["person"].to_numpy()),
        "day": _day(as_of, moved["days"].to_numpy()),
        "tier": ladder.name(moved["level"].to_numpy()),
        "value_cents": moved["value_cents"].to_numpy(),
    }
    return TierOutlook(pd.DataFrame(columns), pd.DataFrame(path))


def add_up_drops(people: pd.DataFrame, as_of: date, within_days: int) -> pd.DataFrame:
    """Add up who drops a tier within so many days of D, by day.

    One row each of the days D + 1 to D + *within_days*, also where no one drops:
    ``day, people, value_cents`` (what these people's tiers are set on as of D) and
    ``spend_to_keep_cents`` (what they would have to buy).  Counts and sums only.

    Args:
        people: :attr:`TierOutlook.people`.
        as_of: the day D.
        within_days: how many days to look ahead.
    """
    days = _day(as_of, np.arange(1, within_days + 1))
    by_day = people.groupby("tier_drop_date").agg(
        people=("person_id", "size"),
        value_cents=("value_cents", "sum"),
        spend_to_keep_cents=("spend_to_keep_cents", "sum"),
    )
    listed = by_day.reindex(pd.Index(days, name="day"), fill_value=0)
    return listed.astype("int64").reset_index()


# ----------------------------------------------------------------------------------
# The ladder as numbers: None is 0, Seed is 1, then the rungs by their bounds.

_NONE, _SEED, _LOWEST = 0, 1, 2


class _Ladder:
    """The tiers of a policy by their level."""

    def __init__(self, policy: Policy) -> None:
        # Of two rungs with one bound the higher level is the one that is given.
        rungs = list_rungs(policy)[::-1]
        self._bounds = np.array([bound for _, bound in rungs], dtype="int64")
        tiers = [Tier.NONE, Tier.SEED, *(tier for tier, _ in rungs)]
        self._names = np.array([tier.value for tier in tiers], dtype="object")

    def grade(self, value: Numbers, has_order: Any) -> Numbers:
        """Return the level of each value (rule 5.6)."""
        reached = np.searchsorted(self._bounds, value, side="right")
        without = np.where(has_order, _SEED, _NONE)
        return np.where(reached > 0, reached - 1 + _LOWEST, without)

    def name(self, level: Numbers) -> "pd.Series[str]":
        """Return the tier of each level; missing below 0."""
        names = self._names[level]
        names[level < 0] = None
        return pd.Series(names, dtype="str")

    def lacking(self, level: Numbers, value: Numbers) -> Numbers:
        """Return the bound of each level, which must be of a rung, less the value."""
        return self._bounds[level - _LOWEST] - value

    def above(self, level: Numbers) -> Numbers:
        """Return the level that the next bound reaches; -1 on the highest."""
        reached = np.searchsorted(self._bounds, self._bounds, side="right") - 1
        # From None comes Seed; from Seed, which has no bound, the lowest one.
        following = np.array([_SEED, *(reached + _LOWEST), -1])
        return following[level]


# ----------------------------------------------------------------------------------
# The movements by person and day on which they leave.


@dataclass(frozen=True, slots=True)
class _Leaving:
    """What leaves the window: one element a person and day, in this order.

    Attributes:
        person: the person's place among the people.
        days: how many days after D it leaves, 1 to 90.
        cents: the sum of the movements.
    """

    person: Numbers
    days: Numbers
    cents: Numbers

    @staticmethod
    def nothing() -> "_Leaving":
        """Return what leaves where nothing does."""
        none = np.zeros(0, dtype="int64")
        return _Leaving(none, none, none)

    def starts(self) -> Any:
        """Say of each element whether it is its person's first."""
        return np.diff(self.person, prepend=-1) != 0

    def so_far(self) -> Numbers:
        """Return what has left with each element and those of the person before it."""
        total, first = np.cumsum(self.cents), np.flatnonzero(self.starts())
        earlier = total[first] - self.cents[first]
        lengths = np.diff(first, append=len(total))
        # Exact even if the sum over everybody overflows: only differences count.
        return total - np.repeat(earlier, lengths)

    def sum_by_person(self, people: int) -> Numbers:
        """Return the sum of each person: the value of the window as of D."""
        sums = np.zeros(people, dtype="int64")
        is_last = np.diff(self.person, append=-1) != 0
        sums[self.person[is_last]] = self.so_far()[is_last]
        return sums

    def on_first_day(self, people: int) -> Numbers:
        """Return what leaves of each person on D + 1."""
        sums = np.zeros(people, dtype="int64")
        is_first = self.days == 1
        sums[self.person[is_first]] = self.cents[is_first]
        return sums


def _sum_by_day(
    movements: pd.DataFrame, ids: "pd.Series[str]", as_of: date
) -> _Leaving:
    """Add up movements by person and the day on which they leave the window.

    Raises:
        ValueError: see :func:`foresee_tiers`.
    """
    person = find_places(movements["person_id"], ids)
    if (person < 0).any():
        raise ValueError("a movement is of a person who is not among the people")
    age = (pd.Timestamp(as_of) - movements["day"]).dt.days.to_numpy()
    if not ((age >= 0) & (age < ROLLING_DAYS)).all():
        raise ValueError(f"a movement is outside the {ROLLING_DAYS} days up to {as_of}")
    if not len(movements):
        return _Leaving.nothing()
    days = ROLLING_DAYS - age.astype("int64")
    key = person * (ROLLING_DAYS + 1) + days
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    cents = movements["value_cents"].to_numpy("int64")[order]
    sums = np.add.reduceat(cents, first)
    place, leaves = np.divmod(key[first], ROLLING_DAYS + 1)
    return _Leaving(place, leaves, sums)


# ----------------------------------------------------------------------------------
# The levels along the days.


def _follow(
    leaving: _Leaving, value: Numbers, level: Numbers, has_order: Any, ladder: _Ladder
) -> pd.DataFrame:
    """Return the level on each day on which something leaves, and the one before."""
    value_then = value[leaving.person] - leaving.so_far()
    level_then = ladder.grade(value_then, has_order[leaving.person])
    before = np.roll(level_then, 1)
    starts = leaving.starts()
    before[starts] = level[leaving.person[starts]]
    return pd.DataFrame(
        {
            "person": leaving.person,
            "days": leaving.days,
            "value_cents": value_then,
            "level": level_then,
            "level_before": before,
        }
    )


def _first_drop(
    steps: pd.DataFrame, people: int, ladder: _Ladder, as_of: date
) -> dict[str, Any]:
    """Return the columns of each person's first drop (rule 9.2)."""
    drops = steps[steps["level"] < steps["level_before"]].drop_duplicates("person")
    place = drops["person"].to_numpy()
    after = np.full(people, -1, dtype="int64")
    after[place] = drops["level"]
    days = np.full(people, np.datetime64("NaT"), dtype="datetime64[us]")
    days[place] = _day(as_of, drops["days"].to_numpy())
    keep = np.zeros(people, dtype="int64")
    lacking = drops["level_before"].to_numpy(), drops["value_cents"].to_numpy()
    keep[place] = ladder.lacking(*lacking)
    return {
        "tier_drop_date": days,
        "tier_after_drop": ladder.name(after),
        "spend_to_keep_cents": pd.arrays.IntegerArray(keep, after < 0),
    }


def _next_rung(level: Numbers, value: Numbers, ladder: _Ladder) -> dict[str, Any]:
    """Return the columns of the rung above, by the *value* as of D + 1 (rule 9.2)."""
    above = ladder.above(level)
    spend = np.full(len(level), LEAST_CENTS, dtype="int64")
    is_rung = above >= _LOWEST  # Seed has no bound: any order will do
    lacking = ladder.lacking(above[is_rung], value[is_rung])
    spend[is_rung] = np.maximum(lacking, LEAST_CENTS)
    return {
        "next_tier": ladder.name(above),
        "spend_to_next_cents": pd.arrays.IntegerArray(spend, above < 0),
    }


def _day(as_of: date, days: Numbers) -> Any:
    """Return the days so many *days* after D."""
    start = np.datetime64(as_of, "D")
    return (start + days.astype("timedelta64[D]")).astype("datetime64[us]")


# ----------------------------------------------------------------------------------
# The outlook against the figures of the day, and against what came of it.

FEW = 10
"""So many people may have another tier than was forecast before a warning is due."""
SHARE = 100
"""Or one in so many of those who bought nothing."""


def check_tiers_of_day(
    outlook: pd.DataFrame, customer_analytics: pd.DataFrame, policy: Policy
) -> CheckResult:
    """Check that everyone's tier and value are those of the analytics (rule 9.1).

    Args:
        outlook: ``TierOutlook``.
        customer_analytics: ``CustomerAnalytics`` of the same day.
        policy: the value that tiers are set on.
    """
    ranked = (
        "lifetime_value_cents"
        if policy.tier_basis is TierBasis.LIFETIME
        else "rolling_90_day_value_cents"
    )
    both = outlook.merge(
        customer_analytics[["customer_id", "tier", ranked]],
        on="customer_id",
        how="outer",
        suffixes=("", "_then"),
    )
    same = (both["tier"] == both["tier_then"]) & (
        both["tier_value_cents"] == both[ranked]
    )
    wrong = both.loc[~same.fillna(False).astype(bool), "customer_id"]
    return CheckResult(
        "tiers_are_those_of_the_day",
        wrong.empty,
        "Everyone's tier and value are those of the analytics."
        if wrong.empty
        else f"{say(len(wrong), 'person has', 'people have')} another tier or value "
        "in the analytics.",
        evidence={"people": len(both), "differing": len(wrong)},
    )


def tiers_forecast_for(day: date, outlook: pd.DataFrame) -> pd.DataFrame:
    """Return the tier that an earlier *outlook* forecast for *day*.

    One row a person: ``customer_id, tier, value_cents``.

    Args:
        day: at most 90 days after the day of the outlook.
        outlook: ``TierOutlook`` of the earlier day.
    """
    forecast = outlook[["customer_id", "tier"]].copy()
    moving = outlook["tier_path"].dropna()
    reached = moving.map(lambda path: _tier_on(day, json.loads(path)))
    forecast.loc[moving.index, "tier"] = reached.fillna(forecast["tier"])
    return forecast


def _tier_on(day: date, path: Sequence[tuple[str, str, int]]) -> str | None:
    """Return the tier that a path has reached by *day*; none before it begins."""
    return next((tier for on, tier, _ in reversed(path) if on <= day.isoformat()), None)


def check_forecast(
    forecast: pd.DataFrame | None,
    outlook: pd.DataFrame,
    movements: pd.DataFrame,
    then: date,
) -> CheckResult:
    """Hold what was forecast *then* against the tiers of the day (rule 9.3).

    Compared are the people whose window had no movement since.  A few differ for good
    reasons: a late or corrected sale, a merge.

    Args:
        forecast: what :func:`tiers_forecast_for` returns; none if none is stored.
        outlook: ``TierOutlook`` of the day.
        movements: what moves the value of the window: ``person_id, day``.
        then: the day of the forecast.
    """
    if forecast is None:
        sentence = f"No outlook of {then} with the same tiers is stored to compare."
        return CheckResult("forecast_came_true", True, sentence, Severity.WARN)
    since = movements.loc[movements["day"] > pd.Timestamp(then), "person_id"]
    still = outlook[~is_among(outlook["customer_id"], set(since))]
    both = still.merge(forecast, on="customer_id", suffixes=("", "_forecast"))
    differing = int((both["tier"] != both["tier_forecast"]).sum())
    passed = differing <= max(FEW, len(both) // SHARE)
    return CheckResult(
        "forecast_came_true",
        passed,
        f"Of {say(len(both), 'person', 'people')} who bought nothing since {then}, "
        f"{differing:,} {'has' if differing == 1 else 'have'} another tier than was "
        "forecast then.",
        Severity.WARN,
        evidence={"compared": len(both), "differing": differing},
    )
