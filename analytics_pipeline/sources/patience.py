"""What a reply of any source means: usable, worth another try (and when), or not."""

import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.request import getproxies_environment

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from analytics_pipeline.model.errors import SourceError, WrongUse
from analytics_pipeline.model.vocabulary import LIMIT_REACHED
from analytics_pipeline.sources.values import LARGEST_RECORD, decode_in_parts
from analytics_pipeline.storage.machine import refuse_shortage

# ----------------------------------------------------------------------------------
# What a reply means: usable JSON, worth another try, or a refusal.
#
# An error is never "no data": every reply becomes a value or an exception (API 5).


_TOO_MANY_REQUESTS = 429
_NOT_A_NUMBER = float("nan")
_MOST_DIGITS = 100
_BEYOND_ALL_BOUNDS = int("9" * _MOST_DIGITS)


class PassingFault(Exception):
    """A reply, or the lack of one, after which another try can help."""

    def __init__(
        self,
        reason: str,
        *,
        throttled: bool = False,
        too_slow: bool = False,
        retry_after: float | None = None,
    ) -> None:
        """Say what happened in a few words, without anything from the reply."""
        super().__init__(reason)
        self.reason = reason
        self.throttled = throttled
        self.too_slow = too_slow
        self.retry_after = retry_after


class RefusedStatus(Exception):
    """A reply that says no; its source explains what its HTTP status means there."""

    def __init__(self, status: int) -> None:
        """Note the HTTP status, and nothing else from the reply."""
        super().__init__(f"status {status}")
        self.status = status


def read_reply(
    status: int,
    content: bytes,
    retry_after: float | None,
    decode: Callable[[bytes], Any] | None = None,
) -> Any:
    """Return the JSON of a reply.

    Args:
        status: its HTTP status.
        content: its body.
        retry_after: the seconds that it asks to wait, if it does.
        decode: what to decode it with; without it :func:`decode_reply`.

    Raises:
        PassingFault: another try can help.
        RefusedStatus: it cannot, until someone acts.
    """
    if status == 200:
        return (decode or decode_reply)(content)
    if status == _TOO_MANY_REQUESTS:
        raise PassingFault(LIMIT_REACHED, throttled=True, retry_after=retry_after)
    if status >= 500 or status in (408, 425) or status < 300:
        raise PassingFault(
            f"it answered {status}",
            too_slow=status in (408, 504),
            retry_after=retry_after,
        )
    raise RefusedStatus(status)


def decode_reply(content: bytes) -> Any:
    """Return the JSON of a body, its numbers exact (rule 1.3).

    Where it cannot be decoded as one, each of its records is decoded separately.

    Raises:
        PassingFault: it is no JSON.
    """
    try:
        if len(content) <= LARGEST_RECORD:
            return _decode(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        pass  # most often it is cut off, and cannot be decoded in parts either
    try:
        text = content.decode("utf-8-sig", "surrogateescape")
        return decode_in_parts(text, _decode_part)
    except (ValueError, RecursionError) as error:
        raise PassingFault("its answer is empty, cut off or no JSON") from error


def _decode(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except (InvalidOperation, ValueError):
        return json.loads(text, parse_float=_decimal, parse_int=_integer)


def _decode_part(text: str) -> Any:
    """Decode one part of a body, of which other parts may be no UTF-8."""
    text.encode("utf-8")  # fails for bytes that were none
    return _decode(text)


def _decimal(digits: str) -> Decimal | float:
    """Return a number, or what no reader takes for one if it is beyond all bounds."""
    try:
        return Decimal(digits)
    except InvalidOperation:
        return _NOT_A_NUMBER


def _integer(digits: str) -> int:
    """Return a whole number, or another one that is beyond all bounds too."""
    if len(digits) < _MOST_DIGITS:
        return int(digits)
    return -_BEYOND_ALL_BOUNDS if digits.startswith("-") else _BEYOND_ALL_BOUNDS


# ----------------------------------------------------------------------------------
# Why there was no reply: what can pass, and what somebody has to correct.


_PROXIED = ("https", "http", "all")

Made = TypeVar("Made")


def with_proxies_checked(make: Callable[[], Made]) -> Made:
    """Return what *make* makes of the proxies that the environment names.

    Raises:
        WrongUse: one of them cannot be used; its value may hold a password and is not
            shown.
    """
    try:
        return make()
    except ImportError as error:
        raise WrongUse(
            f"The proxy in {_name_proxies()} is a SOCKS proxy, and the package for it "
            "is missing.",
            'Run: pip install "httpx[socks]"',
        ) from error
    except (ValueError, httpx.InvalidURL) as error:
        raise WrongUse(
            f"The proxy in {_name_proxies()} is not an address that can be used.",
            "Set it to http://HOST:PORT, or remove the variable.",
        ) from error


def explain_no_reply(
    error: httpx.RequestError, host: str, refused: type[SourceError]
) -> PassingFault:
    """Say in a few words why *host* gave no reply.

    Raises:
        SourceError: its certificate is not trusted, so it may be somebody else; this
            is the error *refused*.
        LocalFailure: this machine could open no connection.
    """
    refuse_shortage(error)
    for each in _chain(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            raise refused(*_untrusted(each, host)) from error
        if isinstance(each, socket.gaierror):
            return PassingFault(f"the name {host}{_or_proxy()} was not found (DNS)")
    if isinstance(error, httpx.ProxyError):
        return PassingFault(f"the proxy in {_name_proxies()} refused")
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return PassingFault(f"no connection{_through_proxy()}")
    if isinstance(error, httpx.TimeoutException):
        return PassingFault("no answer in time", too_slow=True)
    return PassingFault("the connection broke")


def _untrusted(error: ssl.SSLCertVerificationError, host: str) -> tuple[str, str]:
    why = error.verify_message or "it cannot be verified"
    return (
        f"The certificate of {host} is not trusted: {why}. Nothing was sent to it.",
        "See that the clock of this machine is right. If a proxy or a virus scanner of "
        "yours opens the connections, set SSL_CERT_FILE to the file with the "
        "certificates of its authority.",
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield *error* and what it comes from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _name_proxies() -> str:
    """Name the variables that set a proxy."""
    named = getproxies_environment()
    names = [f"{kind.upper()}_PROXY" for kind in _PROXIED if kind in named]
    return ", ".join(names) or "the system"


def _or_proxy() -> str:
    return f", or that of the proxy in {_name_proxies()}," if _has_proxy() else ""


def _through_proxy() -> str:
    return f" through the proxy in {_name_proxies()}" if _has_proxy() else ""


def _has_proxy() -> bool:
    return _name_proxies() != "the system"


# ----------------------------------------------------------------------------------
# How long to wait for a source, and when to give up.
#
# Being asked to wait is no failure: it has a budget of time of its own, so that a
# long first load behind the request limit does not run out of attempts.


LONGEST_WAIT = 300.0
"""Seconds: Lightspeed counts in windows of five minutes (API 5), Ecwid in minutes."""

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
        source: str,
        unavailable: type[SourceError],
        attempts: int,
        sleep: Callable[[float], None],
        on_wait: Callable[[float, str], None] | None,
    ) -> None:
        """Begin afresh; *on_wait* hears of every wait before it begins.

        Where patience runs out, the error *unavailable* names the *source*.
        """
        self._source, self._unavailable = source, unavailable
        self._attempts = attempts
        self._sleep = sleep
        self._on_wait = on_wait
        self._failures = 0
        self._throttled = 0.0

    def call(self, attempt: Callable[[], Value]) -> Value:
        """Return what *attempt* returns, trying again after each passing fault.

        Raises:
            SourceError: patience has run out.
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
            raise self._unavailable(
                f"{self._source} could not be read: {fault.reason}, again and again.",
                "Try again later; the next run goes on where this one stopped.",
            ) from fault

    def _wait(self, state: RetryCallState) -> float:
        fault = _fault(state)
        anomaly_limits = _back_off(state)
        if fault.retry_after is None:
            return anomaly_limits
        # A little later than asked: many clients wake at the same second.
        return fault.retry_after + min(anomaly_limits, 1.0)

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
