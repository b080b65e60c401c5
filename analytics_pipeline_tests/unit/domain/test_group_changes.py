"""Tests for analytics_pipeline.domain.group_changes."""

from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.changes import add_up_changes, no_changes
from analytics_pipeline.domain.group_changes import GradedMaster, add_group_changes
from analytics_pipeline.domain.rfm import Edges, RfmEdges, grade_people
from analytics_pipeline.model.schemas.changes import CustomerChanges
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.vocabulary import ChangeCause
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import make_table

THEN = date(2026, 6, 29)
NOW = date(2026, 7, 1)
QUARTER_END = date(2026, 6, 30)
Person = tuple[int, int, int]
"""How many days before 29 June the last order was, how many orders, and cents."""


def exactly(*edges: int) -> Edges:
    one, two, three, four = map(Fraction, edges)
    return one, two, three, four


SOME = RfmEdges(
    exactly(10, 20, 30, 40), exactly(2, 3, 4, 5), exactly(1000, 2000, 3000, 4000)
)
LATER = RfmEdges(exactly(1, 2, 3, 4), SOME.frequency, SOME.monetary)
BEST, ONCE = (8, 5, 5000), (60, 1, 100)
"""A champion who is loyal from the 11th day on, and somebody dormant."""


def master(people: Mapping[str, Person], day: date, edges: RfmEdges) -> GradedMaster:
    rows = []
    for person, (ago, orders, cents) in sorted(people.items()):
        last = THEN - timedelta(days=ago) if orders else None
        rows.append(
            {
                "as_of": day,
                "customer_id": person,
                "order_count": orders,
                "lifetime_value_cents": cents,
                "first_order_date": last,
                "last_order_date": last,
                "days_since_last_order": (day - last).days if last else None,
            }
        )
    return GradedMaster(day, make_table(CustomerAnalytics, rows), edges)


def piece(person: str = "p", **cells: Any) -> dict[str, Any]:
    """Return a change of a value, by a sale of 1 July unless *cells* say else."""
    plain = {"change": "value", "cause": "sale", "cause_id": "s", "cause_date": NOW}
    return {"customer_id": person, **plain, "order_count_change": 1, **cells}


def added(
    before: Mapping[str, Person],
    after: Mapping[str, Person],
    edges: RfmEdges = SOME,
    *pieces: Mapping[str, Any],
    unknown: ChangeCause = ChangeCause.UNKNOWN,
) -> pd.DataFrame:
    """Return the rows of kind ``group`` from 29 June to 1 July."""
    changes = make_table(CustomerChanges, pieces, as_of=NOW, previous_as_of=THEN)
    found = add_group_changes(
        changes, master(before, THEN, SOME), master(after, NOW, edges), unknown
    )
    assert len(found) >= len(pieces)
    return found[found["change"] == "group"]


def shown(rows: pd.DataFrame) -> list[list[Any]]:
    """Return before, after, cause, its id and its day."""
    columns = ["before", "after", "cause", "cause_id", "cause_date"]
    plain = rows[columns].astype("object").where(rows[columns].notna(), None)
    return [
        [*cells, None if day is None else day.date()]
        for *cells, day in plain.to_numpy().tolist()
    ]


EARLIER = NOW - timedelta(days=1)


@pytest.mark.parametrize(
    ("before", "after", "edges", "pieces", "expected"),
    [
        pytest.param(
            (8, 5, 5000), (8, 5, 5000), SOME, [], None, id="ten days since the order"
        ),
        pytest.param(
            (9, 5, 5000), (9, 5, 5000), SOME, [],
            ["Champions", "Loyal", "time", None, NOW], id="the eleventh day is today",
        ),
        pytest.param(
            (10, 5, 5000), (10, 5, 5000), SOME, [],
            ["Champions", "Loyal", "time", None, EARLIER], id="it was yesterday",
        ),
        pytest.param(
            (10, 5, 5000), (10, 5, 5000), SOME,
            [piece(cause="left the 90 days", order_count_change=0)],
            ["Champions", "Loyal", "time", None, EARLIER],
            id="and a sale left the 90 days, which moves no group",
        ),
        pytest.param(
            (5, 5, 5000), (5, 5, 5000), LATER, [],
            ["Champions", "Previously loyal", "edges of the quarter", None,
             QUARTER_END],
            id="the edges",
        ),
        pytest.param(
            (5, 5, 5000), (4, 6, 5100), LATER, [piece()],
            ["Champions", "Previously loyal", "edges of the quarter", None,
             QUARTER_END],
            id="the edges, whatever was bought",
        ),
        pytest.param(
            (10, 5, 5000), (10, 5, 5000), LATER, [],
            ["Champions", "Previously loyal", "time", None, EARLIER],
            id="time and the edges",
        ),
        pytest.param(
            (60, 1, 100), (-2, 2, 3100), LATER, [piece()],
            ["Dormant", "Active", "sale", "s", NOW], id="a sale",
        ),
        pytest.param(
            (45, 5, 5000), (12, 6, 5100), LATER, [piece()], None,
            id="a sale that the edges undo",
        ),
        pytest.param(
            (5, 5, 5000), (15, 4, 100), LATER, [piece(cause="void")],
            ["Champions", "Dormant", "void", "s", NOW], id="a void and the edges",
        ),
        pytest.param(
            (0, 0, 0), (-2, 1, 100), SOME, [piece()],
            ["Prospects", "New", "sale", "s", NOW], id="a first order",
        ),
    ],
)  # fmt: skip
def test_a_move_has_its_cause_and_day_rule_10_2(
    before: Person,
    after: Person,
    edges: RfmEdges,
    pieces: list[dict[str, Any]],
    expected: list[Any] | None,
) -> None:
    rows = added({"p": before}, {"p": after}, edges, *pieces)

    assert shown(rows) == ([] if expected is None else [expected])
    assert set(rows["previous_as_of"]) <= {pd.Timestamp(THEN)}


@pytest.mark.parametrize(
    ("pieces", "named"),
    [
        ([piece(cause_id="a"), piece(cause_id="b")], "b"),
        ([piece(cause_id="b"), piece(cause_id="c", cause_date=THEN)], "b"),
        ([piece(cause_id="a"), piece(cause_id="b", order_count_change=0)], "a"),
        (
            [
                piece(cause_id="a", order_count_change=0,
                      lifetime_value_change_cents=-5),
                piece(cause_id="b", order_count_change=0),
            ],
            "a",
        ),
        (
            [
                piece(cause_id="a", order_count_change=0),
                piece(cause_id="b", order_count_change=0, cause="left the 90 days"),
            ],
            "a",
        ),
        ([piece(cause_id="a"), piece("another", cause_id="b")], "a"),
    ],
)  # fmt: skip
def test_the_last_order_that_came_or_went_is_named_rule_10_2(
    pieces: list[dict[str, Any]], named: str
) -> None:
    rows = added({"p": ONCE}, {"p": (-2, 2, 3100)}, SOME, *pieces)

    assert rows["cause_id"].tolist() == [named]


@pytest.mark.parametrize("unknown", [ChangeCause.UNKNOWN, ChangeCause.POLICY])
def test_a_move_that_nothing_explains_says_so_rule_10_2(unknown: ChangeCause) -> None:
    rows = added({"p": ONCE}, {"p": (60, 2, 5000)}, unknown=unknown)

    assert shown(rows) == [["Dormant", "Previously loyal", unknown.value, None, None]]


def test_who_came_or_went_has_a_group_on_one_side_rule_10_2() -> None:
    rows = added(
        {"a": BEST, "b": ONCE},
        {"b": ONCE, "c": BEST, "d": (0, 0, 0)},
        SOME,
        piece("c"),
    )

    assert [[person, *cells] for person, cells in zip(
        rows["customer_id"], shown(rows), strict=True
    )] == [
        ["a", "Champions", None, "customer record", "a", None],
        ["c", None, "Champions", "sale", "s", NOW],
        ["d", None, "Prospects", "customer record", "d", None],
    ]  # fmt: skip


def test_where_no_one_had_ordered_by_the_quarters_end_the_edges_are_of_today() -> None:
    newly = master({"p": (-2, 5, 5000)}, NOW, SOME).figures
    higher = RfmEdges(SOME.recency, exactly(6, 7, 8, 9), SOME.monetary)
    first = GradedMaster(NOW - timedelta(days=1), newly, SOME)
    last = GradedMaster(NOW, newly, higher)

    rows = add_group_changes(no_changes(), first, last, ChangeCause.UNKNOWN)

    assert set(rows["cause"]) == {"edges of the quarter"}
    assert set(rows["cause_date"]) == {pd.Timestamp(NOW)}


PERSON = st.tuples(
    st.integers(-2, 60), st.integers(0, 6), st.sampled_from((-5, 100, 2500, 6000))
)
PEOPLE = st.dictionaries(st.sampled_from("abcde"), PERSON)


@settings(max_examples=up_to(40))
@given(
    PEOPLE, PEOPLE, st.sets(st.sampled_from("abcde")), st.sampled_from((SOME, LATER))
)
def test_the_rows_are_exactly_the_people_whose_group_is_another_rule_10_2(
    before: dict[str, Person],
    change: dict[str, Person],
    gone: set[str],
    edges: RfmEdges,
) -> None:
    after = {who: p for who, p in (before | change).items() if who not in gone}
    one, two = master(before, THEN, SOME), master(after, NOW, edges)

    rows = add_group_changes(no_changes(), one, two, ChangeCause.UNKNOWN)

    CustomerChanges.validate(rows, lazy=True)
    groups = [
        grade_people(each.people, each.edges).set_index("person_id")["rfm_group"]
        for each in (one, two)
    ]
    expected = {
        (who, *(each.get(who) for each in groups))
        for who in before | after
        if groups[0].get(who) != groups[1].get(who)
    }
    cells = rows[["customer_id", "before", "after"]].astype("object")
    found = cells.where(cells.notna(), None).itertuples(index=False, name=None)
    assert sorted(found, key=str) == sorted(expected, key=str)
    _assert_that_causes_are_right(rows, before, after)
    counts = one.count_groups(), two.count_groups()
    sums = add_up_changes(one.figures, two.figures, rows, counts)
    assert sums.evidence["wrong_groups"] == 0
    short = add_up_changes(one.figures, two.figures, rows.iloc[1:], counts)
    assert (short.evidence["wrong_groups"] > 0) == (len(rows) > 0)


def _assert_that_causes_are_right(
    rows: pd.DataFrame, before: dict[str, Person], after: dict[str, Person]
) -> None:
    """Who waited moved by time, on one of these days, or by the edges."""
    for row in rows.itertuples():
        person = str(row.customer_id)
        same = before.get(person) == after.get(person)
        by = {"time", "edges of the quarter"}
        if person not in before or person not in after:
            assert (row.cause, row.cause_id) == ("customer record", person)
        elif same:
            assert row.cause in by
        if row.cause == "time":
            assert same
            assert pd.Timestamp(THEN) < row.cause_date <= pd.Timestamp(NOW)
