"""The changes that the report lists: the largest ones, and nobody's e-mail in them."""

import re
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.vocabulary import ChangeKind

MOST_LISTED = 20

_WEB_PERSON = re.compile(r"ecom-[0-9a-f]{16}")
_ORDER = {
    kind.value: place
    for place, kind in enumerate(
        (
            ChangeKind.GONE,
            ChangeKind.MERGED,
            ChangeKind.SPLIT,
            ChangeKind.TIER,
            ChangeKind.VALUE,
            ChangeKind.NEW,
            ChangeKind.SEGMENT,
        )
    )
}


def list_largest_changes(changes: pd.DataFrame) -> list[dict[str, str]]:
    """Return the changes that matter most, as the page shows them.

    People who are gone or one now come first, then tiers, then money by its size.  The
    id of a web-shop buyer stands for an e-mail, so that it is not named.

    Args:
        changes: ``customer_changes`` of one day.
    """
    ranked = changes.assign(
        kind_place=changes["change"].map(_ORDER),
        size=-changes["lifetime_value_change_cents"].abs(),
    ).sort_values(["kind_place", "size", "customer_id"], kind="stable")
    return [_describe(each) for each in ranked.head(MOST_LISTED).to_dict("records")]


def _describe(change: Mapping[Hashable, Any]) -> dict[str, str]:
    """Return one change in words."""
    value = int(change["lifetime_value_change_cents"])
    day = change["cause_date"]
    return {
        "person": _nameless(change["customer_id"]),
        "change": str(change["change"]),
        "before": _nameless(change["before"]),
        "after": _nameless(change["after"]),
        "value": f"{'+' if value > 0 else ''}{format_cents(value)}" if value else "",
        "cause": str(change["cause"]),
        "by": _nameless(change["cause_id"]),
        "day": "" if pd.isna(day) else str(day)[:10],
    }


def _nameless(text: object) -> str:
    """Return *text* without what stands for somebody's e-mail."""
    if not isinstance(text, str):
        return ""
    return _WEB_PERSON.sub("a web-shop buyer", text)
