"""Tests for analytics_pipeline.domain.feed."""

import pandas as pd
import pytest

from analytics_pipeline.domain.feed import (
    COMPARED,
    SEEN,
    Difference,
    find_differences,
    find_news,
)

SALE = ("s", 5, 1_000, "closed", "CLOSED")
UNREADABLE = ("s", 5, None, None, None)


def seen(*sales):
    return pd.DataFrame(sales, columns=list(SEEN)).astype(SEEN)


def away(*sales):
    types = {"sale_id": "str", "version": "Int64"}
    return pd.DataFrame(sales, columns=["sale_id", "version"]).astype(types)


def changed(**columns):
    return tuple({**dict(zip(SEEN, SALE, strict=True)), **columns}.values())


def differences(searched, held, quarantined=()):
    found = find_differences(seen(*searched), seen(*held), away(*quarantined))
    return found.to_dict()


def test_a_sale_that_is_held_as_it_is_found_is_no_difference():
    assert differences([SALE], [SALE]) == {}


def test_a_sale_that_the_log_lacks_is_a_difference():
    assert differences([SALE], []) == {"s": Difference.LACKING}


def test_a_sale_in_quarantine_is_known():
    assert differences([SALE], [], [("s", 5)]) == {}
    assert differences([UNREADABLE], [], [("s", 5)]) == {}


def test_a_sale_in_quarantine_without_a_version_is_known():
    assert differences([SALE], [], [("s", None)]) == {}
    assert differences([SALE], [changed(version=4)], [("s", None)]) == {}


def test_a_version_later_than_the_quarantined_one_is_a_difference():
    assert differences([SALE], [], [("s", 4)]) == {"s": Difference.OLDER}


def test_an_older_version_in_the_log_is_a_difference():
    assert differences([SALE], [changed(version=4)]) == {"s": Difference.OLDER}


def test_an_index_that_lags_behind_the_log_is_none():
    newer = changed(version=6, total_incl_cents=1, state="voided")

    assert differences([SALE], [newer]) == {}


@pytest.mark.parametrize(
    "other",
    [{"total_incl_cents": 1_001}, {"state": "voided"}, {"status": "VOIDED"}],
)
def test_other_money_or_words_at_the_same_version_are_a_difference(other):
    held = changed(**other)

    assert differences([SALE], [held]) == {"s": Difference.CONTRADICTING}
    assert set(other) <= set(COMPARED)


def test_a_word_that_only_one_side_gives_is_not_compared():
    """Search may answer in the shape that has a status, the feed in the other."""
    dated = changed(status=None)

    assert differences([dated], [dated]) == {}
    assert differences([dated], [SALE]) == {}
    assert differences([SALE], [dated]) == {}
    assert differences([UNREADABLE], [SALE]) == {}


def test_a_sale_found_without_a_version_can_only_be_lacking():
    odd = changed(version=None)

    assert differences([odd], []) == {"s": Difference.LACKING}
    assert differences([odd], [SALE]) == {}
    first = changed(version=1, total_incl_cents=7)
    assert differences([odd], [first]) == {}, "and so it contradicts no version"


def test_an_unreadable_sale_of_a_later_version_is_a_difference():
    assert differences([UNREADABLE], [changed(version=4)]) == {"s": Difference.OLDER}


def test_each_of_many_sales_is_checked_separately():
    searched = [changed(sale_id=name) for name in "abcd"]
    held = [changed(sale_id="a"), changed(sale_id="b", version=1)]
    held.append(changed(sale_id="d", state="voided"))

    assert differences(searched, held) == {
        "b": Difference.OLDER,
        "c": Difference.LACKING,
        "d": Difference.CONTRADICTING,
    }


def test_without_any_sale_there_is_no_difference():
    assert differences([], [SALE]) == {}


def test_the_very_first_version_of_a_sale_is_news():
    first = changed(version=1)

    assert find_news(seen(first), seen()).tolist() == [True]
    assert find_news(seen(first), seen(first)).tolist() == [False]


@pytest.mark.parametrize(
    ("held", "is_news"),
    [
        pytest.param([], True, id="not held"),
        pytest.param([changed(sale_id="t")], True, id="not held, unlike another"),
        pytest.param([SALE], False, id="held as it is"),
        pytest.param([changed(version=4)], True, id="held older"),
        pytest.param([changed(version=6)], False, id="held newer"),
        pytest.param([changed(total_incl_cents=7)], True, id="held with other money"),
    ],
)
def test_only_what_the_log_does_not_hold_is_news(held, is_news):
    assert find_news(seen(SALE), seen(*held)).tolist() == [is_news]
