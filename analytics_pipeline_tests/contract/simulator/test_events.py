"""Tests for analytics_pipeline.simulator.events."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics_pipeline.simulator.events import FIRST_VERSION, Timeline
from analytics_pipeline.simulator.records import Customer
from analytics_pipeline_tests.oracle.by_seed.test_oracle import customer, store

START = datetime(2025, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=1)


@pytest.fixture
def timeline() -> Timeline:
    state = store()
    state.now = START
    return Timeline(1, state)


@pytest.fixture
def record() -> Customer:
    return customer("ann", updated_at=START)


def test_events_play_in_time_order_up_to_and_including_the_moment(timeline):
    played: list[str] = []
    for days, name in ((2, "late"), (1, "due"), (1, "due too"), (0.5, "early")):
        timeline.plan_in(START, days, lambda _, name=name: played.append(name))
    timeline.play_until(LATER)

    assert played == ["early", "due", "due too"]
    assert timeline.state.now == LATER


def test_an_event_sees_its_own_moment_as_now(timeline):
    seen = []
    timeline.plan(LATER, lambda _: seen.append(timeline.state.now))
    timeline.play_until(LATER + timedelta(days=9))

    assert seen == [LATER]


def test_an_event_may_plan_another_that_is_due_at_once(timeline):
    seen = []
    timeline.plan(START, lambda moment: timeline.plan(moment, seen.append))
    timeline.play_until(START)

    assert seen == [START]


def test_versions_grow_with_gaps(timeline):
    versions = [timeline.next_version() for _ in range(100)]

    assert versions == sorted(set(versions))
    assert versions[0] > FIRST_VERSION
    assert versions[-1] - versions[0] > len(versions)


def test_an_edit_moves_the_version_and_the_update_time(timeline, record):
    timeline.edit(record, LATER)

    assert record.version > FIRST_VERSION
    assert record.updated_at == LATER


def test_a_deletion_moves_the_version_and_not_the_update_time(timeline, record):
    timeline.delete(record, LATER)

    assert record.version > FIRST_VERSION
    assert record.updated_at == START
    assert record.deleted_at == LATER


def test_a_restored_record_is_as_if_edited(timeline, record):
    timeline.delete(record, START)
    timeline.restore(record, LATER)

    assert record.deleted_at is None
    assert record.updated_at == LATER
