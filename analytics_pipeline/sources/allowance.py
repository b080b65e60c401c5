"""How many requests the store still allows, as its replies say (API 5)."""

import re
from collections.abc import Mapping
from datetime import datetime

WINDOW_SECONDS = 300.0
"""The limit is counted in windows of five minutes."""

LIMIT_REACHED = "its request limit is reached"
"""Why to wait after a refusal (429)."""

LIMIT_USED_UP = "its request limit is used up"
"""Why to wait where the next request would be refused."""

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
