"""Products as rows of ``products``: what they are called, and among what.

Only id, version and deletion decide whether a product can be used.  What else cannot be
read of one is missing: to reject it for a name would leave its sales without any.
"""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from analytics_pipeline.model.schemas.sources import Products
from analytics_pipeline.sources.values import (
    LARGEST_VERSION,
    Rejection,
    Unusable,
    frame_of,
    identifier,
    is_set,
    optional_name,
    single_line,
    sort_out,
    version,
    version_in,
)

_CATEGORIES = ("product_category", "type")
"""What a category is called: types became categories."""


def products_rows(
    records: Iterable[Any],
    *,
    segment: int,
    page: int = 1,
    highest_version: int = LARGEST_VERSION,
) -> tuple[pd.DataFrame, list[Rejection]]:
    """Return ``Products`` rows of *records*, and what was rejected and why.

    Of a product that appears twice on a page, the latest version makes the row.  One
    above *highest_version* is rejected.
    """
    rows, rejections = sort_out(
        records,
        lambda record: _row(record, segment),
        table="products",
        page=page,
        highest_version=highest_version,
    )
    latest = {row[0]: row for row in sorted(rows, key=lambda row: int(row[1]))}
    return frame_of(list(latest.values()), Products), rejections


def _row(record: dict[str, Any], segment: int) -> tuple[Any, ...]:
    """Return the values of one product in the column order of ``Products``."""
    product_id = identifier(record.get("id"))
    categories = (_name_of(record.get(each)) for each in _CATEGORIES)
    return (
        product_id,
        version(version_in(record)),
        segment,
        _name_of(record.get("name")),
        _name_of(record.get("variant_name")),
        optional_name(record.get("variant_parent_id")) or product_id,
        next(filter(None, categories), None),
        _name_of(record.get("brand")),
        _name_of(record.get("supplier")),
        _is_active(record),
        is_set(record.get("deleted_at"), "deleted_at_is_a_time"),
    )


def _name_of(value: Any) -> str | None:
    """Return a name, given as text or as the ``name`` of what has one."""
    name = value.get("name") if isinstance(value, dict) else value
    try:
        return single_line(name, "name_is_text")
    except Unusable:
        return None


def _is_active(record: dict[str, Any]) -> bool:
    """Say whether a product is for sale: it is, unless one of its two fields denies."""
    return record.get("is_active") is not False and record.get("active") is not False
