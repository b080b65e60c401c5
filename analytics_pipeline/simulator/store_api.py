"""The paths of the interface: feeds, single records, search and the store itself."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.datastructures import QueryParams

from analytics_pipeline.simulator.faults import POISON, FaultKind
from analytics_pipeline.simulator.feed import (
    FreshOrder,
    in_version_order,
    page_ending_at,
    page_of,
)
from analytics_pipeline.simulator.projections import Projection
from analytics_pipeline.simulator.queries import (
    BadRequest,
    read_integer,
    read_page_size,
    read_window,
)
from analytics_pipeline.simulator.quirks import Quirks
from analytics_pipeline.simulator.records import StoreState
from analytics_pipeline.simulator.replies import Reply, not_found, refusal
from analytics_pipeline.simulator.search import (
    find_customers,
    find_products,
    find_sales,
    in_sale_date_order,
)
from analytics_pipeline.simulator.written_records import WrittenRecords

FEEDS = ("sales", "customers", "customer_groups", "products", "outlets", "registers")
DATED_VERSIONS = ("2026-01", "2026-04", "2026-07")
REPEATED_ROWS = 3
LYING_TOTAL = 1_000_000_000

_DATED = re.compile(r"\d{4}-\d{2}")


def served_version(asked: str) -> str | None:
    """Return the version that answers: an unknown dated one gets the oldest."""
    if asked == "2.0" or asked in DATED_VERSIONS:
        return asked
    return DATED_VERSIONS[0] if _DATED.fullmatch(asked) else None


def kind_of(path: str, params: QueryParams) -> str:
    """Return what a request is for, as the statistics count it."""
    match path.split("/")[1:]:
        case ["retailer"]:
            return "retailer"
        case ["search"]:
            return f"search/{params.get('type', 'none')}"
        case [kind] if kind in FEEDS:
            return f"feed/{kind}"
        case [kind, _] if kind in FEEDS:
            return f"single/{kind}"
    return "unknown"


class StoreApi:
    """Answers a GET from the store as it is, with no thought for access."""

    def __init__(
        self,
        state: Callable[[], StoreState],
        page_limit: int,
        search_limit: int,
        quirks: Quirks,
    ) -> None:
        """Say where the store is and how large a page may be."""
        self._state = state
        self._page_limit = page_limit
        self._search_limit = search_limit
        self._quirks = quirks
        self._feeds: dict[str, FreshOrder[Any, Any]] = {
            kind: FreshOrder(partial(self._records, kind), in_version_order)
            for kind in FEEDS
        }
        self._sales_by_date = FreshOrder(lambda: state().sales, in_sale_date_order)
        self._written = {
            nested: WrittenRecords(
                Projection(nested=nested, string_numbers=quirks.string_numbers),
                lambda: state().retailer,
            )
            for nested in (False, True)
        }

    def answer(self, path: str, params: QueryParams, fault: FaultKind | None) -> Reply:
        """Return the reply to ``{version}/{path}``, with the page fault if any."""
        asked, *parts = path.split("/")
        version = served_version(asked)
        if version is None:
            return not_found(f"There is no API version {asked}")
        written = self._written[version not in self._quirks.flat_versions]
        try:
            return self._route(parts, params, written, fault)
        except BadRequest as error:
            return refusal(400, "Bad Request", str(error))

    def _route(
        self,
        parts: list[str],
        params: QueryParams,
        written: WrittenRecords,
        fault: FaultKind | None,
    ) -> Reply:
        match parts:
            case ["retailer"]:
                return _single(written.retailer())
            case ["search"]:
                return self._search(params, written, fault)
            case [kind] if kind in FEEDS:
                return self._feed_page(kind, params, written, fault)
            case [kind, record_id] if kind in FEEDS:
                record = self._records(kind).get(record_id)
                if record is None:
                    return not_found(f"There is no {record_id} in {kind}")
                row = written.rows(kind, [record])[0]
                return _single(self._spelled(row, is_loud=True))
        return not_found("There is no such path")

    def _records(self, kind: str) -> dict[str, Any]:
        state = self._state()
        by_kind: dict[str, dict[str, Any]] = {
            "sales": state.sales,
            "customers": state.customers,
            "customer_groups": state.customer_groups,
            "products": state.products,
            "outlets": state.outlets,
            "registers": state.registers,
        }
        return by_kind[kind]

    def _feed_page(
        self,
        kind: str,
        params: QueryParams,
        written: WrittenRecords,
        fault: FaultKind | None,
    ) -> Reply:
        window = read_window(params, self._page_limit)
        if kind == "sales":  # there is no switch: deleted and voided always show
            window = replace(window, deleted=True)
        rows = self._feeds[kind].rows()
        page = page_of(rows, window, before_inclusive=self._quirks.before_inclusive)
        if fault is FaultKind.EMPTY_PAGES:
            page = []
        newest = page[-1].version if page else None
        if fault is FaultKind.STUCK_VERSION:
            page, newest = page_ending_at(rows, window, window.size), window.after
        elif fault is FaultKind.REPEATED_ROWS and page:
            page = [*(page_ending_at(rows, window, REPEATED_ROWS) or page[:1]), *page]
        versions = {"min": page[0].version if page else None, "max": newest}
        tail = b',"version":' + json.dumps(versions).encode()
        if fault is FaultKind.MISSING_VERSION:
            tail = b""
        records = [
            self._spelled(row, is_loud=bool(record.version % 2))
            for record, row in zip(page, written.rows(kind, page), strict=True)
        ]
        if fault is FaultKind.POISONED_VERSION and page:
            true, false = str(newest).encode(), str(POISON).encode()
            records = [*records[:-1], records[-1].replace(true, false)]
            tail = tail.replace(true, false)
        return _listing(records, tail)

    def _search(
        self, params: QueryParams, written: WrittenRecords, fault: FaultKind | None
    ) -> Reply:
        offset = read_integer(params, "offset") or 0
        size = read_page_size(params, self._search_limit)
        deepest = self._quirks.search_window
        if deepest is not None and offset + size > deepest:
            raise BadRequest(f"offset and page_size must stay within {deepest}")
        if fault is FaultKind.REPEATED_ROWS:
            offset = max(0, offset - REPEATED_ROWS)
        kind, found = self._found(params)
        total = LYING_TOTAL if fault is FaultKind.LYING_TOTAL else len(found)
        count = f',"total_count":{total}' if self._counts else ""
        rows = written.rows(kind, found[offset : offset + size])
        loud = [self._spelled(row, is_loud=True) for row in rows]
        return _listing(loud, count.encode())

    def _spelled(self, row: bytes, *, is_loud: bool) -> bytes:
        """Write the loud ids of a record in capitals, if *is_loud*.

        A single record and a search always do, a feed does for every other version.
        """
        for each in sorted(self._state().loud_ids) if is_loud else ():
            row = row.replace(each.encode(), each.upper().encode())
        return row

    @property
    def _counts(self) -> bool:
        return self._quirks.search_total_count

    def _found(self, params: QueryParams) -> tuple[str, list[Any]]:
        """Return everything that the search matches, in its order."""
        indexed_until = self._state().now - self._quirks.search_lag
        match params.get("type"):
            case "sales":
                by_date = self._sales_by_date.rows()
                return "sales", find_sales(by_date, params, indexed_until=indexed_until)
            case "customers":
                rows = self._feeds["customers"].rows()
                return "customers", find_customers(
                    rows, params, indexed_until=indexed_until
                )
            case "products":
                rows = self._feeds["products"].rows()
                return "products", find_products(
                    rows, params, indexed_until=indexed_until
                )
        raise BadRequest("type must be sales, customers or products")


def _single(record: bytes) -> Reply:
    return Reply(200, b'{"data":' + record + b"}")


def _listing(rows: list[bytes], tail: bytes) -> Reply:
    return Reply(200, b'{"data":[' + b",".join(rows) + b"]" + tail + b"}")
