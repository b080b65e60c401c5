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

from analytics_pipeline.model.schemas.changes import CustomerChanges
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.shop import open_shop
from analytics_pipeline.simulator.records import Sale
from analytics_pipeline.storage.sales_log import Segment
from analytics_pipeline_tests.light_run import TABLES, evidence_of, exit_code_of
from analytics_pipeline_tests.system.histories.in_process import Pipeline, open_pipeline
from analytics_pipeline_tests.system.histories.store_by_hand import (
    CONTACTS,
    Basket,
    StoreByHand,
)

NOON_IN_MAY = datetime(2026, 5, 4, 16, tzinfo=UTC)
ANN, ANN_AGAIN, BO = 1, 2, 4
"""Records by their place: the walk-in is 0; see the contacts of the store by hand."""
HUNDRED = Basket(Decimal(100))
YESTERDAY = (-1, "12:00")


@dataclass
class Story:
    """A store and its pipeline: things happen, then the next day is published."""

    store: StoreByHand
    pipeline: Pipeline

    @property
    def day(self) -> date:
        return self.pipeline.yesterday

    def publish(self, **options: Any) -> pd.DataFrame:
        """Publish yesterday; return what is told to have changed."""
        self.pipeline.export()
        self.pipeline.run(self.day, **options)
        return self.told(self.day)

    def next_day(self, days: int = 1, **options: Any) -> pd.DataFrame:
        self.store.step_clock(24 * days)
        return self.publish(**options)

    def told(self, day: date) -> pd.DataFrame:
        shop = open_shop(self.pipeline.settings)
        return shop.warehouse.read("customer_changes", CustomerChanges, str(day))

    def id_of(self, place: int) -> str:
        return list(self.store.state.customers)[place]


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A shop whose first day is published: Ann and Bo bought once for 100 each."""
    store = StoreByHand(NOON_IN_MAY)
    store.sell(HUNDRED, buyer=ANN, dated=YESTERDAY)
    store.sell(HUNDRED, buyer=BO, dated=YESTERDAY)
    data = tmp_path_factory.mktemp("first") / "data"
    story = Story(store, open_pipeline(store, data, api_version="2.0"))
    story.publish()
    return story


@pytest.fixture
def story(first_day: Story, tmp_path: Path) -> Story:
    """That shop again, to go on with: nothing that happens here is seen elsewhere."""
    store = deepcopy(first_day.store)
    data = shutil.copytree(first_day.pipeline.data, tmp_path / "data")
    settings = first_day.pipeline.settings.model_copy(update={"data_dir": data})
    return Story(store, Pipeline(store, settings))


def values(told: pd.DataFrame) -> list[tuple[str, str, str, int, int]]:
    """Person, cause, its id, and what it adds to value and orders."""
    rows = told[told["change"] == "value"]
    columns = ["customer_id", "cause", "cause_id"]
    columns += ["lifetime_value_change_cents", "order_count_change"]
    return [tuple(row) for row in rows[columns].itertuples(index=False)]


def other(told: pd.DataFrame, change: str) -> list[tuple[Any, ...]]:
    """Person, before, after and cause of the rows of one kind."""
    rows = told[told["change"] == change].astype("object")
    rows = rows.where(rows.notna(), None)[["customer_id", "before", "after", "cause"]]
    return [tuple(row) for row in rows.itertuples(index=False)]


def test_the_first_master_has_none_before_it(story: Story) -> None:
    assert story.told(story.day).empty


def test_nothing_happened_nothing_changed(story: Story) -> None:
    assert story.next_day().empty


HAPPENINGS: list[tuple[str, int, int, Callable[[StoreByHand, Sale], Any]]] = [
    ("return", -10000, 0, lambda s, sale: s.give_back(sale)),
    ("exchange", 3000, 0, lambda s, sale: s.give_back(sale, for_amount=Decimal(130))),
    ("void", -10000, -1, lambda s, sale: s.set_status(sale, "VOIDED")),
    ("deletion", -10000, -1, lambda s, sale: s.delete_or_restore(sale)),
    ("reopening", -10000, -1, lambda s, sale: s.set_status(sale, "LAYBY")),
    ("edit", -3000, 0, lambda s, sale: s.reprice(sale, Basket(Decimal(70)))),
    ("edit", -10000, -1, lambda s, sale: s.move(sale, (5, "12:00"))),  # a later day
    ("reassignment", -10000, -1, lambda s, sale: s.reassign(sale, 0)),  # to nobody
]
"""Cause, cents, orders, and what happens to a sale of a hundred."""


def test_each_sale_that_changes_a_person_is_named_with_its_cause(story: Story) -> None:
    store = story.store
    sales = [store.sell(HUNDRED, buyer=ANN, dated=YESTERDAY) for _ in HAPPENINGS]
    story.publish()
    expected = [(story.id_of(ANN), "sale", store.sell(HUNDRED, buyer=ANN).id, 10000, 1)]
    for sale, (cause, cents, orders, happen) in zip(sales, HAPPENINGS, strict=True):
        made = happen(store, sale) or sale
        expected.append((story.id_of(ANN), cause, made.id, cents, orders))

    told = story.next_day()

    assert sorted(expected) == sorted(values(told))


def test_a_sale_moves_from_one_person_to_another(story: Story) -> None:
    sale = story.store.sales[0]
    story.store.reassign(sale, BO)

    told = story.next_day()

    assert sorted(values(told)) == sorted(
        [
            (story.id_of(ANN), "reassignment", sale.id, -10000, -1),
            (story.id_of(BO), "reassignment", sale.id, 10000, 1),
        ]
    )
    assert other(told, "tier") == [(story.id_of(ANN), "Seed", "None", "reassignment")]
    assert other(told, "segment") == [
        (story.id_of(ANN), "active", "never", "reassignment")
    ]


def test_a_corrected_value_is_told_before_and_after(story: Story) -> None:
    story.store.reprice(story.store.sales[0], Basket(Decimal(70)))

    told = story.next_day()

    assert told[["before", "after"]].to_numpy().tolist() == [["100.00", "70.00"]]


def test_a_record_makes_a_person_and_its_deletion_ends_one(story: Story) -> None:
    record = story.store.enrol(CONTACTS[9])
    told = story.next_day()
    assert other(told, "new") == [(record.id, None, record.id, "customer record")]
    assert other(told, "segment") == [(record.id, None, "never", "customer record")]

    story.store.delete_or_restore(record)
    told = story.next_day()
    assert other(told, "gone") == [(record.id, record.id, None, "deletion")]
    assert other(told, "tier") == [(record.id, "None", None, "customer record")]


@pytest.mark.nightly
def test_two_people_become_one_and_two_again(story: Story) -> None:
    ann, bo = story.id_of(ANN), story.id_of(BO)
    record = story.store.people[BO - 1]
    story.store.retype(record, CONTACTS[0])  # Ann's e-mail

    told = story.next_day()
    assert other(told, "merged") == [(bo, bo, ann, "customer record")]
    merged = told[told["change"] == "merged"].iloc[0]
    assert merged["cause_id"].startswith("email:")
    sale = story.store.sales[1].id
    assert sorted(values(told)) == sorted(
        [(ann, "reassignment", sale, 10000, 1), (bo, "reassignment", sale, -10000, -1)]
    )

    story.store.retype(record, CONTACTS[3])
    told = story.next_day()
    assert other(told, "split") == [(bo, ann, bo, "customer record")]


@pytest.mark.nightly
def test_a_web_order_counts_then_its_sale_does_then_neither(story: Story) -> None:
    order = story.store.order_online(
        "nobody.known@example.com", ("ACCEPTED", "PROCESSING"), Decimal(40), YESTERDAY
    )
    told = story.next_day()
    [(person, cause, number, cents, orders)] = values(told)
    assert person.startswith("ecom-")
    assert (cause, number, cents, orders) == (
        "web order", order.order_number, 4000, 1,
    )  # fmt: skip
    assert other(told, "new") == [(person, None, person, "web order")]

    sale = story.store.sync(order, how="source", basket=Basket(Decimal(45)), buyer=None)
    told = story.next_day()
    assert sorted(values(told)) == sorted(
        [
            (person, "sync of a web order", order.order_number, -4000, -1),
            (person, "sale", sale.id, 4500, 1),
        ]
    )

    story.store.set_status(sale, "VOIDED")
    told = story.next_day()
    assert values(told) == [(person, "void", sale.id, -4500, -1)]
    assert other(told, "gone") == [(person, person, None, "void")]


@pytest.mark.nightly
def test_a_refunded_web_order_no_longer_counts(story: Story) -> None:
    order = story.store.order_online(
        "ann@example.com", ("PAID", "SHIPPED"), Decimal(40), YESTERDAY
    )
    story.next_day()
    story.store.follow_course(order, ("REFUNDED", "RETURNED"))

    told = story.next_day()

    assert values(told) == [
        (story.id_of(ANN), "web order undone", order.order_number, -4000, -1)
    ]


@pytest.mark.nightly
def test_days_pass_and_people_age_on_the_exact_day(story: Story) -> None:
    bought = story.day
    told = story.next_day(30)
    rows = told.set_index("customer_id").loc[story.id_of(ANN)]
    assert (rows["change"], rows["before"], rows["after"]) == (
        "segment", "active", "30d",
    )  # fmt: skip
    assert rows["cause"] == "time"
    assert rows["cause_date"] == pd.Timestamp(bought + timedelta(days=30))
    assert story.next_day(29).empty, "59 days after the order"


@pytest.mark.nightly
def test_a_sale_that_leaves_the_window_is_named_with_its_day(story: Story) -> None:
    sale = story.store.sell(Basket(Decimal(200)), buyer=ANN)
    bought = story.store.now.date()
    told = story.next_day()
    assert other(told, "tier") == [(story.id_of(ANN), "Seed", "Sprout", "sale")]
    story.next_day(88)

    told = story.next_day(2)

    mine = told[told["customer_id"] == story.id_of(ANN)]
    left = mine[mine["cause_id"] == sale.id].set_index("change")
    assert set(left["cause"]) == {"left the 90 days"}
    assert left.loc["value", "rolling_90_day_value_change_cents"] == -20000
    assert left.loc["value", "lifetime_value_change_cents"] == 0
    assert set(left["cause_date"]) == {pd.Timestamp(bought + timedelta(days=90))}
    assert (left.loc["tier", "before"], left.loc["tier", "after"]) == (
        "Sprout", "Seed",
    )  # fmt: skip


def test_a_change_of_policy_is_told_as_such(story: Story) -> None:
    (story.pipeline.data / "analytics.toml").write_text('money_basis = "excl_tax"\n')

    told = story.next_day()

    assert set(told["cause"]) == {"policy"}
    assert set(told["lifetime_value_change_cents"]) == {-1000}


@pytest.mark.nightly
@pytest.mark.parametrize("choice", ["archive_keep_days = 30", "csv_bom = true"])
def test_a_choice_that_no_figure_depends_on_hides_no_unknown_cause(
    story: Story, choice: str
) -> None:
    (story.pipeline.data / "analytics.toml").write_text(f"{choice}\n")
    story.pipeline.full_reads = 2
    story.store.reprice(story.store.sales[0], Basket(Decimal(70)))
    story.store.step_clock(24)
    tables = TABLES[: TABLES.index("raw_sales")]
    for _ in range(2):
        story.pipeline.run(story.day, tables=tables, rebuild=True)

    assert set(story.publish()["cause"]) == {"unknown"}


@pytest.mark.nightly
def test_what_two_full_reads_have_forgotten_is_told_as_unknown(story: Story) -> None:
    story.pipeline.full_reads = 2
    story.store.reprice(story.store.sales[0], Basket(Decimal(70)))
    story.store.step_clock(24)
    tables = TABLES[: TABLES.index("raw_sales")]
    for _ in range(2):
        story.pipeline.run(story.day, tables=tables, rebuild=True)

    told = story.publish()

    assert [cause for _, cause, *_ in values(told)] == ["unknown"]
    assert told["lifetime_value_change_cents"].sum() == -3000, "it adds up all the same"


@pytest.mark.nightly
def test_a_master_that_cannot_be_remembered_holds_nothing_up(story: Story) -> None:
    story.next_day()
    kept = story.pipeline.data / "warehouse/customer_changes/published"
    last = max(kept.glob("*.parquet"))
    last.write_bytes(last.read_bytes()[:100])
    sale = story.store.sell(HUNDRED, buyer=ANN)
    events: list[Any] = []
    story.pipeline.watch = events.extend

    told = story.next_day()

    assert values(told) == [(story.id_of(ANN), "sale", sale.id, 10000, 1)]
    assert set(told["previous_as_of"]) == {pd.Timestamp(min(kept.glob("*")).stem)}
    [known] = [
        event for event in events
        if getattr(event, "check_name", "") == "earlier_master_is_known"
    ]  # fmt: skip
    assert (known.passed, known.severity.value) == (False, "WARN")


@pytest.mark.nightly
def test_a_sale_in_quarantine_is_told_even_if_nothing_else_happened(
    story: Story,
) -> None:
    sale = story.store.sales[0]
    total, sale.total_price_incl = sale.total_price_incl, None  # type: ignore[assignment]
    story.store.timeline.edit(sale, story.store.now)

    told = story.next_day()

    assert values(told) == [(story.id_of(ANN), "quarantine", sale.id, -10000, -1)]
    sale.total_price_incl = total
    story.store.timeline.edit(sale, story.store.now)
    assert values(story.next_day()) == [(story.id_of(ANN), "sale", sale.id, 10000, 1)]


def test_an_order_that_is_dated_on_another_day_is_told_as_an_edit(story: Story) -> None:
    story.store.move(story.store.sales[0], (-40, "12:00"))

    told = story.next_day()

    sale = story.store.sales[0].id
    assert values(told) == [(story.id_of(ANN), "edit", sale, 0, 0)]
    assert other(told, "segment") == [(story.id_of(ANN), "active", "30d", "edit")]


@pytest.mark.nightly
def test_what_was_told_of_an_older_day_holds_nothing_up_where_it_is_damaged(
    story: Story,
) -> None:
    story.store.sell(HUNDRED, buyer=ANN)
    older = story.day + timedelta(days=1)
    story.next_day()
    story.next_day()
    kept = story.pipeline.data / f"warehouse/customer_changes/{older}.parquet"
    kept.write_bytes(kept.read_bytes()[:100])

    story.pipeline.run(older)

    assert story.told(older).empty


@pytest.mark.nightly
def test_a_day_made_again_later_keeps_what_was_told_of_it(story: Story) -> None:
    story.store.sell(HUNDRED, buyer=ANN)
    day_before = story.day + timedelta(days=1)
    told = story.next_day()
    story.store.set_status(story.store.sales[0], "VOIDED")
    story.next_day()

    story.pipeline.run(day_before)

    pd.testing.assert_frame_equal(told, story.told(day_before))


@pytest.mark.nightly
def test_the_published_day_made_again_is_told_again(story: Story) -> None:
    story.store.sell(HUNDRED, buyer=ANN)
    assert len(values(story.next_day())) == 1
    story.store.sell(HUNDRED, buyer=BO, dated=YESTERDAY)

    assert len(values(story.publish())) == 2


def test_a_person_can_open_what_changed_in_a_spreadsheet(story: Story) -> None:
    story.store.sell(HUNDRED, buyer=ANN)
    story.next_day()

    path = story.pipeline.data / "reports" / "customer_changes.csv"
    head, row = path.read_text(encoding="utf-8").splitlines()

    assert head.startswith("As Of,Previous As Of,Customer ID,Change,Before,After,Cause")
    assert f",value,,100.00,sale,{story.store.sales[-1].id}," in row
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_told_while_the_stored_sales_are_not_what_the_log_says(
    story: Story,
) -> None:
    story.store.sell(HUNDRED, buyer=ANN, dated=YESTERDAY)
    story.pipeline.run(story.day, tables=TABLES[: TABLES.index("raw_sales")])

    with pytest.raises(dg.Failure) as stopped:
        story.pipeline.run(story.day, tables=("customer_changes",))

    assert exit_code_of(stopped.value) == 1
    assert "Materialize raw_sales first" in stopped.value.description


@pytest.mark.nightly
def test_figures_that_are_not_what_the_sales_come_to_stop_the_table(
    story: Story,
) -> None:
    shop = open_shop(story.pipeline.settings)
    story.store.sell(HUNDRED, buyer=ANN)
    story.next_day()
    day = str(story.day)
    figures = shop.warehouse.read("customer_analytics", CustomerAnalytics, day)
    figures.loc[0, "lifetime_value_cents"] += 1
    notes = shop.warehouse.notes("customer_analytics", day)
    shop.warehouse.write("customer_analytics", CustomerAnalytics, figures, day, notes)

    with pytest.raises(dg.Failure) as stopped:
        story.pipeline.run(story.day, tables=("customer_changes",))

    assert "figures_are_current" in str(stopped.value.metadata["cause"].value)


def test_the_evidence_names_both_sides_and_nobody(story: Story) -> None:
    story.store.sell(HUNDRED, buyer=ANN)
    story.store.step_clock(24)
    events: list[Any] = []
    story.pipeline.watch = events.extend
    story.publish()

    found = evidence_of(events, "customer_changes", "changes_add_up")

    assert found["masters_lifetime_value_change_cents"] == 10000
    assert found["changes_lifetime_value_change_cents"] == 10000
    assert found["masters_order_count_change"] == found["changes_order_count_change"]
    assert all(isinstance(value, int) for value in found.values())
    current = evidence_of(events, "customer_changes", "figures_are_current")
    assert current["figures_value_cents"] == current["sales_value_cents"] == 30000


def test_the_log_is_proved_whole_once_however_often_it_is_read(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.store.sell(HUNDRED, buyer=ANN)
    story.next_day()
    proved: list[int] = []
    verify = Segment.verify

    def count(segment: Segment) -> None:
        proved.append(segment.number)
        verify(segment)

    monkeypatch.setattr(Segment, "verify", count)
    story.pipeline.run(story.day, tables=("customer_changes",))

    assert proved == sorted(set(proved)) != []
