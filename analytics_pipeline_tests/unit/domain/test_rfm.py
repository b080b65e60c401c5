"""Tests for analytics_pipeline.domain.rfm."""

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.rfm import (
    GROUPS,
    Edges,
    RfmEdges,
    check_scores,
    count_groups,
    day_of_edges,
    explain_moves,
    find_edges,
    find_last_crossings,
    find_quantiles,
    grade_people,
    name_groups,
    note_edges,
    quarter_end_before,
    read_edges,
    score,
    score_recency,
)
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.insights import CustomerRfm
from analytics_pipeline.model.vocabulary import RfmGroup
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import make_table

LARGEST = 10**15
"""The largest amount that a table may hold, in cents."""

COUNTS = st.integers(1, 6) | st.integers(1, 200)
CENTS = st.integers(-LARGEST, LARGEST) | st.integers(-50, 50)
WHOLE = st.lists(CENTS, min_size=1, max_size=40)
PERSON = st.tuples(st.integers(0, 400), st.integers(0, 3) | COUNTS, CENTS)
SCORES = range(1, 6)


def numbers(values: Sequence[int]) -> Any:
    return np.array(values, dtype="int64")


def exactly(*edges: str) -> Edges:
    one, two, three, four = map(Fraction, edges)
    return one, two, three, four


def figures(people: Sequence[tuple[int, int, int]]) -> pd.DataFrame:
    """Return people as ``CustomerAnalytics`` has them: days, orders, cents."""
    days = [None if orders == 0 else since for since, orders, _ in people]
    return pd.DataFrame(
        {
            "person_id": pd.Series([f"p{n}" for n in range(len(people))], dtype="str"),
            "days_since_last_order": pd.Series(days, dtype="Int64"),
            "order_count": numbers([orders for _, orders, _ in people]),
            "lifetime_value_cents": numbers([cents for *_, cents in people]),
        }
    )


# Edges -----------------------------------------------------------------------------


def plain_quantile(values: Sequence[int], part: Fraction) -> Fraction:
    """Return a type-7 quantile as its definition has it."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * part
    low = int(place)
    above = ordered[min(low + 1, len(ordered) - 1)]
    return ordered[low] + (place - low) * (above - ordered[low])


@settings(max_examples=up_to(200))
@given(WHOLE)
@example([7])
def test_edges_are_exact_type_7_quantiles_rule_10_1(values: list[int]) -> None:
    found = find_quantiles(numbers(values))

    assert found == tuple(plain_quantile(values, Fraction(k, 5)) for k in range(1, 5))
    assert list(found) == sorted(found)
    in_floats = np.quantile(numbers(values), [0.2, 0.4, 0.6, 0.8], method="linear")
    scale = max(1, *(abs(each) for each in values))
    assert np.allclose([float(e) for e in found], in_floats, rtol=0, atol=scale * 1e-9)


def test_edges_of_no_values_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        find_quantiles(numbers([]))
    assert find_edges(figures([(0, 0, 500)])) is None


def test_edges_are_those_of_people_with_an_order_rule_10_1() -> None:
    buyers = [(10, 1, 100), (20, 2, 205), (30, 3, 300)]

    found = find_edges(figures([*buyers, (0, 0, 9_999)]))

    assert found == RfmEdges(
        exactly("14", "18", "22", "26"),
        exactly("1.4", "1.8", "2.2", "2.6"),
        exactly("142", "184", "224", "262"),
    )


@pytest.mark.parametrize(
    ("day", "end"),
    [
        ("2026-01-01", "2025-12-31"),
        ("2026-03-31", "2025-12-31"),
        ("2026-04-01", "2026-03-31"),
        ("2026-09-30", "2026-06-30"),
        ("2028-12-31", "2028-09-30"),
    ],
)
def test_the_edges_of_a_quarter_are_of_the_day_before_it_rule_10_1(
    day: str, end: str
) -> None:
    assert quarter_end_before(date.fromisoformat(day)) == date.fromisoformat(end)


@settings(max_examples=up_to(60))
@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_a_quarter_has_one_end_before_it_rule_10_1(day: date) -> None:
    end = quarter_end_before(day)

    assert end < day <= end + timedelta(days=92)
    assert quarter_end_before(end + timedelta(days=1)) == end
    assert (end + timedelta(days=1)).day == 1


# Scores ----------------------------------------------------------------------------


@settings(max_examples=up_to(200))
@given(WHOLE, st.lists(st.fractions(-100, 100), min_size=4, max_size=4) | st.none())
def test_scores_are_counts_of_edges_compared_exactly_rule_10_1(
    values: list[int], drawn: list[Fraction] | None
) -> None:
    edges = tuple(sorted(drawn)) if drawn else find_quantiles(numbers(values))

    assert score(numbers(values), edges).tolist() == [
        1 + sum(edge <= value for edge in edges) for value in values
    ]
    assert score_recency(numbers(values), edges).tolist() == [
        6 - (1 + sum(edge < value for edge in edges)) for value in values
    ]


@settings(max_examples=up_to(100))
@given(st.lists(st.integers(0, 8), min_size=2, max_size=30))
def test_equal_values_have_equal_scores_and_more_never_fewer_rule_10_1(
    values: list[int],
) -> None:
    edges = find_quantiles(numbers(values))

    more, recent = score(numbers(values), edges), score_recency(numbers(values), edges)

    for one, other in product(range(len(values)), repeat=2):
        if values[one] == values[other]:
            assert (more[one], recent[one]) == (more[other], recent[other])
        if values[one] < values[other]:
            assert more[one] <= more[other]
            assert recent[one] >= recent[other]


def test_a_value_on_an_edge_is_not_lost_to_rounding_rule_10_1() -> None:
    """As a float, an edge that is a whole number may lie above it."""
    values = numbers([0, 500, 1000, 1500])
    rounded = np.quantile(values, 0.2, method="linear")

    edges = find_quantiles(values)

    assert edges == exactly("300", "600", "900", "1200")
    assert score(numbers([299, 300]), edges).tolist() == [1, 2]
    assert rounded > 300, "a float would score 300 as 1"


RECENCY = exactly("115", "181", "297.4", "482")
FREQUENCY = exactly("4", "5", "6", "8")
MONETARY = exactly("255.8", "382", "506.4", "666")
"""The published edges of the data set of 995 people of the R package ``rfm`` 0.3.0.

They are type-7 quantiles + 1; a value on an edge is above it, and recency is turned.
"""


@pytest.mark.parametrize(
    ("edges", "scored"),
    [
        (FREQUENCY, {1: 1, 3: 1, 4: 2, 5: 3, 6: 4, 7: 4, 8: 5, 14: 5}),
        (
            MONETARY,
            {12: 1, 255: 1, 256: 2, 381: 2, 382: 3, 506: 3, 507: 4, 665: 4, 666: 5},
        ),
    ],
    ids=["frequency", "monetary"],
)
def test_published_edges_score_as_published(
    edges: Edges, scored: dict[int, int]
) -> None:
    assert score(numbers(list(scored)), edges).tolist() == list(scored.values())


def test_published_edges_of_recency_score_as_published() -> None:
    """There a day on an edge is above it, so the plain score is turned round."""
    days = {1: 5, 114: 5, 115: 4, 180: 4, 181: 3, 297: 3, 298: 2, 481: 2, 482: 1}

    assert (6 - score(numbers(list(days)), RECENCY)).tolist() == list(days.values())
    # By our rule one on an edge is still below it; nothing else differs.
    ours = dict(zip(days, score_recency(numbers(list(days)), RECENCY), strict=True))
    assert {day for day in days if ours[day] != days[day]} == {115, 181, 482}


# Groups ----------------------------------------------------------------------------

TABLE = """
5 Champions        | Champions        | Active   | Promising       | New
4 Loyal            | Loyal            | Active   | Promising       | New
3 Loyal            | Loyal            | Active   | Needs attention | Needs attention
2 Previously loyal | At risk          | At risk  | Almost lost     | Almost lost
1 Previously loyal | Previously loyal | Dormant  | Dormant         | Dormant
"""
"""As rule 10.2 has it: by R, and FM from 5 to 1."""


def test_the_groups_are_those_of_the_table_rule_10_2() -> None:
    for line in TABLE.strip().splitlines():
        recency, names = int(line[0]), [each.strip() for each in line[1:].split("|")]
        for fm, name in zip((5, 4, 3, 2, 1), names, strict=True):
            assert GROUPS[recency - 1][fm - 1] == name


def test_every_three_scores_are_in_exactly_one_group_rule_10_2() -> None:
    every = list(product(SCORES, repeat=3))

    found = name_groups(*(numbers(column) for column in zip(*every, strict=True)))

    assert len(found) == 125
    assert set(found) == set(RfmGroup) - {RfmGroup.PROSPECTS}
    for (recency, frequency, monetary), name in zip(every, found, strict=True):
        half_up = (frequency + monetary + 1) // 2
        assert name == GROUPS[recency - 1][half_up - 1]
        assert half_up - Fraction(frequency + monetary, 2) in (0, Fraction(1, 2))


@settings(max_examples=up_to(100))
@given(st.lists(PERSON, max_size=30), st.lists(PERSON, max_size=30))
def test_everybody_is_graded_rules_10_1_and_10_2(
    now: list[tuple[int, int, int]], then: list[tuple[int, int, int]]
) -> None:
    people = figures(now)
    edges = find_edges(figures(then)) or find_edges(people)

    graded = grade_people(people, edges)

    assert graded["person_id"].tolist() == people["person_id"].tolist()
    for row, (days, orders, cents) in zip(
        graded.astype("object").to_dict("records"), now, strict=True
    ):
        scores = [row[f"{name}_score"] for name in ("recency", "frequency", "monetary")]
        if not orders:
            assert [pd.isna(each) for each in scores] == [True] * 3
            assert pd.isna(row["rfm_score"])
            assert row["rfm_group"] == "Prospects"
            continue
        assert edges is not None
        assert scores == [
            6 - 1 - sum(edge < days for edge in edges.recency),
            1 + sum(edge <= orders for edge in edges.frequency),
            1 + sum(edge <= cents for edge in edges.monetary),
        ]
        assert row["rfm_score"] == "".join(map(str, scores))
        fm = (scores[1] + scores[2] + 1) // 2
        assert row["rfm_group"] == GROUPS[scores[0] - 1][fm - 1]


def test_people_with_an_order_are_not_graded_without_edges() -> None:
    with pytest.raises(ValueError, match="need edges"):
        grade_people(figures([(1, 1, 1)]), None)


@settings(max_examples=up_to(60))
@given(st.lists(PERSON, max_size=12))
def test_groups_are_counted_as_people_are_graded_rule_10_2(people: list[Any]) -> None:
    rows = figures(people)
    edges = find_edges(rows)

    counts = count_groups(rows, edges)

    graded = grade_people(rows, edges)["rfm_group"].value_counts().to_dict()
    assert {group: count for group, count in counts.items() if count} == graded
    assert set(counts) == set(RfmGroup)


def test_people_with_an_order_are_not_counted_without_edges() -> None:
    with pytest.raises(ValueError, match="need edges"):
        count_groups(figures([(1, 1, 1)]), None)


@settings(max_examples=up_to(60))
@given(st.lists(PERSON, max_size=6))
def test_edges_that_are_noted_are_read_exactly(people: list[Any]) -> None:
    edges = find_edges(figures(people))

    assert read_edges(note_edges(edges)) == edges


@settings(max_examples=up_to(60))
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=5),
    st.lists(st.integers(0, 30), min_size=1, max_size=9),
)
def test_the_day_of_a_score_is_the_last_on_which_it_fell_rule_10_1(
    since: list[int], others: list[int]
) -> None:
    day = date(2026, 7, 1)
    edges = RfmEdges(find_quantiles(numbers(others)), SOME.frequency, SOME.monetary)
    last = pd.Series([pd.Timestamp(day - timedelta(days=days)) for days in since])

    crossed = find_last_crossings(last, day, edges)

    for days, found in zip(since, crossed, strict=True):
        scores = score_recency(numbers(range(days + 1)), edges.recency)
        fell = [n for n in range(1, days + 1) if scores[n] < scores[n - 1]]
        expected = day - timedelta(days=days - fell[-1]) if fell else None
        assert (None if pd.isna(found) else found.date()) == expected


def test_edges_are_of_the_quarters_end_if_anyone_had_ordered_rule_10_1() -> None:
    day, end = date(2026, 7, 5), date(2026, 6, 30)
    orders = pd.Series(pd.to_datetime(["2026-07-02", None, "2026-06-30"]))

    assert day_of_edges(orders, day) == end
    assert day_of_edges(orders[:2], day) == day


# Why a person moved ----------------------------------------------------------------

SOME = RfmEdges(
    exactly("10", "20", "30", "40"),
    exactly("1.5", "2.5", "3.5", "4.5"),
    exactly("1000", "2000", "3000", "4000"),
)
LATER = RfmEdges(exactly("1", "2", "3", "4"), SOME.frequency, SOME.monetary)


@pytest.mark.parametrize(
    ("before", "after", "edges", "expected"),
    [
        ((5, 5, 5000), (6, 5, 5000), SOME, None),
        ((10, 5, 5000), (11, 5, 5000), SOME, ("Champions", "Loyal", "person")),
        ((0, 0, 0), (0, 1, 100), LATER, ("Prospects", "New", "person")),
        ((9, 5, 5000), (10, 5, 5000), LATER,
         ("Champions", "Previously loyal", "edges")),
        ((10, 5, 5000), (11, 5, 5000), LATER,
         ("Champions", "Previously loyal", "person and edges")),
        ((9, 1, 100), (0, 5, 5000), LATER, ("New", "Champions", "person")),
    ],
)  # fmt: skip
def test_a_move_is_the_persons_or_the_edges_rule_10_2(
    before: tuple[int, int, int],
    after: tuple[int, int, int],
    edges: RfmEdges,
    expected: tuple[str, str, str] | None,
) -> None:
    moves = explain_moves(figures([before]), figures([after]), SOME, edges)

    rows = moves.to_numpy().tolist()
    assert rows == ([] if expected is None else [["p0", *expected]])


def test_who_is_new_or_gone_has_not_moved_rule_10_2() -> None:
    before = figures([(5, 5, 5000), (5, 5, 5000)])
    after = before.assign(person_id=["p1", "p2"])

    assert explain_moves(before, after, SOME, LATER)["person_id"].tolist() == ["p1"]


def test_the_first_order_of_all_is_a_persons_move_rule_10_2() -> None:
    moves = explain_moves(figures([(0, 0, 0)]), figures([(0, 1, 100)]), None, SOME)

    assert moves["cause"].tolist() == ["person"]


@settings(max_examples=up_to(60))
@given(st.lists(st.tuples(PERSON, PERSON), max_size=12))
def test_with_the_same_edges_every_move_is_the_persons_rule_10_2(
    people: list[tuple[Any, Any]],
) -> None:
    before, after = (figures([pair[n] for pair in people]) for n in (0, 1))

    moves = explain_moves(before, after, SOME, SOME)
    still = explain_moves(before, before, SOME, LATER)

    assert set(moves["cause"]) <= {"person"}
    assert set(still["cause"]) <= {"edges"}, "no one did anything"
    groups = [grade_people(each, SOME)["rfm_group"] for each in (before, after)]
    assert len(moves) == (groups[0] != groups[1]).sum()


# The check -------------------------------------------------------------------------


def graded() -> pd.DataFrame:
    """Two people with an order and one without, as they should be."""
    return make_table(
        CustomerRfm,
        [
            {"customer_id": "a", "rfm_score": "555", "rfm_group": "Champions"},
            {"customer_id": "b", "rfm_score": "111", "rfm_group": "Dormant"},
            {"customer_id": "c", "rfm_group": "Prospects"},
        ],
    ).assign(
        **{
            name: pd.array([5, 1, None], dtype="Int64")
            for name in ("recency_score", "frequency_score", "monetary_score")
        }
    )


@pytest.mark.parametrize(
    ("row", "column", "value", "differing"),
    [
        (0, "rfm_group", "Prospects", 1),
        (2, "rfm_group", "New", 1),
        (1, "monetary_score", None, 1),
        (2, "recency_score", 3, 1),
        (2, "rfm_score", "333", 1),
        (0, "rfm_group", "Friends", 0),
        (0, "customer_id", "z", 2),
    ],
)
def test_every_wrong_score_or_group_is_counted_rule_10_2(
    row: int, column: str, value: Any, differing: int
) -> None:
    rows = [
        {"customer_id": each, "order_count": n}
        for each, n in zip("abc", (9, 1, 0), strict=True)
    ]
    analytics = make_table(CustomerAnalytics, rows, tier="Seed")
    spoiled = graded()
    spoiled.loc[row, column] = value

    assert check_scores(graded(), analytics).passed
    found = check_scores(spoiled, analytics)

    assert not found.passed
    assert found.evidence["differing"] == differing
