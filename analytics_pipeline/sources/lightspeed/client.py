"""Reading a Lightspeed Retail (X-Series) store over its API (API 1, 2, 5, 9)."""

import itertools
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self

from analytics_pipeline.domain.feed_versions import highest_plausible
from analytics_pipeline.model.errors import LightspeedUnavailable
from analytics_pipeline.model.ids import plain_id
from analytics_pipeline.sources.connection import NotFound
from analytics_pipeline.sources.lightspeed.http import Connection
from analytics_pipeline.sources.lightspeed.pages import decode_sales
from analytics_pipeline.sources.lightspeed.replies import (
    NotUnderstood,
    last_version,
    not_what_was_asked,
    record_of,
    records_of,
    resource_of,
    stated_total,
    versions_of,
)
from analytics_pipeline.sources.protocol import Page
from analytics_pipeline.sources.values import UnreadableRecord, usable_id

# ----------------------------------------------------------------------------------
# How many records to ask for at once (API 2.1).
#
# The largest page that the feeds grant is not documented. A larger wish is cut down
# to it, by all that is known, so the wish is large; what comes is taken as it is, and
# a short page never as the end.


DEFAULT_TERMS = 1_000
SMALLEST = 100

WISHES = {"sales": 1_000, "customers": 5_000}
"""A page is in memory at once, a sale with its lines and payments at some 45 kB: with
5,000 of them a first load needs 760 MB instead of 570."""


@dataclass(slots=True)
class PageSize:
    """How many records the next page is asked for."""

    asked: int

    @classmethod
    def of(cls, collection: str) -> Self:
        """Return the size to begin with."""
        return cls(WISHES.get(collection, DEFAULT_TERMS))

    def wanted(self) -> dict[str, str]:
        """Return the size as a parameter."""
        return {"page_size": str(self.asked)}

    def shrink(self) -> bool:
        """Ask for half as many from now on; say whether that was still possible."""
        if self.asked <= SMALLEST:
            return False
        self.asked = max(SMALLEST, self.asked // 2)
        return True

    def shrunk(self) -> dict[str, str]:
        """Shrink if possible, and return the size as a parameter."""
        self.shrink()
        return self.wanted()


# ----------------------------------------------------------------------------------
# Walking a feed in the order of versions, to an end that something else confirms.
#
# An empty page says the same whether a feed has ended, a server behind it has not
# caught up, or its store was restored from a copy. So an end is believed only when
# the page from just before the cursor, which cannot be empty, shows that the feed is
# alive and has nothing above the cursor.


PAUSES = (1.0, 2.0, 5.0)
"""Seconds to wait before each further try where a list must not be empty."""

EMPTY_TOO_EARLY = "its list is empty where it should not be"
"""Why to wait before such a try."""


@dataclass(frozen=True, slots=True)
class _Reply:
    """What one request has brought.

    Attributes:
        records: as delivered.
        reached: the version to read on from; 0 where none is stated.
        highest: a version above it is not believed.
        is_empty: whether each record, if there is any, has such a version.
        asked_at: when it was asked for, by the local clock.
    """

    records: list[Any]
    reached: int
    highest: int
    is_empty: bool
    asked_at: datetime


class FeedPages:
    """The pages of one collection, asked for one after the other."""

    def __init__(
        self,
        collection: str,
        ask: Callable[[int], Any],
        *,
        now: Callable[[], datetime],
        true_since: Callable[[datetime], datetime],
        pause: Callable[[float, str], None],
    ) -> None:
        """Prepare to walk a collection.

        Args:
            collection: what messages call it.
            ask: returns the reply with the records above a version.
            now: the clock before a request.
            true_since: the earliest moment whose state the last reply can show.
            pause: waits so many seconds, with the reason.
        """
        self._collection, self._ask = collection, ask
        self._now, self._true_since, self._pause = now, true_since, pause
        self._numbers = itertools.count(1)

    def walk(self, after: int, *, confirm_end: bool) -> Iterator[Page]:
        """Yield the pages above the version *after*, until the confirmed end.

        Without *confirm_end* one empty page ends the walk, unless it is the first of
        all: nothing at the start of a feed is always asked for again.

        Raises:
            LightspeedUnavailable: the version does not advance, or the store does
                not show what is at the cursor.
        """
        while True:
            reply = self._reply(after)
            if reply.is_empty and not after:
                reply = self._until_something(after, reply)
            if reply.is_empty:
                if reply.records:
                    yield self._page(reply, reply.records, after)
                if not (confirm_end and after):
                    return
                reply = self._witness(after)
                if reply.is_empty or reply.reached == after:
                    return
                records = _above(reply.records, after)
            else:
                records = reply.records
            if reply.reached <= after:
                raise stuck(self._collection)
            yield self._page(reply, records, reply.reached)
            after = reply.reached

    def walk_if_changed(self, after: int) -> Iterator[Page]:
        """Yield what a walk to the confirmed end does; of no change by one request.

        The first page is asked for from just before the version *after*. It cannot be
        empty, so where it shows nothing above that version, there is nothing.

        Raises:
            LightspeedUnavailable: as for :meth:`walk`.
        """
        reply = self._witness(after) if after else None
        if reply and not reply.is_empty:  # else look again as any walk does
            if reply.reached < after:
                raise stuck(self._collection)
            if records := _above(reply.records, after):
                yield self._page(reply, records, reply.reached)
            if reply.reached == after:
                return
            after = reply.reached
        yield from self.walk(after, confirm_end=True)

    def _reply(self, after: int) -> _Reply:
        asked_at = self._now()
        body = self._ask(after)
        records = records_of(body)
        versions = versions_of(records)
        highest = highest_plausible(after, versions)
        reached = last_version(body, records, versions, highest)
        is_untold = len(versions) < len(records)
        is_empty = not is_untold and all(each > highest for each in versions)
        return _Reply(records, reached, highest, is_empty, asked_at)

    def _page(self, reply: _Reply, records: list[Any], reached: int) -> Page:
        began_at = self._true_since(reply.asked_at)
        return Page(records, reached, next(self._numbers), began_at, reply.highest)

    def _until_something(self, after: int, reply: _Reply) -> _Reply:
        """Ask again, after pauses, for a page that is empty and should not be."""
        for seconds in PAUSES:
            if not reply.is_empty:
                break
            self._pause(seconds, EMPTY_TOO_EARLY)
            reply = self._reply(after)
        return reply

    def _witness(self, cursor: int) -> _Reply:
        """Return the page from just before *cursor*, which holds its record or later.

        An edit of that record, or its deletion, moves it up: then the page begins
        above the cursor, and far above it where the new version is wrong.

        Raises:
            LightspeedUnavailable: it stays empty.
        """
        reply = self._until_something(cursor - 1, self._reply(cursor - 1))
        if not reply.records:
            raise went_back(self._collection, cursor)
        return reply


def _above(records: list[Any], cursor: int) -> list[Any]:
    """Return the records above *cursor*, and those after it without a version."""
    values = [next(iter(versions_of([record])), None) for record in records]
    read = [n for n, version in enumerate(values) if version and version <= cursor]
    first_new = max(read, default=-1) + 1
    return [
        record
        for n, (record, version) in enumerate(zip(records, values, strict=True))
        if (version > cursor if version else n >= first_new)
    ]


def stuck(what: str) -> LightspeedUnavailable:
    """Build the error of a list that shows the same page again."""
    return LightspeedUnavailable(
        f"Lightspeed's list of {what} does not advance from page to page.",
        "Try again later; the next run goes on where this one stopped.",
    )


def went_back(what: str, cursor: int) -> LightspeedUnavailable:
    """Build the error of a feed that does not reach up to the cursor any more."""
    return LightspeedUnavailable(
        f"Lightspeed shows no {what} from version {cursor} on, though that version was "
        "read before: its store was restored from a copy, or the version was wrong.",
        "Try again later; if it stays so, read everything again: "
        "analytics-pipeline update --full",
    )


# ----------------------------------------------------------------------------------
# Finding sales by their date, in windows far from any limit on offsets (API 2.4).
#
# Search pages by offset over a list that moves while it is read, its index lags, and
# how deep an offset may go is not documented. So it is for comparison, never for
# truth.


PAGE_SIZE = 1000
"""The documented maximum of search."""

MOST_IN_A_WINDOW = 5_000
"""How many sales are read by offset; other clients met limits from 10,000 on."""

MOST_PIECES = 16
"""Into how many parts a window is divided at once, whatever the search counts."""

FRUITLESS_REQUESTS = 100
"""How many requests may show no new sale before a search is given up, besides two for
each that showed one."""

_SECOND = timedelta(seconds=1)

Window = tuple[datetime, datetime]
"""The first and the last second of a part of the period, both included."""


class WindowedSearch:
    """One search over a period; deleted sales are found too.

    Attributes:
        windows: in how many parts the period was read.
        unseen: how many sales the search counted and did not show, because its list
            moved while it was read.
    """

    def __init__(self, get: Callable[[str, dict[str, str]], Any]) -> None:
        """Search through *get*, which returns the JSON at a path."""
        self._get = get
        self.windows = 0
        self.unseen = 0
        self._fruitful = self._fruitless = 0

    def pages(self, date_from: datetime, date_to: datetime) -> Iterator[list[Any]]:
        """Yield pages of the sales dated within two moments.

        A sale may come twice; one may be missing while its index lags.

        Raises:
            LightspeedUnavailable: the list does not advance, or costs far more
                requests than it shows sales.
        """
        end = date_to + timedelta(microseconds=999_999)
        waiting: list[Window] = [(_whole(date_from), _whole(end))]
        while waiting:
            window = waiting.pop()
            parts = yield from self._read(window)
            waiting.extend(reversed(parts))

    def _read(self, window: Window) -> Generator[list[Any], None, list[Window]]:
        """Yield the pages of *window*; return its parts if it must be divided.

        It ends with an empty page, or with a short one that shows nothing new.  What
        the search counts divides a window only where a full page of sales confirms
        that there are many.
        """
        found: set[str] = set()
        while True:
            try:
                body = self._ask(window, len(found))
            except NotUnderstood:
                parts = _divide(window, 2) if found else []
                if not parts:
                    raise
                return parts
            records, total = records_of(body), stated_total(body)
            # The list may have moved: what counts is how many it has shown so far.
            known = len(found)
            shown = {_id_of(record, known + n) for n, record in enumerate(records)}
            if shown <= found:
                self._count_fruitless()
                if len(records) >= PAGE_SIZE:
                    raise _stuck()
                self.windows += 1
                self.unseen += max(0, (total or 0) - known)
                return []
            counted = total or 0 if len(records) >= PAGE_SIZE else 0
            if max(counted, known + len(records)) > MOST_IN_A_WINDOW:
                pieces = counted // (MOST_IN_A_WINDOW // 2) + 2
                if parts := _divide(window, min(pieces, MOST_PIECES)):
                    self._count_fruitless()
                    return parts
            if any(usable_id(record) for record in records):
                self._fruitful += 1
            else:
                self._count_fruitless()
            found |= shown
            yield records

    def _count_fruitless(self) -> None:
        """Count a request that showed no new sale to the caller.

        Raises:
            LightspeedUnavailable: there are too many of them.
        """
        self._fruitless += 1
        if self._fruitless > FRUITLESS_REQUESTS + 2 * self._fruitful:
            raise _endless(self._fruitless + self._fruitful)

    def _ask(self, window: Window, offset: int) -> Any:
        params = {
            "type": "sales",
            "date_from": _zulu(window[0]),
            "date_to": _zulu(window[1]),
            "deleted": "true",
            "page_size": str(PAGE_SIZE),
            "offset": str(offset),
        }
        return self._get("search", params)


def _divide(window: Window, pieces: int) -> list[Window]:
    """Divide a window into up to *pieces* that share no second; none if it is one."""
    seconds = int((window[1] - window[0]).total_seconds()) + 1
    pieces = min(pieces, seconds)
    if pieces < 2:
        return []
    starts = [window[0] + _SECOND * (seconds * n // pieces) for n in range(pieces)]
    ends = [*(start - _SECOND for start in starts[1:]), window[1]]
    return list(zip(starts, ends, strict=True))


def _id_of(record: Any, position: int) -> str:
    """Return what a found record is known by: its id, else where it was."""
    return usable_id(record) or f"at {position}"


def _whole(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _zulu(moment: datetime) -> str:
    """Write a moment as search wants it: a raw ``+`` would decode to a blank."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _stuck() -> LightspeedUnavailable:
    return LightspeedUnavailable(
        "Lightspeed's list of found sales does not advance from page to page.",
        "Try again later; the next run goes on where this one stopped.",
    )


def _endless(requests: int) -> LightspeedUnavailable:
    return LightspeedUnavailable(
        f"Lightspeed's search showed few sales in {requests} requests, and no end.",
        "Try again later, or without the comparison: "
        "analytics-pipeline update --days 0",
    )


# ----------------------------------------------------------------------------------
# Reading a Lightspeed Retail (X-Series) store over its API (API 1, 2, 5, 9).


SingleRecord = dict[str, Any] | UnreadableRecord
"""A record that was asked for by its id, or all that can be decoded of it."""

_COLLECTIONS = frozenset(
    {"sales", "customers", "customer_groups", "products", "outlets", "registers"}
)
_DECODERS: Mapping[str, Callable[[bytes], Any]] = {"sales": decode_sales}
"""What decodes the pages of a collection, where that is not the usual way."""


class LightspeedClient:
    """A store, to be read only: the client can do nothing but GET."""

    def __init__(self, connection: Connection) -> None:
        """Read through *connection*, which the client closes; nothing is asked yet."""
        self._connection = connection

    def __enter__(self) -> Self:
        """Return the client, which closes its connection at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def __repr__(self) -> str:
        """Name the store, never the token."""
        return f"LightspeedClient({self._connection!r})"

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @property
    def requests(self) -> int:
        """How many requests were sent, each repetition counted."""
        return self._connection.requests

    @property
    def server_now(self) -> datetime:
        """The earlier of the local clock and the last reply's ``Date`` header."""
        now = self._connection.now()
        return min(now, self._connection.replied_at or now)

    @property
    def clock_ahead_by(self) -> timedelta | None:
        """How far this machine's clock is ahead of the store's, by the last reply."""
        return self._connection.ahead_by

    def pages(
        self,
        collection: str,
        *,
        after: int = 0,
        page_size: int | None = None,
        deleted: bool = False,
        confirm_end: bool = False,
        seldom_changes: bool = False,
    ) -> Iterator[Page]:
        """Yield a collection's pages in the order of versions, until an empty one.

        Pages are as large as the store grants; without a *page_size* as large as is
        wise.  One shorter than asked for is not the end (API 2.1); with *confirm_end*
        an empty one is not either, until the page from just before the cursor shows
        that nothing follows.  A collection that *seldom_changes* is asked for that page
        first: on most nights it is the only one.

        Raises:
            LightspeedUnavailable: the version does not advance, so the end would
                never come, or the store does not show what is at the cursor.
        """
        if collection not in _COLLECTIONS:
            raise ValueError(f"{collection} is not a versioned collection")
        extra = {"deleted": "true"} if deleted else {}
        size = PageSize.of(collection) if page_size is None else PageSize(page_size)

        def ask(version: int) -> Any:
            return self._page(collection, {"after": str(version), **extra}, size)

        feed = FeedPages(
            collection,
            ask,
            now=self._connection.now,
            true_since=self._connection.true_since,
            pause=self._connection.pause,
        )
        if seldom_changes:
            yield from feed.walk_if_changed(after)
        else:
            yield from feed.walk(after, confirm_end=confirm_end)

    def _page(self, collection: str, params: dict[str, str], size: PageSize) -> Any:
        """Return a page's reply; ask for less where the store refuses so much."""
        while True:
            try:
                return self._connection.get(
                    collection,
                    params | size.wanted(),
                    size.shrunk,
                    _DECODERS.get(collection),
                )
            except NotUnderstood:
                if not size.shrink():
                    raise

    def sale(self, sale_id: str) -> SingleRecord | None:
        """Return one sale, or None if the store does not know it."""
        return self._single("sales", sale_id)

    def customer(self, customer_id: str) -> SingleRecord | None:
        """Return one customer record, or None if the store does not know it."""
        return self._single("customers", customer_id)

    def _single(self, collection: str, record_id: str) -> SingleRecord | None:
        try:
            record = record_of(self._connection.get(f"{collection}/{record_id}", {}))
        except NotFound:
            return None
        if isinstance(record, UnreadableRecord):
            # Where its id cannot be read, it is the one that was asked for.
            values = {key: value for key, value in record.known.items() if value}
            record = UnreadableRecord({"id": record_id, **values})
        if usable_id(record) != plain_id(record_id):
            raise not_what_was_asked("the record of that id")
        return record

    def search_sales(self) -> WindowedSearch:
        """Return a search for sales by their date: for comparison, not for truth."""
        return WindowedSearch(partial(self._connection.get, decode=decode_sales))

    def finds_any(self, kind: str) -> bool:
        """Say whether a search finds any record of a kind, or counts one.

        For a feed that shows nothing at all: a new store has nothing to find either.
        """
        params = {
            "type": kind,
            "date_from": "1970-01-01T00:00:00Z",
            "date_to": "9999-12-31T23:59:59Z",
            "deleted": "true",
            "page_size": "1",
            "offset": "0",
        }
        body = self._connection.get("search", params)
        return bool(records_of(body)) or (stated_total(body) or 0) > 0

    def retailer(self) -> dict[str, Any]:
        """Return the store itself: its time zone, country and currency."""
        return resource_of(self._connection.get("retailer", {}))
