"""A client that asks customer by customer, as the earlier scripts did, and a bare one.

The earlier scripts list the customers, then search for the sales of each one, page by
page, and do so again every day.  This one is kinder than they were: it keeps one
connection, waits for nothing, and decodes only what it sums.
"""

import json
import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from time import perf_counter, process_time
from typing import Any

import httpx

from benchmarks.requests_result import (
    Read,
    choose_sample,
    count_requests,
    fingerprint,
    forget_requests,
)
from benchmarks.simulated_store import TOKEN
from benchmarks.worker import MEGABYTE, Outcome, Stopwatch

API = "/api/2.0"
PAGE = 200
CENT = Decimal("0.01")
VERSION_MAX = re.compile(rb'"max":\s*(\d+)\s*}\s*}\s*$')
SEVERAL = {"sales": 1_000, "customers": 5_000}


def by_customer(stopwatch: Stopwatch, origin: str) -> Outcome:
    """List all customers, read a sample's sales, and reckon up to all of them."""
    forget_requests(origin)
    with _client(origin) as client, stopwatch.running():
        customers = [
            each["id"]
            for page in _list_customers(client)
            for each in page
            if each["customer_code"] != "WALKIN"
        ]
        listing = count_requests(origin)
        chosen = choose_sample(customers)
        began, worked = perf_counter(), process_time()
        sales = [sale for each in chosen for sale in _sales_of(client, each)]
        of_sample, cpu = perf_counter() - began, process_time() - worked
    asked = count_requests(origin) - listing
    unread = len(customers) / len(chosen) - 1
    stopwatch.seconds += of_sample * unread
    stopwatch.cpu += cpu * unread
    figures = {"requests": listing + round(asked * (1 + unread))}
    return Outcome(fingerprint(sales), figures)


def _client(origin: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.Client(base_url=origin, headers=headers, timeout=60)


def _list_customers(client: httpx.Client) -> Iterator[list[dict[str, Any]]]:
    after = 0
    while True:
        body = _get(client, "customers", after=after, page_size=PAGE)
        if not body["data"]:
            return
        yield body["data"]
        after = body["version"]["max"]


def _sales_of(client: httpx.Client, customer: str) -> Iterator[Read]:
    offset = 0
    while True:
        given = {"type": "sales", "customer_id": customer}
        found = _get(client, "search", **given, page_size=PAGE, offset=offset)["data"]
        for sale in found:
            total = Decimal(sale["total_price_incl"])
            cents = int(total.quantize(CENT, ROUND_HALF_UP) * 100)
            yield sale["id"], int(sale["version"]), cents
        if len(found) < PAGE:
            return
        offset += len(found)


def _get(client: httpx.Client, path: str, **params: Any) -> Any:
    reply = client.get(f"{API}/{path}", params=params)
    reply.raise_for_status()
    return json.loads(reply.content, parse_float=Decimal)


def fetch_pages(stopwatch: Stopwatch, origin: str) -> Outcome:
    """Fetch the pages of both feeds, and decode nothing of them."""
    forget_requests(origin)
    size = 0
    with _client(origin) as client, stopwatch.running():
        for feed, page_size in SEVERAL.items():
            after = 0
            while True:
                params = {"after": after, "page_size": page_size, "deleted": "true"}
                content = client.get(f"{API}/{feed}", params=params).content
                size += len(content)
                newest = VERSION_MAX.search(content[-200:])
                if newest is None:
                    break
                after = int(newest[1])
    requests = count_requests(origin)
    return Outcome(None, {"requests": requests, "MB read": size / MEGABYTE})
