"""Versions of products: the latest of each, and what a walk of the feed brings new."""

from collections.abc import Iterable

import pandas as pd

from analytics_pipeline.model.checks import CheckResult, Severity, name_some
from analytics_pipeline.model.ids import is_among
from analytics_pipeline.model.schemas.sources import Products
from analytics_pipeline.model.schemas.table import columns_of
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import SaleLineKind

_SEGMENT = "segment"
KEPT = [name for name in columns_of(Products) if name != _SEGMENT]
"""What is compared: everything but where in the log it is."""


def latest_products(versions: pd.DataFrame) -> pd.DataFrame:
    """Return the last of the *versions* of each product, in the order of their ids."""
    ordered = versions.sort_values(["product_id", _SEGMENT], kind="stable")
    return ordered.drop_duplicates("product_id", keep="last", ignore_index=True)


def latest_read(pages: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the latest version of each product on the *pages* of one walk."""
    read = pd.concat(list(pages), ignore_index=True)
    ordered = read.sort_values(["product_id", "version"], kind="stable")
    return ordered.drop_duplicates("product_id", keep="last", ignore_index=True)


def find_news(
    known: pd.DataFrame,
    read: pd.DataFrame,
    standing: Iterable[str],
    *,
    is_full: bool,
) -> pd.DataFrame:
    """Return the products *read* that are not as they are *known*.

    One in an older version than is known is none, unless everything *is_full* read
    again: then the versions of the store went back.

    Args:
        known: the latest version of each product.
        read: what a walk has read, each product once.
        standing: the ids of those in quarantine: one of them that is good is news,
            whatever it was before.
        is_full: whether the walk began at the start of the feed.
    """
    both = pd.concat([known, read], ignore_index=True)
    is_other = ~both.duplicated(KEPT).to_numpy()[len(known) :]
    was_rejected = is_among(read["product_id"], standing)
    counts = _that_counts(known, read, is_full=is_full)
    return read[counts & (is_other | was_rejected)].reset_index(drop=True)


def _that_counts(
    known: pd.DataFrame, read: pd.DataFrame, *, is_full: bool
) -> "pd.Series[bool]":
    """Say of each product *read* whether it takes the place of what is *known*."""
    if is_full:
        return pd.Series(True, read.index)
    return ~_is_older(known, read)


def _is_older(known: pd.DataFrame, read: pd.DataFrame) -> "pd.Series[bool]":
    """Say of each product *read* whether a later version of it is *known*."""
    versions = known.set_index("product_id")["version"]
    before = versions.reindex(read["product_id"]).fillna(0).to_numpy()
    return read["version"] < before


# ----------------------------------------------------------------------------------
# What is checked of a walk, and of the lines that name products.


def check_replay(
    versions: pd.DataFrame, known: pd.DataFrame, read: pd.DataFrame, *, is_full: bool
) -> CheckResult:
    """Check that all *versions* come to the products as they were *read*.

    Those that were not read now are as they were *known*.
    """
    counted = read[_that_counts(known, read, is_full=is_full)]
    wanted = pd.concat([known, counted], ignore_index=True)
    wanted = wanted.drop_duplicates("product_id", keep="last")
    both = pd.concat([latest_products(versions), wanted], ignore_index=True)
    differing = int((~both.duplicated(KEPT, keep=False)).sum())
    return CheckResult(
        "log_is_what_was_read",
        not differing,
        f"The log comes to the {len(wanted)} products as they were read."
        if not differing
        else "The log does not come to the products as they were read.",
        evidence={"products": len(wanted), "differing": differing},
    )


def check_known_products(
    known: pd.DataFrame, read: pd.DataFrame, rejected: Iterable[str], *, is_full: bool
) -> CheckResult:
    """Report products that a full walk lacks, or shows in an older version.

    Those that it lacks stay as they were; those *rejected* are there.
    """
    check = "known_products_are_there"
    if not is_full:
        sentence = "Only a full read could lack a product that was known."
        return CheckResult(check, True, sentence)
    shown = [*read["product_id"], *rejected]
    lacking = known.loc[~is_among(known["product_id"], shown), "product_id"].tolist()
    older = read.loc[_is_older(known, read), "product_id"].tolist()
    sentence = "The full read found every known product, in no older version."
    if lacking or older:
        all_known = say(len(known), "product", "products")
        sentence = (
            f"The full read lacks {len(lacking)} of {all_known}; "
            f"what it lacks stays as it was. It has {len(older)} in an older version "
            "than was known."
        )
    return CheckResult(
        check,
        not (lacking or older),
        sentence,
        Severity.WARN,
        {
            "known": len(known),
            "lacking": len(lacking),
            "older": len(older),
            "products": name_some([*lacking, *older]),
        },
    )


def check_products_known(lines: pd.DataFrame, products: pd.DataFrame) -> CheckResult:
    """Report goods whose product is not among the *products*, if there are any.

    Args:
        lines: ``SaleLines`` of a day.
        products: ``Products``, each once; none where the point of sale lists none.
    """
    goods = lines[lines["kind"] == SaleLineKind.GOODS]
    named = goods["product_id"].dropna()
    unknown = named[~is_among(named, products["product_id"])]
    ids = sorted(set(unknown))
    passed = not ids or products.empty
    return CheckResult(
        "products_are_known",
        passed,
        "Every product that goods of the day name is known."
        if not ids
        else "The point of sale lists no products."
        if products.empty
        else f"{say(len(ids), 'product', 'products')} on "
        f"{say(len(unknown), 'line', 'lines')} of the day "
        f"{'is' if len(ids) == 1 else 'are'} not among the {len(products)} products "
        "that are known.",
        Severity.WARN,
        {
            "lines": len(unknown),
            "unknown": len(ids),
            "products": name_some(ids),
        },
    )
