"""Tests for orchestration.schedules: a new export of the web shop is imported."""

import json
import os
from datetime import timedelta

import dagster as dg
import pytest

from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.orchestration.records import ECOM_IMPORT
from analytics_pipeline_tests.light_run import run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY

EXPORT = "ecom_orders_export.csv"
DAY = FIRST_DAY.isoformat()


@pytest.fixture
def definitions(small_shop):
    return build_definitions(small_shop.settings)


@pytest.fixture
def tick(definitions):
    """Evaluate the sensor as the daemon does, with the cursor of the last tick."""
    sensor = definitions.resolve_sensor_def("ecom_export_changed")

    def evaluate(cursor=None):
        with dg.build_sensor_context(cursor=cursor, definitions=definitions) as context:
            return sensor.evaluate_tick(context)

    return evaluate


def change_export(shop, *, seconds=1):
    """Pay an order that was not paid, and write the export again."""
    path = shop.data / EXPORT
    text = path.read_text(encoding="utf-8")
    assert "QUEUED" in text
    path.write_text(text.replace("QUEUED", "ACCEPTED"), encoding="utf-8", newline="")
    age_by(path, seconds)
    return path


def age_by(path, seconds):
    moved = path.stat().st_mtime + seconds
    os.utime(path, times=(moved, moved))


def asked(result):
    return [request.partition_key for request in result.run_requests or []]


def test_it_looks_every_minute_and_is_on_from_the_start(definitions):
    sensor = definitions.resolve_sensor_def("ecom_export_changed")

    assert sensor.minimum_interval_seconds == 60
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.job_name == ECOM_IMPORT


def test_the_first_tick_with_the_export_that_was_taken_in_asks_for_nothing(tick):
    result = tick()

    assert asked(result) == []
    assert "taken in" in result.skip_message
    assert asked(tick(result.cursor)) == []


def test_a_new_export_asks_for_the_published_day_and_once(small_shop, tick):
    first = tick()
    change_export(small_shop)

    result = tick(first.cursor)

    assert asked(result) == [DAY]
    assert asked(tick(result.cursor)) == []


def test_the_first_tick_of_all_sees_an_export_that_was_not_taken_in(small_shop, tick):
    change_export(small_shop)

    assert asked(tick()) == [DAY]


def test_a_tick_that_is_made_twice_asks_for_the_same_run(small_shop, tick):
    change_export(small_shop)

    keys = {tick().run_requests[0].run_key for _ in range(2)}

    assert len(keys) == 1


def test_an_export_that_is_only_touched_is_no_news(small_shop, tick):
    first = tick()
    age_by(small_shop.data / EXPORT, 60)

    result = tick(first.cursor)

    assert asked(result) == []
    assert result.cursor != first.cursor


def test_an_unchanged_file_is_not_read_again(small_shop, tick, monkeypatch):
    first = tick()

    def fail(_content):
        raise AssertionError("the file was read")

    monkeypatch.setattr(
        "analytics_pipeline.orchestration.schedules.fingerprint_export", fail
    )

    assert asked(tick(first.cursor)) == []
    age_by(small_shop.data / EXPORT, 60)
    with pytest.raises(Exception, match=r"ecom_export_changed|the file was read"):
        tick(first.cursor)


def test_an_older_export_that_is_put_back_is_taken_in_again(small_shop, tick):
    path = small_shop.data / EXPORT
    old = path.read_bytes()
    new = old.replace(b"QUEUED", b"ACCEPTED")
    cursor, keys = tick().cursor, []
    for minute, content in enumerate((new, old, new), start=1):
        path.write_bytes(content)
        age_by(path, 60 * minute)
        result = tick(cursor)
        cursor = result.cursor
        keys += [request.run_key for request in result.run_requests]
        run_light(small_shop.settings, FIRST_DAY, tables=["ecom_orders"])

    assert len(keys) == len(set(keys)) == 3


def test_a_good_export_that_is_put_back_after_a_broken_one_is_taken_in(
    small_shop, tick
):
    path = small_shop.data / EXPORT
    good, cursor = path.read_bytes(), tick().cursor
    path.write_bytes(b"not an export")
    age_by(path, 60)
    cursor = tick(cursor).cursor
    with pytest.raises(dg.Failure):
        run_light(small_shop.settings, FIRST_DAY, tables=["ecom_orders"])
    path.write_bytes(good)
    age_by(path, 120)

    result = tick(cursor)

    assert asked(result) == [DAY]
    run_light(small_shop.settings, FIRST_DAY, tables=["ecom_orders"])
    assert asked(tick()) == []


def test_before_the_first_publication_there_is_no_day_to_ask_for(small_shop, tick):
    (small_shop.data / "customer_analytics_master.csv").unlink()
    change_export(small_shop)

    result = tick()

    assert asked(result) == []
    assert "Nothing is published yet" in result.skip_message


def test_without_an_export_nothing_is_asked_for(small_shop, tick):
    cursor = tick().cursor
    (small_shop.data / EXPORT).unlink()

    result = tick(cursor)

    assert asked(result) == []
    assert "no export" in result.skip_message


def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_tick(
    small_shop, tick, monkeypatch
):
    path = change_export(small_shop)

    def write_on(_content):
        age_by(path, 1)
        return "half"

    monkeypatch.setattr(
        "analytics_pipeline.orchestration.schedules.fingerprint_export", write_on
    )
    assert asked(tick()) == []
    monkeypatch.undo()

    assert asked(tick()) == [DAY]


@pytest.mark.parametrize("cursor", ["", "nonsense", "[]", "{}", json.dumps({"a": 1})])
def test_a_cursor_of_another_program_is_as_good_as_none(small_shop, tick, cursor):
    change_export(small_shop)

    assert asked(tick(cursor)) == [DAY]


def test_the_import_makes_every_table_but_what_asks_lightspeed(definitions):
    job = definitions.resolve_job_def(ECOM_IMPORT)
    graph = definitions.resolve_asset_graph()

    made = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}

    every = {key.to_user_string() for key in graph.materializable_asset_keys}
    assert made == every - {
        *("sales_feed", "customers", "customer_log", "products"),
        *("outlets", "ecom_feed"),
    }


@pytest.fixture
def take_in(small_shop, definitions, tick):
    """Run what the sensor asks for."""

    def run():
        (request,) = tick().run_requests
        with open_instance(small_shop.settings) as instance:
            return definitions.resolve_job_def(ECOM_IMPORT).execute_in_process(
                instance=instance,
                partition_key=request.partition_key,
                run_config=request.run_config,
            )

    return run


@pytest.mark.nightly
def test_the_run_it_asks_for_publishes_the_day_again_and_asks_lightspeed_nothing(
    small_shop, take_in, tick
):
    change_export(small_shop)
    before = (small_shop.data / "customer_analytics_master.csv").read_bytes()
    requests = small_shop.simulator.stats()

    assert take_in().success

    assert small_shop.simulator.stats() == requests
    assert (small_shop.data / "customer_analytics_master.csv").read_bytes() != before
    assert small_shop.local.publication.published().as_of == DAY
    assert asked(tick()) == []


@pytest.mark.nightly
def test_late_sales_that_an_update_of_an_earlier_day_has_read_are_cut_first(
    small_shop, take_in
):
    sale = next(
        sale
        for sale in small_shop.store.state.sales.values()
        if sale.sale_date.date() == FIRST_DAY
        and sale.sale_date.hour > 12  # in UTC, so it is that day in the store too
        and sale.state == "closed"
    )
    sale.version = 1 + max(
        each.version for each in small_shop.store.state.sales.values()
    )
    sale.total_price_incl += 5
    run_light(small_shop.settings, FIRST_DAY - timedelta(days=1))
    change_export(small_shop)

    assert take_in().success
    assert small_shop.local.publication.published().as_of == DAY


def test_a_later_day_than_the_published_one_is_never_asked_for(small_shop, tick):
    small_shop.live_until(FIRST_DAY + timedelta(days=3))

    assert asked(tick()) == [DAY]
