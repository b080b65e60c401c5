"""The definitions of a shop in a chain: those of a single one, under its name."""

from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.orchestration.home import home_of_chain, instance_home
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.orchestration.jobs import business_days
from analytics_pipeline.orchestration.records import (
    DAILY_UPDATE,
    ECOM_IMPORT,
    FULL_REBUILD,
)
from analytics_pipeline.orchestration.schedules import missed_days
from analytics_pipeline.settings import Settings, load_settings, read_chain
from analytics_pipeline_tests.chain_of_shops import write_shop

ZONE, START = "Australia/Sydney", "2025-01-01"
MASTER = "customer_analytics_master"


ZONES = {"America/New_York"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("chain")
    for name in ("north", "south"):
        values = {"ANALYTICS_TIMEZONE": ZONE, "ANALYTICS_START_DATE": START}
        write_shop(root / "shops", name, **values)
    return root


@pytest.fixture(scope="module")
def north(root: Path) -> Settings:
    return read_chain(root / "shops", root / "data").settings_of("north")


@pytest.fixture(scope="module")
def of_north(north: Settings) -> dg.Definitions:
    return build_definitions(north)


@pytest.fixture(scope="module")
def alone(root: Path) -> dg.Definitions:
    return build_definitions(
        load_settings(data_dir=root / "data", time_zone=ZONE, start_date=START)
    )


def described(definitions: dg.Definitions) -> dict[str, Any]:
    """Everything of the graph that has a table's name in it."""
    graph = definitions.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    return {
        "tables": {node.key.to_user_string() for node in nodes},
        "groups": {(node.key.to_user_string(), node.group_name) for node in nodes},
        "edges": {
            (node.key.to_user_string(), parent.to_user_string())
            for node in nodes
            for parent in node.parent_keys
        },
        "checks": {
            (key.asset_key.to_user_string(), key.name) for key in graph.asset_check_keys
        },
        "daily": {
            node.key.to_user_string()
            for node in nodes
            if node.partitions_def and node.backfill_policy
        },
        "fresh": {
            node.key.to_user_string()
            for node in nodes
            if node.freshness_policy_or_from_metadata
        },
    }


def renamed(found: Any) -> Any:
    """Take the shop's name away from every table of *found*."""
    if isinstance(found, set):
        return {renamed(each) for each in found}
    if isinstance(found, tuple):
        return tuple(renamed(each) for each in found)
    return found.removeprefix("north/").removeprefix("north_")


def test_every_table_check_edge_and_group_is_that_of_a_single_shop_under_its_name(
    of_north: dg.Definitions, alone: dg.Definitions
) -> None:
    ours, single = described(of_north), described(alone)

    assert all(name.startswith("north/") for name in ours["tables"])
    assert all(group.startswith("north_") for _, group in ours["groups"])
    assert {what: renamed(found) for what, found in ours.items()} == single


@pytest.mark.parametrize("name", [DAILY_UPDATE, FULL_REBUILD, ECOM_IMPORT])
def test_a_job_makes_the_same_tables_with_the_same_settings_and_names_the_shop(
    of_north: dg.Definitions, alone: dg.Definitions, name: str
) -> None:
    ours, single = of_north.resolve_job_def(name), alone.resolve_job_def(name)

    made = {key.to_user_string() for key in ours.asset_layer.selected_asset_keys}
    by_default = {k.to_user_string() for k in single.asset_layer.selected_asset_keys}
    assert {renamed(key) for key in made} == by_default
    assert ours.partitioned_config is not None
    assert ours.run_config == single.run_config
    assert {node.name for node in ours.nodes} == {node.name for node in single.nodes}
    assert (ours.tags["shop"], single.tags.get("shop")) == ("north", None)


def test_schedule_and_sensors_have_the_names_that_they_always_have(
    of_north: dg.Definitions, alone: dg.Definitions
) -> None:
    ours, single = of_north.get_repository_def(), alone.get_repository_def()

    for kind in ("schedule_defs", "sensor_defs"):
        names = [{each.name for each in getattr(of, kind)} for of in (ours, single)]
        assert names[0] == names[1] != set()


def publish(instance: dg.DagsterInstance, key: list[str], *days: str) -> None:
    for day in days:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(dg.AssetKey(key), partition=day)
        )


def test_each_shop_misses_its_own_days(
    north: Settings, of_north: dg.Definitions
) -> None:
    """North lacks the 17th and 19th; what south or a shop alone has is no matter."""
    days = business_days(north)
    with dg.instance_for_test() as instance:
        publish(instance, ["north", MASTER], "2025-06-16", "2025-06-18")
        publish(instance, ["south", MASTER], "2025-06-10", "2025-06-17", "2025-06-19")
        publish(instance, [MASTER], "2025-06-17")

        missed = {
            shop: missed_days(instance, days, "2025-06-20", shop, zones=ZONES)
            for shop in ("north", "south", "west")
        }
        repository = of_north.get_repository_def()
        tick = repository.get_schedule_def("daily_update_schedule").evaluate_tick(
            dg.build_schedule_context(
                instance=instance,
                scheduled_execution_time=datetime(2025, 6, 20, 16, tzinfo=UTC),
                repository_def=repository,
            )
        )

    assert missed["north"] == ["2025-06-19", "2025-06-17"]
    assert missed["south"][0] == "2025-06-18"
    assert missed["west"] == []
    asked = [request.partition_key for request in tick.run_requests or ()]
    assert asked == ["2025-06-20", *missed["north"]]
    job = of_north.resolve_job_def(DAILY_UPDATE)
    for request in tick.run_requests or ():
        chosen = set(request.asset_selection or ()) or None
        assert dg.validate_run_config(
            job.get_subset(asset_selection=chosen), request.run_config
        )


# The instance ----------------------------------------------------------------------


def settings_of(name: str) -> dict[str, Any]:
    text = files("analytics_pipeline").joinpath(name).read_text("utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def test_the_instance_of_a_chain_differs_only_in_concurrency() -> None:
    single, ours = settings_of("instance.yaml"), settings_of("instance_chain.yaml")

    apart = {"concurrency", "schedules", "sensors"}
    assert {name: ours[name] for name in ours.keys() - apart} == {
        name: single[name] for name in single.keys() - apart
    }
    runs = ours["concurrency"]["runs"]
    assert 1 < runs["max_concurrent_runs"] < 10
    (limit,) = runs["tag_concurrency_limits"]
    assert limit["key"] == "dagster/code_location"
    assert (limit["limit"], single["concurrency"]["runs"]) == (
        1,
        {"max_concurrent_runs": 1},
    )


def test_the_shops_share_one_instance_with_the_settings_of_a_chain(
    north: Settings, root: Path
) -> None:
    chain = read_chain(root / "shops", root / "data")
    homes = {instance_home(settings) for settings in chain.shops.values()}

    assert homes == {root / "data/.dagster"} == {home_of_chain(chain)}
    text = (root / "data/.dagster/dagster.yaml").read_text(encoding="utf-8")
    written = yaml.safe_load(text)
    kept = written.pop("storage")["custom"]
    assert kept["config"] == {"base_dir": str(root / "data/.dagster")}
    assert written == settings_of("instance_chain.yaml")
    queue = open_instance(north).get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.tag_concurrency_limits


def test_dagsters_home_goes_before_that(
    north: Settings, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))

    assert instance_home(north) == tmp_path
    assert home_of_chain(read_chain(root / "shops", root / "data")) == tmp_path
