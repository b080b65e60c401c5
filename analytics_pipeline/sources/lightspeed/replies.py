"""What a reply of Lightspeed means, and how many requests it still allows."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from analytics_pipeline.model.errors import LightspeedRefused, LightspeedUnavailable
from analytics_pipeline.sources.values import (
    UnreadableRecord,
    stated_version,
    version_in,
)

# ----------------------------------------------------------------------------------
# How many requests the store still allows, as its replies say (API 5).


WINDOW_SECONDS = 300.0
"""The limit is counted in windows of five minutes."""

_COUNT = re.compile(r"[0-9]{1,9}")


class Allowance:
    """What is left of the requests of a window, and when the next one begins.

    A reply says how many are left, not until when.  The window in which the number
    last did not fall had begun by then, so five minutes later it is over, whether
    windows are fixed or slide.
    """

    def __init__(self) -> None:
        """Begin without knowing the limit."""
        self._left: int | None = None
        self._seen_since: datetime | None = None

    def note(self, headers: Mapping[str, str], now: datetime) -> None:
        """Take what a good reply says; one that says nothing changes nothing."""
        text = (headers.get("X-RateLimit-Remaining") or "").strip()
        if not _COUNT.fullmatch(text):
            return
        left = int(text)
        # In one window each request leaves one fewer; as many are left in a new one.
        if self._left is None or left >= self._left or self._seen_since is None:
            self._seen_since = now
        self._left = left

    def forget(self) -> None:
        """Drop what is known: the store itself has said how long to wait."""
        self._left = self._seen_since = None

    def seconds_to_wait(self, now: datetime) -> float:
        """Return how long to wait before the next request; mostly not at all."""
        if self._left != 0 or self._seen_since is None:
            return 0.0
        passed = (now - self._seen_since).total_seconds()
        return min(max(WINDOW_SECONDS - passed, 0.0), WINDOW_SECONDS)


# ----------------------------------------------------------------------------------
# What a reply means: usable JSON, worth another try, or a refusal.
#
# An error is never "no data": every reply becomes a value or an exception (API 5).


_ABOUT_THE_REQUEST = frozenset({400, 413, 414, 416, 422})
_ABOUT_THE_TOKEN = frozenset({401, 403})

_REFUSALS: Mapping[int, tuple[str, str]] = {
    400: (
        "Lightspeed did not understand the request (400).",
        "Check LIGHTSPEED_API_VERSION and LIGHTSPEED_API_URL.",
    ),
    401: (
        "Lightspeed does not accept the token (401): it is wrong, expired or revoked.",
        "Make a new one at Setup > Personal Tokens and set LIGHTSPEED_TOKEN.",
    ),
    403: (
        "Lightspeed does not allow this token to read here (403).",
        "See that your plan includes API access and that an admin made the token, "
        "then set LIGHTSPEED_TOKEN.",
    ),
    404: (
        "Lightspeed knows no such store or collection (404).",
        "Check LIGHTSPEED_DOMAIN_PREFIX: the first part of your store's address.",
    ),
    422: (
        "Lightspeed could not process the request (422).",
        "Check LIGHTSPEED_API_VERSION and LIGHTSPEED_API_URL.",
    ),
}


class NotUnderstood(LightspeedRefused):
    """The store refused what was asked, not who asks: less might be granted."""


class TokenRefused(LightspeedRefused):
    """The store knows the request, and refuses who asks."""


def records_of(body: Any) -> list[Any]:
    """Return the records of a collection's reply; an empty list is its end."""
    records = body.get("data") if isinstance(body, dict) else None
    if not isinstance(records, list):
        raise not_what_was_asked("a list")
    return records


def record_of(body: Any) -> dict[str, Any] | UnreadableRecord:
    """Return the one record of a reply, which perhaps cannot be decoded."""
    record = body.get("data") if isinstance(body, dict) else None
    return record if isinstance(record, UnreadableRecord) else resource_of(body)


def resource_of(body: Any) -> dict[str, Any]:
    """Return the one record of a reply."""
    record = body.get("data") if isinstance(body, dict) else None
    if not isinstance(record, dict) or not record:
        raise not_what_was_asked("one record")
    return record


def stated_total(body: Any) -> int | None:
    """Return how many records a search says it has found, if it says so."""
    total = body.get("total_count") if isinstance(body, dict) else None
    return total if isinstance(total, int) and not isinstance(total, bool) else None


def versions_of(records: list[Any]) -> list[int]:
    """Return the versions of the records that have one."""
    versions = (stated_version(version_in(record)) for record in records)
    return [each for each in versions if each]


def last_version(
    body: Any, records: list[Any], versions: list[int], highest: int
) -> int:
    """Return the version to read on from after a page; 0 if none is stated.

    The page's own word and the *versions* of its *records* should agree.  Where they do
    not, the lower one is safe: it can only bring records again, never skip any.  But
    where the last record has no version, the page's own word is above the others
    because of it.  What is above *highest* is not believed of either.
    """
    block = body.get("version") if isinstance(body, dict) else None
    stated = stated_version(block.get("max")) if isinstance(block, dict) else 0
    stated = stated if stated <= highest else 0
    own = max((each for each in versions if each <= highest), default=0)
    if stated > own and records and not versions_of(records[-1:]):
        return stated
    return min(stated, own) if stated and own else stated or own


def not_what_was_asked(wanted: str) -> LightspeedUnavailable:
    """Build the error of a well-formed reply that holds something else."""
    return LightspeedUnavailable(
        f"Lightspeed's reply is not what was asked for: {wanted} was expected.",
        "Try again later; if it stays, check LIGHTSPEED_API_URL and "
        "LIGHTSPEED_API_VERSION.",
    )


def explain_refusal(status: int) -> LightspeedRefused:
    """Build the error of a reply that says no, by its HTTP *status*."""
    if status < 400:
        return LightspeedRefused(
            f"Lightspeed redirects elsewhere ({status}); that is not followed, so "
            "that the token stays with the store.",
            "Check LIGHTSPEED_DOMAIN_PREFIX and LIGHTSPEED_API_URL.",
        )
    other = (
        f"Lightspeed refused the request ({status}).",
        "Check LIGHTSPEED_TOKEN, LIGHTSPEED_DOMAIN_PREFIX and LIGHTSPEED_API_VERSION.",
    )
    kind = LightspeedRefused
    if status in _ABOUT_THE_REQUEST:
        kind = NotUnderstood
    elif status in _ABOUT_THE_TOKEN:
        kind = TokenRefused
    return kind(*_REFUSALS.get(status, other))
