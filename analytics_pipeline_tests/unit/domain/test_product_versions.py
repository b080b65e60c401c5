"""Tests for analytics_pipeline.domain.product_versions."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.product_versions import (
    KEPT,
    check_known_products,
    check_products_known,
    check_replay,
    find_news,
    latest_products,
    latest_read,
)
from analytics_pipeline.model.schemas.sales import SaleLines
from analytics_pipeline.model.schemas.sources import Products
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import make_table

Catalogue = Mapping[str, Mapping[str, Any]]
"""What a store lists, by id."""


def products(*rows: Mapping[str, Any], segment: int = 0) -> pd.DataFrame:
    return make_table(Products, rows, segment=segment, family_id="f", version=1)


def one(product_id: str, version: int, name: str | None = None) -> dict[str, Any]:
    return {"product_id": product_id, "version": version, "name": name}


def names(frame: pd.DataFrame) -> dict[str, Any]:
    return dict(zip(frame["product_id"], frame["name"], strict=True))


A, B = one("a", 1, "Mug"), one("b", 2, "Tray")


def test_the_latest_is_the_last_in_the_log_whatever_its_version() -> None:
    log = pd.concat(
        [products(one("a", 9, "Mug"), B), products(one("a", 3, "Cup"), segment=1)]
    )

    assert names(latest_products(log)) == {"a": "Cup", "b": "Tray"}


def test_of_the_pages_of_a_walk_the_latest_version_counts() -> None:
    read = latest_read([products(one("a", 9, "new"), B), products(one("a", 3, "old"))])

    assert names(read) == {"a": "new", "b": "Tray"}


@pytest.mark.parametrize("is_full", [False, True])
def test_what_is_as_it_was_is_no_news(is_full: bool) -> None:
    assert find_news(products(A, B), products(B, A), [], is_full=is_full).empty


@pytest.mark.parametrize("is_full", [False, True])
def test_a_new_product_and_a_changed_one_are_news(is_full: bool) -> None:
    read = products(one("a", 3, "Cup"), one("c", 4, "Shears"))

    news = find_news(products(A, B), read, [], is_full=is_full)

    assert names(news) == {"a": "Cup", "c": "Shears"}


@pytest.mark.parametrize("is_full", [False, True])
def test_a_brand_that_was_renamed_is_news_at_the_same_version(is_full: bool) -> None:
    read = products({**A, "brand": "Hollow Oak"})

    assert len(find_news(products(A), read, [], is_full=is_full)) == 1


def test_an_older_version_is_news_only_where_everything_was_read_again() -> None:
    known, read = products(one("a", 9, "Mug")), products(one("a", 3, "Cup"))

    assert find_news(known, read, [], is_full=False).empty
    assert names(find_news(known, read, [], is_full=True)) == {"a": "Cup"}


def test_one_in_quarantine_that_is_good_again_is_put_in_whatever_it_was() -> None:
    assert len(find_news(products(A, B), products(A, B), ["b"], is_full=True)) == 1


# A store that changes between walks: the log comes to what it lists. ------------------


_FIELDS = st.fixed_dictionaries(
    {
        "name": st.sampled_from([None, "Mug", "Cup"]),
        "family_id": st.sampled_from("ab"),
        "brand": st.sampled_from([None, "Hollow Oak"]),
        "is_active": st.booleans(),
        "is_deleted": st.booleans(),
    }
)
_BATCHES = st.lists(
    st.tuples(
        st.booleans(),
        st.lists(st.tuples(st.sampled_from("abcde"), _FIELDS), max_size=5),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=up_to(60))
@given(_BATCHES)
def test_after_any_batches_of_changes_the_log_comes_to_what_the_store_lists(
    batches: Sequence[tuple[bool, Sequence[tuple[str, Mapping[str, Any]]]]],
) -> None:
    listed: dict[str, dict[str, Any]] = {}
    version = cursor = 0
    log = make_table(Products, [])
    known_then = []
    for segment, (is_full, changes) in enumerate(batches):
        for product_id, fields in changes:
            version += 1
            listed[product_id] = {**fields, "product_id": product_id}
            listed[product_id]["version"] = version
        shown = [
            each for each in listed.values() if is_full or each["version"] > cursor
        ]
        read = products(*shown, segment=segment)
        known = latest_products(log)

        news = find_news(known, read, [], is_full=is_full)
        log = pd.concat([log, news], ignore_index=True)

        cursor = version
        Products.validate(log, lazy=True)
        assert check_replay(log, known, read, is_full=is_full).passed
        assert check_known_products(known, read, [], is_full=is_full).passed
        known_then.append(as_listed(listed))
        assert len(news) <= len({product_id for product_id, _ in changes})
    for segment, then in enumerate(known_then):  # rule 15.1
        found = latest_products(log[log["segment"] <= segment])
        assert found[KEPT].equals(then)


def as_listed(catalogue: Catalogue) -> pd.DataFrame:
    rows = sorted(catalogue.values(), key=lambda each: each["product_id"])
    return products(*rows)[KEPT]


# What is checked. ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "log",
    [
        products(A),
        products(A, one("b", 2, "Other")),
        products(A, B, one("c", 3)),
        products(A, one("b", 1, "Tray")),
    ],
    ids=["lacks one", "has another name", "has one more", "has another version"],
)
def test_a_log_that_does_not_come_to_what_was_read_is_found(log: pd.DataFrame) -> None:
    result = check_replay(log, products(A), products(B), is_full=False)

    assert (result.passed, result.blocks) == (False, True)
    assert result.evidence["differing"] != 0


def test_a_full_read_that_lacks_products_or_goes_back_warns_with_counts() -> None:
    known = products(one("a", 5), one("b", 6), one("c", 7), one("d", 8))

    result = check_known_products(known, products(one("a", 4)), ["b"], is_full=True)

    assert (result.passed, result.blocks) == (False, False)
    assert {key: result.evidence[key] for key in ("known", "lacking", "older")} == {
        "known": 4,
        "lacking": 2,
        "older": 1,
    }
    assert "lacks 2 of 4 products; what" in result.sentence
    assert "has 1 in an older version" in result.sentence


def test_a_walk_of_changes_alone_lacks_nothing() -> None:
    assert check_known_products(products(A, B), products(), [], is_full=False).passed


def lines(*products: str | None, kind: str = "goods") -> pd.DataFrame:
    rows = [
        {"line_id": f"s:{n}", "kind": kind, "product_id": each}
        for n, each in enumerate(products)
    ]
    return make_table(
        SaleLines, rows, business_date=pd.Timestamp("2026-06-20"), line_number=1
    )


def test_goods_of_an_unknown_product_warn_with_counts() -> None:
    result = check_products_known(lines("a", "x", "x", "y", None), products(A))

    assert (result.passed, result.blocks) == (False, False)
    assert (result.evidence["lines"], result.evidence["unknown"]) == (3, 2)
    assert result.sentence.startswith("2 products on 3 lines of the day are not among")


@pytest.mark.parametrize("kind", ["discount", "gift_card", "shipping", "unexplained"])
def test_only_goods_have_to_be_listed(kind: str) -> None:
    assert check_products_known(lines("x", kind=kind), products(A)).passed


def test_where_no_products_are_listed_none_is_unknown() -> None:
    assert check_products_known(lines("x"), products()).passed
    assert check_products_known(lines(), products(A)).passed
