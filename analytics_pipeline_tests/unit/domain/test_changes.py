"""Tests for analytics_pipeline.domain.changes and the modules it is built on."""

import csv
import io
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.changes import (
    Master,
    add_up_changes,
    check_causes,
    check_figures,
    explain_orders,
    explain_sales,
    list_changes,
    list_moved_people,
    name_causes,
    no_changes,
)
from analytics_pipeline.domain.purchases import (
    MEASURES,
    compare_contributions,
    keys_of,
    list_contributions,
)
from analytics_pipeline.model.schemas.changes import CustomerChanges
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.vocabulary import ChangeCause
from analytics_pipeline.storage.csv import render_csv
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import make_table

D = date(2026, 6, 20)
PEOPLE = ("p1", "p2", "ecom-1")


@dataclass(frozen=True)
class Bought:
    """A sale or order of a person, so many days before D."""

    key: str
    person: str | None
    ago: int = 0
    cents: int = 100
    is_order: bool = True
    is_ecom: bool = False
    refunded: int = 0

    def row(self) -> dict[str, Any]:
        kind, _, number = self.key.partition(" ")
        return {
            "sale_id": number if kind == "sale" else None,
            "order_number": number if kind == "order" else None,
            "person_id": self.person,
            "day": pd.Timestamp(D - timedelta(days=self.ago)),
            "value_cents": self.cents,
            "orders": int(self.is_order),
            "is_ecom": self.is_ecom,
            "refunded_cents": self.refunded,
        }


def purchases(*bought: Bought) -> pd.DataFrame:
    columns = list(Bought("sale 0", "p").row())
    frame = pd.DataFrame([each.row() for each in bought], columns=columns)
    text = dict.fromkeys(("sale_id", "order_number", "person_id"), "str")
    return frame.astype({**text, "day": "datetime64[us]", "orders": "int64"})


def figures(bought: list[Bought], day: date, everybody: set[str]) -> pd.DataFrame:
    """The figures by plain arithmetic, as rules 5.1 to 5.6 say them."""
    rows = []
    for person in sorted(everybody | {b.person for b in bought if b.person}):
        mine = [b for b in bought if b.person == person]
        recent = [b for b in mine if (D - day).days > b.ago - 90]
        orders = [b for b in mine if b.is_order]
        value = sum(b.cents for b in recent)
        last = min((b.ago for b in orders), default=None)
        passed = None if last is None else last - (D - day).days
        rows.append(
            {
                "as_of": day,
                "customer_id": person,
                "lifetime_value_cents": sum(b.cents for b in mine),
                "rolling_90_day_value_cents": value,
                "order_count": len(orders),
                "rolling_90_day_order_count": sum(b.is_order for b in recent),
                "ecom_order_count": sum(b.is_ecom for b in orders),
                "refunded_value_cents": sum(b.refunded for b in mine),
                "last_order_date": None if last is None else D - timedelta(days=last),
                "tier": "Sprout" if value >= 250 else "Seed" if orders else "None",
                "inactive_segment": "never"
                if passed is None
                else "90d" if passed >= 90
                else "60d" if passed >= 60
                else "30d" if passed >= 30
                else "active",
            }
        )  # fmt: skip
    return make_table(CustomerAnalytics, rows)


def changes(
    before: list[Bought],
    after: list[Bought],
    days: int = 1,
    people: tuple[set[str], set[str]] = (set(), set()),
    homes: tuple[dict[str, str | None], dict[str, str | None]] = ({}, {}),
    **options: Any,
) -> tuple[pd.DataFrame, Master, Master]:
    """Compare the master of D, made from *before*, with the one *days* later."""
    later = D + timedelta(days=days)
    masters = [
        Master(day, figures(bought, day, alive), home, {})
        for day, bought, alive, home in (
            (D, before, people[0], homes[0]),
            (later, after, people[1], homes[1]),
        )
    ]
    compared = compare_contributions(
        list_contributions(purchases(*before), D),
        list_contributions(purchases(*after), later),
    )
    sold = [b.key.removeprefix("sale ") for b in after if b.key.startswith("sale")]
    explained = pd.concat(
        [
            explain_sales(
                make_table(
                    RawSales,
                    [{"sale_id": each, "is_completed": True, "is_order": True}
                     for each in sold],
                    business_date=D,
                ),
                later,
            ),
            explain_orders(
                pd.Series(["order 7", "refund of 7"], dtype="str"),
                pd.Series(["7", "7"], dtype="str"),
                synced=set(),
                counting={"7"},
            ),
        ],
        ignore_index=True,
    )  # fmt: skip
    caused = name_causes(compared, explained, set(keys_of(purchases(*before))))
    unknown = options.get("unknown", ChangeCause.UNKNOWN)
    reported = list_changes(*masters, caused, unknown=unknown)
    return reported, *masters


BOUGHT = st.builds(
    Bought,
    st.integers(0, 9).map(lambda n: f"sale {n}") | st.just("order 7"),
    st.sampled_from((*PEOPLE, None)),
    ago=st.sampled_from((0, 1, 29, 30, 31, 59, 60, 88, 89, 90, 91, 400)),
    cents=st.integers(-500, 500),
    is_order=st.booleans(),
    is_ecom=st.booleans(),
    refunded=st.integers(0, 300),
)
HISTORIES = st.lists(BOUGHT, max_size=8, unique_by=lambda bought: bought.key)
ALIVE = st.sets(st.sampled_from(PEOPLE))


@settings(max_examples=up_to(15))
@given(HISTORIES, HISTORIES, st.tuples(ALIVE, ALIVE), st.sampled_from((1, 2, 30, 91)))
def test_changes_add_up_to_the_two_masters_and_each_has_its_cause(
    before, after, people, days
):
    reported, earlier, later = changes(before, after, days, people)

    CustomerChanges.validate(reported, lazy=True)
    result = add_up_changes(earlier.figures, later.figures, reported)
    assert result.passed, result.evidence
    assert check_causes(reported[reported["change"] == "value"]).passed
    assert_that_each_row_is_a_change(reported)
    sums = reported.groupby("customer_id")[list(MEASURES)].sum()
    for figure in MEASURES.values():
        one, two = (
            m.figures.set_index("customer_id")[figure] for m in (earlier, later)
        )
        change = next(name for name, of in MEASURES.items() if of == figure)
        expected = two.sub(one, fill_value=0)
        found = sums[change].reindex(expected.index, fill_value=0)
        assert expected.tolist() == found.tolist()


def assert_that_each_row_is_a_change(reported: pd.DataFrame) -> None:
    """Before is never after, and what is shown is what the numbers on the right say."""
    assert not (reported["before"].fillna("") == reported["after"].fillna("")).any()
    for row in reported[reported["change"] == "value"].itertuples(index=False):
        change = next(
            (getattr(row, name) for name in MEASURES if getattr(row, name)), 0
        )
        before, after = (
            None if pd.isna(side) else str(side) for side in (row.before, row.after)
        )
        if change and before and after:
            of = Decimal(after) - Decimal(before)
            assert change == (of * 100 if "." in after else of)


@settings(max_examples=up_to(8))
@given(HISTORIES, HISTORIES)
def test_only_people_of_whom_something_changed_are_reported(before, after):
    reported, earlier, later = changes(before, after)

    moved = set(list_moved_people(earlier.figures, later.figures))
    assert set(reported["customer_id"]) <= moved | {
        b.person for b in before + after if b.person
    }
    assert changes(before, before, days=0)[0].empty


def test_every_number_that_is_wrong_is_found():
    reported, earlier, later = changes([], [Bought("sale 1", "p1")])

    for column in ("person_change", *MEASURES):
        wrong = reported.assign(**{column: reported[column] + 1})
        result = add_up_changes(earlier.figures, later.figures, wrong)
        assert result.blocks
        assert column in result.sentence
    grades = reported.assign(after=reported["after"].replace({"Seed": "Bloom"}))
    result = add_up_changes(earlier.figures, later.figures, grades)
    assert (result.blocks, result.evidence["wrong_tiers_and_segments"]) == (True, 2)


def test_figures_that_are_not_the_sum_of_their_purchases_are_found():
    bought = [Bought("sale 1", "p1"), Bought("sale 2", "p2", cents=-5)]
    held = figures(bought, D, set())
    pieces = list_contributions(purchases(*bought), D)
    everybody = pd.Index(["p1", "p2"])
    totals = {"value_cents": 95, "orders": 2}

    assert check_figures(held, pieces, everybody, totals).passed
    for column in MEASURES.values():
        wrong = held.assign(**{column: held[column] + [1, 0]})
        found = check_figures(wrong, pieces, everybody, totals)
        assert (found.blocks, found.evidence["people_that_differ"]) == (True, 1)
    for name in totals:
        other = check_figures(held, pieces, everybody, totals | {name: 0})
        assert other.blocks, "somebody who did not move differs"


def test_a_person_out_of_another_is_a_split_and_into_another_a_merge():
    here, there = {"b": "a"}, {"c": "a"}
    reported, *_ = changes([], [], people=({"a", "c"}, {"a", "b"}), homes=(here, there))

    rows = reported[reported["person_change"] != 0].set_index("customer_id")
    assert rows["change"].to_dict() == {"b": "split", "c": "merged"}
    assert rows["before"].to_dict() == {"b": "a", "c": "c"}
    assert rows["after"].to_dict() == {"b": "b", "c": "a"}


def test_unexplained_changes_have_their_sum():
    earlier = Master(D, figures([Bought("sale 1", "p1")], D, set()), {}, {})
    later = Master(
        D + timedelta(days=1), figures([Bought("sale 1", "p1", cents=70)], D, set()),
        {}, {},
    )  # fmt: skip
    nothing = compare_contributions(*[list_contributions(purchases(), D)] * 2)
    none = explain_sales(make_table(RawSales, []), D)
    caused = name_causes(nothing, none, set())

    for cause in (ChangeCause.UNKNOWN, ChangeCause.POLICY):
        reported = list_changes(earlier, later, caused, unknown=cause)
        assert reported[["before", "after"]].to_numpy().tolist() == [["1.00", "0.70"]]
        assert reported["cause"].tolist() == [cause]
        assert reported["lifetime_value_change_cents"].tolist() == [-30]
        assert check_causes(reported).passed == (cause == ChangeCause.POLICY)


SAME = Bought("sale 1", "p1", ago=89, cents=-11_799, is_order=False)
FREE = Bought("sale 1", "p1", ago=89, cents=0)
FIRST_FIGURE_CHANGED = [
    pytest.param(SAME, SAME, "-117.99", "0.00", id="a return that left the window"),
    pytest.param(FREE, FREE, "1", "0", id="a free order that left the window"),
    pytest.param(SAME, None, "-117.99", None, id="a return that was voided"),
    pytest.param(None, FREE, None, "0.00", id="a free order that came"),
    pytest.param(FREE, replace(FREE, is_order=False), "1", "0", id="no order any more"),
    pytest.param(
        replace(FREE, ago=1), replace(FREE, ago=1, is_ecom=True), "0", "1",
        id="found to be a web order",
    ),
    pytest.param(
        replace(SAME, ago=1), replace(SAME, ago=1, refunded=550), "0.00", "5.50",
        id="only the refund",
    ),
    pytest.param(
        replace(FREE, ago=1), replace(FREE, ago=3), "2026-06-19", "2026-06-17",
        id="only the day",
    ),
    pytest.param(SAME, replace(SAME, cents=1), "-117.99", "0.01", id="another amount"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "before", "after"), FIRST_FIGURE_CHANGED)
def test_a_row_shows_the_figure_that_changed_and_never_the_same_twice(
    one, other, before, after
):
    reported, *_ = changes(*([each] if each else [] for each in (one, other)))

    row = reported[reported["change"] == "value"].astype("object")
    shown = row[["before", "after"]].where(row[["before", "after"]].notna(), None)
    assert shown.to_numpy().tolist() == [[before, after]]


def test_amounts_are_numbers_and_other_texts_are_disarmed_rule_8_5():
    reported, *_ = changes([SAME], [replace(SAME, cents=-1)])
    spoilt = reported.assign(customer_id="=1+1", before=["-117.99"] * len(reported))
    rows = list(
        csv.DictReader(io.StringIO(render_csv(spoilt, CustomerChanges).decode()))
    )

    assert [(row["Before"], row["Customer ID"]) for row in rows] == [
        ("-117.99", "'=1+1")
    ] * len(reported)
    formula = reported.assign(before="-1+1", after="=A1")
    row = next(
        csv.DictReader(io.StringIO(render_csv(formula, CustomerChanges).decode()))
    )
    assert (row["Before"], row["After"]) == ("'-1+1", "'=A1")


def test_no_changes_satisfy_their_schema():
    CustomerChanges.validate(no_changes(), lazy=True)


GONE = {"is_completed": False, "is_order": False}


@pytest.mark.parametrize(
    ("sale", "coming", "going"),
    [
        ({}, "sale", "reassignment"),
        ({"return_for": "x", "is_order": False}, "return", "reassignment"),
        (
            {"return_for": "x", "is_order": False, "sold_line_count": 1},
            "exchange", "reassignment",
        ),
        ({"is_order": False, "refunded_incl_cents": 5}, "return", "reassignment"),
        ({"is_order": False}, "sale", "reassignment"),
        ({"is_deleted": True, "state": "voided", **GONE}, "sale", "deletion"),
        ({"state": "voided", **GONE}, "sale", "void"),
        ({"state": "pending", **GONE}, "sale", "reopening"),
        ({"business_date": D + timedelta(days=1)}, "sale", "edit"),
    ],
)  # fmt: skip
def test_the_state_of_a_sale_explains_why_it_came_or_went(sale, coming, going):
    plain = {
        "sale_id": "1", "state": "closed", "is_completed": True, "is_order": True,
        "business_date": D,
    }  # fmt: skip
    failure = explain_sales(make_table(RawSales, [plain | sale]), D)

    assert failure.to_numpy().tolist() == [["sale 1", coming, going]]


@pytest.mark.parametrize(
    ("synced", "counting", "going"),
    [
        (set(), {"7"}, "reassignment"),
        ({"7"}, set(), "sync of a web order"),
        (set(), set(), "web order undone"),
    ],
)
def test_the_state_of_a_web_order_explains_why_it_went(synced, counting, going):
    keys = pd.Series(["order 7", "refund of 7"], dtype="str")
    numbers = pd.Series(["7", "7"], dtype="str")

    explained = explain_orders(keys, numbers, synced, counting)

    assert explained.to_numpy().tolist() == [
        ["order 7", "web order", going],
        ["refund of 7", "return", going],
    ]


def test_a_sale_that_is_nowhere_any_more_was_rejected():
    reported, *_ = changes([Bought("sale 1", "p1")], [])

    assert reported.loc[reported["change"] == "value", "cause"].tolist() == [
        "quarantine"
    ]


def test_a_sale_that_became_a_web_order_is_a_sync():
    reported, *_ = changes(
        [Bought("sale 1", "p1")], [Bought("sale 1", "p1", is_ecom=True)]
    )

    assert reported[["cause", "ecom_order_count_change"]].to_numpy().tolist() == [
        ["sync of a web order", 1]
    ]


def test_the_piece_that_moved_most_is_the_cause_of_a_tier():
    reported, *_ = changes(
        [Bought("sale 1", "p1", ago=89, cents=250)],
        [Bought("sale 1", "p1", ago=89, cents=250), Bought("sale 2", "p1", cents=10)],
    )

    tier = reported[reported["change"] == "tier"].iloc[0]
    assert (tier["before"], tier["after"]) == ("Sprout", "Seed")
    assert (tier["cause"], tier["cause_id"]) == ("left the 90 days", "1")
    assert tier["cause_date"] == pd.Timestamp(D + timedelta(days=1))
