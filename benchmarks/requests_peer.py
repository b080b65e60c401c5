"""A client that fetches the same pages and decodes nothing, and the store's count."""

import re

import httpx

from benchmarks.simulated_store import TOKEN
from benchmarks.worker import MEGABYTE, Outcome, Stopwatch

API = "/api/2.0"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
VERSION_MAX = re.compile(rb'"max":\s*(\d+)\s*}\s*}\s*$')
SEVERAL = {"sales": 1_000, "customers": 5_000}


def fetch_pages(stopwatch: Stopwatch, origin: str) -> Outcome:
    """Fetch the pages of both feeds, and decode nothing of them."""
    forget_requests(origin)
    size = 0
    client = httpx.Client(base_url=origin, headers=HEADERS, timeout=60)
    with client, stopwatch.running():
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


def forget_requests(origin: str) -> None:
    """Let the store count from zero."""
    httpx.delete(f"{origin}/_simulator/stats").raise_for_status()


def count_requests(origin: str) -> int:
    """Return how many requests the store has counted."""
    return int(httpx.get(f"{origin}/_simulator/stats").json()["total"])
