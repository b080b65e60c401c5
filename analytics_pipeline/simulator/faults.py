"""Which request fails, and how: decided beforehand, so that it can be replayed.

A plan answers only to the number of a request.  The same plan on the same
requests fails in the same way, in any process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random


class FaultKind(StrEnum):
    """The ways in which a request can fail: those of API §8.7, and some more."""

    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"
    HTML_BODY = "html_body"
    EMPTY_BODY = "empty_body"
    TRUNCATED_JSON = "truncated_json"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    READ_TIMEOUT = "read_timeout"
    CONNECTION_RESET = "connection_reset"
    ABORTED_BODY = "aborted_body"
    SLOW_PAGE = "slow_page"
    MISSING_VERSION = "missing_version"
    STUCK_VERSION = "stuck_version"
    REPEATED_ROWS = "repeated_rows"
    TOKEN_REVOKED = "token_revoked"
    EMPTY_PAGES = "empty_pages"
    POISONED_VERSION = "poisoned_version"
    LYING_TOTAL = "lying_total"
    DRIPPING_BODY = "dripping_body"
    STALLED_BODY = "stalled_body"
    ENDLESS_BODY = "endless_body"


NEVER_WHOLE = frozenset(
    {FaultKind.DRIPPING_BODY, FaultKind.STALLED_BODY, FaultKind.ENDLESS_BODY}
)
"""Replies that begin and do not end: a byte now and then, half, or blanks forever."""

BEYOND_API_8_7 = NEVER_WHOLE | {
    FaultKind.EMPTY_PAGES,
    FaultKind.POISONED_VERSION,
    FaultKind.LYING_TOTAL,
}
"""Also well-formed replies that say something untrue."""

EMPTY_IN_A_ROW = 2
"""How many requests in a row get an empty page."""

POISON = 2**63 - 2
"""The version that a poisoned record shows."""

PASSING: tuple[FaultKind, ...] = tuple(
    kind
    for kind in FaultKind
    if kind not in {FaultKind.STUCK_VERSION, FaultKind.TOKEN_REVOKED}
)
"""The faults that a careful client gets over within one run."""


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Maps the number of an API request, counted from 1, to a fault.

    A 429 comes as a burst over the requests that follow, and empty pages come two in
    a row.  A revoked token stays revoked.  The page faults (missing, stuck or poisoned
    version, repeated rows, empty pages) change feed pages only; repeated rows also
    shift a page of search.  A lying total changes search only.

    Attributes:
        by_request: the faults at fixed requests; they go before drawn ones.
        seed: what the drawn faults depend on.
        rate: the share of requests with a drawn fault.
        kinds: the faults to draw from.
        burst: how many requests in a row a 429 hits.
        retry_after_seconds: how long such a 429 asks to wait.
        hang_seconds: how long a read timeout sends nothing, and how long a reply that
            does not end goes on.
        drip_seconds: how long such a reply pauses between two bytes.
        slow_seconds: how long a slow page takes.
    """

    by_request: Mapping[int, FaultKind] = field(default_factory=dict)
    seed: int = 0
    rate: float = 0.0
    kinds: Sequence[FaultKind] = PASSING
    burst: int = 3
    retry_after_seconds: float = 1.0
    hang_seconds: float = 120.0
    slow_seconds: float = 2.0
    drip_seconds: float = 10.0

    @classmethod
    def seeded(
        cls,
        seed: int,
        rate: float,
        *,
        kinds: Sequence[FaultKind] = PASSING,
        hang_seconds: float = 120.0,
        slow_seconds: float = 2.0,
        drip_seconds: float = 10.0,
    ) -> "FaultPlan":
        """Return a plan that draws a fault for this share of all requests."""
        return cls(
            seed=seed,
            rate=rate,
            kinds=tuple(kinds),
            hang_seconds=hang_seconds,
            slow_seconds=slow_seconds,
            drip_seconds=drip_seconds,
        )

    def fault_at(self, number: int) -> FaultKind | None:
        """Return the fault of the request with this number, if it has one."""
        if self._is_revoked(number):
            return FaultKind.TOKEN_REVOKED
        own = self._drawn(number)
        if own is not None:
            return own
        earlier = range(max(1, number - self.burst + 1), number)
        if any(self._drawn(n) is FaultKind.RATE_LIMITED for n in earlier):
            return FaultKind.RATE_LIMITED
        earlier = range(max(1, number - EMPTY_IN_A_ROW + 1), number)
        if any(self._drawn(n) is FaultKind.EMPTY_PAGES for n in earlier):
            return FaultKind.EMPTY_PAGES
        return None

    def _drawn(self, number: int) -> FaultKind | None:
        """Return the fault that begins at this request."""
        fixed = self.by_request.get(number)
        if fixed is not None or not self.rate:
            return fixed
        draw = Random(f"{self.seed}:{number}")
        return draw.choice(self.kinds) if draw.random() < self.rate else None

    def _is_revoked(self, number: int) -> bool:
        revoked = FaultKind.TOKEN_REVOKED
        if any(n <= number and kind is revoked for n, kind in self.by_request.items()):
            return True
        if not self.rate or revoked not in self.kinds:
            return False
        return any(self._drawn(n) is revoked for n in range(1, number + 1))
