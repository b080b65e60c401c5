"""What changed between two published masters, and by what, event by event."""

import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from analytics_pipeline.domain.rfm import grade_people, read_edges
from analytics_pipeline.model.schemas.changes import CustomerChanges
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.shop import open_shop
from analytics_pipeline.simulator.people import Contact
from analytics_pipeline.simulator.records import Sale
from analytics_pipeline.storage.feed_log import Segment
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline_tests.light_run import TABLES, evidence_of, exit_code_of
from analytics_pipeline_tests.system.histories.in_process import Pipeline, open_pipeline
from analytics_pipeline_tests.system.histories.store_by_hand import (
    CONTACTS,
    Basket,
    StoreByHand,
)

NOON_IN_MAY = datetime(2026, 5, 4, 16, tzinfo=UTC)
WITH_CHANGES = TABLES[: TABLES.index("customer_changes") + 1]
ANN, ANN_AGAIN, BO = 1, 2, 4
"""Records by their place: the walk-in is 0; see the contacts of the store by hand."""
HUNDRED = Basket(Decimal(100))
YESTERDAY = (-1, "12:00")


@dataclass
class ShopHistory:
    """A store and its pipeline: things happen, then the next day is published."""

    store: StoreByHand
    pipeline: Pipeline

    @property
    def day(self) -> date:
        return self.pipeline.yesterday

    def publish(self, **options: Any) -> pd.DataFrame:
        """Publish yesterday; return the reported changes."""
        self.pipeline.export()
        self.pipeline.run(self.day, **{"tables": WITH_CHANGES} | options)
        return self.reported(self.day)

    def next_day(self, days: int = 1, **options: Any) -> pd.DataFrame:
        self.store.step_clock(24 * days)
        return self.publish(**options)

    def reported(self, day: date) -> pd.DataFrame:
        shop = open_shop(self.pipeline.settings)
        return shop.warehouse.read("customer_changes", CustomerChanges, str(day))

    def id_of(self, place: int) -> str:
        return list(self.store.state.customers)[place]


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> ShopHistory:
    """A shop whose first day is published: Ann and Bo bought once for 100 each."""
    store = StoreByHand(NOON_IN_MAY)
    store.sell(HUNDRED, buyer=ANN, dated=YESTERDAY)
    store.sell(HUNDRED, buyer=BO, dated=YESTERDAY)
    data = tmp_path_factory.mktemp("first") / "data"
    shop_history = ShopHistory(store, open_pipeline(store, data, api_version="2.0"))
    shop_history.publish()
    return shop_history


@pytest.fixture
def shop_history(first_day: ShopHistory, tmp_path: Path) -> ShopHistory:
    """That shop again, to go on with: nothing that happens here is seen elsewhere."""
    store = deepcopy(first_day.store)
    data = shutil.copytree(first_day.pipeline.data, tmp_path / "data")
    settings = first_day.pipeline.settings.model_copy(update={"data_dir": data})
    return ShopHistory(store, Pipeline(store, settings))


def values(reported: pd.DataFrame) -> list[tuple[str, str, str, int, int]]:
    """Person, cause, its id, and what it adds to value and orders."""
    rows = reported[reported["change"] == "value"]
    columns = ["customer_id", "cause", "cause_id"]
    columns += ["lifetime_value_change_cents", "order_count_change"]
    return [tuple(row) for row in rows[columns].itertuples(index=False)]


def but_groups(reported: pd.DataFrame) -> pd.DataFrame:
    """Leave out the groups, whose edges are the day's own in so young a shop."""
    return reported[reported["change"] != "group"]


def other(reported: pd.DataFrame, change: str) -> list[tuple[Any, ...]]:
    """Person, before, after and cause of the rows of one kind."""
    rows = reported[reported["change"] == change].astype("object")
    rows = rows.where(rows.notna(), None)[["customer_id", "before", "after", "cause"]]
    return [tuple(row) for row in rows.itertuples(index=False)]


def test_the_first_master_has_none_before_it(shop_history: ShopHistory) -> None:
    assert shop_history.reported(shop_history.day).empty


def test_nothing_happened_nothing_changed(shop_history: ShopHistory) -> None:
    assert shop_history.next_day().empty


HAPPENINGS: list[tuple[str, int, int, Callable[[StoreByHand, Sale], Any]]] = [
    ("return", -10000, 0, lambda s, sale: s.give_back(sale)),
    ("exchange", 3000, 0, lambda s, sale: s.give_back(sale, for_amount=Decimal(130))),
    ("void", -10000, -1, lambda s, sale: s.set_status(sale, "VOIDED")),
    ("deletion", -10000, -1, lambda s, sale: s.delete_or_restore(sale)),
    ("reopening", -10000, -1, lambda s, sale: s.set_status(sale, "LAYBY")),
    ("edit", -3000, 0, lambda s, sale: s.reprice(sale, Basket(Decimal(70)))),
    ("edit", -10000, -1, lambda s, sale: s.move(sale, (5, "12:00"))),  # a later day
    ("reassignment", -10000, -1, lambda s, sale: s.reassign(sale, 0)),  # to no one
]
"""Cause, cents, orders, and what happens to a sale of a hundred."""


def test_each_sale_that_changes_a_person_is_named_with_its_cause(
    shop_history: ShopHistory,
) -> None:
    store = shop_history.store
    sales = [store.sell(HUNDRED, buyer=ANN, dated=YESTERDAY) for _ in HAPPENINGS]
    shop_history.publish()
    expected = [
        (shop_history.id_of(ANN), "sale", store.sell(HUNDRED, buyer=ANN).id, 10000, 1)
    ]
    for sale, (cause, cents, orders, happen) in zip(sales, HAPPENINGS, strict=True):
        made = happen(store, sale) or sale
        expected.append((shop_history.id_of(ANN), cause, made.id, cents, orders))

    reported = shop_history.next_day()

    assert sorted(expected) == sorted(values(reported))


@pytest.mark.nightly
def test_a_sale_moves_from_one_person_to_another(shop_history: ShopHistory) -> None:
    sale = shop_history.store.sales[0]
    shop_history.store.reassign(sale, BO)

    reported = shop_history.next_day()

    assert sorted(values(reported)) == sorted(
        [
            (shop_history.id_of(ANN), "reassignment", sale.id, -10000, -1),
            (shop_history.id_of(BO), "reassignment", sale.id, 10000, 1),
        ]
    )
    assert other(reported, "tier") == [
        (shop_history.id_of(ANN), "Seed", "None", "reassignment")
    ]
    assert other(reported, "segment") == [
        (shop_history.id_of(ANN), "active", "never", "reassignment")
    ]


@pytest.mark.nightly
def test_a_corrected_value_is_reported_before_and_after(
    shop_history: ShopHistory,
) -> None:
    shop_history.store.reprice(shop_history.store.sales[0], Basket(Decimal(70)))

    reported = shop_history.next_day()

    shown = but_groups(reported)[["before", "after"]]
    assert shown.to_numpy().tolist() == [["100.00", "70.00"]]


@pytest.mark.nightly
def test_a_record_makes_a_person_and_its_deletion_ends_one(
    shop_history: ShopHistory,
) -> None:
    record = shop_history.store.enrol(CONTACTS[9])
    reported = shop_history.next_day()
    assert other(reported, "new") == [(record.id, None, record.id, "customer record")]
    assert other(reported, "segment") == [(record.id, None, "never", "customer record")]

    shop_history.store.delete_or_restore(record)
    reported = shop_history.next_day()
    assert other(reported, "gone") == [(record.id, record.id, None, "deletion")]
    assert other(reported, "tier") == [(record.id, "None", None, "customer record")]


@pytest.mark.nightly
def test_two_people_become_one_and_two_again(shop_history: ShopHistory) -> None:
    ann, bo = shop_history.id_of(ANN), shop_history.id_of(BO)
    record = shop_history.store.people[BO - 1]
    shop_history.store.retype(record, CONTACTS[0])  # Ann's e-mail

    reported = shop_history.next_day()
    assert other(reported, "merged") == [(bo, bo, ann, "customer record")]
    merged = reported[reported["change"] == "merged"].iloc[0]
    assert merged["cause_id"].startswith("email:")
    sale = shop_history.store.sales[1].id
    assert sorted(values(reported)) == sorted(
        [(ann, "reassignment", sale, 10000, 1), (bo, "reassignment", sale, -10000, -1)]
    )

    shop_history.store.retype(record, CONTACTS[3])
    reported = shop_history.next_day()
    assert other(reported, "split") == [(bo, ann, bo, "customer record")]


@pytest.mark.nightly
def test_a_web_order_counts_then_its_sale_does_then_neither(
    shop_history: ShopHistory,
) -> None:
    order = shop_history.store.order_online(
        "nobody.known@example.com", ("ACCEPTED", "PROCESSING"), Decimal(40), YESTERDAY
    )
    reported = shop_history.next_day()
    [(person, cause, number, cents, orders)] = values(reported)
    assert person.startswith("ecom-")
    assert (cause, number, cents, orders) == (
        "web order", order.order_number, 4000, 1,
    )  # fmt: skip
    assert other(reported, "new") == [(person, None, person, "web order")]

    sale = shop_history.store.sync(
        order, how="source", basket=Basket(Decimal(45)), buyer=None
    )
    reported = shop_history.next_day()
    assert sorted(values(reported)) == sorted(
        [
            (person, "sync of a web order", order.order_number, -4000, -1),
            (person, "sale", sale.id, 4500, 1),
        ]
    )

    shop_history.store.set_status(sale, "VOIDED")
    reported = shop_history.next_day()
    assert values(reported) == [(person, "void", sale.id, -4500, -1)]
    assert other(reported, "gone") == [(person, person, None, "void")]


@pytest.mark.nightly
def test_a_refunded_web_order_no_longer_counts(shop_history: ShopHistory) -> None:
    order = shop_history.store.order_online(
        "ann@example.com", ("PAID", "SHIPPED"), Decimal(40), YESTERDAY
    )
    shop_history.next_day()
    shop_history.store.follow_course(order, ("REFUNDED", "RETURNED"))

    reported = shop_history.next_day()

    assert values(reported) == [
        (shop_history.id_of(ANN), "web order undone", order.order_number, -4000, -1)
    ]


@pytest.mark.nightly
def test_days_pass_and_people_age_on_the_exact_day(shop_history: ShopHistory) -> None:
    bought = shop_history.day
    reported = shop_history.next_day(30)
    rows = but_groups(reported).set_index("customer_id").loc[shop_history.id_of(ANN)]
    assert (rows["change"], rows["before"], rows["after"]) == (
        "segment", "active", "30d",
    )  # fmt: skip
    assert rows["cause"] == "time"
    assert rows["cause_date"] == pd.Timestamp(bought + timedelta(days=30))
    later = but_groups(shop_history.next_day(29))
    assert later.empty, "59 days after the order"


@pytest.mark.nightly
def test_a_sale_that_leaves_the_window_is_named_with_its_day(
    shop_history: ShopHistory,
) -> None:
    sale = shop_history.store.sell(Basket(Decimal(200)), buyer=ANN)
    bought = shop_history.store.now.date()
    reported = shop_history.next_day()
    assert other(reported, "tier") == [
        (shop_history.id_of(ANN), "Seed", "Sprout", "sale")
    ]
    shop_history.next_day(88)

    reported = shop_history.next_day(2)

    mine = reported[reported["customer_id"] == shop_history.id_of(ANN)]
    left = mine[mine["cause_id"] == sale.id].set_index("change")
    assert set(left["cause"]) == {"left the 90 days"}
    assert left.loc["value", "rolling_90_day_value_change_cents"] == -20000
    assert left.loc["value", "lifetime_value_change_cents"] == 0
    assert set(left["cause_date"]) == {pd.Timestamp(bought + timedelta(days=90))}
    assert (left.loc["tier", "before"], left.loc["tier", "after"]) == (
        "Sprout", "Seed",
    )  # fmt: skip


@pytest.mark.nightly
def test_a_change_of_policy_is_reported_as_such(shop_history: ShopHistory) -> None:
    (shop_history.pipeline.data / "analytics.toml").write_text(
        'money_basis = "excl_tax"\n'
    )

    reported = shop_history.next_day()

    assert set(reported["cause"]) == {"policy"}
    assert set(reported["lifetime_value_change_cents"]) == {-1000}


def remove_earlier_generations(data: Path) -> None:
    """Make room, as docs/operations.md allows it."""
    log = data / "warehouse/sales_feed"
    for folder in sorted(log.glob("generation-*"))[:-1]:
        shutil.rmtree(folder)


@pytest.mark.nightly
@pytest.mark.parametrize("choice", ["archive_keep_days = 30", "csv_bom = true"])
def test_a_choice_that_no_figure_depends_on_hides_no_unknown_cause(
    shop_history: ShopHistory, choice: str
) -> None:
    (shop_history.pipeline.data / "analytics.toml").write_text(f"{choice}\n")
    shop_history.pipeline.full_reads = 2
    shop_history.store.reprice(shop_history.store.sales[0], Basket(Decimal(70)))
    shop_history.store.step_clock(24)
    tables = TABLES[: TABLES.index("raw_sales")]
    for _ in range(2):
        shop_history.pipeline.run(shop_history.day, tables=tables, rebuild=True)
    remove_earlier_generations(shop_history.pipeline.data)

    assert set(but_groups(shop_history.publish())["cause"]) == {"unknown"}


@pytest.mark.nightly
def test_changes_that_only_a_removed_generation_knew_are_unknown(
    shop_history: ShopHistory,
) -> None:
    shop_history.pipeline.full_reads = 2
    shop_history.store.reprice(shop_history.store.sales[0], Basket(Decimal(70)))
    shop_history.store.step_clock(24)
    tables = TABLES[: TABLES.index("raw_sales")]
    for _ in range(2):
        shop_history.pipeline.run(shop_history.day, tables=tables, rebuild=True)
    remove_earlier_generations(shop_history.pipeline.data)

    reported = shop_history.publish()

    assert [cause for _, cause, *_ in values(reported)] == ["unknown"]
    assert reported["lifetime_value_change_cents"].sum() == -3000, (
        "it adds up all the same"
    )


@pytest.mark.nightly
def test_a_master_that_cannot_be_remembered_holds_nothing_up(
    shop_history: ShopHistory,
) -> None:
    shop_history.next_day()
    kept = shop_history.pipeline.data / "warehouse/customer_changes/published"
    last = max(kept.glob("*.parquet"))
    last.write_bytes(last.read_bytes()[:100])
    sale = shop_history.store.sell(HUNDRED, buyer=ANN)
    events: list[Any] = []
    shop_history.pipeline.watch = events.extend

    reported = shop_history.next_day()

    assert values(reported) == [(shop_history.id_of(ANN), "sale", sale.id, 10000, 1)]
    assert set(reported["previous_as_of"]) == {pd.Timestamp(min(kept.glob("*")).stem)}
    [known] = [
        event for event in events
        if getattr(event, "check_name", "") == "earlier_master_is_known"
    ]  # fmt: skip
    assert (known.passed, known.severity.value) == (False, "WARN")


@pytest.mark.nightly
def test_a_sale_in_quarantine_is_reported_even_on_a_quiet_day(
    shop_history: ShopHistory,
) -> None:
    sale = shop_history.store.sales[0]
    total, sale.total_price_incl = sale.total_price_incl, None  # type: ignore[assignment]
    shop_history.store.timeline.edit(sale, shop_history.store.now)

    reported = shop_history.next_day()

    assert values(reported) == [
        (shop_history.id_of(ANN), "quarantine", sale.id, -10000, -1)
    ]
    sale.total_price_incl = total
    shop_history.store.timeline.edit(sale, shop_history.store.now)
    assert values(shop_history.next_day()) == [
        (shop_history.id_of(ANN), "sale", sale.id, 10000, 1)
    ]


@pytest.mark.nightly
def test_an_order_with_another_date_is_an_edit(shop_history: ShopHistory) -> None:
    shop_history.store.move(shop_history.store.sales[0], (-40, "12:00"))

    reported = shop_history.next_day()

    sale = shop_history.store.sales[0].id
    assert values(reported) == [(shop_history.id_of(ANN), "edit", sale, 0, 0)]
    assert other(reported, "segment") == [
        (shop_history.id_of(ANN), "active", "30d", "edit")
    ]


@pytest.mark.nightly
def test_damaged_changes_of_an_older_day_stop_nothing(
    shop_history: ShopHistory,
) -> None:
    shop_history.store.sell(HUNDRED, buyer=ANN)
    older = shop_history.day + timedelta(days=1)
    shop_history.next_day()
    shop_history.next_day()
    kept = shop_history.pipeline.data / f"warehouse/customer_changes/{older}.parquet"
    kept.write_bytes(kept.read_bytes()[:100])

    shop_history.pipeline.run(older)

    assert shop_history.reported(older).empty


@pytest.mark.nightly
def test_a_day_made_again_later_keeps_its_changes(shop_history: ShopHistory) -> None:
    shop_history.store.sell(HUNDRED, buyer=ANN)
    day_before = shop_history.day + timedelta(days=1)
    reported = shop_history.next_day()
    shop_history.store.set_status(shop_history.store.sales[0], "VOIDED")
    shop_history.next_day()

    shop_history.pipeline.run(day_before)

    pd.testing.assert_frame_equal(reported, shop_history.reported(day_before))


@pytest.mark.nightly
def test_the_published_day_made_again_is_explained_again(
    shop_history: ShopHistory,
) -> None:
    shop_history.store.sell(HUNDRED, buyer=ANN)
    assert len(values(shop_history.next_day())) == 1
    shop_history.store.sell(HUNDRED, buyer=BO, dated=YESTERDAY)

    assert len(values(shop_history.publish())) == 2


@pytest.mark.nightly
def test_a_person_can_open_what_changed_in_a_spreadsheet(
    shop_history: ShopHistory,
) -> None:
    shop_history.store.sell(HUNDRED, buyer=ANN)
    shop_history.next_day()

    path = shop_history.pipeline.data / "reports" / "customer_changes.csv"
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    [row] = [row for row in rows if ",value," in row]

    assert head.startswith("As Of,Previous As Of,Customer ID,Change,Before,After,Cause")
    assert f",value,,100.00,sale,{shop_history.store.sales[-1].id}," in row
    assert path.stat().st_mode & 0o777 == 0o600


NOON_IN_JULY = datetime(2026, 7, 1, 16, tzinfo=UTC)
QUARTER_END = date(2026, 6, 30)
ORDERED = (
    *((-300, 200), (-290, 20), (-200, 90), (-160, 400), (-130, 55), (-100, 300)),
    *((-95, 20), (-40, 70)),
)
"""How many days ago each of some people ordered last, and for how much."""


def test_at_a_quarters_turn_each_move_is_the_persons_or_the_edges_rule_10_2(
    tmp_path: Path,
) -> None:
    history = open_in_july(tmp_path / "data")
    buyer = len(history.store.people)
    assert history.day == QUARTER_END
    history.publish()
    then = master_of(history)["RFM Group"]
    sale = history.store.sell(Basket(Decimal(500)), buyer=buyer)

    reported = history.next_day()

    now = master_of(history)["RFM Group"]
    moved = now.index[now != then]
    rows = reported[reported["change"] == "group"].set_index("customer_id")
    assert rows.index.tolist() == list(moved)
    assert rows["before"].tolist() == then[moved].tolist()
    assert rows["after"].tolist() == now[moved].tolist()
    bought = rows.loc[history.id_of(buyer)]
    assert (bought["cause"], bought["cause_id"]) == ("sale", sale.id)
    by_edges_of_before = grade_by_edges_of(history, QUARTER_END)
    of_edges = rows[rows["cause"] == "edges of the quarter"]
    assert list(of_edges.index) == [
        person for person in moved if by_edges_of_before[person] == then[person]
    ]
    assert len(of_edges) >= 3
    assert set(of_edges["cause_date"]) == {pd.Timestamp(QUARTER_END)}


def open_in_july(data: Path) -> ShopHistory:
    """A shop on 1 July, of which nothing is published, and whom it knows of before."""
    store = StoreByHand(NOON_IN_JULY)
    for number, (day, amount) in enumerate(ORDERED):
        store.enrol(Contact(f"Pat {number}", email=f"{number}@mail.example.com"))
        for again in range(1 + number % 3):
            dated = (day - 5 * again, "12:00")
            store.sell(Basket(Decimal(amount)), buyer=len(store.people), dated=dated)
    return ShopHistory(store, open_pipeline(store, data, api_version="2.0"))


def master_of(history: ShopHistory) -> pd.DataFrame:
    """The published master, by person."""
    path = history.pipeline.data / "customer_analytics_master.csv"
    return pd.read_csv(path, dtype="str").set_index("Customer ID").sort_index()


def grade_by_edges_of(history: ShopHistory, day: date) -> "pd.Series[str]":
    """The groups of the last day, by the edges of another one."""
    warehouse = open_shop(history.pipeline.settings).warehouse
    edges = read_edges(warehouse.notes("customer_rfm", str(day))["edges"])
    last = str(history.day)
    figures = warehouse.read("customer_analytics", CustomerAnalytics, last)
    people = figures.rename(columns={"customer_id": "person_id"})
    return grade_people(people, edges).set_index("person_id")["rfm_group"]


@pytest.mark.nightly
def test_without_the_edges_of_the_earlier_master_no_group_moves(
    shop_history: ShopHistory,
) -> None:
    """As in the first run after an upgrade."""
    kept = shop_history.pipeline.data / "warehouse/customer_changes/published"
    shop = open_shop(shop_history.pipeline.settings)
    store, day = Warehouse(str(kept.parent)), str(shop_history.day)
    notes = store.notes("published", day)
    del notes["edges"]
    figures = store.read("published", CustomerAnalytics, day)
    store.write("published", CustomerAnalytics, figures, day, notes)
    shop_history.store.sell(HUNDRED, buyer=ANN)

    reported = shop_history.next_day()

    assert set(reported["change"]) == {"value"}
    assert shop.warehouse.notes("customer_rfm", day).keys() >= {"edges"}


def test_nothing_is_reported_while_the_stored_sales_are_not_what_the_log_says(
    shop_history: ShopHistory,
) -> None:
    shop_history.store.sell(HUNDRED, buyer=ANN, dated=YESTERDAY)
    shop_history.pipeline.run(
        shop_history.day, tables=TABLES[: TABLES.index("raw_sales")]
    )

    with pytest.raises(dg.Failure) as stopped:
        shop_history.pipeline.run(shop_history.day, tables=("customer_changes",))

    assert exit_code_of(stopped.value) == 1
    assert "Materialize raw_sales first" in stopped.value.description


@pytest.mark.nightly
def test_figures_that_are_not_what_the_sales_come_to_stop_the_table(
    shop_history: ShopHistory,
) -> None:
    shop = open_shop(shop_history.pipeline.settings)
    shop_history.store.sell(HUNDRED, buyer=ANN)
    shop_history.next_day()
    day = str(shop_history.day)
    figures = shop.warehouse.read("customer_analytics", CustomerAnalytics, day)
    figures.loc[0, "lifetime_value_cents"] += 1
    notes = shop.warehouse.notes("customer_analytics", day)
    shop.warehouse.write("customer_analytics", CustomerAnalytics, figures, day, notes)

    with pytest.raises(dg.Failure) as stopped:
        shop_history.pipeline.run(shop_history.day, tables=("customer_changes",))

    assert "figures_are_current" in str(stopped.value.metadata["cause"].value)


@pytest.mark.nightly
def test_the_evidence_names_both_sides_and_no_person(shop_history: ShopHistory) -> None:
    shop_history.store.sell(HUNDRED, buyer=ANN)
    shop_history.store.step_clock(24)
    events: list[Any] = []
    shop_history.pipeline.watch = events.extend
    shop_history.publish()

    found = evidence_of(events, "customer_changes", "changes_add_up")

    assert found["masters_lifetime_value_change_cents"] == 10000
    assert found["changes_lifetime_value_change_cents"] == 10000
    assert found["masters_order_count_change"] == found["changes_order_count_change"]
    assert all(isinstance(value, int) for value in found.values())
    current = evidence_of(events, "customer_changes", "figures_are_current")
    assert current["figures_value_cents"] == current["sales_value_cents"] == 30000


@pytest.mark.nightly
def test_the_log_is_proved_whole_once_however_often_it_is_read(
    shop_history: ShopHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop_history.store.sell(HUNDRED, buyer=ANN)
    shop_history.next_day()
    proved: list[int] = []
    verify = Segment.verify

    def count(segment: Segment) -> None:
        proved.append(segment.number)
        verify(segment)

    monkeypatch.setattr(Segment, "verify", count)
    shop_history.pipeline.run(shop_history.day, tables=("customer_changes",))

    assert proved == sorted(set(proved)) != []
