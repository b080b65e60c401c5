"""Tests for analytics_pipeline.sources.lightspeed.client, seen through the client."""

import httpx
import pytest

from analytics_pipeline.model.errors import LightspeedRefused, LightspeedUnavailable
from analytics_pipeline.sources.lightspeed.client import SMALLEST, WISHES
from analytics_pipeline_tests.unit.sources.samples import Store, page


@pytest.mark.parametrize("collection", ["sales", "customers"])
def test_as_much_is_asked_for_as_is_wise(collection):
    store = Store(page(5), page())

    list(store.client().pages(collection))

    assert {str(WISHES[collection])} == set(store.params("page_size"))


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_store_that_refuses_so_much_is_asked_for_less_from_then_on(status):
    store = Store(*[httpx.Response(status)] * 2, page(5), page())

    list(store.client().pages("sales"))

    assert store.params("page_size") == ["1000", "500", "250", "250"]
    assert store.params("after") == ["0", "0", "0", "5"]


def test_a_refusal_of_the_smallest_page_is_a_refusal():
    store = Store(httpx.Response(400))

    with pytest.raises(LightspeedRefused):
        list(store.client().pages("sales"))
    assert store.params("page_size")[-1] == str(SMALLEST)


@pytest.mark.parametrize(
    "fault", [httpx.ReadTimeout("slow"), httpx.Response(504), httpx.Response(408)]
)
def test_a_page_that_takes_too_long_is_asked_for_with_less(fault):
    store = Store(page(5), fault, fault, page(6), page())

    pages = list(store.client().pages("sales"))

    assert [each.version_max for each in pages] == [5, 6]
    assert store.params("page_size") == ["1000", "1000", "500", "250", "250"]


def test_another_fault_makes_no_page_smaller():
    store = Store(httpx.Response(500), page(5), page())

    list(store.client().pages("sales"))

    assert {"1000"} == set(store.params("page_size"))


def test_a_store_that_is_always_too_slow_is_given_up_at_last():
    store = Store(httpx.ReadTimeout("slow"))

    with pytest.raises(LightspeedUnavailable, match="no answer in time"):
        list(store.client().pages("sales"))
    assert len(store.asked) == 6
