"""Tests for analytics_pipeline.definitions: the graph, as a list people can read."""

import warnings
from datetime import date, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.freshness import CronFreshnessPolicy

from analytics_pipeline.definitions import build_definitions, defs
from analytics_pipeline.settings import load_settings

GRAPH = """
customer_analytics         customers  daily  customer_identities customers ecom_orders outlets raw_sales sales_feed
customer_analytics_master  exports    daily  customer_analytics customer_identities customer_predictions customer_rfm customers ecom_orders first_time_buyers outlets sales_feed tier_outlook
customer_changes           exports    daily  customer_analytics customer_analytics_master customer_identities customer_rfm customers ecom_orders outlets raw_sales sales_feed
customer_cohorts           insights   daily  customer_analytics customer_analytics_master customer_identities customers ecom_orders outlets raw_sales
customer_identities        customers  once   customers ecom_orders
customer_log               sources    once   customers
customer_predictions       insights   daily  customer_analytics customer_identities customers ecom_orders outlets prediction_models raw_sales
customer_report            reports    daily  customer_analytics customer_analytics_master customer_changes customer_identities customers ecom_orders ecom_reconciliation outlets raw_sales sales_feed
customer_rfm               insights   daily  customer_analytics customer_identities customers ecom_orders outlets raw_sales
customers                  sources    once   lightspeed outlets
ecom_feed                  sources    once   web_shop
ecom_orders                sources    once   ecom_feed web_shop
ecom_reconciliation        exports    once   customer_analytics_master customer_identities customers ecom_orders outlets raw_sales
first_time_buyers          exports    daily  customer_analytics customer_identities customers ecom_orders outlets sales_feed
outlet_analytics           insights   daily  customer_analytics customer_analytics_master customer_identities customers ecom_orders outlets raw_sales
outlets                    sources    once   lightspeed
prediction_models          insights   daily  customer_analytics customer_identities customers ecom_orders outlets raw_sales
product_analytics          insights   daily  customer_analytics customer_analytics_master customer_identities customers ecom_orders outlets products raw_sales sale_lines
products                   sources    once   lightspeed sales_feed
raw_sales                  sales      daily  customers outlets sales_feed
sale_lines                 sales      daily  outlets products raw_sales sales_feed
sales_feed                 sources    once   lightspeed
tier_outlook               insights   daily  customer_analytics customer_identities customers ecom_orders outlets raw_sales
"""  # noqa: E501

CHECKS = """
customer_analytics         conserves_money customers_have_records is_caught_up matches_schema no_person_vanished orders_are_counted_once sales_are_current tiers_move_slowly walk_in_is_known
customer_analytics_master  is_caught_up matches_schema
customer_changes           causes_are_known changes_add_up earlier_master_is_known figures_are_current matches_schema sales_are_current
customer_cohorts           cohorts_add_up matches_schema
customer_identities        every_record_has_one_person matches_schema nothing_is_kept_apart people_look_right placeholders_are_few
customer_log               log_is_what_was_read matches_schema
customer_predictions       calibration_holds matches_schema
customer_report            figures_add_up matches_schema
customer_rfm               matches_schema scores_are_exhaustive
customers                  contacts_are_valid contacts_hold_one_address ids_differ_in_more_than_case matches_schema rows_are_sound
ecom_feed                  known_orders_are_there matches_schema rows_are_sound
ecom_orders                contacts_hold_one_address export_is_complete export_is_fresh export_is_readable matches_schema order_words_are_known
ecom_reconciliation        categories_add_up evidence_agrees matches_schema orders_have_sales refunds_reach_the_tills
first_time_buyers          is_caught_up matches_schema
outlet_analytics           matches_schema outlets_add_up
outlets                    matches_schema one_currency outlets_are_all_there phone_region_is_known time_zone_agrees
prediction_models          matches_schema models_are_sound
product_analytics          buyers_are_counted_once matches_schema
products                   known_products_are_there log_is_what_was_read matches_schema rows_are_sound
raw_sales                  hours_are_usual ids_differ_in_more_than_case is_caught_up matches_schema no_sale_is_a_little_short prices_are_usual sales_stand_once starts_with_the_first_sale tax_is_usual volume_is_usual words_are_known
sale_lines                 conserves_lines lines_are_explained matches_schema products_are_known
sales_feed                 agrees_with_search matches_schema no_known_sale_is_lost no_sale_is_dated_later rows_are_sound
tier_outlook               forecast_came_true matches_schema tiers_are_those_of_the_day
"""  # noqa: E501


def lines_of(text):
    return [line.split() for line in text.strip().splitlines()]


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return build_definitions(
        load_settings(data_dir=folder, start_date=date(2025, 1, 1))
    )


@pytest.fixture(scope="module")
def nodes(definitions):
    graph = definitions.resolve_asset_graph()
    keys = graph.materializable_asset_keys
    return {key.to_user_string(): graph.get(key) for key in keys}


def test_everything_can_be_loaded(definitions):
    dg.Definitions.validate_loadable(definitions)


def test_the_graph_is_as_documented(nodes):
    found = [
        [
            name,
            node.group_name,
            "daily" if node.partitions_def else "once",
            *(sorted(key.to_user_string() for key in node.parent_keys) or ["-"]),
        ]
        for name, node in sorted(nodes.items())
    ]

    assert found == lines_of(GRAPH)


def test_the_graph_begins_with_what_is_outside(definitions):
    graph = definitions.resolve_asset_graph()
    outside = [graph.get(key) for key in graph.external_asset_keys]

    assert {node.key.to_user_string() for node in outside} == {"lightspeed", "web_shop"}
    for node in outside:
        assert node.group_name == "outside"
        assert len(node.description or "") > 20
        assert not node.parent_keys


def test_the_checks_of_every_table_are_as_documented(nodes):
    found = [
        [name, *sorted(key.name for key in node.check_keys)]
        for name, node in sorted(nodes.items())
    ]

    assert found == lines_of(CHECKS)


def test_every_table_says_what_it_is_whose_and_of_which_columns(nodes):
    for name, node in nodes.items():
        assert len(node.description or "") > 20, name
        assert list(node.owners) == ["team:analytics"], name
        assert node.kinds, name
        columns = node.metadata["dagster/column_schema"].columns
        assert all(column.description for column in columns), name


def test_the_daily_tables_take_a_range_of_days_in_one_run(nodes):
    for name, node in nodes.items():
        if node.partitions_def:
            policy = node.backfill_policy
            assert policy == dg.BackfillPolicy.single_run(), name


def test_a_day_is_made_from_the_same_day_of_the_table_before(definitions):
    graph = definitions.resolve_asset_graph()
    for child, parent in [
        ("customer_analytics", "raw_sales"),
        ("first_time_buyers", "customer_analytics"),
        ("customer_analytics_master", "customer_analytics"),
    ]:
        mapping = graph.get_partition_mapping(dg.AssetKey(child), dg.AssetKey(parent))
        assert isinstance(
            mapping, dg.IdentityPartitionMapping | dg.TimeWindowPartitionMapping
        )


def test_what_people_read_must_be_fresh_every_morning(definitions):
    graph = definitions.resolve_asset_graph()
    policies = {
        node.key.to_user_string(): node.freshness_policy_or_from_metadata
        for key in graph.get_all_asset_keys()
        if (node := graph.get(key)).freshness_policy_or_from_metadata
    }

    assert set(policies) == {
        name for name, group, *_ in lines_of(GRAPH) if group in {"exports", "reports"}
    }
    for policy in policies.values():
        assert isinstance(policy, CronFreshnessPolicy)
        assert policy.deadline_cron == "0 6 * * *"
        assert policy.lower_bound_delta == timedelta(hours=6)
        assert policy.timezone == "America/New_York"


def test_every_check_says_in_words_what_it_holds_against_what(definitions):
    graph = definitions.resolve_asset_graph()
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]

    assert len(specs) == sum(len(line) - 1 for line in lines_of(CHECKS))
    for spec in specs:
        assert len(spec.description or "") > 20, spec.name
        assert str(spec.description).endswith("."), spec.name
        assert spec.blocking is not spec.description.endswith("A failure warns.")


def test_jobs_and_schedule_are_there_by_name(definitions):
    repository = definitions.get_repository_def()

    assert {"daily_update", "full_rebuild"} <= set(repository.job_names)
    assert repository.has_schedule_def("daily_update_schedule")


def test_loading_the_definitions_warns_of_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(tmp_path))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        defs.load_fn().get_repository_def()

    assert [str(each.message) for each in caught] == []


def test_building_the_definitions_writes_nothing(tmp_path):
    folder = tmp_path / "data"

    build_definitions(load_settings(data_dir=folder))

    assert not folder.exists()
