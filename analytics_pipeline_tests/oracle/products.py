"""The products once more: what the store lists, and what its lines name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from analytics_pipeline.simulator.records import ListedProduct, StoreState


def listed(product: ListedProduct) -> dict[str, Any]:
    """Say what the table has to say of one product of the store."""
    return {
        "version": product.version,
        "name": product.name,
        "variant_name": product.variant_name,
        "family_id": product.parent_id if product.parent_id else product.id,
        "category": product.category,
        "brand": product.brand,
        "supplier": product.supplier,
        "is_active": product.is_active,
        "is_deleted": product.deleted_at is not None,
    }


def stored_products(data: Path) -> dict[str, dict[str, Any]]:
    """Read the log file by file: what comes later takes the place of what was."""
    found: dict[str, dict[str, Any]] = {}
    folder = data / "warehouse/products/generation-000001"
    for path in sorted(folder.glob("*.parquet")):
        for row in pd.read_parquet(path).to_dict("records"):
            plain = {str(k): None if pd.isna(v) else v for k, v in row.items()}
            plain.pop("segment")
            found[plain.pop("product_id")] = plain
    return found


def product_differences(state: StoreState, data: Path) -> Iterator[str]:
    """Name every product that is not stored as the store lists it.

    Name too those that a stored line of goods has and the table has not.
    """
    found = stored_products(data)
    expected = {key: listed(product) for key, product in state.products.items()}
    for key in sorted(found.keys() | expected.keys()):
        if found.get(key) != expected.get(key):
            yield f"product {key}: {expected.get(key)} expected, {found.get(key)} found"
    for path in sorted((data / "warehouse/sale_lines").glob("*.parquet")):
        named = pd.read_parquet(path)["product_id"].dropna()
        for key in sorted(set(named) - found.keys()):
            yield f"product {key} of a line of {path.stem} is not known"
