"""Reading a Lightspeed Retail (X-Series) store over its API (API 1, 2, 5, 9)."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import httpx

from analytics_pipeline.domain.ids import plain_id
from analytics_pipeline.sources.allowance import Allowance
from analytics_pipeline.sources.connection import Connection, NotFound, local_now
from analytics_pipeline.sources.feed_pages import FeedPages, Page
from analytics_pipeline.sources.json_parts import UnreadableRecord
from analytics_pipeline.sources.origin import origin_for
from analytics_pipeline.sources.page_sizes import PageSize
from analytics_pipeline.sources.payload_values import told_id
from analytics_pipeline.sources.replies import (
    NotUnderstood,
    not_what_was_asked,
    record_of,
    records_of,
    resource_of,
    stated_total,
)
from analytics_pipeline.sources.search import SalesSearch

__all__ = ["LightspeedClient", "Page", "origin_for"]

SingleRecord = dict[str, Any] | UnreadableRecord
"""A record that was asked for by its id, or all that can be decoded of it."""

_COLLECTIONS = frozenset({"sales", "customers", "outlets", "registers"})


class LightspeedClient:
    """A store, to be read only: the client can do nothing but GET."""

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
        """Prepare to read *origin* (see :func:`origin_for`); nothing is asked yet.

        Args:
            origin: scheme, host and port.
            token: a personal token.
            api_version: ``2.0`` or a dated one such as ``2026-07``.
            transport: what carries requests, for tests.
            sleep: how to wait, for tests.
            now: the local clock.
            on_wait: told seconds and reason before each wait.
            on_reply: called after each answer that can be used.
            attempts: how often one request may fail; waits for the request limit
                are counted by their time instead.
            allowance: what is left of the request limit, where several clients of
                one store share it.
        """
        self._connection = Connection(
            origin,
            token,
            api_version,
            transport=transport,
            sleep=sleep,
            now=now,
            on_wait=on_wait,
            on_reply=on_reply,
            attempts=attempts,
            allowance=allowance,
        )

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
    ) -> Iterator[Page]:
        """Yield a collection's pages in the order of versions, until an empty one.

        Pages are as large as the store grants; without a *page_size* as large as is
        wise.  One shorter than asked for is not the end (API 2.1); with *confirm_end*
        an empty one is not either, until the page from just before the cursor shows
        that nothing follows.

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
        yield from feed.walk(after, confirm_end=confirm_end)

    def _page(self, collection: str, params: dict[str, str], size: PageSize) -> Any:
        """Return a page's reply; ask for less where the store refuses so much."""
        while True:
            try:
                return self._connection.get(
                    collection, params | size.wanted(), size.shrunk
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
            # Where it cannot tell its id, it is the one that was asked for.
            told = {key: value for key, value in record.known.items() if value}
            record = UnreadableRecord({"id": record_id, **told})
        if told_id(record) != plain_id(record_id):
            raise not_what_was_asked("the record of that id")
        return record

    def search_sales(self) -> SalesSearch:
        """Return a search for sales by their date: for comparison, not for truth."""
        return SalesSearch(self._connection.get)

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
