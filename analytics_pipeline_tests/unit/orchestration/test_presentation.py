"""Tests for orchestration.tables: what the UI says of every table."""

import re
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.settings import load_settings
from analytics_pipeline.tables import TABLES

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
WITH_CONTACTS = {
    "customers",
    "ecom_orders",
    "first_time_buyers",
    "customer_analytics_master",
}


def specs_of(**settings):
    settings = load_settings(start_date=date(2025, 1, 1), **settings)
    graph = build_definitions(settings).resolve_asset_graph()
    return {key.path[-1]: graph.get(key) for key in graph.materializable_asset_keys}


@pytest.fixture(scope="module")
def specs(tmp_path_factory):
    return specs_of(data_dir=tmp_path_factory.mktemp("data"))


def test_every_table_has_its_description(specs):
    assert set(specs) == set(TABLES)
    for name, spec in specs.items():
        for words in ("One row:", "For:", "File:", "When it is red:"):
            assert f"**{words}**" in spec.description, name


def test_the_readme_says_the_same_of_a_row():
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \|", README, re.MULTILINE))

    assert {name: spec.row for name, spec in TABLES.items()} == {
        name: rows[name] for name in TABLES
    }


def versions(specs):
    return {name: spec.code_version for name, spec in specs.items()}


def test_the_code_of_a_table_has_another_version_after_another_policy(tmp_path):
    plain = versions(specs_of(data_dir=tmp_path))
    assert versions(specs_of(data_dir=tmp_path)) == plain
    assert len(set(plain.values())) == len(plain)

    (tmp_path / "analytics.toml").write_text("vip_from = 2000\n")

    chosen = versions(specs_of(data_dir=tmp_path))
    assert all(chosen[name] != plain[name] for name in plain)


def test_every_table_has_an_address(specs, tmp_path):
    for name, spec in specs.items():
        address = spec.metadata["dagster/uri"]
        end = TABLES[name].file or f"warehouse/{name}"
        assert address.startswith("file:///"), name
        assert address.endswith(f"/{end}"), name
        assert spec.metadata["dagster/table_name"] == name


def test_tables_in_a_bucket_have_its_address(tmp_path):
    pytest.importorskip("s3fs")
    specs = specs_of(data_dir=tmp_path, store="s3://shop/tables")

    assert specs["raw_sales"].metadata["dagster/uri"] == "s3://shop/tables/raw_sales"


def test_tables_with_contacts_are_marked(specs):
    marked = {
        name for name, spec in specs.items() if spec.tags.get("personal_data") == "yes"
    }

    assert marked == WITH_CONTACTS


def test_the_columns_of_a_file_bear_its_headers_too(specs):
    schema = specs["customer_analytics_master"].metadata["dagster/column_schema"]
    words = {column.name: column.description for column in schema.columns}

    assert words["lifetime_value_cents"].startswith("*Lifetime Value* in the file – ")


def test_lineage_names_tables_and_columns_that_are_there(specs):
    values = {
        name: spec.metadata["dagster/column_lineage"].deps_by_column
        for name, spec in specs.items()
        if "dagster/column_lineage" in spec.metadata
    }

    assert set(values) == {
        "customer_log",
        "raw_sales",
        "first_time_buyers",
        "customer_analytics_master",
    }
    for name, deps in values.items():
        ours = {each.name for each in _columns(specs[name])}
        assert set(deps) <= ours
        for dep in (dep for several in deps.values() for dep in several):
            theirs = {each.name for each in _columns(specs[dep.asset_key.path[-1]])}
            assert dep.column_name in theirs


def _columns(spec):
    schema: dg.TableSchema = spec.metadata["dagster/column_schema"]
    return schema.columns
