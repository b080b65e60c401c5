"""The line of what is under way: counts, rates, waits, and how often it is shown."""

from itertools import pairwise

import pytest

from analytics_pipeline.commands.terminal import Activity
from analytics_pipeline.sources.protocol import LIMIT_REACHED, LIMIT_USED_UP


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def activity(watch: Watch) -> Activity:
    return Activity("updating", clock=watch)


def test_before_anything_is_counted_the_work_has_a_name(activity: Activity) -> None:
    assert activity.line() == "updating …"


def test_counts_are_reported_with_their_rate(activity: Activity, watch: Watch) -> None:
    watch.at += 4
    activity.advance("sales", 12_000, None)

    assert activity.line() == "updating: sales 12,000 (3,000/s)"


def test_the_total_is_shown(activity: Activity, watch: Watch) -> None:
    activity.advance("raw_sales days", 20, 400)
    assert activity.line() == "updating: raw_sales days 20 of 400"


def test_a_table_of_which_nothing_is_counted_is_named(activity: Activity) -> None:
    activity.advance("customer_identities", 0, None)
    assert activity.line() == "updating: customer_identities …"
    activity.advance("customer_analytics days", 1, 1)
    assert activity.line() == "updating: customer_analytics days …"


def test_each_thing_has_a_rate_of_its_own(activity: Activity, watch: Watch) -> None:
    activity.advance("sales", 1_000, None)
    watch.at += 10
    activity.advance("sales", 9_000, None)
    watch.at += 2
    activity.advance("customers", 10, None)

    assert activity.line() == "updating: customers 10 (5/s)"


def test_waiting_does_not_slow_the_rate(activity: Activity, watch: Watch) -> None:
    watch.at += 2
    activity.advance("sales", 200, None)
    activity.wait(100, LIMIT_REACHED)
    watch.at += 102
    activity.advance("sales", 400, None)

    assert activity.line() == "updating: sales 400 (100/s)"


@pytest.mark.parametrize("reason", [LIMIT_REACHED, LIMIT_USED_UP])
def test_a_wait_that_lightspeed_asks_for_counts_down(
    activity: Activity, watch: Watch, reason: str
) -> None:
    activity.advance("sales", 10, None)
    activity.wait(12, reason)
    assert activity.line() == f"Lightspeed asks to wait 12 s: {reason}"
    watch.at += 5
    assert activity.line() == f"Lightspeed asks to wait 7 s: {reason}"
    watch.at += 7
    assert activity.line() == "updating: sales 10"


def test_another_try_is_shown_with_what_failed(activity: Activity) -> None:
    activity.wait(3, "it answered 503")

    assert activity.line() == "trying Lightspeed again in 3 s: it answered 503"


def test_a_repeated_reason_is_shown_ever_more_rarely(
    activity: Activity,
) -> None:
    values = [n for n in range(1, 40) if activity.wait(1, "it answered 503")]

    assert values == [1, 2, 4, 8, 16, 32]
    assert activity.waits["it answered 503"].times == 39
    assert activity.waits["it answered 503"].seconds == 39


def test_a_long_wait_is_always_reported(activity: Activity) -> None:
    assert [activity.wait(60, LIMIT_REACHED) for _ in range(5)] == [True] * 5


def test_without_a_terminal_an_hour_is_some_twenty_lines(
    activity: Activity, watch: Watch
) -> None:
    parts = []
    for second in range(3_600):
        watch.at = 100.0 + second
        if activity.is_due():
            parts.append(second)

    assert parts[:3] == [10, 25, 48]
    assert len(parts) < 20
    assert max(b - a for a, b in pairwise(parts)) <= 300
