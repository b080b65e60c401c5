"""Explaining somebody with very many sales or records: the work grows as they do.

Nothing is timed: what is looked at is counted.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from io import StringIO
from types import SimpleNamespace
from typing import Any

import ibis
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from analytics_pipeline.commands.explain import _show
from analytics_pipeline.commands.person import _sales_of
from analytics_pipeline.commands.tables import MOST_SHOWN
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.domain.explanation import (
    Explanation,
    Line,
    LineKind,
    Member,
    _outwards,
    add_up,
    explain_orders,
    foresee,
)
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline.model.vocabulary import RecordKind
from analytics_pipeline_tests.tables import make_table, table_to_ibis

D = date(2026, 6, 20)
SHAPES: Mapping[str, Callable[[int], int]] = {
    "a star": lambda _n: 0,
    "a chain": lambda n: n - 1,
    "a tree of tens": lambda n: n // 10,
    "two stars": lambda n: n % 2 if n > 1 else 0,
    "a chain with leaves": lambda n: n - 2 if n % 2 == 0 else n - 1,
}
"""The record behind which the n-th one is."""


class Counted(dict[str, Member]):
    """Members, each handing out of which is counted."""

    looks = 0

    def items(self) -> Any:
        for each in super().items():
            self.looks += 1
            yield each


def name(n: int) -> str:
    return f"r{n:06}"


def members_of(behind: list[int]) -> Counted:
    return Counted(
        (name(n), Member(name(n), "customer", "live", "", False, "email", name(at)))
        for n, at in enumerate(behind)
    )


@pytest.mark.parametrize("behind", SHAPES.values(), ids=SHAPES)
def test_each_record_is_looked_at_once(behind: Callable[[int], int]) -> None:
    members = members_of([0, *map(behind, range(1, 500))])

    assert len(_outwards(name(0), members)) == 500
    assert members.looks == 500


@given(st.lists(st.integers(0, 10**6), max_size=30))
def test_records_are_in_the_order_of_the_tree(
    drawn: list[int],
) -> None:
    behind = [0, *(number % (place + 1) for place, number in enumerate(drawn))]
    members = members_of(behind)
    expected = [name(0)]
    for record in expected:
        expected += sorted(
            other
            for other, member in members.items()
            if member.joined_to == record and other != name(0)
        )

    assert _outwards(name(0), members) == expected


def test_each_web_order_is_looked_up_and_not_searched_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows of tables that are gone through for all orders together."""
    rows = 0
    real = pd.DataFrame.__getitem__

    def count(table: pd.DataFrame, key: Any) -> Any:
        nonlocal rows
        rows += len(table)
        return real(table, key)

    monkeypatch.setattr(pd.DataFrame, "__getitem__", count)
    found = {}
    for size in (100, 200):
        numbers = [str(n) for n in range(size)]
        orders = make_table(
            EcomOrders,
            [{"order_number": n, "payment_status": "PAID"} for n in numbers],
            order_date=pd.Timestamp(D),
        )
        matches = pd.DataFrame(
            {
                "order_number": numbers,
                "sale_id": [f"s{n}" if int(n) % 2 else None for n in numbers],
                "evidence": "note",
                "contradiction": None,
            }
        )
        rows = 0
        lines = explain_orders(orders, matches, {"s1"}, Policy(), {}, D)
        found[size] = rows
        assert sum(line.counts for line in lines) == size // 2

    assert found[200] <= 2 * found[100]


def query_for(records: int) -> str:
    """The query that finds the sales of a person of so many *records*."""
    asked: list[Any] = []

    def note(expression: Any) -> pd.DataFrame:
        asked.append(expression)
        return make_table(RawSales, [])

    sales = table_to_ibis(RawSales, [])
    shop: Any = SimpleNamespace(
        sales_until=lambda _day: sales, engine=SimpleNamespace(to_pandas=note)
    )
    tied = pd.DataFrame(
        {"sale_id": [f"s{n}" for n in range(records)], "person_id": name(0)}
    )
    ledger: Any = SimpleNamespace(sale_people=tied, walk_in_ids=[])
    books: Any = SimpleNamespace(shop=shop, ledger=ledger, day=D)
    members = [
        Member(name(n), RecordKind.CUSTOMER, "live", "", False, "", "")
        for n in range(records)
    ]

    _sales_of(books, members)

    return str(ibis.to_sql(asked[0], dialect="duckdb"))


@pytest.mark.parametrize("records", [2, 10, 50, 500])
def test_a_query_holds_no_list_of_ids(records: int) -> None:
    assert len(query_for(records)) == len(query_for(1))


def explanation(lines: int, members: int) -> Explanation:
    shown = tuple(
        Line(
            kind=LineKind.SALE,
            id=f"s{n}",
            record_id=name(0),
            day=D - timedelta(days=(lines - n) // 10),
            value_cents=100,
            refunded_cents=0,
            counts=True,
            is_order=True,
            is_ecom=False,
            why="closed; an order",
        )
        for n in range(lines)
    )
    records = tuple(
        Member(name(n), "customer", "live" if n else "own", "", False, "email", name(0))
        for n in range(members)
    )
    return Explanation(
        as_of=D,
        person_id=name(0),
        name="Ada Example",
        email="",
        phone="",
        has_row=True,
        members=records,
        lines=shown,
        figures=add_up(shown, Policy(), D),
        outlook=foresee(shown, Policy(), D),
        notes=(),
    )


def shown_of(lines: int, members: int) -> list[str]:
    screen = StringIO()
    terminal = Terminal(out=Console(file=screen, width=100), err=Console(quiet=True))
    _show(explanation(lines, members), terminal)
    return screen.getvalue().splitlines()


@pytest.mark.parametrize(("lines", "members"), [(1_500, 1), (3, 1_200), (1_001, 1_001)])
def test_of_very_many_only_some_are_printed_and_the_rest_counted(
    lines: int, members: int
) -> None:
    shown = shown_of(lines, members)

    assert len(shown) < 2 * MOST_SHOWN + 100
    words = "\n".join(shown)
    for more, kind in (
        (lines - MOST_SHOWN, "earlier ones"),
        (members - MOST_SHOWN, "more"),
    ):
        text = f" … and {more:,} {kind}; --json has all"
        assert (text in words) == (more > 0)
    if lines > MOST_SHOWN:
        assert f"s{lines - 1} " in words, "the latest"
        assert "s0 " not in words, "the earliest"


def test_of_as_many_as_fit_all_are_printed() -> None:
    shown = "\n".join(shown_of(MOST_SHOWN, 2))

    assert "s0 " in shown
    assert "--json" not in shown
