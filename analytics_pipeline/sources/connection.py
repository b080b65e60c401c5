"""One store's API over HTTP: GET, with patience, and nothing else.

Read-only by construction: the token has the rights of an admin and there is no
lesser one, so a connection knows a single method and a short list of paths.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any

import httpx

from analytics_pipeline.errors import LightspeedRefused, WrongUse
from analytics_pipeline.sources.origin import is_loopback
from analytics_pipeline.sources.replies import PassingFault, read_reply
from analytics_pipeline.sources.retries import Patience, http_date, seconds_to_wait

_PATH = re.compile(
    r"(sales|customers|outlets|registers|retailer|search|sales/[A-Za-z0-9_-]{1,100})"
)
_API_VERSION = re.compile(r"2\.0|[0-9]{4}-[0-9]{2}")
_TOKEN = re.compile(r"[!-~]+")
_TIMEOUT = httpx.Timeout(90.0, connect=10.0)
_NOT_FOUND = 404


class NotFound(Exception):
    """The store does not know this one record."""


def local_now() -> datetime:
    """Return the moment by this machine's clock."""
    return datetime.now(UTC)


def check_credentials(token: str, api_version: str) -> None:
    """Refuse what cannot be sent, before a library quotes it in an error."""
    if not _TOKEN.fullmatch(token):
        raise WrongUse(
            "LIGHTSPEED_TOKEN is empty or holds blanks or other odd characters.",
            "Copy the token from Setup > Personal Tokens and set LIGHTSPEED_TOKEN.",
        )
    if not _API_VERSION.fullmatch(api_version):
        raise WrongUse(
            "LIGHTSPEED_API_VERSION is no version of the API.",
            "Set it to 2.0 or a dated one such as 2026-07.",
        )


class Connection:
    """Gets JSON from a store; every reply is judged, a passing fault tried again."""

    def __init__(
        self,
        origin: str,
        token: str,
        api_version: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = local_now,
        on_wait: Callable[[float, str], None] | None = None,
        attempts: int = 6,
    ) -> None:
        """Prepare to ask *origin*; see ``LightspeedClient`` for the arguments."""
        check_credentials(token, api_version)
        self._sleep, self._on_wait, self._attempts = sleep, on_wait, attempts
        self.now = now
        self.replied_at: datetime | None = None
        self.requests = 0
        self._http = httpx.Client(
            base_url=f"{origin}/api/{api_version}/",
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/json",
                "User-Agent": f"analytics-pipeline/{_own_version()}",
            },
            timeout=_TIMEOUT,
            follow_redirects=False,
            transport=transport,
            # A proxy of the environment cannot reach this machine's loopback.
            trust_env=not is_loopback(origin),
        )

    def __repr__(self) -> str:
        """Name the store, never the token."""
        return f"Connection({str(self._http.base_url)!r})"

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    def get(self, path: str, params: dict[str, str]) -> Any:
        """Return the JSON at a path of the short list, with all due patience.

        Raises:
            LightspeedUnavailable: patience has run out.
            LightspeedRefused: another try is useless.
            NotFound: a single record is not known.
        """
        if not _PATH.fullmatch(path):
            raise LightspeedRefused(
                "This client does not read such a path.",
                "It reads sales, customers, outlets, registers and the store only.",
            )
        patience = Patience(self._attempts, self._sleep, self._on_wait)
        return patience.call(lambda: self._attempt(path, params))

    def _attempt(self, path: str, params: dict[str, str]) -> Any:
        self.requests += 1
        try:
            reply = self._http.get(path, params=params)
        except httpx.RequestError as error:
            raise PassingFault(_reason(error)) from error
        self.replied_at = http_date(reply.headers.get("Date"))
        if reply.status_code == _NOT_FOUND and "/" in path:
            raise NotFound
        wait = seconds_to_wait(
            reply.headers.get("Retry-After"), self.replied_at or self.now()
        )
        return read_reply(reply.status_code, reply.content, wait)

    def true_since(self, asked_at: datetime) -> datetime:
        """Return the earliest moment whose state the last reply can show.

        A local clock that runs fast must not make a read look younger than it is.
        """
        if self.replied_at is None:
            return asked_at
        return min(asked_at, self.replied_at - (self.now() - asked_at))


def _own_version() -> str:
    try:
        return installed_version("analytics-pipeline")
    except PackageNotFoundError:  # run from a source tree
        return "source"


def _reason(error: httpx.RequestError) -> str:
    """Say in a few words why there was no reply."""
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return "no connection"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return "the connection broke"
