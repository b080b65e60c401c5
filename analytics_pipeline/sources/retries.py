"""How long to wait for Lightspeed, and when to give up.

Being asked to wait is no failure: it has a budget of time of its own, so that a long
first load behind the request limit does not run out of attempts.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from analytics_pipeline.errors import LightspeedUnavailable
from analytics_pipeline.sources.replies import PassingFault

LONGEST_WAIT = 300.0
"""Seconds: the limit is counted in windows of five minutes (API 5)."""

THROTTLE_BUDGET = 900.0
"""Seconds in all that one request waits because of the limit."""

LONGEST_IN_ALL = 2_700.0
"""Seconds after which one request, with all its tries and waits, is not tried again."""

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_back_off = wait_exponential_jitter(initial=1, max=60, jitter=1)

Value = TypeVar("Value")


def http_date(value: str | None) -> datetime | None:
    """Return the moment of an HTTP date, or nothing if it is none."""
    if not value:
        return None
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def seconds_to_wait(retry_after: str | None, now: datetime) -> float | None:
    """Return the wait that ``Retry-After`` asks for, in seconds or as a date.

    Nothing if it is absent, unreadable or past: the usual back-off is right then.
    """
    value = (retry_after or "").strip()
    if _SECONDS.fullmatch(value):
        seconds = float(value)
    elif moment := http_date(value):
        seconds = (moment - now).total_seconds()
    else:
        return None
    return min(seconds, LONGEST_WAIT) if seconds > 0 else None


class Patience:
    """What one request has waited and failed so far."""

    def __init__(
        self,
        attempts: int,
        sleep: Callable[[float], None],
        on_wait: Callable[[float, str], None] | None,
    ) -> None:
        """Begin afresh; *on_wait* hears of every wait before it begins."""
        self._attempts = attempts
        self._sleep = sleep
        self._on_wait = on_wait
        self._failures = 0
        self._throttled = 0.0

    def call(self, attempt: Callable[[], Value]) -> Value:
        """Return what *attempt* returns, trying again after each passing fault.

        Raises:
            LightspeedUnavailable: patience has run out.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(PassingFault),
            wait=self._wait,
            stop=self._stop,
            sleep=self._sleep,
            before_sleep=self._announce,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except PassingFault as fault:
            raise LightspeedUnavailable(
                f"Lightspeed could not be read: {fault.reason}, again and again.",
                "Try again later; the next run goes on where this one stopped.",
            ) from fault

    def _wait(self, state: RetryCallState) -> float:
        fault = _fault(state)
        usual = _back_off(state)
        if fault.retry_after is None:
            return usual
        # A little later than asked: many clients wake at the same second.
        return fault.retry_after + min(usual, 1.0)

    def _stop(self, state: RetryCallState) -> bool:
        if (state.seconds_since_start or 0.0) > LONGEST_IN_ALL:
            return True
        if _fault(state).throttled:
            self._throttled += state.upcoming_sleep
            return self._throttled > THROTTLE_BUDGET
        self._failures += 1
        return self._failures >= self._attempts

    def _announce(self, state: RetryCallState) -> None:
        if self._on_wait:
            self._on_wait(state.upcoming_sleep, _fault(state).reason)


def _fault(state: RetryCallState) -> PassingFault:
    """Return the fault that the last attempt ended with."""
    fault = state.outcome.exception() if state.outcome else None
    if not isinstance(fault, PassingFault):
        raise TypeError("only a passing fault is tried again")
    return fault
