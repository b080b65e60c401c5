"""A feed that is edited while it is paged: nothing is missed, nothing is doubled.

A record that changes during a walk moves to the feed's end.  Whatever was changed
before the walk saw the empty page is in the log, and a later update fixes the rest.
"""

from pathlib import Path

import pytest

from analytics_pipeline.model.schemas.sources import Customers
from analytics_pipeline.shop import open_shop
from analytics_pipeline_tests.system.histories.in_process import (
    Pipeline,
    differing,
    open_pipeline,
)
from analytics_pipeline_tests.system.histories.store_by_hand import (
    BEFORE_CLOCKS_CHANGE,
    CONTACTS,
    EDITS,
    Basket,
    StoreByHand,
)

SALES, RECORDS = 7, 6
PAGE = 2
LAST_REQUEST = -(-SALES // PAGE) + 1
IN_TURN = ("reprice", "sell", "delete", "restore", "move", "merge")
EDITS_IN_ALL = 3 * len(IN_TURN)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """Seven sales of five people, one sale deleted; four pages and an empty one."""
    store = StoreByHand(BEFORE_CLOCKS_CHANGE[0])
    store.enrol(CONTACTS[4])
    for buyer in range(SALES):
        store.sell(Basket(), buyer=buyer, till=buyer, dated=(-buyer % 3 - 2, "09:00"))
    store.delete_or_restore(store.sales[2])
    assert (len(store.sales), len(store.state.customers)) == (SALES, RECORDS)
    return open_pipeline(
        store, tmp_path / "data", api_version="2026-07", page_limit=PAGE
    )


def versions_in_log(pipeline):
    """The latest version of each sale; no version is there twice."""
    log = pipeline.log()
    assert not log.duplicated(["sale_id", "version"]).any()
    return log.groupby("sale_id")["version"].max().to_dict()


def versions_of(records):
    return {record.id: record.version for record in records}


def walk(pipeline, before=lambda _number: None, table="sales_feed", feed="sales"):
    """Read one feed to its end, *before* each of its pages; return how many those were.

    Other requests of the same run, such as for the store itself, are not counted.
    """
    pages = []

    def count(_number, path):
        if path == feed:
            pages.append(path)
            before(len(pages))

    pipeline.run(pipeline.yesterday, tables=(table,), before=count)
    return len(pages)


@pytest.mark.parametrize(
    ("what", "position"),
    [
        pytest.param(
            what,
            position,
            marks=pytest.mark.nightly if (number + position) % 3 else (),
        )
        for number, what in enumerate(IN_TURN)
        for position in range(1, LAST_REQUEST + 1)
    ],
)
def test_an_edit_before_any_request_of_a_first_load_is_in_the_log(
    pipeline, what, position
):
    store = pipeline.store
    before = versions_of(store.sales)

    def edit(number):
        if number == position:
            EDITS[what](store, 0)

    walk(pipeline, edit)

    assert versions_of(store.sales) != before, "the edit changed something"
    assert versions_in_log(pipeline) == versions_of(store.sales)


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(first, marks=pytest.mark.nightly if first % 3 else ())
        for first in range(len(IN_TURN))
    ],
)
def test_edits_before_every_request_are_all_in_the_log_when_the_walk_ends(
    pipeline, first
):
    pages_read = walk(pipeline, keep_editing(pipeline.store, first))

    assert pages_read > LAST_REQUEST, "the walk went on because of the edits"
    assert versions_in_log(pipeline) == versions_of(pipeline.store.sales)


def keep_editing(store, first):
    """Edit the store before each of the first requests, in turn in all ways."""

    def edit(number):
        if number <= EDITS_IN_ALL:
            EDITS[IN_TURN[(first + number) % len(IN_TURN)]](store, number)

    return edit


def test_what_changes_after_the_empty_page_comes_with_the_next_walk(pipeline):
    store = pipeline.store
    walk(pipeline)
    before = versions_of(store.sales)
    EDITS["reprice"](store, 0)
    EDITS["move"](store, 1)
    EDITS["sell"](store, 2)
    assert versions_in_log(pipeline) == before

    pages_read = walk(pipeline)

    assert versions_in_log(pipeline) == versions_of(store.sales)
    assert pages_read == 4, "two pages of changes, and the empty one twice"


@pytest.mark.parametrize("what", ["merge", "retype"])
@pytest.mark.parametrize("position", range(1, -(-RECORDS // PAGE) + 2))
def test_a_customer_edited_during_the_walk_is_read_as_it_is_at_the_end(
    pipeline, what, position
):
    people = pipeline.store.state.customers
    walk(pipeline, table="outlets")
    before = versions_of(people.values())

    def edit(number):
        if number == position:
            EDITS[what](pipeline.store, 1)

    walk(pipeline, edit, "customers", "customers")

    held = open_shop(pipeline.settings).load("customers", Customers)
    assert held["customer_id"].is_unique
    assert versions_of(people.values()) != before, "the edit changed something"
    assert dict(zip(held["customer_id"], held["version"], strict=True)) == versions_of(
        people.values()
    )


@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.nightly
def test_an_update_after_a_load_amid_edits_comes_to_the_bytes_of_a_rebuild(
    pipeline, tmp_path, first
):
    day = pipeline.yesterday
    pipeline.export()
    edit = keep_editing(pipeline.store, first)
    pipeline.run(day, before=lambda number, _path: edit(number))

    pipeline.run(day)

    again = pipeline.fresh_copy(tmp_path / "again")
    again.run(day, rebuild=True)
    assert differing(pipeline.reproducible(day), again.reproducible(day)) == []
    pipeline.compare_with_ledger(day)
