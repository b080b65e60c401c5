"""One store's API over HTTP: GET, with patience, and nothing else."""

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from threading import Lock, Timer
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx

from analytics_pipeline.model.errors import LightspeedRefused, RunEnded, WrongUse
from analytics_pipeline.model.vocabulary import LIMIT_USED_UP
from analytics_pipeline.sources.lightspeed.replies import (
    Allowance,
    PassingFault,
    Patience,
    explain_no_reply,
    http_date,
    read_reply,
    seconds_to_wait,
    with_proxies_checked,
)
from analytics_pipeline.storage.machine import refuse_shortage

# ----------------------------------------------------------------------------------
# Where the store's API is: only there does the token ever go.


_PREFIX = re.compile(r"[a-z0-9][a-z0-9-]*")
_DEFAULT = "https://{prefix}.retail.lightspeed.app"


def origin_for(prefix: str, override: str | None) -> str:
    """Return the origin of the store's API, such as ``https://shop.example``.

    Args:
        prefix: the store's sub-domain label, ``LIGHTSPEED_DOMAIN_PREFIX``.
        override: another origin, ``LIGHTSPEED_API_URL``, or None or blank for the
            store's own; ``{prefix}`` in it is replaced by the prefix.

    Raises:
        WrongUse: one of the two cannot be used; the cause names the variable.
    """
    pattern = (override or "").strip() or _DEFAULT
    if prefix or "{prefix}" in pattern:
        _check_prefix(prefix)
    return _checked_origin(pattern.replace("{prefix}", prefix))


def is_loopback(origin: str) -> bool:
    """Return whether *origin* is this machine, such as the simulated store's."""
    host = urlsplit(origin).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_prefix(prefix: str) -> None:
    if not prefix:
        raise WrongUse(
            "LIGHTSPEED_DOMAIN_PREFIX is not set.",
            "Set it to the first part of your store's address, before "
            "`.retail.lightspeed.app`.",
        )
    if not _PREFIX.fullmatch(prefix):
        raise WrongUse(
            "LIGHTSPEED_DOMAIN_PREFIX is no store name: it may hold lower-case "
            "letters, digits and `-` only.",
            "Give only the first part of your store's address: `myshop` of "
            "`https://myshop.retail.lightspeed.app`.",
        )


def _checked_origin(url: str) -> str:
    """Return *url* if it is an origin to which a token may be sent."""
    remedy = "Set it to an origin such as `https://host`, or leave it out."
    try:
        parts = urlsplit(url)
        named = _is_origin(parts)
    except ValueError as error:
        raise WrongUse("LIGHTSPEED_API_URL is no URL.", remedy) from error
    if not named:
        raise WrongUse(
            "LIGHTSPEED_API_URL is no origin: scheme, host and port only.", remedy
        )
    origin = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme == "http" and not is_loopback(origin):
        raise WrongUse(
            "LIGHTSPEED_API_URL would send the token in the clear: plain http is for "
            "this machine only.",
            "Use https.",
        )
    return origin


def _is_origin(parts: SplitResult) -> bool:
    """Return whether *parts* name scheme, host and port and nothing else."""
    surplus = parts.path.rstrip("/") or parts.query or parts.fragment
    signed_in = parts.username is not None or parts.password is not None
    named = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    return bool(named) and not surplus and not signed_in and parts.netloc.isascii()


# ----------------------------------------------------------------------------------
# One request's time in all, from the connection to the last byte of the reply.
#
# The limits of httpx are for each read, so a reply of one byte every ten seconds
# would never reach them. Here a timer ends the connections of a client whose request
# takes too long, which wakes whatever waits for them.


WHOLE_REQUEST = 300.0
"""Seconds that one request may take in all.  A page of a thousand sales is some 4 MB,
or a tenth of that compressed, so a line of 14 kB/s is fast enough for it; after a
request that took too long, the next page is asked for half as large."""

LARGEST_REPLY = 64 << 20
"""Bytes of one reply, some ten times those of the largest page that is asked for."""


class TimeLimit:
    """What one request has of its time, and whether it was used up."""

    def __init__(self, seconds: float) -> None:
        """Allow the request so many *seconds*."""
        self.seconds = seconds
        self.is_over = False


class Sockets:
    """The open connections of one client, which asks one thing at a time."""

    def __init__(self) -> None:
        """Begin without any."""
        self._lock = Lock()
        self._open: list[socket.socket] = []

    def note(self, _event: str, info: Mapping[str, Any]) -> None:
        """Take what httpcore reports of its work (the ``trace`` of a request)."""
        self.add(info.get("return_value"))

    def add(self, stream: object) -> None:
        """Remember the socket of a network stream of httpcore; ignore all else."""
        extra = getattr(stream, "get_extra_info", None)
        found = extra("socket") if extra else None
        if not isinstance(found, socket.socket):
            return
        with self._lock:
            self._open = [each for each in self._open if each.fileno() >= 0]
            if all(each is not found for each in self._open):
                self._open.append(found)

    @contextmanager
    def limited(self, seconds: float) -> Iterator[TimeLimit]:
        """End all connections if the block takes longer than so many *seconds*."""
        limit = TimeLimit(seconds)
        timer = Timer(seconds, self._end, [limit])
        timer.daemon = True
        timer.start()
        try:
            yield limit
        finally:
            timer.cancel()

    def _end(self, limit: TimeLimit) -> None:
        limit.is_over = True
        with self._lock:
            for each in self._open:
                # That of TLS would also forget its state, under the reader's feet.
                with suppress(OSError):
                    socket.socket.shutdown(each, socket.SHUT_RDWR)


# ----------------------------------------------------------------------------------
# One store's API over HTTP: GET, with patience, and nothing else.
#
# Read-only by construction: the token has the rights of an admin and there is no
# lesser one, so a connection knows a single method and a short list of paths.


_PATH = re.compile(
    r"sales|customers|customer_groups|outlets|registers|retailer|search"
    r"|(sales|customers)/[A-Za-z0-9_-]{1,100}"
)
_API_VERSION = re.compile(r"2\.0|[0-9]{4}-[0-9]{2}")
_TOKEN = re.compile(r"[!-~]+")
_TIMEOUT = httpx.Timeout(90.0, connect=10.0)
_NOT_FOUND, _TOO_MANY_REQUESTS = 404, 429


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


@cache
def _trusted_authorities() -> ssl.SSLContext:
    """Return whose word about a server is taken; to read the list takes its time.

    Raises:
        WrongUse: the environment names another list, which cannot be read.
    """
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        refuse_shortage(error)
        raise WrongUse(
            "The certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read.",
            "Correct the variable, or remove it.",
        ) from error


class Connection:
    """Gets JSON from a store; every reply is checked, a passing fault tried again."""

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
        on_reply: Callable[[], None] | None = None,
        attempts: int = 6,
        allowance: Allowance | None = None,
    ) -> None:
        """Prepare to ask *origin* (see :func:`origin_for`); nothing is asked yet.

        Args:
            origin: scheme, host and port.
            token: a personal token.
            api_version: ``2.0`` or a dated one such as ``2026-07``.
            transport: what carries requests, for tests.
            sleep: how to wait, for tests.
            now: the local clock.
            on_wait: called with seconds and reason before each wait.
            on_reply: called after each answer that can be used.
            attempts: how often one request may fail; waits for the request limit
                are counted by their time instead.
            allowance: what is left of the request limit, where several clients of
                one store share it.
        """
        check_credentials(token, api_version)
        self._sleep, self._on_wait, self._attempts = sleep, on_wait, attempts
        self._on_reply = on_reply
        self._allowance = allowance or Allowance()
        self.now = now
        self.replied_at: datetime | None = None
        self.ahead_by: timedelta | None = None
        self.requests = 0
        self._host = urlsplit(origin).hostname or origin
        self._sockets = Sockets()
        make = partial(
            httpx.Client,
            verify=_trusted_authorities(),
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
        self._http = with_proxies_checked(make)

    def __repr__(self) -> str:
        """Name the store, never the token."""
        return f"Connection({str(self._http.base_url)!r})"

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    def get(
        self,
        path: str,
        params: dict[str, str],
        lighten: Callable[[], dict[str, str]] | None = None,
        decode: Callable[[bytes], Any] | None = None,
    ) -> Any:
        """Return the JSON at a path of the short list, with all due patience.

        Args:
            path: below the version of the API.
            params: what is asked for.
            lighten: asked, after an answer that did not come in time, for what to
                ask instead.
            decode: decodes the answer, where that is not done in the usual way.

        Raises:
            LightspeedUnavailable: patience has run out.
            LightspeedRefused: another try is useless.
            NotFound: a single record is not known.
        """
        if not _PATH.fullmatch(path):
            raise LightspeedRefused(
                "This client does not read such a path.",
                "It reads sales, customers and their groups, outlets, registers and "
                "the store only.",
            )
        patience = Patience(self._attempts, self._sleep, self._on_wait)
        wanted = dict(params)

        def attempt() -> Any:
            try:
                return self._attempt(path, wanted, decode)
            except PassingFault as fault:
                if fault.too_slow and lighten is not None:
                    wanted.update(lighten())
                raise

        try:
            found = patience.call(attempt)
        except RunEnded as ended:
            ended.at_source = True
            raise
        if self._on_reply:
            self._on_reply()
        return found

    def _attempt(
        self,
        path: str,
        params: dict[str, str],
        decode: Callable[[bytes], Any] | None,
    ) -> Any:
        self._keep_within_the_limit()
        self.requests += 1
        reply, content = self._receive(path, params)
        self._read_clock(reply.headers.get("Date"))
        if reply.status_code == _TOO_MANY_REQUESTS:
            self._allowance.forget()
        else:
            self._allowance.note(reply.headers, self.now())
        if reply.status_code == _NOT_FOUND and "/" in path:
            raise NotFound
        wait = seconds_to_wait(
            reply.headers.get("Retry-After"), self.replied_at or self.now()
        )
        return read_reply(reply.status_code, content, wait, decode)

    def _receive(self, path: str, params: dict[str, str]) -> tuple[Any, bytes]:
        """Return a reply and the whole of its body.

        Raises:
            PassingFault: there was none, or not within the time of a request.
            LightspeedRefused: the certificate is not trusted.
        """
        with self._sockets.limited(WHOLE_REQUEST) as limit:
            asked = self._http.stream(
                "GET", path, params=params, extensions={"trace": self._sockets.note}
            )
            try:
                with asked as reply:
                    self._sockets.add(reply.extensions.get("network_stream"))
                    content = _whole_body(reply)
            except httpx.RequestError as error:
                if not limit.is_over:
                    raise explain_no_reply(error, self._host) from error
            # Where the end of the connection ends the reply, there is no error.
            if limit.is_over:
                why = f"no whole answer within {limit.seconds:g} s"
                raise PassingFault(why, too_slow=True)
            return reply, content

    def _read_clock(self, date: str | None) -> None:
        """Note what the store's clock shows, and how far this machine's is ahead."""
        self.replied_at = http_date(date)
        store_time = self.replied_at
        self.ahead_by = None if store_time is None else self.now() - store_time

    def _keep_within_the_limit(self) -> None:
        """Wait, and say so, where the store allows no request before its next window.

        To be refused would cost a request and might count against other programs of
        the shop.
        """
        seconds = self._allowance.seconds_to_wait(self.now())
        if seconds > 0:
            self.pause(seconds, LIMIT_USED_UP)

    def pause(self, seconds: float, reason: str) -> None:
        """Wait before another request, and say why."""
        if self._on_wait:
            self._on_wait(seconds, reason)
        self._sleep(seconds)

    def true_since(self, asked_at: datetime) -> datetime:
        """Return the earliest moment whose state the last reply can show.

        A local clock that runs fast must not make a read look younger than it is.
        """
        if self.replied_at is None:
            return asked_at
        return min(asked_at, self.replied_at - (self.now() - asked_at))


def _whole_body(reply: httpx.Response) -> bytes:
    """Return the body of a reply.

    Raises:
        PassingFault: it is larger than any that was asked for.
    """
    content = bytearray()
    for part in reply.iter_bytes():
        content += part
        if len(content) > LARGEST_REPLY:
            raise PassingFault(
                f"its answer is larger than {LARGEST_REPLY >> 20} MB", too_slow=True
            )
    return bytes(content)


def _own_version() -> str:
    try:
        return installed_version("analytics-pipeline")
    except PackageNotFoundError:  # run from a source tree
        return "source"
