"""The rate limit: so many requests in a fixed window (API §5)."""

import time
from collections.abc import Callable

REQUESTS_PER_REGISTER = 300
REQUESTS_PER_STORE = 50


def limit_for(registers: int) -> int:
    """Return how many requests a store with so many registers may make."""
    return REQUESTS_PER_REGISTER * registers + REQUESTS_PER_STORE


class RateLimit:
    """Counts requests in windows that begin with their first request.

    The window is real time, as the store's clock may stop.
    """

    def __init__(
        self, window_seconds: float, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """Set the length of a window and the watch that measures it."""
        self._window = window_seconds
        self._seconds = seconds
        self._began = seconds()
        self._used = 0

    def take(self, limit: int) -> float | None:
        """Use one request; if none is left, return the seconds to wait instead."""
        self._turn_window()
        if self._used >= limit:
            return self._began + self._window - self._seconds()
        if not self._used:
            self._began = self._seconds()
        self._used += 1
        return None

    def remaining(self, limit: int) -> int:
        """Return how many requests are left in this window."""
        self._turn_window()
        return max(0, limit - self._used)

    def _turn_window(self) -> None:
        if self._seconds() >= self._began + self._window:
            self._began = self._seconds()
            self._used = 0
