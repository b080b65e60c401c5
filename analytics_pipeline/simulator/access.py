"""Who may ask, and how often: the host, the token, the method, the rate limit."""

from datetime import datetime

from starlette.requests import Request

from analytics_pipeline.simulator.quirks import Quirks
from analytics_pipeline.simulator.rate_limit import RateLimit, limit_for
from analytics_pipeline.simulator.records import StoreState
from analytics_pipeline.simulator.replies import (
    Reply,
    method_not_allowed,
    not_found,
    too_many_requests,
    unauthorized,
)

VENDOR_SUFFIX = ".retail.lightspeed.app"


class Access:
    """Lets a request in or says why not; only admitted ones use up the limit."""

    def __init__(
        self, token: str, domain_prefix: str, rate_limit: int | None, quirks: Quirks
    ) -> None:
        """Set the one token and the store's name; no limit means the vendor's own."""
        self._token = token
        self._host = f"{domain_prefix}{VENDOR_SUFFIX}"
        self._rate_limit = rate_limit
        self._limiter = RateLimit(quirks.rate_window_seconds)
        self._quirks = quirks

    def refusal(
        self, request: Request, state: StoreState, *, revoked: bool
    ) -> Reply | None:
        """Return why this request gets nothing, or None if it is admitted."""
        if not self._is_known(request.headers.get("host", "")):
            return not_found("There is no such store")
        authorization = request.headers.get("authorization")
        if revoked or authorization != f"Bearer {self._token}":
            return unauthorized()
        if request.method != "GET":
            return method_not_allowed()
        wait = self._limiter.take(self._limit(state))
        return None if wait is None else self.slow_down(state.now, wait)

    def slow_down(self, now: datetime, wait: float) -> Reply:
        """Return a 429 that asks to wait so many seconds."""
        return too_many_requests(now, wait, self._quirks.retry_after)

    def headers(self, state: StoreState, reply: Reply) -> dict[str, str]:
        """Return the rate limit as every JSON reply says it."""
        limit = self._limit(state)
        left = 0 if reply.status == 429 else self._limiter.remaining(limit)
        return {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(left)}

    def _is_known(self, host: str) -> bool:
        name = host.partition(":")[0].lower()
        if not self._quirks.check_host or not name.endswith(VENDOR_SUFFIX):
            return True
        return name == self._host

    def _limit(self, state: StoreState) -> int:
        if self._rate_limit is not None:
            return self._rate_limit
        open_tills = (till.deleted_at is None for till in state.registers.values())
        return limit_for(sum(open_tills))
