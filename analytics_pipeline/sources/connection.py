"""A source's API over HTTP: GET, with patience, and nothing else."""

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from threading import Lock, Timer
from typing import Any, TypedDict, Unpack
from urllib.parse import SplitResult, urlsplit

import httpx

from analytics_pipeline.model.errors import RunEnded, SourceError, WrongUse
from analytics_pipeline.sources.patience import (
    PassingFault,
    Patience,
    RefusedStatus,
    explain_no_reply,
    http_date,
    read_reply,
    seconds_to_wait,
    with_proxies_checked,
)
from analytics_pipeline.storage.machine import refuse_shortage

# ----------------------------------------------------------------------------------
# Where a source's API may be: only there does a token ever go.


def checked_url(url: str, variable: str, example: str) -> SplitResult:
    """Return the parts of *url* if it is one to which a token may be sent.

    Args:
        url: as somebody set it.
        variable: where it was set.
        example: what it should look like.

    Raises:
        WrongUse: it is none; the cause names the variable.
    """
    remedy = f"Set it to an origin such as `{example}`, or leave it out."
    try:
        parts = urlsplit(url)
        named = _is_place(parts)
    except ValueError as error:
        raise WrongUse(f"{variable} is no URL.", remedy) from error
    if not named:
        raise WrongUse(f"{variable} is no origin: scheme, host and port only.", remedy)
    if parts.scheme == "http" and not is_loopback(url):
        raise WrongUse(
            f"{variable} would send the token in the clear: plain http is for "
            "this machine only.",
            "Use https.",
        )
    return parts


def _is_place(parts: SplitResult) -> bool:
    """Return whether *parts* name scheme, host and port, and perhaps a path."""
    surplus = parts.query or parts.fragment
    signed_in = parts.username is not None or parts.password is not None
    named = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    return bool(named) and not surplus and not signed_in and parts.netloc.isascii()


def is_loopback(origin: str) -> bool:
    """Return whether *origin* is this machine, such as the simulated store's."""
    host = urlsplit(origin).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
# A source's API over HTTP: GET, with patience, and nothing else.
#
# Read-only by construction: a token may have the rights to write, so a connection
# knows a single method and a short list of paths.


_TOKEN = re.compile(r"[!-~]+")
_TIMEOUT = httpx.Timeout(90.0, connect=10.0)
_NOT_FOUND = 404


class NotFound(Exception):
    """The source does not know this one record."""


def local_now() -> datetime:
    """Return the moment by this machine's clock."""
    return datetime.now(UTC)


def is_token(text: str) -> bool:
    """Say whether *text* can be sent as a token."""
    return _TOKEN.fullmatch(text) is not None


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


class Options(TypedDict, total=False):
    """How a connection is used; each has its default.

    Attributes:
        transport: what carries requests, for tests.
        sleep: how to wait, for tests.
        now: the local clock.
        on_wait: called with seconds and reason before each wait.
        on_reply: called after each answer that can be used.
        attempts: how often one request may fail; waits for the request limit are
            counted by their time instead.
    """

    transport: httpx.BaseTransport | None
    sleep: Callable[[float], None]
    now: Callable[[], datetime]
    on_wait: Callable[[float, str], None] | None
    on_reply: Callable[[], None] | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Service:
    """A source that is read over HTTP.

    Attributes:
        name: what messages call it.
        paths: below the base of its API: nothing else is ever asked for.
        what_is_read: the same in words.
        singles: the paths of single records, which may not be there.
        unavailable: the error of a source that does not answer as it should.
        refused: the error of one that says no.
        explain_refusal: builds that error from the HTTP status.
    """

    name: str
    paths: re.Pattern[str]
    what_is_read: str
    unavailable: type[SourceError]
    refused: type[SourceError]
    explain_refusal: Callable[[int], SourceError]
    singles: re.Pattern[str] | None = None

    def has_single(self, path: str) -> bool:
        """Say whether *path* is that of a single record."""
        return self.singles is not None and self.singles.fullmatch(path) is not None


class ApiConnection:
    """Gets JSON from a source; every reply is checked, a passing fault tried again."""

    def __init__(
        self,
        service: Service,
        base_url: str,
        token: str,
        **options: Unpack[Options],
    ) -> None:
        """Prepare to ask the *service* at *base_url*; nothing is asked yet."""
        self._service = service
        self._sleep = options.get("sleep", time.sleep)
        self._on_wait, self._on_reply = options.get("on_wait"), options.get("on_reply")
        self._attempts = options.get("attempts", 6)
        self.now = options.get("now", local_now)
        self.replied_at: datetime | None = None
        self.ahead_by: timedelta | None = None
        self.requests = 0
        self._host = urlsplit(base_url).hostname or base_url
        self._sockets = Sockets()
        make = partial(
            httpx.Client,
            verify=_trusted_authorities(),
            base_url=base_url,
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/json",
                "User-Agent": f"analytics-pipeline/{_own_version()}",
            },
            timeout=_TIMEOUT,
            follow_redirects=False,
            transport=options.get("transport"),
            # A proxy of the environment cannot reach this machine's loopback.
            trust_env=not is_loopback(base_url),
        )
        self._http = with_proxies_checked(make)

    def __repr__(self) -> str:
        """Name the source, never the token."""
        return f"{type(self).__name__}({str(self._http.base_url)!r})"

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
            path: below the base of the API.
            params: what is asked for.
            lighten: asked, after an answer that did not come in time, for what to
                ask instead.
            decode: decodes the answer, where that is not done in the usual way.

        Raises:
            SourceError: patience has run out, or another try is useless.
            NotFound: a single record is not known.
        """
        service = self._service
        if not service.paths.fullmatch(path):
            raise service.refused(
                "This client does not read such a path.", service.what_is_read
            )
        patience = Patience(
            service.name,
            service.unavailable,
            self._attempts,
            self._sleep,
            self._on_wait,
        )
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
        self.keep_within_the_limit()
        self.requests += 1
        reply, content = self._receive(path, params)
        self._read_clock(reply.headers.get("Date"))
        self.note_limit(reply)
        if reply.status_code == _NOT_FOUND and self._service.has_single(path):
            raise NotFound
        wait = seconds_to_wait(
            reply.headers.get("Retry-After"), self.replied_at or self.now()
        )
        try:
            return read_reply(reply.status_code, content, wait, decode)
        except RefusedStatus as refused:
            raise self._service.explain_refusal(refused.status) from None

    def keep_within_the_limit(self) -> None:
        """Wait before a request, where the source says how many it still allows."""

    def note_limit(self, reply: httpx.Response) -> None:
        """Take what a reply says of how many requests are still allowed."""

    def _receive(self, path: str, params: dict[str, str]) -> tuple[Any, bytes]:
        """Return a reply and the whole of its body.

        Raises:
            PassingFault: there was none, or not within the time of a request.
            SourceError: the certificate is not trusted.
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
                    refused = self._service.refused
                    raise explain_no_reply(error, self._host, refused) from error
            # Where the end of the connection ends the reply, there is no error.
            if limit.is_over:
                why = f"no whole answer within {limit.seconds:g} s"
                raise PassingFault(why, too_slow=True)
            return reply, content

    def _read_clock(self, date: str | None) -> None:
        """Note what the source's clock shows, and how far this machine's is ahead."""
        self.replied_at = http_date(date)
        store_time = self.replied_at
        self.ahead_by = None if store_time is None else self.now() - store_time

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
