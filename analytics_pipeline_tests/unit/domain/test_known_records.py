"""Tests for analytics_pipeline.domain.known_records: a log of what was known."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.known_records import (
    KNOWN,
    NOT_OF_A_GONE_RECORD,
    as_versions,
    find_news,
    held_of,
)
from analytics_pipeline.model.schemas.sources import CustomerLog, Customers
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import make_table

NOTHING = make_table(CustomerLog, [])


def records(*rows: dict[str, Any]) -> pd.DataFrame:
    return make_table(Customers, rows, created_at="2026-01-01", name="Ann Example")


def log_of(*moments: pd.DataFrame) -> pd.DataFrame:
    """Return the log of customers that were read as they are at each of *moments*."""
    versions = NOTHING
    for segment, customers in enumerate(moments):
        news = find_news(versions, as_versions(customers, segment), segment)
        versions = pd.concat([versions, news], ignore_index=True)
    return versions


A = {"customer_id": "a", "version": 5, "email_key": "k1", "do_not_email": True}
B = {"customer_id": "b", "version": 6, "customer_group": "Trade"}


def test_a_version_holds_no_name_and_no_contact():
    assert not {"email", "phone", "name", "customer_code"} & {*KNOWN}
    CustomerLog.validate(as_versions(records(A, B), 3), lazy=True)


def test_what_was_known_already_is_no_news():
    assert list(log_of(records(A, B), records(A, B))["customer_id"]) == ["a", "b"]


@pytest.mark.parametrize(
    "change",
    [
        {"version": 9},
        {"email_key": "k2"},
        {"email_key": None},
        {"do_not_email": False},
        {"do_not_email": None},
        {"customer_group": "Trade and hotels"},
        {"is_deleted": True},
    ],
)
def test_whatever_differs_is_a_version_more_rule_15_1(change):
    versions = log_of(records(A, B), records({**A, **change}, B))

    assert list(versions["customer_id"]) == ["a", "b", "a"]
    assert list(versions["segment"]) == [0, 0, 1]
    assert versions.loc[0, "email_key"] == "k1"


def test_what_is_again_as_it_was_long_ago_is_news():
    versions = log_of(records(A), records({**A, "do_not_email": False}), records(A))

    assert list(versions["do_not_email"]) == [True, False, True]


def test_a_record_that_is_gone_is_a_version_that_says_so_once():
    gone = log_of(records(A, B), records(B), records(B))
    back = log_of(records(A, B), records(B), records(A, B))

    last = gone.iloc[-1]
    assert len(gone) == 3
    assert (last["customer_id"], last["is_held"], last["segment"]) == ("a", False, 1)
    assert last[list(NOT_OF_A_GONE_RECORD)].isna().all()
    assert list(held_of(gone)["customer_id"]) == ["b"]
    assert list(back["is_held"]) == [True, True, False, True]
    assert list(held_of(back)["customer_id"]) == ["a", "b"]


_RECORD = st.fixed_dictionaries(
    {
        "version": st.integers(1, 3),
        "email_key": st.sampled_from([None, "k1", "k2"]),
        "is_deleted": st.booleans(),
        "do_not_email": st.sampled_from([None, True, False]),
        "enable_promotional_sms": st.sampled_from([None, True, False]),
        "customer_group": st.sampled_from([None, "Trade", "Staff"]),
    }
)
_MOMENTS = st.lists(
    st.dictionaries(st.sampled_from("abcd"), _RECORD), min_size=1, max_size=6
)


@settings(max_examples=up_to(50))
@given(_MOMENTS)
def test_the_log_up_to_a_moment_comes_to_what_was_known_then_rule_15_1(moments):
    frames = [
        records(*({"customer_id": key, **row} for key, row in sorted(each.items())))
        for each in moments
    ]

    versions = log_of(*frames)

    CustomerLog.validate(versions, lazy=True)
    for segment, frame in enumerate(frames):
        known = held_of(versions[versions["segment"] <= segment])
        assert known.equals(as_versions(frame, 0)[KNOWN])
    now = as_versions(frames[-1], 99)
    assert find_news(versions, now, 99).empty
