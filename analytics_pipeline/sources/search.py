"""Finding sales by their date, in windows far from any limit on offsets (API 2.4).

Search pages by offset over a list that moves while it is read, its index lags, and how
deep an offset may go is not documented.  So it is for comparison, never for truth.
"""

from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from analytics_pipeline.errors import LightspeedUnavailable
from analytics_pipeline.sources.payload_values import told_id
from analytics_pipeline.sources.replies import NotUnderstood, records_of, stated_total

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


class SalesSearch:
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
            if any(told_id(record) for record in records):
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
    """Return what a found record is known by: its id, else where it stood."""
    return told_id(record) or f"at {position}"


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
