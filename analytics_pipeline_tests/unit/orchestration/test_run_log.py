"""Tests for orchestration.gate: what a person reads who follows a run."""

import logging
import os
import shutil
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from string import Formatter

import dagster as dg
import pytest

from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.orchestration.records import (
    DAILY_UPDATE,
    ECOM_IMPORT,
    REDO_DAYS,
)
from analytics_pipeline.tables import TABLES
from analytics_pipeline_tests.conftest import SMALL, forget_environment
from analytics_pipeline_tests.light_run import run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, open_simulated_shop

DAY = FIRST_DAY.isoformat()
EXPORT = "ecom_orders_export.csv"
FIGURES = {
    "raw_sales": {"orders", "value", "dagster/partition_row_count", "stored"},
    "ecom_orders": {"total_value", "dagster/row_count", "stored"},
    "first_time_buyers": {"lifetime_value", "dagster/partition_row_count", "stored"},
    "customer_analytics_master": {
        "lifetime_value", "orders", "first_time_buyers", "vip", "tier_None",
        "tier_Seed", "tier_Sprout", "tier_Bloom", "tier_Evergreen",
        "dagster/partition_row_count", "stored", "provisional",
    },
}  # fmt: skip


def execute(shop, job, config=None, **where):
    """Run a job on *shop*; return the run, and what its log says by level."""
    definitions = build_definitions(shop.settings)
    with open_instance(shop.settings) as instance:
        result = definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            run_config=config,
            raise_on_error=False,
            **({"partition_key": DAY} | where),
        )
        values = {}
        for entry in instance.all_logs(result.run_id):
            if entry.dagster_event is None:
                values.setdefault(entry.level, []).append(entry.user_message)
    return result, values


@pytest.fixture(scope="module")
def ordinary(small_shops_data, tmp_path_factory):
    """An ordinary update: the shop, the run, and what its log says."""
    data = tmp_path_factory.mktemp("ordinary") / "data"
    shutil.copytree(small_shops_data, data)
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, data.parent)
        with open_simulated_shop(data, **SMALL) as shop:
            yield shop, *execute(shop, DAILY_UPDATE)


def said(caplog, level):
    """What was said at that level."""
    return [each.getMessage() for each in caplog.records if each.levelno == level]


def materialized(result):
    """The metadata of each table, or each of its days, that a run has stored."""
    return [
        (event.asset_key.to_user_string(), event.partition, event.materialization)
        for event in result.all_events
        if event.is_step_materialization
    ]


def test_every_sentence_is_logged_by_an_ordinary_update(ordinary):
    _, result, reported = ordinary
    sentences = reported[logging.INFO]

    assert result.success
    for name, spec in TABLES.items():
        assert any(spec.begins.removesuffix(".") in each for each in sentences), name
        for sentence in spec.ends:
            words = [text for text, *_ in Formatter().parse(sentence)]
            assert any(all(text in each for text in words) for each in sentences), (
                sentence
            )
    assert f"Published: people read the master of {DAY} now." in sentences
    assert len(sentences) == 2 * len(TABLES) + 1
    assert logging.ERROR not in reported


def test_the_figures_of_the_master_are_those_of_its_file(ordinary):
    shop, result, _ = ordinary
    rows = shop.rows("customer_analytics_master.csv")
    found = {name: event.metadata for name, _, event in materialized(result)}
    shown = found["customer_analytics_master"]
    master = {name: entry.value for name, entry in shown.items()}

    value = sum(Decimal(row["Lifetime Value"]) for row in rows)
    assert Decimal(str(master["lifetime_value"])) == value
    tiers = [count for name, count in master.items() if name.startswith("tier_")]
    assert sum(tiers) == len(rows) == master["dagster/partition_row_count"]
    assert master["vip"] == sum(row["Is VIP"] == "Yes" for row in rows)


def test_every_table_shows_its_figures_and_a_file_that_is_there(ordinary):
    _, result, _ = ordinary
    made = materialized(result)

    assert {name for name, *_ in made} == set(TABLES)
    for name, _, event in made:
        places = [
            Path(entry.value)
            for entry in event.metadata.values()
            if isinstance(entry, dg.PathMetadataValue)
        ]
        assert FIGURES.get(name, set()) <= set(event.metadata), name
        assert places, name
        assert [place for place in places if not place.exists()] == []
        assert not any(key.endswith("_cents") for key in event.metadata), name
    reports = {name for name, _, event in made if "report" in event.metadata}
    assert reports == {
        "customer_analytics_master", "customer_changes", "customer_report",
        "ecom_reconciliation",
    }  # fmt: skip


def test_a_run_that_fails_says_why_and_what_to_do(small_shop, caplog):
    (small_shop.data / EXPORT).write_bytes(b"not an export")

    with pytest.raises(dg.Failure):
        run_light(small_shop.settings, FIRST_DAY, tables=["ecom_orders"])

    (sentence,) = said(caplog, logging.ERROR)
    assert "ecom_orders failed its gate (export_is_readable)" in sentence
    assert "What was published stays published." in sentence
    assert "analytics-pipeline status" in sentence


def test_a_warning_is_logged_as_a_warning(small_shop, caplog):
    long_ago = (small_shop.data / EXPORT).stat().st_mtime - 9 * 86_400
    os.utime(small_shop.data / EXPORT, times=(long_ago, long_ago))

    run_light(small_shop.settings, FIRST_DAY, tables=["ecom_orders"])

    (sentence,) = said(caplog, logging.WARNING)
    assert "newer web orders are missing" in sentence
    assert "(The check export_is_fresh warns; it stops nothing.)" in sentence


@pytest.mark.nightly
def test_redo_makes_a_range_of_days_in_one_run_and_asks_lightspeed_nothing(
    small_shop,
):
    days = [(FIRST_DAY - timedelta(days=n)).isoformat() for n in (4, 3, 2, 1)]
    ends = {"start": days[0], "end": days[-1]}
    before = small_shop.simulator.stats()
    master = (small_shop.data / "customer_analytics_master.csv").read_bytes()

    result, reported = execute(
        small_shop,
        REDO_DAYS,
        partition_key=None,
        tags={
            f"dagster/asset_partition_range_{name}": day for name, day in ends.items()
        },
    )

    assert result.success
    assert small_shop.simulator.stats() == before
    made = {}
    for name, day, _ in materialized(result):
        made.setdefault(name, []).append(day)
    assert made == dict.fromkeys(
        ["raw_sales", "customer_analytics", "first_time_buyers",
         "customer_analytics_master", "customer_changes", "customer_report"],
        days,
    )  # fmt: skip
    assert (small_shop.data / "customer_analytics_master.csv").read_bytes() == master
    assert (small_shop.data / f"archive/customer_analytics_{days[0]}.csv").exists()
    assert (
        f"customer_analytics is stored for 4 days from {days[0]} to {days[-1]}."
        in reported[logging.INFO]
    )


def take_in(shop, path):
    """Import the export at *path*, without what is made from it."""
    config = {"ops": {"ecom_orders": {"config": {"file": str(path)}}}}
    selection = [dg.AssetKey("ecom_orders")]
    return execute(shop, ECOM_IMPORT, config, asset_selection=selection)


@pytest.mark.nightly
def test_an_export_from_the_inbox_is_put_in_place_if_it_is_good(small_shop):
    good = (small_shop.data / EXPORT).read_bytes()
    elsewhere = small_shop.data / "inbox/orders of June.csv"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(good.replace(b"QUEUED", b"ACCEPTED"))

    result, _ = take_in(small_shop, elsewhere)

    assert result.success
    assert (small_shop.data / EXPORT).read_bytes() == elsewhere.read_bytes() != good
    assert not list(small_shop.data.glob(".incoming*"))


@pytest.mark.parametrize("content", [b"not an export", None])
def test_an_export_from_the_inbox_that_is_no_good_changes_nothing(small_shop, content):
    good = (small_shop.data / EXPORT).read_bytes()
    elsewhere = small_shop.data / "inbox/orders.csv"
    elsewhere.parent.mkdir(exist_ok=True)
    if content:
        elsewhere.write_bytes(content)

    result, reported = take_in(small_shop, elsewhere)

    assert not result.success
    assert "orders.csv" in reported[logging.ERROR][0]
    assert (small_shop.data / EXPORT).read_bytes() == good
    assert not small_shop.local.warehouse.failures("ecom_orders")
    assert not list(small_shop.data.glob(".incoming*"))
