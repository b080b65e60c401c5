"""Tests for analytics_pipeline.sources.lightspeed.products."""

import json
from typing import Any

import pytest

from analytics_pipeline.model.schemas.sources import Products
from analytics_pipeline.simulator.projections import Projection
from analytics_pipeline.sources.lightspeed.products import products_rows
from analytics_pipeline_tests.contract.simulator.small_store import (
    OPENED,
    make_product,
)
from analytics_pipeline_tests.unit.sources.damages import (
    DAMAGES,
    MISSING,
    damaged_everywhere,
    received,
    spot,
)
from analytics_pipeline_tests.unit.sources.samples import product


def row_of(record: Any) -> dict[str, Any]:
    rows, rejections = products_rows([record], segment=3)
    assert rejections == []
    Products.validate(rows, lazy=True)
    plain = rows.astype(object).where(rows.notna(), None)
    return {str(name): value for name, value in plain.iloc[0].items()}


def rule_of(record: Any) -> str:
    rows, rejections = products_rows([record], segment=3)
    assert rows.empty
    return rejections[0].rule


def test_a_variant_becomes_its_row_under_its_family() -> None:
    assert row_of(product()) == {
        "product_id": "product-2",
        "version": 30_000_000_009,
        "segment": 3,
        "name": "Clay mug",
        "variant_name": "Clay mug / Moss",
        "family_id": "product-1",
        "category": "Kitchen",
        "brand": "Hollow Oak",
        "supplier": "Dale; Sons",
        "is_active": True,
        "is_deleted": False,
    }


@pytest.mark.parametrize("parent", [None, "", " ", 7, [], {}, "two words"])
def test_without_a_parent_a_product_is_its_own_family(parent: Any) -> None:
    without = product()
    del without["variant_parent_id"]

    for record in (product(variant_parent_id=parent), without):
        assert row_of(record)["family_id"] == "product-2"


def test_ids_are_read_in_their_one_spelling() -> None:
    loud = "0ADAAFB3-6583-11E5-FB60-D5B67A17DF2F"

    row = row_of(product(id=loud, variant_parent_id=f"{{{loud}}}"))

    assert row["product_id"] == row["family_id"] == loud.lower()


def test_the_version_may_be_in_the_metadata_as_that_of_a_sale() -> None:
    record = product(_metadata={"version": 12})
    del record["version"]

    assert row_of(record)["version"] == 12


@pytest.mark.parametrize("field", ["brand", "supplier", "type", "product_category"])
def test_a_name_may_be_given_as_such(field: str) -> None:
    others = {"product_category": None, "type": None}
    row = row_of(product(**{**others, field: " Hollow\tOak "}))

    column = field if field in row else "category"
    assert row[column] == "Hollow Oak"


@pytest.mark.parametrize("category", [None, {}, "", {"name": None}, {"name": " "}])
def test_a_product_without_a_category_is_of_its_type(category: Any) -> None:
    assert row_of(product(product_category=category))["category"] == "Crockery"
    assert row_of(product(product_category=category, type={}))["category"] is None


@pytest.mark.parametrize(
    ("fields", "is_active"),
    [
        ({}, True),
        ({"active": True, "is_active": True}, True),
        ({"active": True, "is_active": False}, False),
        ({"active": False, "is_active": True}, False),
        ({"active": None, "is_active": "no"}, True),
        ({"is_active": 0}, True),
    ],
)
def test_a_product_is_for_sale_unless_a_field_denies_it(
    fields: dict[str, Any], is_active: bool
) -> None:
    record = product()
    del record["active"], record["is_active"]

    assert row_of(record | fields)["is_active"] is is_active


@pytest.mark.parametrize("nested", [False, True], ids=["2.0", "2026-07"])
def test_both_versions_of_the_interface_come_to_the_same_row(nested: bool) -> None:
    listed = make_product(
        parent_id="product-0", brand="Hollow Oak", is_active=False, deleted_at=OPENED
    )

    row = row_of(json.loads(Projection(nested=nested).product(listed)))

    assert row == {
        "product_id": "product-1",
        "version": listed.version,
        "segment": 3,
        "name": "Clay mug",
        "variant_name": "Clay mug / 1",
        "family_id": "product-0",
        "category": None,
        "brand": "Hollow Oak",
        "supplier": None,
        "is_active": False,
        "is_deleted": True,
    }


DECIDE = ("id", "version", "deleted_at")
"""What a product is rejected for; what else cannot be read of it is missing."""

OF_FIELD = {
    "name": "name",
    "variant_name": "variant_name",
    "variant_parent_id": "family_id",
    **dict.fromkeys(("product_category", "product_category.name"), "category"),
    **dict.fromkeys(("brand", "brand.name"), "brand"),
    **dict.fromkeys(("supplier", "supplier.name"), "supplier"),
    **dict.fromkeys(("active", "is_active"), "is_active"),
}
"""The column that a field is read into; one that is not here is read into none."""


@pytest.mark.parametrize("damage", [*DAMAGES, MISSING])
def test_a_damage_changes_its_own_column_and_rejects_no_product(damage: str) -> None:
    before = row_of(product())
    damaged = [
        (path, text.replace('"product-2"', f'"product-2-{place}"'))
        for place, (path, text) in enumerate(
            damaged_everywhere(json.dumps(product()), damage)
        )
        if path[0] not in DECIDE
    ]
    records = received([text for _, text in damaged])

    rows, rejections = products_rows(records, segment=3)

    assert rejections == []
    Products.validate(rows, lazy=True)
    plain = rows.set_index("product_id").astype(object)
    by_id = plain.where(plain.notna(), None).to_dict("index")
    for (path, _), record in zip(damaged, records, strict=True):
        row = by_id[record["id"]]
        changed = {name for name in row if row[name] != before[name]}
        assert changed <= {OF_FIELD.get(spot(path))}, path
        assert "" not in row.values(), path


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"id": None}, "id_is_given"),
        ({"id": " "}, "id_is_given"),
        ({"version": None}, "version_is_given"),
        ({"version": -4}, "version_is_given"),
        ({"version": "many"}, "version_is_given"),
        ({"deleted_at": "yesterday"}, "deleted_at_is_a_time"),
        ({"deleted_at": True}, "deleted_at_is_a_time"),
    ],
)
def test_without_id_version_or_a_clear_deletion_a_product_is_rejected(
    change: dict[str, Any], rule: str
) -> None:
    assert rule_of(product(**change)) == rule


def test_no_free_text_of_a_product_is_kept() -> None:
    values = map(str, row_of(product()).values())

    assert not [value for value in values if "Ada" in value]


def test_of_a_product_twice_on_a_page_the_latest_version_counts() -> None:
    rows, rejections = products_rows(
        [product(version=9, name="new"), product(version=8, name="old")], segment=0
    )

    assert (list(rows["name"]), rejections) == (["new"], [])


def test_a_version_that_is_not_believed_is_rejected() -> None:
    rows, rejections = products_rows(
        [product(version=11), product(id="other", version=10)],
        segment=0,
        highest_version=10,
    )

    assert list(rows["product_id"]) == ["other"]
    assert [each.rule for each in rejections] == ["version_is_near_its_neighbours"]
