"""Tests for analytics_pipeline.domain.rhythm."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from math import isclose
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.rhythm import (
    CameBack,
    LapsePoint,
    add_open_spells,
    average_tenths_between,
    estimate_survival,
    find_lapse_point,
    find_lapse_states,
    say_lapse_point,
    wilson_interval,
)
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.order_days import came_back, last_days, survival_of

D = date(2026, 3, 31)

HISTORIES = st.lists(
    st.lists(st.integers(0, 40), min_size=1, max_size=6, unique=True), max_size=8
)
"""How many days before D each person ordered."""


def order_days(histories: Sequence[Sequence[int]]) -> pd.DataFrame:
    rows = [
        (person, pd.Timestamp(D - timedelta(days=ago)))
        for person, history in enumerate(histories)
        for ago in history
    ]
    frame = pd.DataFrame(rows, columns=["person_id", "day"])
    return frame.astype({"day": "datetime64[us]"})


def spells_of(histories: Sequence[Sequence[int]]) -> list[tuple[int, bool]]:
    """Return the length of each spell, and whether it ended with an order."""
    spells = []
    for history in histories:
        days = sorted(history, reverse=True)
        spells += [(a - b, True) for a, b in pairwise(days)]
        spells.append((days[-1], False))
    return spells


def as_counts(spells: Sequence[tuple[int, bool]]) -> pd.DataFrame:
    """Return spells one by one, as an engine may count them."""
    rows = [(length, int(ended), int(not ended)) for length, ended in spells]
    columns = ["days", "returned", "still_open"]
    return pd.DataFrame(rows, columns=columns).astype("int64")


# Days between orders ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "tenths"),
    [
        ([0], None),
        ([0, 10], 100),
        ([0, 1, 3], 15),
        ([0, 1, 2, 3, 5], 13),  # 1.25
        ([0, 3, 7, 9, 11], 28),  # 2.75
        ([0, 1, 2, 4], 13),  # 1.333…
    ],
)
def test_days_between_orders_have_one_decimal_a_half_up_rule_10_3(
    days: list[int], tenths: int | None
) -> None:
    own = order_days([days])["day"]
    first, last = (
        pd.Series([each], dtype="datetime64[us]") for each in (own.min(), own.max())
    )

    found = average_tenths_between(first, last, np.array([len(days)])).tolist()

    assert [None if pd.isna(each) else each for each in found] == [tenths]


@settings(max_examples=up_to(100))
@given(st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 90)), max_size=20))
def test_days_between_orders_are_rounded_exactly_rule_10_3(
    people: list[tuple[int, int]],
) -> None:
    last = pd.Series([pd.Timestamp(D)] * len(people), dtype="datetime64[us]")
    span = pd.to_timedelta([days if gaps else 0 for days, gaps in people], unit="D")
    counts = np.array([gaps + 1 for _, gaps in people], dtype="int64")

    found = average_tenths_between(last - span, last, counts)

    for (days, gaps), each in zip(people, found, strict=True):
        if gaps:
            exact = Decimal(days) / gaps
            rounded = exact.quantize(Decimal("0.1"), ROUND_HALF_UP)
            assert each == 10 * rounded
        else:
            assert pd.isna(each)


# Spells and how long they last -----------------------------------------------------


def survivals(spells: Sequence[tuple[int, bool]]) -> dict[int, Fraction]:
    """Return S(d) by the definition, spell by spell, in exact fractions."""
    share, found = Fraction(1), {}
    for day in range(max((length for length, _ in spells), default=-1) + 1):
        at_risk = sum(length >= day for length, _ in spells)
        ended = sum(length == day and is_over for length, is_over in spells)
        share *= 1 - Fraction(ended, at_risk)
        found[day] = share
    return found


@settings(max_examples=up_to(100))
@given(HISTORIES)
def test_survival_is_that_of_kaplan_and_meier_rule_10_4(
    histories: list[list[int]],
) -> None:
    spells = spells_of(histories)

    found = survival_of(order_days(histories), D)

    expected = survivals(spells)
    assert found["days"].tolist() == list(expected)
    assert np.allclose(found["survival"], [float(each) for each in expected.values()])
    for row in found.itertuples():
        assert row.at_risk == sum(length >= row.days for length, _ in spells)
    assert found["returned"].sum() == sum(ended for _, ended in spells)
    assert found["still_open"].sum() == len(histories), "one a person"
    one_by_one = estimate_survival(as_counts(spells))
    pd.testing.assert_frame_equal(found, one_by_one)


def test_a_published_example_comes_out_rule_10_4() -> None:
    """Freireich et al. (Blood 21, 1963): weeks of remission under 6-mercaptopurine.

    Worked out in many text books; a ``+`` is a remission that was not over.
    """
    weeks = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
    spells = [(int(w.rstrip("+")), not w.endswith("+")) for w in weeks.split()]

    found = estimate_survival(as_counts(spells))

    ends = found[found["returned"] > 0]
    assert ends["days"].tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert ends["at_risk"].tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert ends["survival"].round(3).tolist() == [
        *(0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448)
    ]
    assert found["survival"].iloc[-1] == ends["survival"].iloc[-1]


@pytest.mark.parametrize("wrong", [(-1, False), (0, True)])
def test_a_spell_that_cannot_be_is_refused(wrong: tuple[int, bool]) -> None:
    with pytest.raises(ValueError, match="at least a day long"):
        estimate_survival(as_counts([wrong]))


def test_no_orders_have_no_spells() -> None:
    survival = survival_of(order_days([]), D)

    assert survival.empty
    assert find_lapse_point(survival).reason == (
        "Of the times without an order, 0 lasted 365 days or more, and 100 are needed."
    )


# The lapse point -------------------------------------------------------------------


@settings(max_examples=up_to(100))
@given(
    HISTORIES,
    st.sampled_from((0.0, 0.1, 0.25, 0.5, 0.9)),
    st.integers(1, 20),
    st.integers(1, 5),
)
def test_the_lapse_point_is_the_first_day_of_few_returns_rule_10_4(
    histories: list[list[int]], share: float, horizon: int, fewest: int
) -> None:
    spells = spells_of(histories)
    exactly = survivals(spells)
    known = {
        day: 1 - exactly[day + horizon] / exactly[day]
        for day in exactly
        if sum(length >= day + horizon for length, _ in spells) >= fewest
    }
    low = [day for day, returns in known.items() if returns <= Fraction(str(share))]

    found = find_lapse_point(
        estimate_survival(as_counts(spells)), share, horizon, fewest
    )

    assert found.days == (min(low) if low else None)
    assert bool(found.reason) is not bool(low)
    if found.days is not None:
        assert isclose(found.return_share or 0, known[found.days], abs_tol=1e-9)
        assert isclose(found.survival or 0, exactly[found.days], abs_tol=1e-9)
        ends = found.days + horizon
        assert found.at_risk == sum(length >= found.days for length, _ in spells)
        assert found.at_risk_at_end == sum(length >= ends for length, _ in spells)


def test_a_share_of_exactly_a_tenth_is_low_enough_rule_10_4() -> None:
    spells = [(10, True)] * 100 + [(400, False)] * 900

    found = find_lapse_point(estimate_survival(as_counts(spells)))

    assert found.days == 0
    assert isclose(found.return_share or 0, 0.1)


@pytest.mark.parametrize(
    ("open_spells", "reason"),
    [
        (
            [(364, False)] * 500,
            "Of the times without an order, 0 lasted 365 days or more, and 100 are "
            "needed.",
        ),
        (
            [(365, True)] * 50 + [(366, False)] * 99 + [(200, False)] * 800,
            "After 0 days without an order, 33.6% still return within 365 days, more "
            "than 10%; fewer than 100 times without an order lasted longer than 365 "
            "days.",
        ),
    ],
)
def test_a_lapse_point_is_withheld_with_the_reason_rule_10_4(
    open_spells: list[tuple[int, bool]], reason: str
) -> None:
    found = find_lapse_point(estimate_survival(as_counts(open_spells)))

    assert found == LapsePoint(None, None, None, None, None, reason)


def known_point(days: int | None) -> LapsePoint:
    return LapsePoint(days, 0.1, 0.4, 900, 300, "" if days is not None else "Why.")


@pytest.mark.parametrize(
    ("point", "states"),
    [
        (
            100,
            {0: "active", 79: "active", 80: "at risk", 100: "at risk", 101: "lapsed"},
        ),
        (93, {74: "active", 75: "at risk", 93: "at risk", 94: "lapsed"}),  # 74.4
        (0, {0: "at risk", 1: "lapsed"}),
        (None, {0: None, 5000: None}),
    ],
)
def test_lapse_states_change_on_their_days_rule_10_4(
    point: int | None, states: dict[int, str | None]
) -> None:
    days = pd.Series([*states, None], dtype="Int64")

    found = find_lapse_states(days, known_point(point)).tolist()

    assert [None if pd.isna(each) else each for each in found] == [
        *states.values(),
        None,
    ], "without an order there is no state"


def test_open_spells_are_beside_those_that_are_over_rule_10_4() -> None:
    gaps = pd.DataFrame({"days": [3, 5], "returned": [2, 1]})
    since = pd.Series([5, None, 5, 0], dtype="Int64")

    spells = add_open_spells(gaps, since)

    found = spells.groupby("days")[["returned", "still_open"]].sum()
    assert found.index.tolist() == [0, 3, 5]
    assert found["returned"].tolist() == [0, 2, 1]
    assert found["still_open"].tolist() == [1, 0, 2]
    assert add_open_spells(gaps.iloc[:0], since.iloc[:0]).empty


def test_the_lapse_point_is_said_with_who_came_back_rule_10_4() -> None:
    known = LapsePoint(120, 0.09, 0.5, 300, 150, "")
    withheld = LapsePoint(None, None, None, None, None, "Too few.")

    assert say_lapse_point(withheld, None, 365) == "There is no lapse point. Too few."
    assert say_lapse_point(known, CameBack(0, 0, None, None, None), 365) == (
        "People have lapsed after more than 120 days without an order. No one had 365 "
        "days ago."
    )
    assert say_lapse_point(known, CameBack(1000, 40, 0.04, 0.0295, 0.0540), 365) == (
        "People have lapsed after more than 120 days without an order. Of 1,000 people "
        "who had 365 days ago, 40 came back (3% to 5% of such people, with a "
        "confidence of 95 %)."
    )


# Who came back ---------------------------------------------------------------------


@settings(max_examples=up_to(100))
@given(HISTORIES, st.integers(0, 20), st.integers(1, 30))
def test_who_had_lapsed_and_came_back_is_counted_rule_10_4(
    histories: list[list[int]], lapse: int, horizon: int
) -> None:
    lapsed = returned = 0
    for history in histories:
        before = [ago for ago in history if ago >= horizon]
        if before and min(before) - horizon > lapse:
            lapsed += 1
            returned += min(history) < horizon

    found = came_back(order_days(histories), D, lapse, horizon)

    assert (found.people, found.returned) == (lapsed, returned)
    if lapsed:
        assert found.low is not None
        assert found.share == returned / lapsed
        assert found.high is not None
        assert found.low <= found.share <= found.high
    else:
        assert (found.share, found.low, found.high) == (None, None, None)


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_as_published_rule_10_4(
    hits: int, trials: int, low: float, high: float
) -> None:
    """Newcombe, "Two-sided confidence intervals for the single proportion".

    Statistics in Medicine 17 (1998), table I, method 3.
    """
    found = wilson_interval(hits, trials)

    assert [round(each, 4) for each in found] == [low, high]
    turned = wilson_interval(trials - hits, trials)
    assert np.allclose(turned, [1 - found[1], 1 - found[0]])


@pytest.mark.parametrize(("hits", "trials"), [(0, 0), (3, 2), (-1, 5)])
def test_no_share_has_no_interval(hits: int, trials: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson_interval(hits, trials)


# A population whose truth is known -------------------------------------------------

STOP, MEAN_GAP, YEARS = 0.3, 60, 7


def simulate(seed: int, people: int = 2500) -> pd.DataFrame:
    """Return order days of people who stop for good after an order with chance STOP.

    Otherwise the next order comes after a geometric number of days.
    """
    random = np.random.default_rng(seed)
    shape = people, 60
    gaps = random.geometric(1 / MEAN_GAP, shape)
    goes_on = np.cumprod(random.random(shape) > STOP, axis=1)
    first = random.integers(0, YEARS * 365, people)
    since_first = np.cumsum(gaps, axis=1)
    day = np.column_stack([first, first[:, None] + since_first])
    counts = np.column_stack([np.ones(people, dtype="int64"), goes_on])
    person, place = np.nonzero((counts > 0) & (day <= YEARS * 365))
    start = np.datetime64(D - timedelta(days=YEARS * 365), "D")
    days = start + day[person, place].astype("timedelta64[D]")
    return pd.DataFrame({"person_id": person, "day": days.astype("datetime64[us]")})


def true_share(silent: Any, horizon: int = 365) -> Any:
    """Return the chance of an order within the horizon after so many silent days."""
    stay = (1 - 1 / MEAN_GAP) ** np.asarray(silent, dtype="float64")
    going = (1 - STOP) * stay
    return going * (1 - (1 - 1 / MEAN_GAP) ** horizon) / (going + STOP)


def true_lapse_point() -> int:
    return next(day for day in range(10_000) if true_share(day) <= 0.1)


def examine(seed: int) -> tuple[int, bool]:
    """Return the lapse point, and whether the interval holds the truth."""
    days = simulate(seed)
    point = find_lapse_point(survival_of(days, D))
    assert point.days is not None
    found = came_back(days, D, point.days, 365)
    then = D - timedelta(days=365)
    silent = (pd.Timestamp(then) - last_days(days, then)).dt.days.to_numpy()
    passed = silent[silent > point.days]
    assert found.people == len(passed)
    truth = float(true_share(passed).mean())
    low, high = found.low or 0.0, found.high or 1.0
    assert high - low < 0.03, "narrow enough to say something"
    return point.days, low <= truth <= high


def test_in_a_known_population_the_share_is_in_its_interval_rule_10_4() -> None:
    """As often as an interval of 95 % holds the truth: 38 of 40, give or take."""
    results = [examine(seed) for seed in range(40)]

    points = [point for point, _ in results]
    assert abs(float(np.mean(points)) - true_lapse_point()) < 5
    assert sum(holds for _, holds in results) >= 34
