"""Tests for analytics_pipeline.sources.lightspeed.client, seen through the client."""

from typing import Any

import pytest

from analytics_pipeline.model.errors import LightspeedUnavailable
from analytics_pipeline.sources.lightspeed.client import EMPTY_TOO_EARLY, PAUSES
from analytics_pipeline.sources.values import version_in
from analytics_pipeline_tests.unit.sources.samples import Store, page

FAR = 2**63 - 2


def walk(store: Store, after: int = 0, **how: Any) -> list[list[int]]:
    pages = store.client(**how).pages("sales", after=after, confirm_end=True)
    return [[version_in(record) for record in each.records] for each in pages]


def test_an_end_is_confirmed_by_the_page_from_before_the_cursor() -> None:
    store = Store(page(5, 6), page(), page(6))

    assert walk(store) == [[5, 6]]
    assert store.params("after") == ["0", "6", "5"]
    assert store.slept == []


@pytest.mark.parametrize("empty", [1, 2, 3, 4])
def test_empty_pages_before_the_end_are_read_over(empty: int) -> None:
    """What the witness shows above the cursor is the next page, without the cursor."""
    store = Store(page(5), *[page()] * empty, page(5, 6, 7), page(8), page(), page(8))

    assert walk(store) == [[5], [6, 7], [8]]
    assert store.slept == list(PAUSES[: empty - 1])


@pytest.mark.parametrize("moved_to", [9, 10, 4_000])
def test_the_record_of_the_cursor_may_have_moved_up(moved_to: int) -> None:
    store = Store(page(), page(moved_to), page(), page(moved_to))

    assert walk(store, after=8) == [[moved_to]]
    assert store.params("after")[:3] == ["8", "7", str(moved_to)]


@pytest.mark.parametrize("after", [1, 8, 30_000_000_000, 2**53])
def test_a_feed_that_ends_below_the_cursor_is_an_error(after: int) -> None:
    waits: list[tuple[float, str]] = []
    store = Store(page())

    with pytest.raises(LightspeedUnavailable, match=f"version {after} on") as stopped:
        walk(store, after, on_wait=lambda *reported: waits.append(reported))

    assert "update --full" in stopped.value.remedy
    assert store.params("after") == [str(after), *[str(after - 1)] * 4]
    assert waits == [(seconds, EMPTY_TOO_EARLY) for seconds in PAUSES]


def test_a_witness_that_shows_older_records_only_does_not_advance() -> None:
    with pytest.raises(LightspeedUnavailable, match="does not advance"):
        walk(Store(page(), page(3, 4)), after=8)


@pytest.mark.parametrize("empty", [1, 2, 3])
def test_nothing_at_the_start_is_asked_for_again(empty: int) -> None:
    store = Store(*[page()] * empty, page(5), page(), page(5))

    assert walk(store) == [[5]]


def test_nothing_at_the_start_after_four_tries_is_left_to_the_caller() -> None:
    store = Store(page())

    assert walk(store) == []
    assert len(store.asked) == 1 + len(PAUSES)


@pytest.mark.parametrize("collection", ["outlets", "registers", "sales", "customers"])
def test_without_confirmation_one_empty_page_is_the_end(collection: str) -> None:
    store = Store(page(5), page())

    assert len(list(store.client().pages(collection))) == 1
    assert len(store.asked) == 2


@pytest.mark.parametrize("far", [FAR, FAR + 1, 2**53, 10**12 + 1])
@pytest.mark.parametrize("block", ["agrees", "is absent", "is true"])
def test_a_far_version_is_shown_and_does_not_move_the_cursor(
    far: int, block: str
) -> None:
    first = page(5, 6, far)
    if block != "agrees":
        first["version"] = {"max": 6} if block == "is true" else None
    store = Store(first, page(far), page(6, far))

    assert walk(store) == [[5, 6, far], [far]]
    assert store.params("after") == ["0", "6", "5"]


def test_what_comes_before_a_far_version_later_is_read() -> None:
    store = Store(page(9, FAR), page(FAR), page(9, FAR))

    assert walk(store, after=8) == [[9, FAR], [FAR]]


def test_a_record_that_moved_far_up_from_the_cursor_ends_the_feed() -> None:
    assert walk(Store(page(FAR)), after=8) == [[FAR]]


def test_the_highest_version_that_is_believed_is_reported() -> None:
    (only,) = Store(page(5, FAR), page()).client().pages("sales")

    assert (only.version_max, only.highest_version) == (5, 10**12)


# A feed that seldom changes: of no change by one request. ---------------------------


def look(store: Store, after: int, **how: Any) -> list[list[int]]:
    pages = store.client(**how).pages("products", after=after, seldom_changes=True)
    return [[version_in(record) for record in each.records] for each in pages]


def test_a_feed_without_changes_costs_one_request() -> None:
    store = Store(page(8))

    assert look(store, after=8) == []
    assert store.params("after") == ["7"]


def test_changes_are_read_to_the_confirmed_end() -> None:
    store = Store(page(8, 9, 10), page(11), page(), page(11))

    assert look(store, after=8) == [[9, 10], [11]]
    assert store.params("after") == ["7", "10", "11", "10"]


def test_a_first_load_of_it_is_a_walk_as_any_other() -> None:
    store = Store(page(5, 6), page(), page(6))

    assert look(store, after=0) == [[5, 6]]
    assert store.params("after") == ["0", "6", "5"]


@pytest.mark.parametrize("moved_to", [9, 4_000])
def test_the_record_that_was_read_last_may_have_moved_up(moved_to: int) -> None:
    store = Store(page(moved_to), page(), page(moved_to))

    assert look(store, after=8) == [[moved_to]]


@pytest.mark.parametrize("empty", [1, 2, 3])
def test_an_empty_page_where_it_cannot_be_is_asked_for_again(empty: int) -> None:
    store = Store(*[page()] * empty, page(8))

    assert look(store, after=8) == []
    assert store.slept == list(PAUSES[:empty])


def test_a_feed_that_ends_below_what_was_read_is_an_error_here_too() -> None:
    with pytest.raises(LightspeedUnavailable, match="products from version 8 on"):
        look(Store(page()), after=8)


def test_a_first_look_that_shows_older_records_only_does_not_advance() -> None:
    with pytest.raises(LightspeedUnavailable, match="does not advance"):
        look(Store(page(3, 4)), after=8)


def test_a_far_version_beside_what_was_read_is_shown_each_time() -> None:
    assert look(Store(page(8, FAR)), after=8) == [[FAR]]


def test_what_was_read_last_may_be_far_only_where_a_second_look_says_so() -> None:
    store = Store(page(FAR), page(), page(8))

    assert look(store, after=8) == []
    assert look(Store(page(FAR)), after=8) == [[FAR]]
