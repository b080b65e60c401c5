"""Switches for what the interface's documents leave open or sources disagree on."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

RetryAfterForm = Literal["http-date", "seconds", "absent", "past"]
WebOrderSort = Literal["newest", "oldest", "updated", "scrambled"]


@dataclass(frozen=True, slots=True)
class Quirks:
    """How this store behaves where a client must be ready for more than one way.

    Attributes:
        string_numbers: amounts are JSON strings instead of numbers.
        flat_versions: the API versions that answer with flat sales.
        check_host: a ``*.retail.lightspeed.app`` host with another prefix is 404;
            other hosts (loopback, a proxy) show no prefix and are not checked.
        before_inclusive: whether a record at exactly ``before`` is in the page.
        retry_after: how a 429 says when to come back.
        rate_window_seconds: length of the fixed window of the rate limit.
        search_total_count: whether a search says how many records match.
        search_lag: how long a new record stays unknown to the search index.
        search_window: the deepest offset plus page that search serves, else 400.
    """

    string_numbers: bool = False
    flat_versions: frozenset[str] = frozenset({"2.0"})
    check_host: bool = True
    before_inclusive: bool = True
    retry_after: RetryAfterForm = "http-date"
    rate_window_seconds: float = 300
    search_total_count: bool = True
    search_lag: timedelta = timedelta(0)
    search_window: int | None = None


@dataclass(frozen=True, slots=True)
class WebShopQuirks:
    """How the web shop behaves where its documents are silent.

    Attributes:
        bounds_inclusive: whether an order that changed at exactly ``updatedFrom`` or
            ``updatedTo`` is found.
        sort: the order of results: when placed, either way; when changed; by nothing.
        total_off_by: how far ``total`` is from the truth.
        has_api: whether the plan includes the API; 402 if not.
        shows_profile: whether the token may read the store's profile.
    """

    bounds_inclusive: bool = True
    sort: WebOrderSort = "newest"
    total_off_by: int = 0
    has_api: bool = True
    shows_profile: bool = True
