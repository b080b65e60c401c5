"""A search that counts wrongly costs no more than the sales that it shows."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from analytics_pipeline.model.errors import LightspeedUnavailable
from analytics_pipeline.sources.lightspeed import client as search_module
from analytics_pipeline.sources.lightspeed.client import (
    FRUITLESS_REQUESTS,
    LightspeedClient,
    WindowedSearch,
)
from analytics_pipeline.sources.lightspeed.http import Connection
from analytics_pipeline.sources.values import id_in
from analytics_pipeline_tests.unit.sources.samples import LOCAL_NOW, TOKEN

START = datetime(2026, 1, 1, tzinfo=UTC)
WEEK = START + timedelta(days=7)


class Found:
    """A search over sales at given seconds, whose count is what *counts* says."""

    def __init__(
        self, seconds: list[int], counts: Callable[[int], Any], grants: int = 1000
    ) -> None:
        self.sales = [(START + timedelta(seconds=s), n) for n, s in enumerate(seconds)]
        self.counts, self.grants = counts, grants
        self.requests = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        asked = request.url.params
        first, last = (
            datetime.fromisoformat(asked[name]) for name in ("date_from", "date_to")
        )
        found = [{"id": str(n)} for when, n in self.sales if first <= when <= last]
        size = min(int(asked["page_size"]), self.grants)
        offset = int(asked["offset"])
        body = {
            "data": found[offset : offset + size],
            "total_count": self.counts(len(found)),
        }
        return httpx.Response(200, content=json.dumps(body))

    @contextmanager
    def search(self) -> Iterator[WindowedSearch]:
        with LightspeedClient(
            Connection(
                "https://shop.retail.lightspeed.app",
                TOKEN,
                "2026-07",
                transport=httpx.MockTransport(self),
                now=lambda: LOCAL_NOW,
            )
        ) as client:
            yield client.search_sales()


def read(found: Found) -> set[str]:
    with found.search() as search:
        pages = search.pages(START, WEEK)
        return {id_in(record) for records in pages for record in records}


LIES: dict[str, Callable[[int], Any]] = {
    "a billion": lambda _true: 10**9,
    "beyond 64 bits": lambda _true: 10**30,
    "just above the limit": lambda true: true + 5_001,
    "a million times as many": lambda true: true * 10**6,
    "none": lambda _true: 0,
    "fewer": lambda true: true // 2,
    "negative": lambda _true: -5,
    "a word": lambda _true: "many",
    "a fraction": lambda true: true + 0.5,
    "true": lambda _true: True,
    "null": lambda _true: None,
    "empty windows count too": lambda true: true or 10**7,
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("grants", [1000, 5], ids=["large pages", "small pages"])
def test_twelve_sales_cost_their_pages_and_one_more(lie: str, grants: int) -> None:
    found = Found([n * 40_000 for n in range(12)], LIES[lie], grants)

    assert len(read(found)) == 12
    assert found.requests == -(-12 // grants) + 1


SPREAD = {
    "over a week": [n * 200 for n in range(3_000)],
    "within an hour": [300_000 + n for n in range(3_000)],
    "in one second": [300_000] * 3_000,
    "half in one second": [n * 266 for n in range(1_500)] + [500_000] * 1_500,
}


@pytest.mark.parametrize(
    ("lie", "spread"),
    [
        pytest.param(lie, spread, marks=pytest.mark.nightly if (n + m) % 2 else ())
        for n, lie in enumerate(LIES)
        for m, spread in enumerate(SPREAD)
    ],
)
def test_full_pages_and_a_wrong_count_find_every_sale_within_the_budget(
    lie: str, spread: str
) -> None:
    found = Found(SPREAD[spread], LIES[lie])

    assert len(read(found)) == 3_000
    assert found.requests <= FRUITLESS_REQUESTS + 3 * 3_000 / 100


def test_windows_shrink_no_further_than_sales_are_dense(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A window is divided by a count only after a full page of it has been seen."""
    monkeypatch.setattr(search_module, "PAGE_SIZE", 10)
    found = Found([n * 6_000 for n in range(100)], LIES["a billion"])

    assert len(read(found)) == 100
    assert found.requests <= 100


@pytest.mark.parametrize(
    "record",
    [{"note": "no id"}, None, "odd", {"id": None}, {"id": ""}, []],
    ids=["no id", "null", "text", "null id", "empty id", "list"],
)
@pytest.mark.parametrize("total", [None, 3, 10**9])
def test_a_search_that_ignores_the_offset_and_names_nothing_is_given_up(
    record: Any, total: int | None
) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"data": [record], "total_count": total})

    with LightspeedClient(
        Connection(
            "https://shop.retail.lightspeed.app",
            TOKEN,
            "2026-07",
            transport=httpx.MockTransport(answer),
            now=lambda: LOCAL_NOW,
        )
    ) as client:
        pages = client.search_sales().pages(START, WEEK)
        with pytest.raises(LightspeedUnavailable, match="no end") as stopped:
            list(pages)

    assert len(asked) == FRUITLESS_REQUESTS + 1
    assert "--days 0" in stopped.value.remedy
