"""How often people order, and from when on they are unlikely to (rules 10.3 and 10.4).

A *spell* is a time without an order: from an order day to the next one, or, still
open, from the latest one to D.  The gaps that are closed alone would be too short: the
long ones are those that are still open.  The estimate of Kaplan and Meier
("Nonparametric Estimation from Incomplete Observations", Journal of the American
Statistical Association 53, 1958) takes both: S(d), the share of spells that last
longer than d days, is the product over all days t ≤ d of 1 − returns on day t ÷ spells
of at least t days.
"""

import math
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from analytics_pipeline.domain.order_days import Numbers
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import LapseState

LAPSE_RETURN_SHARE = 0.10
"""Who returns with no more than this probability has lapsed (rule 10.4)."""

LAPSE_HORIZON_DAYS = 365
"""Within how many days a return is meant."""

FEWEST_AT_RISK = 100
"""With fewer spells than these, nothing is said of a lapse point."""

_CONFIDENCE = 0.95
_ROUNDING = 1e-12
"""More than floats lose: a share of exactly one tenth is no more than a tenth."""


# ----------------------------------------------------------------------------------
# Days between the orders of a person.


def average_tenths_between(
    first_day: "pd.Series[Any]", last_day: "pd.Series[Any]", order_days: Numbers
) -> "pd.Series[int]":
    """Return each person's average days between orders, in tenths (rule 10.3).

    (last − first order day) ÷ (order days − 1), as a whole number of tenths of a day, a
    half rounded up; missing with fewer than two order days.

    Args:
        first_day: of each person's first order, ``datetime64``.
        last_day: of the latest one.
        order_days: on how many days each person ordered.
    """
    days = (last_day - first_day).dt.days.fillna(0).to_numpy("int64")
    gaps = np.asarray(order_days, dtype="int64") - 1
    by = np.maximum(gaps, 1)
    tenths = (20 * days + by) // (2 * by)
    return pd.Series(pd.arrays.IntegerArray(tenths, gaps < 1), first_day.index)


# ----------------------------------------------------------------------------------
# Spells between orders, and how long they last.


def estimate_survival(spells: pd.DataFrame) -> pd.DataFrame:
    """Return the estimate of Kaplan and Meier for each length in days.

    One row a day from 0 to the longest spell: ``days``; ``at_risk``, how many spells
    lasted at least so long; ``returned``; ``still_open``; ``survival``, S(d).  A spell
    that is still open on a day was at risk on it.

    Args:
        spells: ``days, returned, still_open``, whole numbers, any number of rows a
            length: what :func:`add_open_spells` returns.

    Raises:
        ValueError: a spell is shorter than nothing, or ended as it began.
    """
    length = spells["days"].to_numpy("int64")
    ended = spells["returned"].to_numpy("int64")
    if ((length < 0) | ((length == 0) & (ended > 0))).any():
        raise ValueError("a spell that ended is at least a day long")
    returned = _add_up(length, ended)
    still_open = _add_up(length, spells["still_open"].to_numpy("int64"))
    left = returned + still_open
    at_risk = np.cumsum(left[::-1])[::-1]
    survival = np.cumprod(1 - returned / np.maximum(at_risk, 1))
    return pd.DataFrame(
        {
            "days": np.arange(len(left)),
            "at_risk": at_risk,
            "returned": returned,
            "still_open": still_open,
            "survival": survival,
        }
    )


def _add_up(length: Numbers, counts: Numbers) -> Numbers:
    """Return how many there are of each length from 0 on."""
    sums = np.zeros(length.max(initial=-1) + 1, dtype="int64")
    np.add.at(sums, length, counts)
    return sums


def add_open_spells(
    gaps: pd.DataFrame, days_since_last_order: "pd.Series[int]"
) -> pd.DataFrame:
    """Return the spells that are over, and those that are still open, by length.

    One row a length, or two: ``days, returned, still_open``.

    Args:
        gaps: ``days, returned``: what :func:`domain.order_days.count_gaps` returns.
        days_since_last_order: of each person; missing without an order.
    """
    waiting = days_since_last_order.dropna().astype("int64").value_counts()
    still_open = pd.DataFrame(
        {"days": waiting.index.to_numpy(), "still_open": waiting.to_numpy()}
    )
    both = pd.concat([gaps.assign(still_open=0), still_open.assign(returned=0)])
    return both.astype("int64").reset_index(drop=True)


# ----------------------------------------------------------------------------------
# The lapse point of the store.


@dataclass(frozen=True, slots=True)
class LapsePoint:
    """From how many days without an order people are unlikely to return (rule 10.4).

    Attributes:
        days: the lapse point; missing where it is withheld, as are the next three.
        return_share: the estimated probability of a return within the horizon after
            so many days: 1 − S(days + horizon) ÷ S(days).
        survival: S(days): the share of all spells that last longer.
        at_risk: how many spells lasted at least so many days.
        at_risk_at_end: how many of them were followed to the end of the horizon.
        reason: why it is withheld, as a sentence; blank where it is not.
    """

    days: int | None
    return_share: float | None
    survival: float | None
    at_risk: int | None
    at_risk_at_end: int | None
    reason: str


def find_lapse_point(
    survival: pd.DataFrame,
    return_share: float = LAPSE_RETURN_SHARE,
    horizon_days: int = LAPSE_HORIZON_DAYS,
    fewest_at_risk: int = FEWEST_AT_RISK,
) -> LapsePoint:
    """Return the lapse point: the least d with 1 − S(d + H) ÷ S(d) ≤ *return_share*.

    S(d + H) is known only as far as spells were followed.  So of the spells, at least
    *fewest_at_risk* must be at risk at d + H; then they are at d too.

    Args:
        survival: what :func:`estimate_survival` returns.
        return_share: the probability of a return that is low enough.
        horizon_days: H, within how many days the return is meant.
        fewest_at_risk: with fewer, the lapse point is withheld.
    """
    at_risk = survival["at_risk"].to_numpy()
    surviving = survival["survival"].to_numpy()
    followed = int((at_risk[horizon_days:] >= fewest_at_risk).sum())
    now, later = surviving[:followed], surviving[horizon_days:][:followed]
    shares = 1 - later / now  # some spell goes on, so none is divided by 0
    found = np.flatnonzero(shares <= return_share + _ROUNDING)
    if not len(found):
        why = _explain_none(at_risk, shares, return_share, horizon_days, fewest_at_risk)
        return LapsePoint(None, None, None, None, None, why)
    day = int(found[0])
    return LapsePoint(
        days=day,
        return_share=float(shares[day]),
        survival=float(surviving[day]),
        at_risk=int(at_risk[day]),
        at_risk_at_end=int(at_risk[day + horizon_days]),
        reason="",
    )


def _explain_none(
    at_risk: Numbers, shares: Any, return_share: float, horizon: int, fewest: int
) -> str:
    """Say why there is no lapse point."""
    if not len(shares):
        known = int(at_risk[horizon]) if len(at_risk) > horizon else 0
        return (
            f"Of the times without an order, {known} lasted {horizon} days or more, "
            f"and {fewest} are needed."
        )
    last = len(shares) - 1
    return (
        f"After {say(last, 'day', 'days')} without an order, {shares[-1]:.1%} still "
        f"return within {horizon} days, more than {return_share:.0%}; fewer than "
        f"{fewest} times without an order lasted longer than {last + horizon:,} days."
    )


def find_lapse_states(
    days_since_last_order: "pd.Series[int]", lapse: LapsePoint
) -> "pd.Series[str]":
    """Return where each person is on the way to the lapse point (rule 10.4).

    A :class:`LapseState`: at risk from 80 % of the lapse point on, lapsed past it.  It
    is missing for people without an order, who have nothing to return to, and for all
    where the lapse point is withheld.

    Args:
        days_since_last_order: as of D; missing without an order.
        lapse: what :func:`find_lapse_point` returns.
    """
    index = days_since_last_order.index
    if lapse.days is None:
        return pd.Series(None, index, dtype="str")
    since = days_since_last_order.fillna(-1).to_numpy("int64")
    states = np.full(len(since), LapseState.ACTIVE.value, dtype="object")
    states[5 * since >= 4 * lapse.days] = LapseState.AT_RISK.value
    states[since > lapse.days] = LapseState.LAPSED.value
    states[since < 0] = None
    return pd.Series(states, index, dtype="str")


# ----------------------------------------------------------------------------------
# Of those who had passed the lapse point a year ago, how many came back.


@dataclass(frozen=True, slots=True)
class CameBack:
    """What became of the people who had lapsed before.

    Attributes:
        people: how many had passed the lapse point.
        returned: how many of them ordered since.
        share: ``returned`` ÷ ``people``; missing without people, as are the next two.
        low: where its interval of 95 % begins.
        high: where it ends.
    """

    people: int
    returned: int
    share: float | None
    low: float | None
    high: float | None


def count_came_back(
    last_day_then: "pd.Series[Any]",
    last_day: "pd.Series[Any]",
    then: date,
    lapse_days: int,
) -> CameBack:
    """Count who had passed the lapse point on an earlier day, and came back.

    The lapse point is today's, so what happened since had a part in it.

    Args:
        last_day_then: of each person's last order up to *then*, ``datetime64``;
            missing without one.
        last_day: of the same people's last order up to D.
        then: the earlier day; an order since is a return.
        lapse_days: the lapse point.
    """
    had_lapsed = (pd.Timestamp(then) - last_day_then).dt.days > lapse_days
    people = int(had_lapsed.sum())
    returned = int((had_lapsed & (last_day > last_day_then)).sum())
    if not people:
        return CameBack(0, 0, None, None, None)
    low, high = wilson_interval(returned, people)
    return CameBack(people, returned, returned / people, low, high)


def say_lapse_point(
    lapse: LapsePoint, came_back: CameBack | None, horizon_days: int
) -> str:
    """Say from when on people have lapsed, and beside it how many came back."""
    if lapse.days is None or came_back is None:
        return f"There is no lapse point. {lapse.reason}"
    point = say(lapse.days, "day", "days")
    sentence = f"People have lapsed after more than {point} without an order."
    if came_back.low is None or came_back.high is None:
        return f"{sentence} No one had {horizon_days} days ago."
    passed = say(came_back.people, "person", "people")
    return (
        f"{sentence} Of {passed} who had {horizon_days} days ago, "
        f"{came_back.returned:,} came back ({came_back.low:.0%} to "
        f"{came_back.high:.0%} of such people, with a confidence of 95 %)."
    )


def wilson_interval(
    hits: int, trials: int, confidence: float = _CONFIDENCE
) -> tuple[float, float]:
    """Return the interval of a share of *hits* among *trials*.

    The score interval of E. B. Wilson, "Probable Inference, the Law of Succession, and
    Statistical Inference" (Journal of the American Statistical Association 22, 1927).

    Raises:
        ValueError: there are no trials, or more hits than these.
    """
    if not 0 <= hits <= trials or not trials:
        raise ValueError(f"{hits} of {trials} is no share")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, scale = hits / trials, 1 + z * z / trials
    middle = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return (max(low, 0.0) if hits else 0.0), (min(high, 1.0) if hits < trials else 1.0)
