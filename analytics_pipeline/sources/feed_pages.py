"""Walking a feed in the order of versions, to an end that something else confirms.

An empty page says the same whether a feed has ended, a server behind it has not
caught up, or its store was restored from a copy.  So an end is believed only when the
page from just before the cursor, which cannot be empty, shows that the feed is alive
and has nothing above the cursor.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics_pipeline.domain.feed_versions import highest_plausible
from analytics_pipeline.errors import LightspeedUnavailable
from analytics_pipeline.sources.replies import last_version, records_of, versions_of

PAUSES = (1.0, 2.0, 5.0)
"""Seconds to wait before each further try where a list must not be empty."""

EMPTY_TOO_EARLY = "its list is empty where it should not be"
"""Why to wait before such a try."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a collection, in the order of versions.

    Attributes:
        records: as delivered; each should be an object, which the normaliser judges.
            One that cannot be decoded is an ``UnreadableRecord``.
        version_max: the version to read on from.  Where the page holds nothing but
            records far above it, the version that was read on from before.
        number: counted from 1 in one walk.
        began_at: no later than the moment whose state the page shows.
        highest_version: a record above it is far above its neighbours, and does not
            move ``version_max``.
    """

    records: list[Any]
    version_max: int
    number: int
    began_at: datetime
    highest_version: int


@dataclass(frozen=True, slots=True)
class _Reply:
    """What one request has brought.

    Attributes:
        records: as delivered.
        reached: the version to read on from; 0 where nothing tells it.
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
            pause: waits so many seconds, and tells why.
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

    def _reply(self, after: int) -> _Reply:
        asked_at = self._now()
        body = self._ask(after)
        records = records_of(body)
        versions = versions_of(records)
        highest = highest_plausible(after, versions)
        reached = last_version(body, records, highest)
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
    """Return the records above *cursor*, and those after it that tell no version."""
    told = [next(iter(versions_of([record])), None) for record in records]
    read = [n for n, version in enumerate(told) if version and version <= cursor]
    first_new = max(read, default=-1) + 1
    return [
        record
        for n, (record, version) in enumerate(zip(records, told, strict=True))
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


def nothing_at_all(what: str) -> LightspeedUnavailable:
    """Build the error of a first page that is empty while a search finds records."""
    return LightspeedUnavailable(
        f"Lightspeed's list of {what} is empty, but its search finds some.",
        "Try again later; nothing was replaced.",
    )
