"""Ways around a gate, each tried and refused, and changes that must be noticed."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import dagster as dg
import pytest

from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.storage.parquet import seal_of
from analytics_pipeline_tests.light_run import (
    SOURCES,
    TABLES,
    UP_TO_PUBLISHING,
    run_light,
)
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    OPENED,
    SimulatedShop,
)

MASTER = "customer_analytics_master.csv"
ON_SOURCES = UP_TO_PUBLISHING[len(SOURCES) :]
DOWNSTREAM = (
    "raw_sales", "customer_analytics", "first_time_buyers", "customer_analytics_master",
)  # fmt: skip


@pytest.fixture
def shop(updated_shop: SimulatedShop) -> SimulatedShop:
    """The store with FIRST_DAY published already, and all of it to be damaged."""
    return updated_shop


def failure_of(shop: SimulatedShop) -> Mapping[str, str]:
    """Update FIRST_DAY, which must fail, and return what the failure says."""
    with pytest.raises(dg.Failure) as failed:
        run_light(shop.settings, FIRST_DAY)
    return {
        name: str(reported.value) for name, reported in failed.value.metadata.items()
    }


def materialize(
    shop: SimulatedShop, tables: Sequence[str], first: date, last: date | None = None
) -> dg.ExecuteInProcessResult:
    """Materialize *tables* as the UI does: some days of them, in one run."""
    job = build_definitions(shop.settings).resolve_implicit_global_asset_job_def()
    days = {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": (last or first).isoformat(),
    }
    return job.execute_in_process(
        instance=open_instance(shop.settings),
        asset_selection=[dg.AssetKey(table) for table in tables],
        tags=days if last else None,
        partition_key=None if last else first.isoformat(),
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )


def assert_equal_to_the_ledger(shop: SimulatedShop, day: date) -> None:
    assert expected_master(shop.store.state, day) == shop.rows(MASTER)


def from_day(shop: SimulatedShop, first: date) -> SimulatedShop:
    settings = shop.settings.model_copy(update={"start_date": first})
    return SimulatedShop(shop.store, shop.simulator, settings)


def test_materialize_all_without_configuration_makes_the_day_and_the_late_ones(
    shop: SimulatedShop,
) -> None:
    """The biggest button of the UI, after a sale of an earlier day has changed."""
    sales = shop.store.state.sales.values()
    oldest = min(sales, key=lambda sale: sale.sale_date)
    oldest.version = max(sale.version for sale in sales) + 1

    result = materialize(shop, TABLES, FIRST_DAY)

    assert result.success
    assert_equal_to_the_ledger(shop, FIRST_DAY)


def data_versions(shop: SimulatedShop) -> dict[str, str]:
    """The data version of every table, as Dagster's records have it."""
    graph = build_definitions(shop.settings).resolve_asset_graph()
    found = {}
    with open_instance(shop.settings) as instance:
        for key in graph.materializable_asset_keys:
            event = instance.get_latest_materialization_event(key)
            assert event is not None
            assert event.asset_materialization is not None
            tags = event.asset_materialization.tags or {}
            found[key.to_user_string()] = tags["dagster/data_version"]
    return found


@pytest.mark.nightly
def test_the_data_version_of_a_table_is_the_hash_of_its_bytes(
    shop: SimulatedShop,
) -> None:
    reported = data_versions(shop)

    root = shop.data / "warehouse"
    files = {
        name: root / name / f"{name}.parquet"
        for name in ("customers", "outlets", "customer_identities")
    } | {name: root / name / f"{FIRST_DAY}.parquet" for name in DOWNSTREAM[:2]}
    wanted = {name: seal_of(path) for name, path in files.items()}
    wanted["customer_analytics_master"] = sha256(
        (shop.data / MASTER).read_bytes()
    ).hexdigest()
    assert wanted == {name: reported[name] for name in wanted}
    assert shop.update(FIRST_DAY).failure is None
    again = data_versions(shop)
    # An export is put into the log of web orders after that log was reported.
    assert {name for name in reported if again[name] != reported[name]} <= {
        "sales_feed",
        "ecom_feed",
    }


def results_of_checks(shop: SimulatedShop) -> dict[str, str]:
    """The last result of every check, as the UI colours it."""
    graph = build_definitions(shop.settings).resolve_asset_graph()
    with open_instance(shop.settings) as instance:
        storage = instance.event_log_storage
        found = storage.get_latest_asset_check_execution_by_key(
            list(graph.asset_check_keys)
        )
    return {key.to_user_string(): each.status.value for key, each in found.items()}


def test_of_a_failed_run_only_the_check_that_failed_turns_red(
    shop: SimulatedShop,
) -> None:
    before = results_of_checks(shop)
    export = shop.data / "ecom_orders_export.csv"
    export.write_bytes(export.read_bytes().replace(b"order_number", b"number", 1))

    assert shop.update(FIRST_DAY).failure is not None

    failed = {"ecom_orders:export_is_readable": "FAILED"}
    assert before | failed == results_of_checks(shop) != before


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(OPENED, OPENED + timedelta(days=20), id="later"),
        pytest.param(OPENED + timedelta(days=20), OPENED, id="earlier"),
        pytest.param(
            OPENED + timedelta(days=20), OPENED - timedelta(days=3), id="before all"
        ),
    ],
)
def test_a_moved_start_date_neither_loses_nor_doubles_a_sale(
    shop: SimulatedShop, tmp_path: Path, before: date, after: date
) -> None:
    empty = shop.with_data(tmp_path / "empty")
    for first in (before, after, before):
        run_light(from_day(empty, first).settings, FIRST_DAY)

        assert_equal_to_the_ledger(empty, FIRST_DAY)


@pytest.mark.nightly
def test_dagster_follows_a_start_date_that_is_moved_and_moved_back(
    shop: SimulatedShop,
) -> None:
    for moved in (from_day(shop, OPENED + timedelta(days=20)), shop):
        assert moved.update(FIRST_DAY).failure is None

        assert_equal_to_the_ledger(moved, FIRST_DAY)


def test_a_moved_start_date_is_noticed_by_a_run_of_the_analytics_alone(
    shop: SimulatedShop,
) -> None:
    moved = from_day(shop, OPENED + timedelta(days=20))

    result = materialize(moved, ["customer_analytics"], FIRST_DAY)

    assert not result.success


def test_a_log_that_failed_its_gate_is_not_built_on_by_a_later_run(
    shop: SimulatedShop,
) -> None:
    before = (shop.data / MASTER).read_bytes()
    latest = sorted(shop.store.state.sales.values(), key=lambda sale: -sale.version)
    highest = latest[0].version
    for n, sale in enumerate(latest[:30], start=1):
        sale.total_price_incl = None  # type: ignore[assignment]
        sale.version = highest + n
    assert failure_of(shop)["exit_code"] == "1"

    result = materialize(shop, DOWNSTREAM, FIRST_DAY)

    assert not result.success
    assert before == (shop.data / MASTER).read_bytes()


def test_identities_made_from_other_customers_are_not_built_on(
    shop: SimulatedShop,
) -> None:
    changed = next(iter(shop.store.state.customers.values()))
    changed.version += 10**9
    assert materialize(shop, ["customers"], FIRST_DAY).success

    result = materialize(shop, DOWNSTREAM[1:], FIRST_DAY)

    assert not result.success


@pytest.mark.nightly
def test_any_range_of_days_is_one_run_and_gives_the_same_rows(
    shop: SimulatedShop,
) -> None:
    before = shop.reproducible(FIRST_DAY)
    first = FIRST_DAY - timedelta(days=39)

    result = materialize(shop, ["raw_sales"], first, FIRST_DAY)

    assert result.success
    assert before == shop.reproducible(FIRST_DAY)
    facts = {
        event.partition
        for event in result.get_asset_materialization_events()
        if event.partition
    }
    assert len(facts) == 40


@pytest.mark.nightly
def test_downstream_tables_are_backfilled_over_days_in_one_run(
    shop: SimulatedShop,
) -> None:
    published = (shop.data / MASTER).read_bytes()
    first = FIRST_DAY - timedelta(days=4)

    result = materialize(shop, DOWNSTREAM[1:], first, FIRST_DAY)

    assert result.success
    assert published == (shop.data / MASTER).read_bytes()
    for n in range(5):
        day = first + timedelta(days=n)
        archived = shop.rows(f"archive/customer_analytics_{day}.csv")
        assert expected_master(shop.store.state, day) == archived


def test_an_outlet_that_vanishes_stops_the_run(
    shop: SimulatedShop,
) -> None:
    shop.store.state.outlets.popitem()

    assert "outlets" in failure_of(shop)["cause"]


@pytest.mark.nightly
def test_a_zone_that_changes_recuts_what_it_moves(shop: SimulatedShop) -> None:
    outlet = max(shop.store.state.outlets.values(), key=lambda outlet: outlet.id)
    outlet.time_zone = "Pacific/Auckland"
    outlet.version += 10**9

    run_light(shop.settings, FIRST_DAY)

    assert_equal_to_the_ledger(shop, FIRST_DAY)


def test_a_walk_in_named_later_is_no_person_from_then_on(shop: SimulatedShop) -> None:
    named = shop.rows(MASTER)[0]["Customer ID"]
    (shop.data / "analytics.toml").write_text(f'walk_in_customer_id = "{named}"\n')

    run_light(shop.settings, FIRST_DAY, tables=("customers", *ON_SOURCES))

    assert named not in {row["Customer ID"] for row in shop.rows(MASTER)}


def test_a_published_file_that_is_gone_is_put_back(shop: SimulatedShop) -> None:
    master = shop.data / MASTER
    content = master.read_bytes()
    master.unlink()
    assert shop.local.publication.published() is None

    run_light(shop.settings, FIRST_DAY - timedelta(days=1), tables=ON_SOURCES)

    assert content == master.read_bytes()


def test_a_damaged_day_is_cut_again_by_the_next_run(shop: SimulatedShop) -> None:
    day = shop.data / f"warehouse/raw_sales/{FIRST_DAY - timedelta(days=5)}.parquet"
    content = day.read_bytes()
    day.write_bytes(content[: len(content) // 2])

    run_light(shop.settings, FIRST_DAY, tables=("raw_sales",))

    assert content == day.read_bytes()


def test_a_damaged_state_file_is_named(shop: SimulatedShop) -> None:
    before = (shop.data / MASTER).read_bytes()
    note = shop.data / "warehouse/raw_sales/failed_gates.json"
    note.write_text("{")

    assert "failed_gates.json" in failure_of(shop)["cause"]
    assert before == (shop.data / MASTER).read_bytes()


def test_a_sale_rejected_twice_is_one_sale_in_quarantine(
    shop: SimulatedShop,
) -> None:
    latest = max(shop.store.state.sales.values(), key=lambda sale: sale.version)
    for _ in range(2):
        latest.total_price_incl = None  # type: ignore[assignment]
        latest.version += 1
        run_light(shop.settings, FIRST_DAY, tables=SOURCES)

    listed = (shop.data / "quarantine/sales_feed/records.csv").read_text()

    assert listed.count(latest.id) == 1
