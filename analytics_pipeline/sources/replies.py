"""What a reply means: usable JSON, worth another try, or a refusal.

An error is never "no data": every reply becomes a value or an exception (API 5).
"""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from analytics_pipeline.errors import LightspeedRefused, LightspeedUnavailable
from analytics_pipeline.sources.allowance import LIMIT_REACHED
from analytics_pipeline.sources.json_parts import (
    LARGEST_RECORD,
    UnreadableRecord,
    decode_in_parts,
)
from analytics_pipeline.sources.payload_values import told_version, version_in

_TOO_MANY_REQUESTS = 429
_ABOUT_THE_REQUEST = frozenset({400, 413, 414, 416, 422})
_ABOUT_THE_TOKEN = frozenset({401, 403})
_NOT_A_NUMBER = float("nan")
_MOST_DIGITS = 100
_BEYOND_ALL_BOUNDS = int("9" * _MOST_DIGITS)

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


class NotUnderstood(LightspeedRefused):
    """The store refused what was asked, not who asks: less might be granted."""


class TokenRefused(LightspeedRefused):
    """The store knows the request, and refuses who asks."""


def read_reply(status: int, content: bytes, retry_after: float | None) -> Any:
    """Return the JSON of a reply.

    Args:
        status: its HTTP status.
        content: its body.
        retry_after: the seconds that it asks to wait, if it does.

    Raises:
        PassingFault: another try can help.
        LightspeedRefused: it cannot, until someone acts.
    """
    if status == 200:
        return _decoded(content)
    if status == _TOO_MANY_REQUESTS:
        raise PassingFault(LIMIT_REACHED, throttled=True, retry_after=retry_after)
    if status >= 500 or status in (408, 425) or status < 300:
        raise PassingFault(
            f"it answered {status}",
            too_slow=status in (408, 504),
            retry_after=retry_after,
        )
    raise _refusal(status)


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
    """Return the versions of the records that tell theirs."""
    told = (told_version(version_in(record)) for record in records)
    return [each for each in told if each]


def last_version(body: Any, records: list[Any], highest: int) -> int:
    """Return the version to read on from after a page; 0 if nothing tells it.

    The page's own word and the versions of its *records* should agree.  Where they do
    not, the lower one is safe: it can only bring records again, never skip any.  But
    where the last record tells no version, the page's own word is above the others
    because of it.  What is above *highest* is not believed of either.
    """
    block = body.get("version") if isinstance(body, dict) else None
    stated = told_version(block.get("max")) if isinstance(block, dict) else 0
    stated = stated if stated <= highest else 0
    own = max((each for each in versions_of(records) if each <= highest), default=0)
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


def _refusal(status: int) -> LightspeedRefused:
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


def _decoded(content: bytes) -> Any:
    """Return the JSON of a body, its numbers exact (rule 1.3).

    Where it cannot be decoded as one, each of its records is decoded by itself.
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
