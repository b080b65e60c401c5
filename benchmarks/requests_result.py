"""What a client read of some customers' sales, and what the store counted."""

import hashlib
from collections.abc import Iterable, Sequence

import httpx

SAMPLE = 300

Read = tuple[str, int, int]
"""A sale as read: its id, its version and its total in cents."""


def choose_sample(customers: Iterable[str]) -> list[str]:
    """Return some of the customers, spread over all of them."""
    every = sorted(customers)
    return every[:: max(1, len(every) // SAMPLE)][:SAMPLE]


def fingerprint(sales: Sequence[Read]) -> str:
    """Return what tells these sales from any others, in whatever order."""
    return hashlib.sha256(repr(sorted(sales)).encode()).hexdigest()


def forget_requests(origin: str) -> None:
    """Let the store count from zero."""
    httpx.delete(f"{origin}/_simulator/stats").raise_for_status()


def count_requests(origin: str) -> int:
    """Return how many requests the store has counted."""
    return int(httpx.get(f"{origin}/_simulator/stats").json()["total"])
